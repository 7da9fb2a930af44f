package wire

import (
	"bytes"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/kgo-project/kgo/broker/invariants"
)

// The sizes of pooled buffers are powers of two in this range. A connection starts with the smallest; larger ones serve large frames.
const (
	minBufferBits = 12 // 4 KiB
	maxBufferBits = 24 // 16 MiB; above that a buffer is made to measure and left to the garbage collector
	minBuffer     = 1 << minBufferBits

	// smallBuffer is the largest size that is counted against the budget without waiting for it: every connection may have one.
	smallBuffer = 64 << 10
)

// buffer is a stretch of read bytes, shared by the reader and the requests whose bodies lie in it. It returns to its pool when the last of
// them lets go.
type buffer struct {
	b      []byte
	refs   atomic.Int32
	budget *budget
	class  int8 // of the pool; -1: none
}

var bufferPools [maxBufferBits - minBufferBits + 1]sync.Pool

// newBuffer gives a buffer of at least size bytes, already counted against the budget by the caller, with one reference.
func newBuffer(size int, budget *budget) *buffer {
	class := bufferClass(size)
	if class < 0 {
		buf := &buffer{b: make([]byte, size), budget: budget, class: -1}
		buf.refs.Store(1)
		return buf
	}
	buf, ok := bufferPools[class].Get().(*buffer)
	if !ok {
		buf = &buffer{b: make([]byte, bufferBytes(size)), class: int8(class)}
	}
	buf.budget = budget
	buf.refs.Store(1)
	return buf
}

// bufferClass is the pool for a size, -1 if it is too large for any.
func bufferClass(size int) int {
	if size <= minBuffer {
		return 0
	}
	n := bits.Len(uint(size - 1))
	if n > maxBufferBits {
		return -1
	}
	return n - minBufferBits
}

// bufferBytes is how many bytes a buffer of at least size takes.
func bufferBytes(size int) int {
	class := bufferClass(size)
	if class < 0 {
		return size
	}
	return 1 << (class + minBufferBits)
}

func (buf *buffer) retain() { buf.refs.Add(1) }

func (buf *buffer) release() {
	switch n := buf.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("wire: buffer released more often than it was taken")
	}
	buf.budget.put(int64(len(buf.b)))
	if mangleBuffers {
		copy(buf.b, mangled)
	}
	if buf.class >= 0 {
		bufferPools[buf.class].Put(buf)
	}
}

// mangleBuffers makes released buffers unreadable, so that tests catch a handler that keeps what it has only borrowed.
var mangleBuffers = invariants.Enabled

// mangled is what the first bytes of a released buffer become.
var mangled = bytes.Repeat([]byte{0xdb}, smallBuffer)

// outBuffer collects the bytes of responses.
type outBuffer struct{ b []byte }

// maxPooledOut keeps one huge response from pinning its buffer for ever.
const maxPooledOut = 1 << 20

var outPool = sync.Pool{New: func() any { return &outBuffer{b: make([]byte, 0, 512)} }}

func getOut() *outBuffer {
	out := outPool.Get().(*outBuffer)
	out.b = out.b[:0]
	return out
}

func putOut(out *outBuffer) {
	if cap(out.b) <= maxPooledOut {
		outPool.Put(out)
	}
}
