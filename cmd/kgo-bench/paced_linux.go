package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pacedRoundTrips sends a frame whenever it is due and waits for its answer, on a thread of its own that sleeps by the kernel's fine timer and reads the
// socket itself. The Go runtime's sleeps end up to a millisecond late, and while its processors wait in system calls it looks for answers only every
// ten: both would be most of what is measured.
func pacedRoundTrips(ctx context.Context, addr string, frame []byte, p pace, answered func(head []byte, latency time.Duration) error) error {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	f, err := conn.(*net.TCPConn).File()
	_ = conn.Close() // f goes on
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing is left to write
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := blockingSocket(f.Fd()) // Fd makes it blocking
	forget := context.AfterFunc(ctx, func() { _ = unix.Shutdown(int(s), unix.SHUT_RDWR) })
	defer forget()
	var answer [256]byte
	for due := p.first; p.requests > 0; p.requests-- {
		sleepUntil(due)
		if _, err := s.Write(frame); err != nil {
			return err
		}
		if _, err := io.ReadFull(s, answer[:4]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(answer[:])
		if n > uint32(len(answer)) {
			return fmt.Errorf("an answer of %d bytes to a produce request", n)
		}
		if _, err := io.ReadFull(s, answer[:n]); err != nil {
			return err
		}
		if err := answered(answer[:n], time.Since(due)); err != nil {
			return err
		}
		due = due.Add(p.interval)
	}
	return nil
}

func sleepUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		ts := unix.NsecToTimespec(int64(left))
		_ = unix.Nanosleep(&ts, nil) // interrupted: the loop goes on
	}
}

// blockingSocket reads and writes a connection by plain system calls.
type blockingSocket int

func (s blockingSocket) Read(p []byte) (int, error) {
	n, err := unix.Read(int(s), p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return max(n, 0), err
}

func (s blockingSocket) Write(p []byte) (int, error) {
	n, err := unix.Write(int(s), p)
	return max(n, 0), err
}
