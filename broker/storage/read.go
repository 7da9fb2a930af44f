package storage

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Read returns the batches from the one that holds offset on: at most maxBytes, none that begins at or after upTo (the high watermark,
// the last stable offset or the log end). The last batch may be cut, as in Kafka. The first comes whole: with minOneBatch even if it is
// larger than maxBytes, without it the result is empty then. The result is empty, not nil, when there is nothing to read yet. Outside
// [LogStartOffset, LogEndOffset] the error is kerr.OffsetOutOfRange.
//
// Read waits for no append, flush or deletion. Release the result.
func (l *Log) Read(offset int64, maxBytes int, upTo int64, minOneBatch bool) (*Records, error) {
	for range maxReadTries {
		r, err := l.tryRead(offset, maxBytes, upTo, minOneBatch)
		if r != nil || err != nil {
			return r, err
		}
		runtime.Gosched()
	}
	return nil, fmt.Errorf("read %s: its segments change too fast: %w", l.tp, kerr.KafkaStorageError)
}

// maxReadTries bounds how often a read looks for its segment: each time means that one was deleted or replaced just then.
const maxReadTries = 1000

// tryRead is one try of Read; nil, nil if the segments changed under it.
func (l *Log) tryRead(offset int64, maxBytes int, upTo int64, minOneBatch bool) (*Records, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	// The order matters: the end first, then the segments, so that all before the end is in them.
	end := l.logEndOffset.Load()
	start := l.logStartOffset.Load()
	if offset < start || offset > end {
		return nil, fmt.Errorf("offset %d of %s is outside %d to %d: %w", offset, l.tp, start, end, kerr.OffsetOutOfRange)
	}
	upTo = min(upTo, end)
	if offset >= upTo {
		return newRecords(nil, 0, 0), nil
	}
	all := *l.segments.Load()
	for i := max(floorSegment(all, offset), 0); i < len(all) && all[i].baseOffset < upTo; i++ {
		seg := all[i]
		if !seg.acquire() {
			return nil, nil //nolint:nilnil // retention, truncation or compaction took it out of the list after we loaded that
		}
		last := i+1 == len(all) || all[i+1].baseOffset > upTo
		next := int64(-1)
		if i+1 < len(all) {
			next = all[i+1].baseOffset
		}
		limit, err := l.checkForRead(seg, offset, maxBytes, next)
		var r *Records
		if err == nil || limit > 0 {
			r, err = seg.read(offset, maxBytes, upTo, last, minOneBatch, limit, err)
		}
		if err != nil {
			seg.Release()
			if vfs.OutOfHandles(err) {
				return nil, l.fail(err)
			}
			return nil, fmt.Errorf("read %s: %w", l.tp, err)
		}
		if r != nil {
			return r, nil
		}
		seg.Release() // nothing at or after offset is left in it: compaction removed the rest
	}
	return newRecords(nil, 0, 0), nil
}

// read returns the range of s from offset on, which keeps the caller's hold on s; nil, nil if s ends before offset. If bounded, upTo lies
// in s and cuts the range; else all of s may be read. At limit begins damage: what lies before it is read.
func (s *Segment) read(offset int64, maxBytes int, upTo int64, bounded, minOneBatch bool, limit int64, damage error) (*Records, error) {
	from, err := s.locate(offset)
	if damage != nil && (err != nil || from.position >= limit) {
		return nil, damage
	}
	if err != nil {
		return nil, err
	}
	end := s.size.Load()
	if bounded {
		to, err := s.locate(upTo)
		switch _, corrupt := errors.AsType[*CorruptionError](err); {
		case err == nil:
			end = to.position
		case !corrupt || damage == nil:
			return nil, err
		}
	}
	end = min(end, limit)
	if from.size == 0 && !bounded {
		return nil, nil //nolint:nilnil // the caller goes on to the next segment
	}
	available := max(end-from.position, 0)
	size := min(available, int64(maxBytes))
	if first := int64(from.size); size < first && size < available {
		if !minOneBatch {
			size = 0
		} else {
			size = min(first, available)
		}
	}
	if size <= 0 {
		s.Release()
		return newRecords(nil, 0, 0), nil
	}
	if invariants.Enabled { // the path is not free
		invariants.Assert(from.position+size <= s.size.Load(), "ReadWithinSegment: %s", s.path(logSuffix))
	}
	return newRecords(s, from.position, int(size)), nil
}
