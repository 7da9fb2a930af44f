package storage

import (
	"errors"
	"fmt"

	"github.com/kgo-project/kgo/broker/clock"
	"github.com/kgo-project/kgo/broker/vfs"
)

// maybeFlush forces what was appended to the disk if flush.messages or flush.ms say so.
func (l *Log) maybeFlush(cfg *LogConfig, end int64) error {
	if end-l.recoveryPoint.Load() < cfg.FlushMessages {
		return nil
	}
	return l.Flush(end)
}

// Flush makes everything before upTo durable. Calls that come while another one syncs wait for it, and then one more fsync
// serves all of them: a Flush syncs whatever was appended by then.
func (l *Log) Flush(upTo int64) error {
	if l.recoveryPoint.Load() >= upTo {
		return nil
	}
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	if l.recoveryPoint.Load() >= upTo {
		return nil
	}
	return l.flushLocked(upTo)
}

// flushSealed makes the segments before base durable with their indexes, also when their records are so already.
func (l *Log) flushSealed(base int64) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	return l.flushLocked(base)
}

func (l *Log) flushLocked(upTo int64) error {
	l.flushMu.AssertHeld()
	if err := l.usable(); err != nil {
		return err
	}
	end := l.logEndOffset.Load()
	all := *l.segments.Load()
	active := all[len(all)-1]
	if upTo <= active.baseOffset {
		end = active.baseOffset // a roll: what is appended meanwhile need not wait
	}
	for _, seg := range all {
		if seg.baseOffset >= end || !(seg.dataDirty.Load() || seg.indexDirty.Load()) || !seg.acquire() {
			continue
		}
		err := seg.syncAll(seg != active)
		if err == nil && seg != active {
			// Few ask old segments for anything: their indexes are opened again when someone does.
			err = errors.Join(seg.offsetIndex.unload(), seg.timeIndex.unload())
		}
		seg.Release()
		if err != nil {
			return l.fail(err)
		}
	}
	if err := l.syncNames(); err != nil {
		return l.fail(err)
	}
	l.lastFlushMs.Store(clock.Monotonic().Milliseconds())
	if end > l.recoveryPoint.Load() {
		l.recoveryPoint.Store(end)
	}
	return nil
}

// syncNames makes durable what a log needs besides its segments: their names, the leader epochs, and at first its own name and id.
func (l *Log) syncNames() error {
	if err := l.epochs.sync(); err != nil {
		return fmt.Errorf("sync leader epochs of %s: %w", l.tp, err)
	}
	l.mu.Lock()
	unsynced := l.mu.dirUnsynced
	l.mu.dirUnsynced = false
	l.mu.Unlock()
	fresh := l.metadataUnsynced.Swap(false)
	if err := l.syncDirs(unsynced, fresh); err != nil { // to be done the next time, if there is one
		l.metadataUnsynced.Store(fresh)
		l.mu.Lock()
		l.mu.dirUnsynced = l.mu.dirUnsynced || unsynced
		l.mu.Unlock()
		return err
	}
	return nil
}

func (l *Log) syncDirs(unsynced, fresh bool) error {
	if fresh && !l.TopicID().IsZero() {
		f, err := l.fsys.OpenReadWrite(vfs.Join(l.Dir(), partitionMetadataName))
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return fmt.Errorf("sync topic id of %s: %w", l.tp, err)
		}
	}
	if unsynced || fresh {
		if err := l.fsys.SyncDir(l.Dir()); err != nil {
			return fmt.Errorf("sync directory %s: %w", l.Dir(), err)
		}
	}
	if fresh {
		if err := l.fsys.SyncDir(l.ParentDir()); err != nil {
			return fmt.Errorf("sync directory %s: %w", l.ParentDir(), err)
		}
	}
	return nil
}

// checkpointableRecoveryPoint is the recovery point as the checkpoint file should have it: recovery trusts the indexes of the segments
// before the one that holds it, so it must not lie beyond a sealed segment whose indexes are not on the disk yet.
func (l *Log) checkpointableRecoveryPoint() int64 {
	point := l.recoveryPoint.Load()
	all := *l.segments.Load()
	for _, seg := range all[:len(all)-1] {
		if seg.baseOffset >= point {
			break
		}
		if seg.indexDirty.Load() {
			return min(point, seg.baseOffset)
		}
	}
	return point
}
