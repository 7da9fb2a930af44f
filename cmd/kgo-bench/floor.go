package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// floor is what this machine can do at best with plain system calls: the bytes of a produce (socket to file) and of a consume (file to
// socket by sendfile), with both ends of the connection on this machine as in every other figure.
type floor struct {
	toFileMBs   float64
	toSocketMBs float64
}

func measureFloor(o options) (floor, error) {
	var f floor
	size := int64(256<<20) * int64(max(1, int(o.scale)))
	files := make([]*os.File, throughputPartitions)
	defer func() {
		for _, file := range files {
			if file != nil {
				_, _ = file.Close(), os.Remove(file.Name())
			}
		}
	}()
	for i := range files {
		file, err := os.Create(filepath.Join(o.dataDir, fmt.Sprintf("floor-%d", i)))
		if err != nil {
			return f, err
		}
		files[i] = file
	}
	together := func(send, receive func(i int, c net.Conn) error) (float64, error) {
		began := time.Now()
		var g errgroup.Group
		for i := range files {
			g.Go(func() error {
				return transfer(func(c net.Conn) error { return send(i, c) }, func(c net.Conn) error { return receive(i, c) })
			})
		}
		err := g.Wait()
		return float64(size) * float64(len(files)) / 1e6 / time.Since(began).Seconds(), err
	}
	var err error
	f.toFileMBs, err = together(func(_ int, c net.Conn) error {
		buf := make([]byte, batchBytes)
		for sent := int64(0); sent < size; sent += int64(len(buf)) {
			if _, err := c.Write(buf); err != nil {
				return err
			}
		}
		return nil
	}, func(i int, c net.Conn) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{files[i]}, struct{ io.Reader }{c}, make([]byte, batchBytes))
		return err
	})
	if err != nil {
		return f, err
	}
	f.toSocketMBs, err = together(func(i int, c net.Conn) error {
		if _, err := files[i].Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := c.(*net.TCPConn).ReadFrom(files[i])
		return err
	}, func(_ int, c net.Conn) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, batchBytes))
		return err
	})
	return f, err
}

// transfer connects two goroutines over loopback TCP and returns when both are done.
func transfer(send, receive func(net.Conn) error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = receive(c)
			_ = c.Close()
		}
		done <- err
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	err = send(c)
	_ = c.Close()
	if rerr := <-done; err == nil {
		err = rerr
	}
	return err
}
