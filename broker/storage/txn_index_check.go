package storage

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

// A transaction index has no checksum, and what it says a consumer of committed records leaves out. Opening a log therefore compares it with the markers
// in the segment, as far as that costs no walk through it, and makes one anew that can't be right.

// checkTxnIndexesLocked looks after the transaction indexes of segments that recovery doesn't walk through.
func (l *Log) checkTxnIndexesLocked(all []*Segment, names []string) error {
	l.mu.AssertHeld()
	segments := l.opened()
	for i, seg := range all {
		if _, ok := slices.BinarySearch(names, offsetFileName(seg.baseOffset, txnIndexSuffix)); !ok {
			continue
		}
		end := int64(math.MaxInt64)
		if i+1 < len(segments) {
			end = segments[i+1].baseOffset
		}
		err := l.checkTxnIndex(seg, end)
		if err == nil {
			continue
		}
		if _, ok := errors.AsType[*CorruptionError](err); !ok {
			return err
		}
		l.logger.Warn("a transaction index does not fit its segment and is made anew", "topic", l.tp.Topic, "partition", l.tp.Partition, "reason", err)
		if err := l.rebuildTxnIndexLocked(seg, end, names); err != nil {
			return fmt.Errorf("make %s anew: %w", seg.path(txnIndexSuffix), err)
		}
	}
	return nil
}

// checkTxnIndex reads the index of a segment that ends before end. Damage is a *CorruptionError.
func (l *Log) checkTxnIndex(s *Segment, end int64) error {
	path := s.path(txnIndexSuffix)
	damage := func(format string, args ...any) error {
		return &CorruptionError{Path: path, BaseOffset: -1, Err: fmt.Errorf(format, args...)}
	}
	info, err := s.fsys.Stat(path)
	if err != nil {
		return err
	}
	if room := s.size.Load() / batch.HeaderSize; info.Size > room*abortedTxnSize {
		return damage("it has more entries than the segment has room for markers")
	}
	entries, err := s.txns.all()
	if err != nil {
		return err
	}
	segments := l.opened()
	for i, t := range entries {
		if t.LastOffset < s.baseOffset || t.LastOffset >= end || !canHold(s.baseOffset, t.LastOffset) || t.FirstOffset < 0 || t.LastStableOffset > t.LastOffset+1 {
			return damage("entry %d is of offsets outside of the segment", i)
		}
		marker, err := s.headAt(t.LastOffset)
		if err != nil {
			return err
		}
		if marker == nil || marker.LastOffset() != t.LastOffset || !marker.IsControl() || marker.ProducerID() != t.ProducerID {
			return damage("at offset %d there is no marker of producer %d", t.LastOffset, t.ProducerID)
		}
		if t.FirstOffset < max(segments[0].baseOffset, l.logStartOffset.Load()) {
			continue // it was deleted
		}
		first, err := segments[floorSegment(segments, t.FirstOffset)].headAt(t.FirstOffset)
		if err != nil {
			return err
		}
		if first != nil && (first.BaseOffset() != t.FirstOffset || !first.IsTransactional() || first.IsControl() || first.ProducerID() != t.ProducerID) {
			return damage("no transaction of producer %d begins at offset %d", t.ProducerID, t.FirstOffset)
		}
	}
	return nil
}

// headAt reads the header of the batch with offset, nil if compaction has removed that.
func (s *Segment) headAt(offset int64) (batch.Batch, error) {
	at, err := s.locate(offset)
	if err != nil || at.size < batch.HeaderSize {
		return nil, err
	}
	head := make(batch.Batch, batch.HeaderSize)
	if _, err := s.ReadAt(head, at.position); err != nil {
		return nil, err
	}
	if head.Magic() == batch.MagicV2 && head.BaseOffset() > offset {
		return nil, nil //nolint:nilnil // documented
	}
	return head, nil
}

// rebuildTxnIndexLocked makes the index of a segment that ends before end anew from the log's batches. The old one stays until the new one is whole.
func (l *Log) rebuildTxnIndexLocked(seg *Segment, end int64, names []string) error {
	state, _, _, err := l.newestSnapshot(names, seg.baseOffset)
	if err != nil {
		return err
	}
	if err := l.replayProducers(state, max(state.mapEndOffset, l.logStartOffset.Load()), seg.baseOffset, nil); err != nil {
		return err
	}
	var entries []AbortedTxn
	err = l.replayProducers(state, max(seg.baseOffset, l.logStartOffset.Load()), end, func(t AbortedTxn) { entries = append(entries, t) })
	if err != nil {
		return err
	}
	return seg.txns.replace(entries)
}

// replace writes the index anew, durably.
func (x *txnIndex) replace(entries []AbortedTxn) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var raw []byte
	for _, t := range entries {
		raw = appendAbortedTxn(raw, t)
	}
	err := x.closeLocked()
	path := x.path(txnIndexSuffix)
	if err = errors.Join(err, vfs.WriteFileAtomic(x.fsys, vfs.Dir(path), vfs.Base(path), raw)); err != nil {
		return err
	}
	x.loaded, x.entries, x.dirty, x.written = true, entries, false, len(entries)
	return nil
}
