package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// openDirs opens the directories and their logs.
func (m *Manager) openDirs(ctx context.Context) error {
	if len(m.cfg.Dirs) == 0 {
		return errors.New("log.dirs is empty")
	}
	for _, path := range m.cfg.Dirs {
		d, err := openLogDir(m.fsys, path, &m.cfg)
		var held *vfs.LockedError
		var foreign *ForeignDirError
		switch {
		case errors.As(err, &held), errors.As(err, &foreign):
			return err
		case vfs.OutOfHandles(err):
			return &HandlesError{err}
		case err != nil:
			d = &logDir{path: path, brokerEpoch: noBrokerEpoch}
			m.dirs = append(m.dirs, d)
			m.failDir(d, err)
			continue
		}
		m.dirs = append(m.dirs, d)
	}
	var loading sync.WaitGroup
	var handles atomic.Pointer[HandlesError] // the logs of a directory need more than there are: a matter of configuration, not of the disk
	for _, d := range m.dirs {
		if d.online() {
			loading.Go(func() {
				err := m.loadDir(ctx, d)
				if vfs.OutOfHandles(err) {
					handles.CompareAndSwap(nil, &HandlesError{err})
				} else if err != nil {
					m.failDir(d, err)
				}
			})
		}
	}
	loading.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := handles.Load(); err != nil {
		return err
	}
	if err := m.adoptFutures(); err != nil { //nolint:contextcheck // it must not stop half-way
		return err
	}
	for _, d := range m.dirs {
		if d.online() {
			return nil
		}
	}
	return fmt.Errorf("none of the log directories can be used: %w", m.dirs[0].failure.Load())
}

// loadDir opens all logs in a directory.
func (m *Manager) loadDir(ctx context.Context, d *logDir) error {
	began := time.Now()
	recoveryPoints, err := m.readCheckpoint(d, RecoveryPointCheckpoint)
	if err != nil {
		return err
	}
	startOffsets, err := m.readCheckpoint(d, LogStartOffsetCheckpoint)
	if err != nil {
		return err
	}
	names, err := m.fsys.List(d.path)
	if err != nil {
		return err
	}
	work := make(chan LogOptions)
	failed := make(chan error, 1)
	var loaders sync.WaitGroup
	for range max(m.cfg.RecoveryThreads, 1) {
		loaders.Go(func() {
			for opts := range work {
				if err := m.loadLog(ctx, d, opts); err != nil {
					select {
					case failed <- err:
					default: // the first error is enough
					}
				}
			}
		})
	}
	count := 0
	for _, name := range names {
		tp, kind := parseDirName(name)
		path := vfs.Join(d.path, name)
		if kind == dirForeign || (m.cfg.Exclude != nil && m.cfg.Exclude(tp)) {
			continue
		}
		if info, err := m.fsys.Stat(path); err != nil || !info.IsDir {
			continue
		}
		switch kind {
		case dirDelete:
			m.trash.later(0, func() { m.removeDir(path) })
		case dirStray:
			m.logger.Warn("directory of a log that was not the broker's is left alone; remove it when you don't need it", "path", path)
		default:
			count++
			recoveryPoint, known := recoveryPoints[tp]
			if !known {
				recoveryPoint = -1
			}
			work <- LogOptions{
				FS: m.fsys, Dir: path, TopicPartition: tp, Config: m.configFor(tp.Topic), Logger: m.logger, trash: m.trash, compaction: &m.compaction,
				LogStartOffset: startOffsets[tp], RecoveryPoint: recoveryPoint, CleanShutdown: d.wasClean, configLater: m.cfg.ConfigFor == nil,
				OnFailure: func(err error) { m.failDir(d, err) },
			}
		}
	}
	close(work)
	loaders.Wait()
	m.logger.Info("log directory opened", "dir", d.path, "logs", count, "clean", d.wasClean, "took", time.Since(began).Round(time.Millisecond))
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// readCheckpoint reads a checkpoint file. A damaged one is as good as none: recovery then checks everything.
func (m *Manager) readCheckpoint(d *logDir, name string) (map[ident.TopicPartition]int64, error) {
	offsets, err := m.Checkpoint(d.path, name).Read()
	if damaged, ok := errors.AsType[*CorruptionError](err); ok {
		m.logger.Warn("checkpoint is unreadable and not used", "path", damaged.Path, "err", err)
		return nil, nil
	}
	return offsets, err
}

func (m *Manager) configFor(topic string) LogConfig {
	if m.cfg.ConfigFor != nil {
		if cfg, ok := m.cfg.ConfigFor(topic); ok {
			return cfg
		}
	}
	return m.cfg.Defaults
}

// loadLog opens one log. Damage keeps that log closed, with the reason for those who ask for it; an I/O error fails the directory.
func (m *Manager) loadLog(ctx context.Context, d *logDir, opts LogOptions) error {
	if !d.online() || ctx.Err() != nil {
		return nil
	}
	l, err := OpenLog(ctx, opts)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := errors.AsType[*CorruptionError](err); ok {
		m.logger.Error("log can't be opened", "path", opts.Dir, "err", err)
		m.mu.unreadable[opts.TopicPartition] = err
		return nil
	}
	if err != nil {
		return err
	}
	logs := m.mu.logs
	if l.IsFuture() {
		logs = m.mu.futures
	}
	if other := logs[opts.TopicPartition]; other != nil {
		// Two directories have the log: a copy whose promotion a crash interrupted, or a folder that was copied by hand. Guessing could lose data.
		l.abandon()
		delete(logs, opts.TopicPartition)
		other.abandon()
		err := fmt.Errorf("log %s is in two log directories, %s and %s: move one of them away: %w",
			opts.TopicPartition, other.Dir(), opts.Dir, kerr.KafkaStorageError)
		m.logger.Error("log can't be opened", "path", opts.Dir, "err", err)
		m.mu.unreadable[opts.TopicPartition] = err
		return nil
	}
	logs[opts.TopicPartition] = l
	d.logs.Add(1)
	return nil
}
