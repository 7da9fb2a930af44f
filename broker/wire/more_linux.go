package wire

import (
	"errors"

	"golang.org/x/sys/unix"
)

// writeMore writes b and tells the system that more follows at once, so that it leaves in one segment with the start of the file range: one packet and
// one wake-up of the client less for each.
func (c *Conn) writeMore(b []byte) error {
	if c.raw.raw == nil {
		_, err := c.nc.Write(b)
		return err
	}
	var failed error
	err := c.raw.raw.Write(func(fd uintptr) bool {
		for len(b) > 0 {
			n, err := unix.SendmsgN(int(fd), b, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
			switch {
			case err == nil:
				b = b[n:]
			case errors.Is(err, unix.EINTR):
			case errors.Is(err, unix.EAGAIN):
				return false
			default:
				failed = err
				return true
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
}
