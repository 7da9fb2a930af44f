package storage

import (
	"fmt"
	"slices"
)

// DeleteOldSegments drops segments that are no longer wanted, from the oldest on: those before the log start offset, and if
// cleanup.policy has delete, those older than retention.ms and those beyond retention.bytes. None goes that reaches beyond the high
// watermark. It returns the number of segments dropped.
func (l *Log) DeleteOldSegments(nowMs int64) (int, error) {
	if err := l.usable(); err != nil {
		return 0, err
	}
	cfg := l.cfg.Load()
	start := l.logStartOffset.Load()
	total, err := l.deleteWhile("log start offset", func(_ *Segment, next int64) (bool, error) { return next <= start, nil })
	if err != nil || !cfg.Delete {
		return total, err
	}
	if cfg.RetentionMs >= 0 {
		n, err := l.deleteWhile("retention.ms", func(s *Segment, _ int64) (bool, error) {
			largest, err := s.LargestTimestamp()
			return err == nil && nowMs-largest > cfg.RetentionMs, err
		})
		total += n
		if err != nil {
			return total, err
		}
	}
	if cfg.RetentionBytes >= 0 {
		excess := l.Size() - cfg.RetentionBytes
		n, err := l.deleteWhile("retention.bytes", func(s *Segment, _ int64) (bool, error) {
			if excess < s.size.Load() {
				return false, nil
			}
			excess -= s.size.Load()
			return true, nil
		})
		return total + n, err
	}
	return total, nil
}

// deleteWhile drops segments from the oldest on as long as gone says so, which is told the offset after the segment.
func (l *Log) deleteWhile(reason string, gone func(s *Segment, next int64) (bool, error)) (int, error) {
	all := l.Segments() // held, for gone may read the time index
	defer func() {
		for _, s := range all {
			s.Release()
		}
	}()
	n := 0
	for i, s := range all {
		next := l.logEndOffset.Load()
		if i+1 < len(all) {
			next = all[i+1].baseOffset
		} else if s.size.Load() == 0 {
			break
		}
		if next > l.highWatermark.Load() {
			break
		}
		drop, err := gone(s, next)
		if err != nil {
			return 0, l.fail(fmt.Errorf("retention of %s: %w", l.tp, err))
		}
		if !drop {
			break
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	return n, l.deleteOldest(all[:n], reason)
}

// deleteOldest drops the given segments, which were the log's first a moment ago.
func (l *Log) deleteOldest(doomed []*Segment, reason string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return ErrClosed
	}
	all := *l.segments.Load()
	for i, s := range doomed {
		if i >= len(all) || all[i] != s {
			return nil // compaction or truncation came first; the next check decides anew
		}
	}
	if len(doomed) == len(all) {
		if l.highWatermark.Load() < l.logEndOffset.Load() {
			return nil // an append came first
		}
		if _, err := l.rollLocked(l.logEndOffset.Load(), nowMs()); err != nil {
			return err
		}
		all = *l.segments.Load()
	}
	kept := all[len(doomed):]
	start := max(kept[0].baseOffset, l.logStartOffset.Load())
	// The start moves first: a reader that comes now is told that the offset is gone.
	if err := l.incrementStartLocked(start); err != nil {
		return err
	}
	l.setSegments(slices.Clip(kept))
	l.logger.Info("segments deleted", "topic", l.tp.Topic, "partition", l.tp.Partition, "reason", reason, "segments", len(doomed),
		"log_start_offset", start)
	if err := l.patiently(func() error { return l.removeSnapshots(0, kept[0].baseOffset) }); err != nil {
		return l.fail(err)
	}
	return l.failIf(l.discardSegments(doomed))
}
