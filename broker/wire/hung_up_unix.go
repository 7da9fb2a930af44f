//go:build unix

package wire

import (
	"errors"

	"golang.org/x/sys/unix"
)

// peerGone looks into the socket without reading.
func (c *Conn) peerGone() (gone bool) {
	if c.raw.raw == nil {
		return false
	}
	err := c.raw.raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = err == nil && n == 0 || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return gone || err != nil
}
