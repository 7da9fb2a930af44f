//go:build unix

package netx

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// SetBacklog bounds how many connections may wait for Accept. The system may allow less; 0 leaves its own bound.
func SetBacklog(ln net.Listener, n int) error {
	tcp, ok := ln.(*net.TCPListener)
	if !ok || n <= 0 {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return fmt.Errorf("backlog of %s: %w", ln.Addr(), err)
	}
	var listenErr error
	if err := raw.Control(func(fd uintptr) { listenErr = unix.Listen(int(fd), n) }); err != nil {
		return fmt.Errorf("backlog of %s: %w", ln.Addr(), err)
	}
	if listenErr != nil {
		return fmt.Errorf("backlog of %s: %w", ln.Addr(), listenErr)
	}
	return nil
}
