package storage

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/vfs"
)

// TruncateTo drops everything from offset on, as a follower does that has records its leader has not. The batch that holds offset goes as a
// whole. It tells whether there was anything to drop. Recovery after a crash in between finds the log before or after, or with some of the
// records dropped: what is cut is cut from the end.
func (l *Log) TruncateTo(offset int64) (bool, error) {
	if err := l.usable(); err != nil {
		return false, err
	}
	if offset >= l.LogEndOffset() {
		return l.truncateTo(offset)
	}
	resume := l.compaction.pause(l.tp)
	defer resume()
	cut, err := l.truncateTo(offset)
	if err != nil {
		return cut, err
	}
	return cut, l.failIf(l.compaction.truncated(l, offset))
}

func (l *Log) truncateTo(offset int64) (bool, error) {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return false, ErrClosed
	}
	if offset >= l.logEndOffset.Load() {
		return false, l.failIf(l.epochs.truncateFromEnd(l.logEndOffset.Load()))
	}
	all := *l.segments.Load()
	if offset < all[0].baseOffset || offset < l.logStartOffset.Load() {
		return true, l.truncateFullyLocked(offset)
	}
	last := floorSegment(all, offset)
	kept := all[: last+1 : last+1]
	// Out of sight first: nobody may read what goes.
	l.logEndOffset.Store(offset)
	l.lowerMarksLocked(offset)
	l.setSegments(kept)
	if err := l.discardSegments(all[last+1:]); err != nil {
		return true, l.fail(err)
	}
	// Durable step by step, from the end: else a crash could bring back the later segments behind a shorter one, or old records behind
	// those that are appended next.
	if last+1 < len(all) {
		if err := l.patiently(func() error { return l.fsys.SyncDir(l.Dir()) }); err != nil {
			return true, l.fail(err)
		}
	}
	var end int64
	err := l.patiently(func() (err error) { end, err = l.truncateActive(kept[last], offset); return err })
	if err != nil {
		return true, l.fail(fmt.Errorf("truncate %s to %d: %w", l.tp, offset, err))
	}
	if end < offset {
		offset = end
		l.logEndOffset.Store(offset)
		l.lowerMarksLocked(offset)
	}
	l.epochs.writeAtOnce()
	if err := l.patiently(func() error { return errors.Join(l.epochs.truncateFromEnd(offset), l.epochs.sync()) }); err != nil {
		return true, l.fail(err)
	}
	return true, l.failIf(l.patiently(func() error { return l.reloadProducersLocked(offset) }))
}

func (l *Log) failIf(err error) error {
	if err != nil {
		return l.fail(err)
	}
	return nil
}

// lowerMarksLocked keeps high watermark and recovery point within the log.
func (l *Log) lowerMarksLocked(end int64) {
	l.highWatermark.Store(min(l.highWatermark.Load(), end))
	l.recoveryPoint.Store(min(l.recoveryPoint.Load(), end))
}

// truncateActive cuts the segment off at offset, or at damage that hides where that is: the offset at which it then ends is returned.
func (l *Log) truncateActive(seg *Segment, offset int64) (end int64, err error) {
	seg.mending.Lock() // a reader that mends the indexes has seen more than will be left
	defer seg.mending.Unlock()
	if err := errors.Join(seg.offsetIndex.load(), seg.timeIndex.load()); err != nil {
		if !errors.Is(err, errIndexDamaged) {
			return offset, err
		}
		if err := seg.rebuildIndexes(l.cfg.Load().IndexIntervalBytes); err != nil {
			return offset, err
		}
	}
	at, err := seg.locate(offset)
	if _, damaged := errors.AsType[*CorruptionError](err); damaged {
		at, offset, err = l.locateInDamaged(seg, offset)
	}
	if err != nil {
		return offset, err
	}
	relative := offset - seg.baseOffset
	if err := seg.offsetIndex.truncate(func(e indexEntry) bool { return int64(e.value) < at.position }); err != nil {
		return offset, err
	}
	if err := seg.timeIndex.truncate(func(e indexEntry) bool { return int64(e.value) < relative }); err != nil {
		return offset, err
	}
	if err := seg.txns.truncate(offset); err != nil {
		return offset, err
	}
	if err := seg.file.Truncate(at.position); err != nil {
		return offset, err
	}
	if err := seg.file.Sync(); err != nil {
		return offset, err
	}
	seg.size.Store(at.position)
	seg.checked.cut(at.position, offset)
	seg.indexDirty.Store(true)
	last, _ := seg.offsetIndex.lastEntry()
	seg.bytesSinceIndexEntry = int(at.position - int64(last.value))
	if at.position == 0 {
		seg.rollingTimestamp, seg.createdMs = noRollingTimestamp, nowMs()
	} else if seg.rollingTimestamp == noRollingTimestamp {
		if err := seg.readRollingTimestamp(); err != nil {
			return offset, err
		}
	}
	seg.newest.Lock()
	seg.newest.known = false // the time index knows the largest timestamp that is left, as far as it has entries
	seg.newest.Unlock()
	return offset, seg.startTail(offset)
}

// locateInDamaged finds where to cut a segment for it to end at offset, or before, at damage that can't be put right.
func (l *Log) locateInDamaged(seg *Segment, offset int64) (located, int64, error) {
	check := headerCheck{log: l, seg: seg, endOffset: -1, recoveryPoint: -1, epochsUpTo: math.MaxInt64, indexLast: -1}
	good, err := check.run(0, seg.size.Load())
	damage, damaged := errors.AsType[*CorruptionError](err)
	if err != nil && !damaged {
		return located{}, offset, err
	}
	if at, err := seg.scanFor(offset, 0); err == nil && at.position <= good {
		return at, offset, nil
	}
	end := seg.baseOffset
	if check.prev != nil {
		end = check.prev.last + 1
	}
	l.logger.Warn("the log is cut at damage that lies before the offset it is truncated to", "topic", l.tp.Topic, "partition", l.tp.Partition,
		"offset", offset, "log_end_offset", end, "reason", damage)
	return located{position: good}, end, nil
}

func (l *Log) reloadProducersLocked(end int64) error {
	names, err := l.fsys.List(l.Dir())
	if err != nil {
		return err
	}
	if err := l.loadProducersLocked(names, end); err != nil {
		return err
	}
	l.publishUnstableLocked()
	return nil
}

// TruncateFullyAndStartAt empties the log; the next record gets offset. So begins a follower whose leader no longer has what would follow.
func (l *Log) TruncateFullyAndStartAt(offset int64) error {
	if err := l.usable(); err != nil {
		return err
	}
	resume := l.compaction.pause(l.tp)
	defer resume()
	if err := l.truncateFully(offset); err != nil {
		return err
	}
	return l.failIf(l.compaction.truncated(l, offset))
}

func (l *Log) truncateFully(offset int64) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return ErrClosed
	}
	return l.truncateFullyLocked(offset)
}

func (l *Log) truncateFullyLocked(offset int64) error {
	old := *l.segments.Load()
	// Nothing may be read until the new segment is there: at offset there is nothing yet, and all else is out of range.
	l.logStartOffset.Store(offset)
	l.logEndOffset.Store(offset)
	// The old segments go first: the new one may have the name of one of them.
	if err := l.discardSegments(old); err != nil {
		return l.fail(err)
	}
	if err := l.patiently(func() error { return l.fsys.SyncDir(l.Dir()) }); err != nil {
		return l.fail(err)
	}
	var seg *Segment
	err := l.patiently(func() (err error) { seg, err = l.newActiveSegment(offset, nowMs()); return err })
	if err != nil {
		return l.fail(err)
	}
	l.setSegments([]*Segment{seg})
	l.mu.dirUnsynced = true
	l.highWatermark.Store(offset)
	l.recoveryPoint.Store(offset)
	l.mu.producers = newProducerState()
	l.mu.producers.mapEndOffset = offset
	l.mu.lastSnapshot = -1
	l.publishUnstableLocked()
	l.epochs.writeAtOnce()
	return l.failIf(l.patiently(func() error {
		return errors.Join(l.epochs.clear(), l.epochs.sync(), l.removeSnapshots(0, math.MaxInt64))
	}))
}

// IncrementLogStartOffset moves the log's start forward, for DeleteRecords or because the leader did so. Beyond the high watermark
// it is kerr.OffsetOutOfRange; a start that lies behind already stays. The segments that are no longer needed go with the next
// DeleteOldSegments; the manager's checkpoint makes the new start durable.
func (l *Log) IncrementLogStartOffset(offset int64) error {
	if err := l.usable(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return ErrClosed
	}
	if hw := l.highWatermark.Load(); offset > hw {
		return fmt.Errorf("log start offset of %s can't move to %d, beyond the high watermark %d: %w", l.tp, offset, hw, kerr.OffsetOutOfRange)
	}
	return l.incrementStartLocked(offset)
}

func (l *Log) incrementStartLocked(offset int64) error {
	l.mu.AssertHeld()
	if offset <= l.logStartOffset.Load() {
		return nil
	}
	l.logStartOffset.Store(offset)
	l.mu.producers.dropBefore(offset)
	l.publishUnstableLocked()
	return l.failIf(l.epochs.truncateFromStart(offset))
}

// discardSegments renames segments to .deleted, with their producer snapshots removed, and lets the trash delete them later. They
// are out of the log's list already.
func (l *Log) discardSegments(all []*Segment) error {
	delay := time.Duration(min(l.cfg.Load().FileDeleteDelayMs, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
	for _, seg := range all {
		if err := seg.rename(deletedSuffix); err != nil {
			return err
		}
		l.trash.later(delay, func() {
			if err := seg.remove(); err != nil {
				l.logger.Error("remove a deleted segment", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.Path(), "err", err)
			}
		})
		seg.Release()
	}
	return nil
}

// removeSnapshots deletes the producer snapshots with offsets in [from, to).
func (l *Log) removeSnapshots(from, to int64) error {
	names, err := l.fsys.List(l.Dir())
	if err != nil {
		return err
	}
	for _, offset := range snapshotOffsets(names) {
		if offset < from || offset >= to {
			continue
		}
		if rmErr := l.fsys.Remove(vfs.Join(l.Dir(), offsetFileName(offset, snapshotSuffix))); rmErr != nil && !isNotExist(rmErr) {
			err = errors.Join(err, rmErr)
		}
	}
	return err
}
