package storage

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/kgo-project/kgo/broker/invariants"
)

// Records is what Read found: a range of a segment's file, which stays readable until Release, also if the segment is deleted
// meanwhile. It begins at a batch; its last batch may be cut, as in Kafka, and clients leave a cut batch out.
// A Records belongs to one goroutine at a time.
type Records struct {
	seg      *Segment // nil: empty
	position int64
	size     int

	released bool
}

var recordsPool = sync.Pool{New: func() any { return new(Records) }}

func newRecords(seg *Segment, position int64, size int) *Records {
	r := recordsPool.Get().(*Records)
	*r = Records{seg: seg, position: position, size: size}
	return r
}

// Size is the number of bytes.
func (r *Records) Size() int { return r.size }

// SegmentBaseOffset and Position tell where in the log the range begins.
func (r *Records) SegmentBaseOffset() int64 {
	if r.seg == nil {
		return -1
	}
	return r.seg.baseOffset
}

// Position is the byte position in the segment.
func (r *Records) Position() int64 { return r.position }

// File is the file, position and size of the range, for a sender that calls sendfile itself; nil if there is no real file.
func (r *Records) File() (f *os.File, position int64, size int) {
	if r.seg == nil {
		return nil, 0, 0
	}
	return r.seg.file.OSFile(), r.position, r.size
}

// ReadAt reads from the range; off 0 is its begin.
func (r *Records) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(r.size) {
		return 0, io.EOF
	}
	short := len(p) > r.size-int(off)
	if short {
		p = p[:r.size-int(off)]
	}
	n, err := r.seg.file.ReadAt(p, r.position+off)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// Bytes appends the whole range to dst.
func (r *Records) Bytes(dst []byte) ([]byte, error) {
	if r.size == 0 {
		return dst, nil
	}
	n := len(dst)
	if cap(dst)-n < r.size {
		grown := make([]byte, n, n+r.size)
		copy(grown, dst)
		dst = grown
	}
	if _, err := r.seg.file.ReadAt(dst[n:n+r.size], r.position); err != nil {
		return dst, fmt.Errorf("read %s at %d: %w", r.seg.Path(), r.position, err)
	}
	return dst[:n+r.size], nil
}

const copyBufferSize = 64 << 10

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copyBufferSize); return &b }}

// WriteTo sends the whole range to w: from the file to the socket inside the kernel if w is a TCP connection and the system has
// sendfile, else through a buffer. An error may leave a part of it sent.
func (r *Records) WriteTo(w io.Writer) (int64, error) {
	if r.size == 0 {
		return 0, nil
	}
	sent := int64(0)
	if conn, ok := w.(*net.TCPConn); ok {
		if f := r.seg.file.OSFile(); f != nil {
			n, handled, err := sendFile(conn, f, r.position, int64(r.size))
			if handled || err != nil || n == int64(r.size) {
				return n, err
			}
			sent = n
		}
	}
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for sent < int64(r.size) {
		chunk := (*buf)[:min(int64(len(*buf)), int64(r.size)-sent)]
		if _, err := r.seg.file.ReadAt(chunk, r.position+sent); err != nil {
			return sent, fmt.Errorf("read %s at %d: %w", r.seg.Path(), r.position+sent, err)
		}
		n, err := w.Write(chunk)
		sent += int64(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// Release gives the file back. The Records must not be used after it.
func (r *Records) Release() {
	invariants.Assert(!r.released, "Records released twice")
	if r.released {
		return
	}
	r.released = true
	if r.seg != nil {
		r.seg.Release()
		r.seg = nil
	}
	if !invariants.Enabled { // else keep it out of the pool, so that a second Release is caught
		recordsPool.Put(r)
	}
}
