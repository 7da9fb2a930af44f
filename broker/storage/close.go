package storage

import (
	"errors"
	"fmt"
)

// Close makes everything durable, saves the producer state and closes the files. Readers that hold Records finish undisturbed.
// A log that is offline is only closed. Closing twice is no error.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.mu.closed {
		l.mu.Unlock()
		return nil
	}
	l.mu.closed = true // appends, rolls and truncations end here
	l.gone.Store(true)
	l.mu.Unlock()
	l.background.Wait()

	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	err := l.offline()
	if err == nil {
		err = l.settle()
	}
	for _, seg := range *l.segments.Load() {
		seg.Release()
	}
	if err != nil {
		return fmt.Errorf("close log %s: %w", l.tp, err)
	}
	return nil
}

// settle brings the whole state of the log to the disk.
func (l *Log) settle() error {
	all := *l.segments.Load()
	if err := all[len(all)-1].indexNewestTimestamp(); err != nil {
		return l.fail(err)
	}
	for _, seg := range all {
		if err := seg.syncAll(true); err != nil {
			return l.fail(err)
		}
	}
	l.mu.Lock()
	l.mu.producers.mapEndOffset = l.logEndOffset.Load()
	err := l.snapshotLocked(true)
	l.mu.Unlock()
	if err := errors.Join(err, l.syncNames(), l.fsys.SyncDir(l.Dir())); err != nil {
		return l.fail(err)
	}
	l.recoveryPoint.Store(l.logEndOffset.Load())
	return nil
}

// abandon closes the files and leaves everything as it lies, as a crash would: the log is deleted, or its directory failed.
func (l *Log) abandon() {
	l.mu.Lock()
	closed := l.mu.closed
	l.mu.closed = true
	l.gone.Store(true)
	l.mu.Unlock()
	if closed {
		return
	}
	l.background.Wait()
	for _, seg := range *l.segments.Load() {
		seg.Release()
	}
}
