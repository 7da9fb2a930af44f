package clean

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
)

// scanner reads the batches of segments one after the other through one buffer. Every checksum is verified: what compaction writes
// anew gets a new one, and damage must not get a valid one.
type scanner struct {
	buf       []byte
	converted []byte
	limit     int // of decompressed bytes of a legacy entry
	throttle  *throttle
}

// scan calls each with every batch of seg from the start; legacy entries come converted to format v2. A batch is valid during the call.
// each ends the scan by stop.
func (s *scanner) scan(ctx context.Context, seg *storage.Segment, each func(b batch.Batch) (stop bool, err error)) error {
	position, size := int64(0), int64(seg.Size())
	for position < size {
		n, err := s.fill(ctx, seg, position, size)
		if err != nil {
			return err
		}
		rest := s.buf[:n]
		for len(rest) > 0 {
			entry, after, err := s.next(rest)
			if errors.Is(err, batch.ErrTruncated) {
				break
			}
			if err != nil {
				return &storage.CorruptionError{Path: seg.Path(), Position: position, BaseOffset: -1, Err: err}
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			stop, err := each(entry)
			if err != nil || stop {
				return err
			}
			position += int64(len(rest) - len(after))
			rest = after
		}
		if len(rest) < n {
			continue // read on from the batch that was cut
		}
		if position+int64(n) >= size {
			return &storage.CorruptionError{Path: seg.Path(), Position: position, BaseOffset: -1, Err: batch.ErrTruncated}
		}
		if err := s.grow(rest, size-position); err != nil {
			return &storage.CorruptionError{Path: seg.Path(), Position: position, BaseOffset: -1, Err: err}
		}
	}
	return nil
}

func (s *scanner) fill(ctx context.Context, seg *storage.Segment, position, size int64) (int, error) {
	n, err := seg.ReadAt(s.buf[:min(int64(len(s.buf)), size-position)], position)
	if n == 0 && err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("read %s at %d: %w", seg.Path(), position, err)
	}
	return n, s.throttle.wait(ctx, n)
}

// grow makes room for the batch that begins at rest and doesn't fit the buffer; left is the most it can have.
func (s *scanner) grow(rest []byte, left int64) error {
	size, _, err := batch.Peek(rest)
	if err != nil {
		return err
	}
	if int64(size) > left {
		return batch.ErrTruncated
	}
	s.buf = make([]byte, max(size, len(s.buf)))
	return nil
}

func (s *scanner) next(rest []byte) (batch.Batch, []byte, error) {
	b, after, err := batch.Next(rest)
	if errors.Is(err, batch.ErrLegacy) {
		var e batch.LegacyEntry
		if e, after, err = batch.NextLegacy(rest); err != nil {
			return nil, nil, err
		}
		if b, err = e.ToV2(s.converted[:0], s.limit); err != nil {
			return nil, nil, err
		}
		s.converted = b
		return b, after, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return b, after, b.Validate()
}
