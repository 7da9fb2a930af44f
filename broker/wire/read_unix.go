//go:build unix

package wire

import (
	"errors"
	"io"
	"syscall"
)

// rawReader reads a socket without holding a buffer while there is nothing to read: it tries, and gives the buffer back before it waits.
type rawReader struct {
	raw syscall.RawConn
	fn  func(fd uintptr) bool // c.tryRead, made once
	n   int
	err error
}

func (c *Conn) initRead() {
	sc, ok := c.nc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	c.raw.raw, c.raw.fn = raw, c.tryRead
}

// readSome reads at least one byte after in.w; it does not move in.w.
func (c *Conn) readSome() (int, error) {
	if c.raw.raw == nil {
		c.acquire()
		n, err := c.nc.Read(c.in.buf.b[c.in.w:])
		c.in.adapt(n)
		return n, err
	}
	c.raw.n, c.raw.err = 0, nil
	if err := c.raw.raw.Read(c.raw.fn); err != nil {
		return 0, err
	}
	return c.raw.n, c.raw.err
}

// tryRead is one attempt; false means that there was nothing, and that the caller waits until there is.
func (c *Conn) tryRead(fd uintptr) bool {
	c.acquire()
	in := &c.in
	for {
		n, err := syscall.Read(int(fd), in.buf.b[in.w:])
		switch {
		case n > 0:
			in.adapt(n)
			c.raw.n = n
			return true
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			if in.r == in.w {
				c.dropBuffer()
			}
			return false
		case err == nil:
			err = io.EOF
		}
		c.raw.err = err
		return true
	}
}
