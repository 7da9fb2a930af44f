package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

// floor is what this machine can do at best with plain system calls: the bytes of a produce (socket to file) and of a consume (file to
// socket by sendfile), with both ends of the connection on this machine as in every other figure.
type floor struct {
	toFileMBs   float64
	toSocketMBs float64
}

func measureFloor(o options) (floor, error) {
	var f floor
	size := int64(1<<30) * int64(max(1, int(o.scale)))
	path := filepath.Join(o.dataDir, "floor")
	defer os.Remove(path)
	file, err := os.Create(path)
	if err != nil {
		return f, err
	}
	defer file.Close()
	took, err := transfer(func(c net.Conn) error {
		buf := make([]byte, 256<<10)
		for sent := int64(0); sent < size; sent += int64(len(buf)) {
			if _, err := c.Write(buf); err != nil {
				return err
			}
		}
		return nil
	}, func(c net.Conn) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{file}, struct{ io.Reader }{c}, make([]byte, 256<<10))
		return err
	})
	if err != nil {
		return f, err
	}
	f.toFileMBs = float64(size) / 1e6 / took.Seconds()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return f, err
	}
	took, err = transfer(func(c net.Conn) error {
		_, err := c.(*net.TCPConn).ReadFrom(file)
		return err
	}, func(c net.Conn) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
		return err
	})
	f.toSocketMBs = float64(size) / 1e6 / took.Seconds()
	return f, err
}

// transfer connects two goroutines over loopback TCP and times until both are done.
func transfer(send, receive func(net.Conn) error) (time.Duration, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	done := make(chan error, 1)
	began := time.Now()
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
		return 0, err
	}
	err = send(c)
	_ = c.Close()
	if rerr := <-done; err == nil {
		err = rerr
	}
	return time.Since(began), err
}
