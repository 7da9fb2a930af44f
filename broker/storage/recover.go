package storage

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

// errDisorder is what a walk through a segment finds besides damaged batches.
var errDisorder = errors.New("its offsets do not follow those before")

// isDamage tells damaged content from a failing disk.
func isDamage(err error) bool {
	var corrupt *batch.CorruptError
	var invalid *batch.InvalidError
	return errors.Is(err, batch.ErrTruncated) || errors.Is(err, errDisorder) || errors.As(err, &corrupt) || errors.As(err, &invalid)
}

// recoverSegmentLocked checks a segment from its beginning: every batch's checksum, and that offsets rise. It builds the indexes anew,
// adds to the producer state and the leader epochs, and cuts off the file at the first batch that is not whole. whole is false if it cut.
func (l *Log) recoverSegmentLocked(opts *LogOptions, seg *Segment, ordinal int) (whole bool, err error) {
	l.mu.AssertHeld()
	if ordinal > 0 {
		l.mu.producers.mapEndOffset = seg.baseOffset
		if err := l.snapshotLocked(false); err != nil {
			return false, err
		}
	}
	check := headerCheck{log: l, seg: seg, endOffset: -1, recoveryPoint: opts.RecoveryPoint, epochsUpTo: opts.RecoveryPoint, indexLast: -1}
	switch all := l.opened(); {
	case ordinal+1 < len(all):
		check.endOffset = all[ordinal+1].baseOffset
	case opts.CleanShutdown:
		check.endOffset = opts.RecoveryPoint
	}
	good, err := check.run(0, seg.size.Load())
	if damage, ok := errors.AsType[*CorruptionError](err); ok {
		whole, err = false, l.cutSegment(seg, good, damage.Err)
	} else {
		whole = true
	}
	if err != nil {
		return false, err
	}
	if err := seg.txns.reset(); err != nil {
		return false, err
	}
	valid, damage, err := seg.reindex(l.cfg.Load().IndexIntervalBytes, func(b batch.Batch) error {
		if e := b.PartitionLeaderEpoch(); e > l.LatestEpoch() {
			if err := l.epochs.assign(e, b.BaseOffset()); err != nil {
				return err
			}
		}
		l.compareEpoch(b)
		marker, err := readMarker(b)
		if err != nil {
			return err
		}
		return l.noteProducerLocked(seg, b, marker)
	})
	if err == nil && damage != nil {
		whole, err = false, l.cutSegment(seg, valid, damage)
	}
	if err != nil {
		return false, err
	}
	seg.dataDirty.Store(true)
	seg.indexDirty.Store(true)
	seg.checked.from.Store(0)
	return whole, seg.seal()
}

// cutSegment cuts off what is not whole.
func (l *Log) cutSegment(seg *Segment, position int64, reason error) error {
	l.logger.Warn("the segment is cut at its first batch that is not whole", "topic", l.tp.Topic, "partition", l.tp.Partition,
		"segment", seg.Path(), "position", position, "lost_bytes", seg.size.Load()-position, "reason", reason)
	if err := seg.file.Truncate(position); err != nil {
		return err
	}
	seg.size.Store(position)
	return nil
}

// reindex walks through the segment and builds its offset and time index. It returns where the valid part ends, and the damage that ends it.
// Checksums are not verified. each sees the batches of format v2 in order.
func (s *Segment) reindex(intervalBytes int, each func(b batch.Batch) error) (valid int64, damage, err error) {
	if err := errors.Join(s.offsetIndex.create(), s.timeIndex.create()); err != nil {
		return 0, nil, err
	}
	s.setNewest(batch.NoTimestamp, s.baseOffset)
	s.nextOffset, s.bytesSinceIndexEntry, s.rollingTimestamp = s.baseOffset, 0, noRollingTimestamp
	r := newEntryReader(s, 0)
	for {
		entry, position, err := r.next()
		if err == io.EOF { //nolint:errorlint // next returns it as it is
			return position, nil, nil
		}
		var mark batchMark
		var b batch.Batch
		if err == nil {
			mark, b, err = s.inspect(entry)
		}
		if err != nil {
			if isDamage(err) {
				return position, err, nil
			}
			return position, nil, err
		}
		if err := s.noteBatch(position, mark, intervalBytes); err != nil {
			return position, nil, err
		}
		if b == nil || each == nil {
			continue
		}
		if err := each(b); err != nil {
			if isDamage(err) {
				return position, err, nil
			}
			return position, nil, err
		}
	}
}

// inspect checks one entry of the segment, a batch or a legacy message set (b is nil then), and whether its offsets follow.
func (s *Segment) inspect(entry []byte) (mark batchMark, b batch.Batch, err error) {
	mark, b, err = markOf(entry)
	if err == nil && (mark.lastOffset < s.nextOffset || !canHold(s.baseOffset, mark.lastOffset) || b != nil && b.BaseOffset() < s.nextOffset) {
		err = errDisorder
	}
	return mark, b, err
}

// markOf is what a segment notes about an entry, a batch or a legacy message set (b is nil then). Its checksum is not looked at.
func markOf(entry []byte) (mark batchMark, b batch.Batch, err error) {
	b, _, err = batch.Next(entry)
	if errors.Is(err, batch.ErrLegacy) {
		e, _, err := batch.NextLegacy(entry)
		if err != nil {
			return mark, nil, err
		}
		return batchMark{size: len(e), lastOffset: e.Offset(), maxTimestamp: e.Timestamp(), timeIndexBase: e.Offset()}, nil, nil
	}
	if err == nil {
		mark = batchMark{size: len(b), lastOffset: b.LastOffset(), maxTimestamp: b.MaxTimestamp(), timeIndexBase: b.LastOffset()}
	}
	return mark, b, err
}

// rebuildIndexes builds the offset and time index of a sealed segment from its batches. The transaction index stays.
func (s *Segment) rebuildIndexes(intervalBytes int) error {
	if _, _, err := s.reindex(intervalBytes, nil); err != nil {
		return err
	}
	s.indexDirty.Store(true)
	return s.seal()
}

// dropSegments deletes the files of segments that never were, or are no longer, part of the log.
func (l *Log) dropSegments(all []*Segment) error {
	var err error
	for _, seg := range all {
		err = errors.Join(err, seg.remove())
		seg.Release()
	}
	return err
}

// loadProducersLocked loads the newest snapshot at or before end and brings it up to end from the batches. Snapshots beyond end,
// or damaged ones, are deleted.
func (l *Log) loadProducersLocked(names []string, end int64) error {
	l.mu.AssertHeld()
	state, at, unusable, err := l.newestSnapshot(names, end)
	if err != nil {
		return err
	}
	for _, path := range unusable {
		if err := l.fsys.Remove(path); err != nil && !isNotExist(err) {
			return err
		}
	}
	l.mu.producers, l.mu.lastSnapshot = state, at
	if err := l.replayProducers(state, max(state.mapEndOffset, l.logStartOffset.Load()), end, nil); err != nil {
		return err
	}
	state.mapEndOffset = end
	return nil
}

// newestSnapshot reads the newest usable snapshot at or before end; without one the state is empty and at is -1. The newer files are unusable.
func (l *Log) newestSnapshot(names []string, end int64) (state *producerState, at int64, unusable []string, err error) {
	for _, offset := range slices.Backward(snapshotOffsets(names)) {
		path := vfs.Join(l.Dir(), offsetFileName(offset, snapshotSuffix))
		state, err := l.readSnapshot(path, offset, end)
		if err != nil || state != nil {
			return state, offset, unusable, err
		}
		unusable = append(unusable, path)
	}
	return newProducerState(), -1, unusable, nil
}

// readSnapshot returns nil for a file that can't be used.
func (l *Log) readSnapshot(path string, offset, end int64) (*producerState, error) {
	if offset > end {
		return nil, nil //nolint:nilnil // documented
	}
	raw, err := vfs.ReadFile(l.fsys, path, maxSnapshotBytes)
	if err != nil {
		if isNotExist(err) {
			return nil, nil //nolint:nilnil // documented
		}
		return nil, err
	}
	state, err := decodeSnapshot(raw, offset)
	if err != nil {
		l.logger.Warn("producer snapshot is damaged and not used", "topic", l.tp.Topic, "partition", l.tp.Partition, "path", path, "err", err)
		return nil, nil //nolint:nilnil // documented
	}
	return state, nil
}

// replayProducers adds the batches from one offset to another to a producer state. onAborted, if not nil, hears of the transactions that end in
// them and are aborted.
func (l *Log) replayProducers(state *producerState, from, to int64, onAborted func(AbortedTxn)) error {
	for _, seg := range l.opened() {
		if from >= to || seg.baseOffset >= to {
			break
		}
		at, err := seg.locate(from)
		if err != nil {
			return err
		}
		r := newEntryReader(seg, at.position)
		for {
			entry, position, err := r.next()
			if err == io.EOF { //nolint:errorlint // next returns it as it is
				break
			}
			if err != nil {
				if isDamage(err) {
					err = &CorruptionError{Path: seg.Path(), Position: position, BaseOffset: -1, Err: err}
				}
				return fmt.Errorf("read the producers' state: %w", err)
			}
			b, _, err := batch.Next(entry)
			if err != nil || b.BaseOffset() < from || !b.HasProducerID() {
				continue // a legacy entry has no producer
			}
			if b.BaseOffset() >= to {
				return nil
			}
			marker, err := readMarker(b)
			if err != nil {
				return fmt.Errorf("read the producers' state: %w", &CorruptionError{Path: seg.Path(), Position: position, BaseOffset: b.BaseOffset(), Err: err})
			}
			if ended, aborted := state.apply(b, marker); aborted && onAborted != nil {
				onAborted(ended)
			}
		}
	}
	return nil
}
