package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kgo-project/kgo/broker/clock"
)

// input is the read side of a connection: bytes that have arrived, in one buffer. Only the reader goroutine touches it.
//
// buf is nil while the connection is idle: an idle connection holds no buffer (where the system can tell that a socket is readable before
// reading it). Requests borrow the buffer, so bytes before w are never overwritten while anyone but the reader holds it.
type input struct {
	buf  *buffer
	r, w int // unread bytes are buf.b[r:w]
	size int // of the next small buffer: grows when reads fill it
}

// trustedClaim is how much memory a frame's size field alone is worth.
const trustedClaim = 1 << 20

// frameError is a frame that no Kafka client sends; it ends the connection.
type frameError struct{ text string }

func (e *frameError) Error() string { return e.text }

// nextFrame returns the next frame without its size field. It lies in c.in.buf and is valid until the next call, or for as long as the
// caller has retained that buffer. Before it waits for the client it sends what is ready for it.
func (c *Conn) nextFrame() ([]byte, error) {
	in := &c.in
	for {
		need := 4
		if have := in.w - in.r; have >= 4 {
			size := binary.BigEndian.Uint32(in.buf.b[in.r:])
			if int32(size) < 0 || int(size) > c.srv.cfg.MaxRequestBytes {
				return nil, c.badSize(in.buf.b[in.r:in.w], int32(size))
			}
			need = 4 + int(size)
			if have >= need {
				frame := in.buf.b[in.r+4 : in.r+need : in.r+need]
				in.r += need
				c.frameStart.Store(0)
				return frame, nil
			}
		}
		c.flush()
		if c.ending() {
			return nil, errShutdown
		}
		if err := c.makeSpace(need); err != nil {
			return nil, err
		}
		n, err := c.readSome()
		if n > 0 {
			now := time.Now()
			c.touch(now)
			if c.frameStart.Load() == 0 {
				c.frameStart.Store(clock.Nanos(now))
			}
			in.w += n
			continue
		}
		if err == nil || errors.Is(err, io.EOF) {
			if in.w > in.r {
				err = io.ErrUnexpectedEOF
			} else {
				err = io.EOF
			}
		}
		return nil, err
	}
}

// makeSpace sees to it that in.buf, if there is one, has room for need bytes from in.r on, or for a part of them while memory is scarce.
// Without a buffer and without bytes it leaves the choice to readSome.
func (c *Conn) makeSpace(need int) error {
	in := &c.in
	if in.buf == nil {
		return nil
	}
	have := in.w - in.r
	if have == 0 {
		switch {
		case in.buf.refs.Load() > 1 && len(in.buf.b)-in.w < minBuffer/4, len(in.buf.b) > smallBuffer:
			c.dropBuffer()
			return nil
		case in.buf.refs.Load() == 1:
			in.r, in.w = 0, 0
		}
	}
	budget := &c.srv.budget
	// The frame's size is a claim so far. A large buffer is taken in steps, each four times what has really come.
	trusted := trustedClaim
	if budget.scarce() {
		trusted = smallBuffer
	}
	want := min(need, max(trusted, 4*have))
	if len(in.buf.b)-in.r >= want {
		if len(in.buf.b) > in.w {
			return nil
		}
		want = min(need, max(smallBuffer, 4*have)) // full: the next step
	}
	bytes := bufferBytes(max(want, in.size))
	if bytes <= smallBuffer {
		budget.force(int64(bytes))
	} else if err := c.takeMemory(int64(bytes)); err != nil {
		return err
	}
	next := newBuffer(bytes, budget)
	copy(next.b, in.buf.b[in.r:in.w])
	in.buf.release()
	in.buf, in.r, in.w = next, 0, have
	c.frameBytes.Store(int64(bytes))
	return nil
}

// takeMemory waits for memory; the sweep sees that it is not the client that is slow.
func (c *Conn) takeMemory(bytes int64) error {
	c.wantsMemory.Store(true)
	defer c.wantsMemory.Store(false)
	return c.srv.budget.take(c.ctx, bytes)
}

// acquire gives the reader a small buffer if it has none.
func (c *Conn) acquire() {
	in := &c.in
	if in.buf != nil {
		return
	}
	in.size = max(in.size, minBuffer)
	c.srv.budget.force(int64(bufferBytes(in.size)))
	in.buf, in.r, in.w = newBuffer(in.size, &c.srv.budget), 0, 0
}

// adapt chooses the size of the next small buffer by how full reads come.
func (in *input) adapt(n int) {
	switch {
	case in.w+n == len(in.buf.b) && in.size < smallBuffer:
		in.size *= 2
	case n < in.size/4 && in.size > minBuffer:
		in.size /= 2
	}
}

func (c *Conn) dropBuffer() {
	if c.in.buf != nil {
		c.in.buf.release()
		c.in.buf, c.in.r, c.in.w = nil, 0, 0
		c.frameBytes.Store(0)
	}
}

// badSize explains a size field that can't be one, with what the bytes look like.
func (c *Conn) badSize(start []byte, size int32) error {
	four := string(start[:4])
	switch {
	case four == "GET " || four == "POST" || four == "HEAD" || four == "PUT " || four == "OPTI":
		return &frameError{"the bytes are an HTTP request; this listener speaks the Kafka protocol"}
	case start[0] == 0x16 && start[1] == 3 && !c.listener.secure():
		return &frameError{fmt.Sprintf("the bytes are a TLS handshake, but listener %s has the security protocol %s", c.listener.Name, c.listener.Protocol)}
	case size < 0:
		return &frameError{fmt.Sprintf("the size field of the request is negative (%d)", size)}
	}
	return &frameError{fmt.Sprintf("the size field of the request says %d bytes, more than socket.request.max.bytes=%d allows", size, c.srv.cfg.MaxRequestBytes)}
}
