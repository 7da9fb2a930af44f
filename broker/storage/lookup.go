package storage

import (
	"errors"
	"fmt"
	"io"

	"github.com/kgo-project/kgo/broker/batch"
)

// TimestampOffset is a record's timestamp and offset and the leader epoch of its batch. Offset -1: there is none.
type TimestampOffset struct {
	Timestamp   int64
	Offset      int64
	LeaderEpoch int32
}

var noTimestampOffset = TimestampOffset{Timestamp: batch.NoTimestamp, Offset: -1, LeaderEpoch: batch.NoLeaderEpoch}

// OffsetForTimestamp finds the first record at or after the log's start whose timestamp is at least timestamp.
func (l *Log) OffsetForTimestamp(timestamp int64) (TimestampOffset, error) {
	return l.searchTimestamp(func(s *Segment) (int64, bool, error) {
		newest, _, err := s.newestTimestamp()
		return timestamp, newest >= timestamp, err
	})
}

// MaxTimestampOffset finds the first record with the largest timestamp of all (ListOffsets' -3).
func (l *Log) MaxTimestampOffset() (TimestampOffset, error) {
	largest := batch.NoTimestamp
	for _, s := range l.Segments() {
		newest, _, err := s.newestTimestamp()
		s.Release()
		if err != nil {
			return noTimestampOffset, err
		}
		largest = max(largest, newest)
	}
	if largest == batch.NoTimestamp {
		return noTimestampOffset, l.usable()
	}
	return l.OffsetForTimestamp(largest)
}

// searchTimestamp looks in the segments that wanted names, in order, for the first record with that timestamp or a later one.
func (l *Log) searchTimestamp(wanted func(s *Segment) (timestamp int64, look bool, err error)) (TimestampOffset, error) {
	if err := l.usable(); err != nil {
		return noTimestampOffset, err
	}
	all := l.Segments()
	defer func() {
		for _, s := range all {
			s.Release()
		}
	}()
	for _, s := range all {
		timestamp, look, err := wanted(s)
		if err != nil {
			return noTimestampOffset, fmt.Errorf("search %s: %w", l.tp, err)
		}
		if !look {
			continue
		}
		found, err := s.findTimestamp(timestamp, l.logStartOffset.Load())
		if err != nil || found.Offset >= 0 {
			return found, err
		}
	}
	return noTimestampOffset, nil
}

// findTimestamp finds the first record at or after startOffset whose timestamp is at least timestamp. The time index gives an offset
// before which there is none; from there the batches' headers are walked.
func (s *Segment) findTimestamp(timestamp, startOffset int64) (TimestampOffset, error) {
	from := startOffset
	e, ok, err := s.timeIndex.floor(timestamp - 1)
	if err == nil && ok {
		_, err = s.checkTimeEntry(e)
	}
	switch {
	case errors.Is(err, errIndexDamaged):
		s.mendIndexes(err)
	case err != nil:
		return noTimestampOffset, err
	case ok:
		from = max(from, s.baseOffset+int64(e.value))
	}
	at, err := s.locate(from)
	if err != nil {
		return noTimestampOffset, err
	}
	r := newEntryReader(s, at.position)
	for {
		entry, position, err := r.next()
		if err == io.EOF { //nolint:errorlint // next returns it as it is
			return noTimestampOffset, nil
		}
		if err != nil {
			return noTimestampOffset, &CorruptionError{Path: s.Path(), Position: position, BaseOffset: -1, Err: err}
		}
		found, err := findInEntry(entry, timestamp, startOffset)
		if err != nil || found.Offset >= 0 {
			return found, err
		}
	}
}

func findInEntry(entry []byte, timestamp, startOffset int64) (TimestampOffset, error) {
	b, _, err := batch.Next(entry)
	if errors.Is(err, batch.ErrLegacy) {
		return findInLegacy(entry, timestamp, startOffset)
	}
	if err != nil || b.MaxTimestamp() < timestamp {
		return noTimestampOffset, err
	}
	var r batch.Reader
	if err := r.Reset(b, decompressLimit(len(b))); err != nil {
		return noTimestampOffset, err
	}
	for r.Next() {
		if rec := r.Record(); rec.Timestamp >= timestamp && rec.Offset >= startOffset {
			return TimestampOffset{Timestamp: rec.Timestamp, Offset: rec.Offset, LeaderEpoch: b.PartitionLeaderEpoch()}, nil
		}
	}
	return noTimestampOffset, r.Err()
}

func findInLegacy(entry []byte, timestamp, startOffset int64) (TimestampOffset, error) {
	e, _, err := batch.NextLegacy(entry)
	if err != nil {
		return noTimestampOffset, err
	}
	for rec, err := range e.Records(decompressLimit(len(e))) {
		if err != nil {
			return noTimestampOffset, err
		}
		if rec.Timestamp >= timestamp && rec.Offset >= startOffset {
			return TimestampOffset{Timestamp: rec.Timestamp, Offset: rec.Offset, LeaderEpoch: batch.NoLeaderEpoch}, nil
		}
	}
	return noTimestampOffset, nil
}

// AbortedTransactions lists the aborted transactions with records in [from, upTo), for a fetch of committed records.
func (l *Log) AbortedTransactions(from, upTo int64) ([]AbortedTxn, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	all := l.Segments()
	defer func() {
		for _, s := range all {
			s.Release()
		}
	}()
	var found []AbortedTxn
	for _, s := range all[max(heldFloor(all, from), 0):] {
		entries, err := s.AbortedTxns()
		if err != nil {
			return nil, fmt.Errorf("aborted transactions of %s: %w", l.tp, err)
		}
		for _, t := range entries {
			if t.LastOffset >= from && t.FirstOffset < upTo {
				found = append(found, t)
			}
			if t.LastStableOffset >= upTo {
				return found, nil // whatever is aborted later began at or after upTo
			}
		}
	}
	return found, nil
}

func heldFloor(all []*Segment, offset int64) int {
	if len(all) == 0 {
		return 0
	}
	return floorSegment(all, offset)
}
