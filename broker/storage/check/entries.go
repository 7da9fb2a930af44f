package check

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

// entry is one batch or legacy entry of a log file, with what both have.
type entry struct {
	position int64
	raw      []byte // valid until the next entry is read
	magic    int8
}

func (e entry) isLegacy() bool            { return e.magic < batch.MagicV2 }
func (e entry) batch() batch.Batch        { return e.raw }
func (e entry) legacy() batch.LegacyEntry { return e.raw }

func (e entry) lastOffset() int64 {
	if e.isLegacy() {
		return e.legacy().Offset()
	}
	return e.batch().LastOffset()
}

// entryReader reads the entries of a file one by one, as Kafka does: it ends without an error where what is left can't be an entry.
type entryReader struct {
	f        vfs.File
	name     string
	position int64
	end      int64
	buf      []byte
}

// minLegacyMessage is the least that an entry's length field may say.
const minLegacyMessage = 14

// next returns io.EOF at the end.
func (r *entryReader) next() (entry, error) {
	const head = batch.LogOverhead + 5 // up to the magic
	if r.position >= r.end-head {
		return entry{}, io.EOF
	}
	var h [head]byte
	if err := readFull(r.f, h[:], r.position); err != nil {
		return entry{}, err
	}
	length := int32(binary.BigEndian.Uint32(h[8:]))
	if length < minLegacyMessage {
		return entry{}, fmt.Errorf("%s at %d: found record size %d smaller than minimum record overhead (%d)", r.name, r.position, length, minLegacyMessage)
	}
	size := int64(length) + batch.LogOverhead
	if r.position > r.end-size {
		return entry{}, io.EOF
	}
	e := entry{position: r.position, magic: int8(h[16])}
	if e.magic < 0 || e.magic > batch.MagicV2 {
		return entry{}, fmt.Errorf("%s at %d: unknown magic %d", r.name, r.position, e.magic)
	}
	if least := leastSize(e.magic); size < least {
		return entry{}, fmt.Errorf("%s at %d: an entry of %d bytes is too small for magic %d", r.name, r.position, size, e.magic)
	}
	if int64(cap(r.buf)) < size {
		r.buf = make([]byte, size)
	}
	e.raw = r.buf[:size:size]
	if err := readFull(r.f, e.raw, r.position); err != nil {
		return entry{}, err
	}
	r.position += size
	return e, nil
}

func leastSize(magic int8) int64 {
	switch magic {
	case batch.MagicV0:
		return batch.LogOverhead + minLegacyMessage
	case batch.MagicV1:
		return batch.LogOverhead + minLegacyMessage + 8
	default:
		return batch.HeaderSize
	}
}

func readFull(f vfs.File, p []byte, at int64) error {
	n, err := f.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %s at %d: %w", f.Name(), at, err)
}
