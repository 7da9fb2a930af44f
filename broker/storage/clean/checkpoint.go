package clean

import (
	"maps"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// The checkpoint says up to where each log is clean. It may be lost, or be of an earlier state of the log: then more is taken for dirty,
// or a log start for the checkpoint, and the next compaction does more than it must. It never decides what is kept.

// checkpointLocked returns the offsets of a log dir, read from its file on first use. REQUIRES: c.mu.
func (c *Cleaner) checkpointLocked(dir string) (map[ident.TopicPartition]int64, error) {
	if offsets, ok := c.checkpoints[dir]; ok {
		return offsets, nil
	}
	offsets, err := storage.OffsetCheckpoint{FS: c.cfg.FS, Dir: dir, Name: storage.CleanerOffsetCheckpoint}.Read()
	if err != nil {
		return nil, err
	}
	if offsets == nil {
		offsets = make(map[ident.TopicPartition]int64)
	}
	c.checkpoints[dir] = offsets
	return offsets, nil
}

func (c *Cleaner) inspect(l *storage.Log, nowMs int64) (candidate, error) {
	c.mu.Lock()
	offsets, err := c.checkpointLocked(l.ParentDir())
	checkpoint, ok := offsets[l.TopicPartition()]
	c.mu.Unlock()
	if err != nil {
		// A checkpoint that can't be read is written anew by the first compaction.
		c.logger.Warn("cleaner checkpoint unreadable, every log counts as dirty", "dir", l.ParentDir(), "err", err)
		c.mu.Lock()
		c.checkpoints[l.ParentDir()] = make(map[ident.TopicPartition]int64)
		c.mu.Unlock()
	}
	return inspect(l, checkpoint, ok, nowMs)
}

// setCheckpoint notes that l is clean up to offset, and forgets the logs that are gone.
func (c *Cleaner) setCheckpoint(l *storage.Log, offset int64) error {
	return c.updateCheckpoint(l.ParentDir(), func(offsets map[ident.TopicPartition]int64) {
		offsets[l.TopicPartition()] = offset
		for tp := range offsets {
			if _, ok := c.manager.Log(tp); !ok && tp != l.TopicPartition() {
				delete(offsets, tp)
			}
		}
	})
}

// Truncated tells the cleaner that a log was cut: what comes after offset from now on is dirty.
func (c *Cleaner) Truncated(l *storage.Log, offset int64) error {
	return c.updateCheckpoint(l.ParentDir(), func(offsets map[ident.TopicPartition]int64) {
		if at, ok := offsets[l.TopicPartition()]; ok && at > offset {
			offsets[l.TopicPartition()] = offset
		}
	})
}

func (c *Cleaner) updateCheckpoint(dir string, change func(map[ident.TopicPartition]int64)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, err := c.checkpointLocked(dir)
	if err != nil {
		return err
	}
	offsets := maps.Clone(old)
	change(offsets)
	if maps.Equal(offsets, old) {
		return nil
	}
	if err := (storage.OffsetCheckpoint{FS: c.cfg.FS, Dir: dir, Name: storage.CleanerOffsetCheckpoint}).Write(offsets); err != nil {
		return err
	}
	c.checkpoints[dir] = offsets
	return nil
}
