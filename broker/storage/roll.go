package storage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kgo-project/kgo/broker/invariants"
)

// maybeRollLocked returns the segment that takes size bytes with offsets first to last: the active one, or a new one if that is full,
// old, its index full, or its offsets too far from its base.
func (l *Log) maybeRollLocked(size int, first, last, maxTimestamp int64, cfg *LogConfig, now int64) (*Segment, error) {
	seg := l.active()
	if !l.shouldRoll(seg, size, last, maxTimestamp, cfg, now) {
		return seg, nil
	}
	return l.rollLocked(first, now)
}

func (l *Log) shouldRoll(seg *Segment, size int, last, maxTimestamp int64, cfg *LogConfig, now int64) bool {
	have := seg.size.Load()
	if have == 0 {
		return !canHold(seg.baseOffset, last)
	}
	if have+int64(size) > int64(cfg.SegmentBytes) || !canHold(seg.baseOffset, last) {
		return true
	}
	// The age of a segment is counted in its records' time, so that copying an old log makes segments of the same span.
	waited := now - seg.createdMs
	if seg.rollingTimestamp >= 0 && maxTimestamp >= 0 {
		waited = maxTimestamp - seg.rollingTimestamp
	}
	if waited > cfg.SegmentMs-l.mu.jitterMs {
		return true
	}
	return seg.offsetIndex.entries() >= cfg.IndexBytes/offsetEntrySize || seg.timeIndex.entries() >= cfg.IndexBytes/timeEntrySize-1 ||
		invariants.Sometimes(1)
}

// Roll starts a new segment, unless the active one is empty.
func (l *Log) Roll() error {
	if err := l.usable(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return ErrClosed
	}
	if l.active().size.Load() == 0 {
		return nil
	}
	_, err := l.rollLocked(l.logEndOffset.Load(), nowMs())
	return err
}

// rollLocked seals the active segment and makes a new one that begins at base, which is the log end or, with a gap, after it.
// The sealed segment and a snapshot of the producer state are made durable in the background.
func (l *Log) rollLocked(base, now int64) (*Segment, error) {
	l.mu.AssertHeld()
	old := l.active()
	invariants.Assert(base >= l.logEndOffset.Load(), "SegmentBeginsAtLogEnd: %s at %d, end %d", l.tp, base, l.logEndOffset.Load())
	all := *l.segments.Load()
	if base == old.baseOffset {
		// Nothing was ever written to it, but it can't take what comes: there is nothing to keep.
		return nil, l.fail(fmt.Errorf("segment %s is empty and can't be appended to", old.path(logSuffix)))
	}
	if l.cfg.Load().Compact {
		// Recovery can't tell a gap that compaction made from records that a power failure took, so here they have to be on the disk
		// before the next segment is. That holds up appends for an fsync, but compacted topics are not the busy ones.
		if err := old.file.SyncData(); err != nil {
			return nil, l.fail(err)
		}
	}
	seg, err := l.newActiveSegment(base, now)
	if err != nil {
		return nil, l.fail(fmt.Errorf("new segment of %s: %w", l.tp, err))
	}
	l.mu.producers.mapEndOffset = base
	if err := errors.Join(l.snapshotLocked(false), old.seal()); err != nil {
		err = errors.Join(err, seg.remove()) // what is appended to the old one after all must not be followed by this
		seg.abandon()
		return nil, l.fail(err)
	}
	l.setSegments(append(slices.Clip(all), seg))
	l.mu.jitterMs = newJitter(l.cfg.Load())
	l.mu.dirUnsynced = true
	if l.flushedByOwner {
		return seg, nil
	}
	l.background.Go(func() {
		if err := l.flushSealed(base); err != nil && !errors.Is(err, ErrClosed) {
			l.logger.Error("flush after a roll", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
		}
	})
	return seg, nil
}

// newActiveSegment makes the segment that appends will go to.
func (l *Log) newActiveSegment(base, now int64) (*Segment, error) {
	seg, err := createSegment(l.fsys, l.Dir(), base, "", now)
	if err != nil {
		return nil, err
	}
	if err := seg.startTail(base); err != nil {
		err = errors.Join(err, seg.remove())
		seg.abandon()
		return nil, err
	}
	return seg, nil
}

// snapshotLocked saves the producer state under the offset it reaches, unless that was done or there is nothing to save yet.
func (l *Log) snapshotLocked(sync bool) error {
	l.mu.AssertHeld()
	if l.mu.producers.mapEndOffset <= l.mu.lastSnapshot {
		return nil
	}
	if err := l.mu.producers.writeSnapshot(l.fsys, l.Dir(), sync); err != nil {
		return fmt.Errorf("producer snapshot of %s: %w", l.tp, err)
	}
	l.mu.lastSnapshot = l.mu.producers.mapEndOffset
	return nil
}
