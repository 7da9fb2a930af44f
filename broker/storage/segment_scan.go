package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/kgo-project/kgo/broker/batch"
)

// entryHeaderSize is enough of an entry's start to know its offsets and size, in every message format.
const entryHeaderSize = 27

// locateChunk is how much of a segment is read at a time while looking for an offset: about two index intervals.
const locateChunk = 8 << 10

var locateChunks = sync.Pool{New: func() any { b := make([]byte, locateChunk); return &b }}

// entryHeader is what can be told from the first bytes of an entry: a batch of format v2, or a legacy message or wrapper.
type entryHeader struct {
	baseOffset int64 // of a legacy wrapper: the last offset inside, which is all it says
	lastOffset int64
	size       int
}

// parseEntryHeader reads the start of an entry; p has at least entryHeaderSize bytes, or all of a shorter entry.
func parseEntryHeader(p []byte) (entryHeader, error) {
	size, magic, err := batch.Peek(p)
	if err != nil {
		return entryHeader{}, err
	}
	h := entryHeader{baseOffset: int64(binary.BigEndian.Uint64(p)), size: size}
	h.lastOffset = h.baseOffset
	if magic >= batch.MagicV2 {
		if len(p) < entryHeaderSize {
			return entryHeader{}, batch.ErrTruncated
		}
		h.lastOffset += int64(int32(binary.BigEndian.Uint32(p[23:])))
	}
	if h.lastOffset < h.baseOffset {
		return entryHeader{}, fmt.Errorf("its last offset lies before its first: %w", errDisorder)
	}
	return h, nil
}

// located is where a batch lies in a segment.
type located struct {
	position int64
	size     int // of the batch; 0 at the end of the segment, where there is none
}

// locate finds the first batch that reaches offset or beyond it, or the end of the segment if there is none.
func (s *Segment) locate(offset int64) (located, error) {
	if offset <= s.baseOffset {
		offset = s.baseOffset
	}
	if ring := s.tail.Load(); ring != nil {
		if begin, end, ok := ring.find(uint32(offset - s.baseOffset)); ok {
			return located{int64(begin), int(end - begin)}, nil
		}
	}
	e, ok, err := s.offsetIndex.floor(offset - s.baseOffset)
	switch {
	case err == nil && ok:
		found, scanErr := s.scanFrom(offset, e)
		if !errors.Is(scanErr, errIndexDamaged) {
			return found, scanErr
		}
		err = scanErr
	case err == nil:
	case !errors.Is(err, errIndexDamaged):
		return located{}, err
	}
	if err != nil {
		s.mendIndexes(err)
	}
	return s.scanFor(offset, 0)
}

// scanFrom is scanFor from where an index entry points to. errIndexDamaged: no batch that the entry could mean lies there.
func (s *Segment) scanFrom(offset int64, e indexEntry) (located, error) {
	if err := s.checkOffsetEntry(e, offset); err != nil {
		return located{}, err
	}
	return s.scanFor(offset, int64(e.value))
}

// scanFor walks from the batch at position to the first that reaches offset.
func (s *Segment) scanFor(offset, position int64) (located, error) {
	buf := locateChunks.Get().(*[]byte)
	defer locateChunks.Put(buf)
	size := s.size.Load()
	var chunk []byte
	for position < size {
		if len(chunk) < entryHeaderSize {
			n := min(int64(len(*buf)), size-position)
			if _, err := s.file.ReadAt((*buf)[:n], position); err != nil {
				return located{}, fmt.Errorf("read %s at %d: %w", s.path(logSuffix), position, err)
			}
			chunk = (*buf)[:n]
		}
		h, err := parseEntryHeader(chunk)
		if err == nil && int64(h.size) > size-position {
			err = batch.ErrTruncated
		}
		if err != nil {
			return located{}, &CorruptionError{Path: s.path(logSuffix), Position: position, BaseOffset: -1, Err: err}
		}
		if h.lastOffset >= offset {
			return located{position, h.size}, nil
		}
		position += int64(h.size)
		chunk = chunk[min(h.size, len(chunk)):]
	}
	return located{position: size}, nil
}

// entryReader reads the entries of a segment one after the other, whole, through one buffer.
type entryReader struct {
	seg      *Segment
	position int64 // of the next entry
	limit    int64 // where to stop
	buf      []byte
	chunk    []byte // unread part of buf
}

const scanBufferSize = 256 << 10

func newEntryReader(seg *Segment, position int64) *entryReader {
	limit := seg.size.Load()
	return &entryReader{seg: seg, position: position, limit: limit, buf: make([]byte, max(0, min(scanBufferSize, limit-position)))}
}

// next returns the next entry and its position; io.EOF at the end, ErrTruncated if the file ends within an entry, another error
// if what is there can't be an entry. The bytes are valid until the next call.
func (r *entryReader) next() (entry []byte, position int64, err error) {
	if r.position >= r.limit {
		return nil, r.position, io.EOF
	}
	if len(r.chunk) < entryHeaderSize {
		if err := r.fill(entryHeaderSize); err != nil {
			return nil, r.position, err
		}
	}
	size, _, err := batch.Peek(r.chunk)
	if err != nil {
		return nil, r.position, err
	}
	if int64(size) > r.limit-r.position {
		return nil, r.position, batch.ErrTruncated
	}
	if len(r.chunk) < size {
		if err := r.fill(size); err != nil {
			return nil, r.position, err
		}
	}
	entry, r.chunk = r.chunk[:size:size], r.chunk[size:]
	position = r.position
	r.position += int64(size)
	return entry, position, nil
}

// fill makes chunk at least want bytes long, or as long as the file goes.
func (r *entryReader) fill(want int) error {
	if want > len(r.buf) {
		r.buf = make([]byte, want+want/4)
	}
	n := min(int64(len(r.buf)), r.limit-r.position)
	if _, err := r.seg.file.ReadAt(r.buf[:n], r.position); err != nil {
		return fmt.Errorf("read %s at %d: %w", r.seg.path(logSuffix), r.position, err)
	}
	r.chunk = r.buf[:n]
	return nil
}

// scanNewest finds the largest timestamp without the time index, from the headers of all batches; whole is false where damage ends the walk.
func (s *Segment) scanNewest() (timestamp, offset int64, whole bool, err error) {
	timestamp, offset = batch.NoTimestamp, s.baseOffset
	err = s.eachMark(0, func(_ int64, m batchMark) {
		if m.maxTimestamp > timestamp {
			timestamp, offset = m.maxTimestamp, m.timeIndexBase
		}
	})
	if err != nil && isDamage(err) {
		return timestamp, offset, false, nil
	}
	return timestamp, offset, true, err
}
