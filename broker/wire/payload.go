package wire

import (
	"bytes"
	"io"
)

// Payload is the body of a response made of pieces of memory and of files, in order. A fetch response is one: the fields of each
// partition in memory, its record batches in the log.
type Payload struct {
	pieces []piece
	size   int
	mem    int // of size, what is in memory
}

// piece is memory or a file range, never both.
type piece struct {
	mem  []byte
	file FileRange
}

// Bytes adds memory; the caller must not change b afterwards.
func (p *Payload) Bytes(b []byte) {
	if len(b) == 0 {
		return
	}
	p.pieces = append(p.pieces, piece{mem: b})
	p.size += len(b)
	p.mem += len(b)
}

// File adds a range of a file. The payload takes it over and releases it after the response is sent or given up.
func (p *Payload) File(f FileRange) {
	n := f.Size()
	if n == 0 {
		f.Release()
		return
	}
	p.pieces = append(p.pieces, piece{file: f})
	p.size += n
}

// Size is the number of bytes of all pieces.
func (p *Payload) Size() int { return p.size }

// Release gives back the file ranges of a payload that is not sent.
func (p *Payload) Release() {
	for i := range p.pieces {
		p.pieces[i].release()
	}
	p.pieces, p.size, p.mem = nil, 0, 0
}

func (part *piece) release() {
	if part.file != nil {
		part.file.Release()
		part.file = nil
	}
}

// WriteTo writes all pieces in order and releases the file ranges: how a response without a socket is read, in a test for instance.
func (p *Payload) WriteTo(w io.Writer) (int64, error) {
	defer p.Release()
	var sum int64
	for i := range p.pieces {
		var from io.WriterTo = bytes.NewReader(p.pieces[i].mem)
		if p.pieces[i].file != nil {
			from = p.pieces[i].file
		}
		n, err := from.WriteTo(w)
		sum += n
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}
