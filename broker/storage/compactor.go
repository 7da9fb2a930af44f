package storage

import (
	"errors"
	"sync/atomic"

	"github.com/kgo-project/kgo/broker/ident"
)

// Compactor rewrites the sealed segments of logs; clean.Cleaner is one. It must not be at work on a log that is cut, moved or deleted: what it
// has read of the records that go would decide which of the others it drops.
type Compactor interface {
	// Pause keeps it away from a partition until Resume, and returns when it has left.
	Pause(tp ident.TopicPartition)
	// Resume undoes one Pause.
	Resume(tp ident.TopicPartition)
	// Truncated tells, within Pause and Resume, that what comes after offset from now on is new.
	Truncated(l *Log, offset int64) error
}

// compaction is a manager's Compactor, if it has one; its logs know it.
type compaction struct{ by atomic.Pointer[Compactor] }

// SetCompactor names who compacts the logs from now on.
func (m *Manager) SetCompactor(c Compactor) { m.compaction.by.Store(&c) }

// pause keeps the compactor away from a partition until the returned function is called. Call it without locks.
func (c *compaction) pause(tp ident.TopicPartition) (resume func()) {
	if c == nil || c.by.Load() == nil {
		return func() {}
	}
	by := *c.by.Load()
	by.Pause(tp)
	return func() { by.Resume(tp) }
}

func (c *compaction) truncated(l *Log, offset int64) error {
	if c == nil || c.by.Load() == nil {
		return nil
	}
	return (*c.by.Load()).Truncated(l, offset)
}

// CheckBeforeCompaction checks a sealed segment whose successor begins at next, as a read of all of it does: batches that were moved to other offsets by a
// damaged header must not decide which records are superseded.
func (l *Log) CheckBeforeCompaction(seg *Segment, next int64) error {
	trusted := seg.checked.from.Load()
	if trusted == 0 {
		return nil
	}
	c := headerCheck{log: l, seg: seg, endOffset: next, recoveryPoint: -1, epochsUpTo: l.LogEndOffset(), indexLast: -1}
	if _, err := c.run(0, seg.size.Load()); err != nil {
		return errors.Join(err, l.usable())
	}
	seg.checked.from.Store(0)
	return nil
}
