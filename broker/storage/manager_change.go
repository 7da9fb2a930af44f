package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Delete removes a log, and its future copy, from the broker at once, and from the disk after file.delete.delay.ms. Readers that hold
// Records finish undisturbed. A log that could not be opened is set aside, not removed: nobody knows what it is. Without any it does nothing.
func (m *Manager) Delete(tp ident.TopicPartition) error {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.mu.Lock()
	l, future := m.mu.logs[tp], m.mu.futures[tp]
	damaged := m.mu.unreadable[tp]
	delete(m.mu.logs, tp)
	delete(m.mu.futures, tp)
	delete(m.mu.unreadable, tp)
	m.mu.Unlock()
	if damaged != nil {
		if err := m.setUnreadableAside(tp); err != nil {
			return err
		}
	}
	for _, gone := range []*Log{l, future} {
		if gone == nil {
			continue
		}
		if err := m.setAside(gone, deleteDirSuffix); err != nil {
			return err
		}
	}
	return nil
}

// MarkStray sets aside a log that the cluster's metadata does not know to be this broker's: it is renamed, never deleted.
func (m *Manager) MarkStray(tp ident.TopicPartition) error {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.mu.Lock()
	l := m.mu.logs[tp]
	delete(m.mu.logs, tp)
	m.mu.Unlock()
	if l == nil {
		return nil
	}
	return m.setAside(l, strayDirSuffix)
}

// setAside closes a log and renames its directory. A deleted one is removed later.
func (m *Manager) setAside(l *Log, suffix string) error {
	resume := m.compaction.pause(l.tp)
	defer resume()
	l.abandon() // before the rename, which some systems refuse while files are open
	d := m.dirOf(l)
	if d == nil || !d.online() {
		return nil // nothing can be renamed there; what is left is found at the next start
	}
	id := NewUUID()
	to := vfs.Join(d.path, suffixedDirName(l.tp, hex.EncodeToString(id[:]), suffix))
	err := m.fsys.Rename(l.Dir(), to)
	if err == nil {
		err = patiently(m.logger, func() error { return m.fsys.SyncDir(d.path) })
	}
	if err != nil {
		m.failDir(d, err)
		return fmt.Errorf("set log %s aside: %w", l.tp, d.failure.Load())
	}
	d.logs.Add(-1)
	m.logger.Info("log set aside", "topic", l.tp.Topic, "partition", l.tp.Partition, "path", to)
	if suffix == deleteDirSuffix {
		delay := time.Duration(min(l.Config().FileDeleteDelayMs, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
		m.trash.later(delay, func() { m.removeDir(to) })
	}
	return nil
}

// setUnreadableAside renames the directories of a log that could not be opened, so that a topic of the same name can be made.
func (m *Manager) setUnreadableAside(tp ident.TopicPartition) error {
	for _, d := range m.dirs {
		from := vfs.Join(d.path, tp.String())
		if _, err := m.fsys.Stat(from); err != nil || !d.online() {
			continue
		}
		id := NewUUID()
		to := vfs.Join(d.path, suffixedDirName(tp, hex.EncodeToString(id[:]), strayDirSuffix))
		if err := errors.Join(m.fsys.Rename(from, to), m.fsys.SyncDir(d.path)); err != nil {
			m.failDir(d, err)
			return fmt.Errorf("set log %s aside: %w", tp, d.failure.Load())
		}
		m.logger.Warn("a log that can't be opened is set aside: its topic was deleted", "topic", tp.Topic, "partition", tp.Partition, "path", to)
	}
	return nil
}

func (m *Manager) removeDir(path string) {
	if err := m.fsys.RemoveAll(path); err != nil {
		m.logger.Error("remove a deleted log", "path", path, "err", err)
	}
}

// CreateFuture makes the copy-to-be of a log in another directory (AlterReplicaLogDirs). The caller fills it as a follower of
// the log, and promotes it when it has caught up. One that exists in that directory already is returned.
func (m *Manager) CreateFuture(tp ident.TopicPartition, dir string) (*Log, error) {
	m.changing.Lock()
	defer m.changing.Unlock()
	current, ok := m.Log(tp)
	if !ok {
		return nil, fmt.Errorf("log %s: %w", tp, kerr.UnknownTopicOrPartition)
	}
	if future, ok := m.FutureLog(tp); ok {
		if future.ParentDir() == dir {
			return future, nil
		}
		return nil, fmt.Errorf("log %s is already on its way to %s", tp, future.ParentDir())
	}
	if current.ParentDir() == dir {
		return nil, fmt.Errorf("log %s is in %s already", tp, dir)
	}
	d, err := m.chooseDir(dir)
	if err != nil {
		return nil, err
	}
	d.logs.Add(1)
	id := NewUUID()
	future, err := m.makeLog(d, tp, current.TopicID(), *current.Config(), suffixedDirName(tp, hex.EncodeToString(id[:]), futureDirSuffix))
	if err != nil {
		return nil, err
	}
	if err := future.TruncateFullyAndStartAt(current.LogStartOffset()); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.mu.futures[tp] = future
	m.mu.Unlock()
	return future, nil
}

// AbandonFuture deletes the copy of a log that is on its way.
func (m *Manager) AbandonFuture(tp ident.TopicPartition) error {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.mu.Lock()
	future := m.mu.futures[tp]
	delete(m.mu.futures, tp)
	m.mu.Unlock()
	if future == nil {
		return nil
	}
	return m.setAside(future, deleteDirSuffix)
}

// PromoteFuture puts the copy in the place of the log and returns it as a new Log; the old one is closed and deleted. The
// caller makes sure that both are equal and that nobody appends meanwhile. After a crash in between the next start finishes it: see adoptFutures.
func (m *Manager) PromoteFuture(tp ident.TopicPartition) (*Log, error) {
	m.changing.Lock()
	defer m.changing.Unlock()
	current, ok1 := m.Log(tp)
	future, ok2 := m.FutureLog(tp)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("log %s has no copy to promote: %w", tp, kerr.UnknownTopicOrPartition)
	}
	if err := future.Close(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	delete(m.mu.futures, tp)
	m.mu.Unlock()
	if err := m.setAside(current, deleteDirSuffix); err != nil {
		return nil, err
	}
	return m.install(future)
}

// install gives a copy that is complete and closed its log's name, and opens it as that.
func (m *Manager) install(future *Log) (*Log, error) {
	tp, d := future.tp, m.dirOf(future)
	to := vfs.Join(d.path, tp.String())
	err := m.fsys.Rename(future.Dir(), to)
	if err == nil {
		err = patiently(m.logger, func() error { return m.fsys.SyncDir(d.path) })
	}
	var l *Log
	if err == nil {
		opts := LogOptions{
			FS: m.fsys, Dir: to, TopicPartition: tp, TopicID: future.TopicID(), Config: *future.Config(), Logger: m.logger, trash: m.trash, compaction: &m.compaction,
			LogStartOffset: future.LogStartOffset(), RecoveryPoint: future.LogEndOffset(), CleanShutdown: true,
			OnFailure: func(err error) { m.failDir(d, err) },
		}
		err = patiently(m.logger, func() (err error) { l, err = OpenLog(context.Background(), opts); return err })
	}
	if err != nil {
		m.failDir(d, err)
		return nil, fmt.Errorf("promote the copy of %s: %w", tp, d.failure.Load())
	}
	l.SetHighWatermark(future.HighWatermark())
	m.mu.Lock()
	m.mu.logs[tp] = l
	m.mu.Unlock()
	return l, nil
}

// adoptFutures finishes moves that a crash interrupted when the old log had made way for its copy, which was complete then. If a directory is offline,
// the old log may be there.
func (m *Manager) adoptFutures() error {
	for _, d := range m.dirs {
		if !d.online() {
			return nil
		}
	}
	for future := range m.FutureLogs() {
		if _, ok := m.Log(future.tp); ok || m.unreadable(future.tp) != nil {
			continue
		}
		m.logger.Warn("the move of a log to another directory is finished: the old one is gone", "topic", future.tp.Topic, "partition", future.tp.Partition, "dir", future.Dir())
		if err := future.Close(); err != nil {
			return err
		}
		m.mu.Lock()
		delete(m.mu.futures, future.tp)
		m.mu.Unlock()
		if _, err := m.install(future); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) unreadable(tp ident.TopicPartition) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.mu.unreadable[tp]
}
