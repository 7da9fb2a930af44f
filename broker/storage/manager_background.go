package storage

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/kgo-project/kgo/broker/clock"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// flushCheckMost is how long flush.ms may be overrun: the topic's setting counts even if the broker's scheduler interval is long.
const flushCheckMost = time.Second

// Start begins the background work: retention, flush.ms, checkpoints, producer expiry. Close ends it.
func (m *Manager) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	flushCheck := m.cfg.FlushCheck
	if flushCheck <= 0 || flushCheck > flushCheckMost {
		flushCheck = flushCheckMost
	}
	m.every(ctx, m.cfg.RetentionCheck, m.applyRetention)
	m.every(ctx, flushCheck, m.flushOverdue)
	m.every(ctx, m.cfg.CheckpointInterval, m.checkpointRecoveryPoints)
	m.every(ctx, m.cfg.StartOffsetCheckpoint, m.checkpointStartOffsets)
	m.every(ctx, m.cfg.ProducerIDCheck, m.expireProducers)
}

func (m *Manager) every(ctx context.Context, interval time.Duration, do func()) {
	if interval <= 0 {
		return
	}
	m.running.Go(func() {
		timer := time.NewTimer(min(m.cfg.InitialTaskDelay, math.MaxInt64-interval) + interval)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			do()
			timer.Reset(interval)
		}
	})
}

// ExpiryMs is the time by which records and producers expire, in milliseconds since 1970: the wall clock's, unless that has jumped.
func (m *Manager) ExpiryMs() int64 { return m.cfg.Expiry.Now().UnixMilli() }

// applyRetention drops old segments in all logs. A log whose policy is compact alone loses only what lies before its start.
func (m *Manager) applyRetention() {
	now := m.ExpiryMs()
	for _, l := range m.all() {
		if _, err := l.DeleteOldSegments(now); err != nil && !isExpected(err) {
			m.logger.Error("retention", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
		}
	}
}

// isExpected tells errors that are no news: the log was closed or its directory is known to be offline.
func isExpected(err error) bool {
	var offline *OfflineError
	return errors.Is(err, ErrClosed) || errors.As(err, &offline)
}

func (m *Manager) flushOverdue() {
	now := clock.Monotonic().Milliseconds()
	for _, l := range m.all() {
		end := l.LogEndOffset()
		limit := l.Config().FlushMs
		if limit == math.MaxInt64 || l.RecoveryPoint() >= end || now-l.lastFlushMs.Load() < limit {
			continue
		}
		if err := l.Flush(end); err != nil && !isExpected(err) {
			m.logger.Error("flush", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
		}
	}
}

// SetProducerIDExpiration changes producer.id.expiration.ms; the next look at the producers heeds it.
func (m *Manager) SetProducerIDExpiration(d time.Duration) { m.producerIDExpiration.Store(int64(d)) }

// ProducerIDExpiration is producer.id.expiration.ms.
func (m *Manager) ProducerIDExpiration() time.Duration {
	return time.Duration(m.producerIDExpiration.Load())
}

func (m *Manager) expireProducers() {
	expiration := time.Duration(m.producerIDExpiration.Load())
	if expiration <= 0 {
		return
	}
	before := m.ExpiryMs() - expiration.Milliseconds()
	for _, l := range m.all() {
		l.ExpireProducers(before)
	}
}

func (m *Manager) checkpointRecoveryPoints() {
	m.checkpoint(RecoveryPointCheckpoint, func(l *Log) (int64, bool) { return l.checkpointableRecoveryPoint(), true })
}

func (m *Manager) checkpointStartOffsets() {
	m.checkpoint(LogStartOffsetCheckpoint, func(l *Log) (int64, bool) {
		start := l.LogStartOffset()
		return start, start > (*l.segments.Load())[0].baseOffset // else the first segment's name says it
	})
}

// CheckpointLogStartOffsets makes the logs' start offsets durable now, after DeleteRecords.
func (m *Manager) CheckpointLogStartOffsets() { m.checkpointStartOffsets() }

func (m *Manager) checkpoint(name string, offset func(l *Log) (int64, bool)) {
	for _, d := range m.dirs {
		if !d.online() {
			continue
		}
		err := m.checkpointDir(d, name, offset)
		if vfs.OutOfHandles(err) {
			reportHandles(m.logger, err) // the one before it stays, and the next comes soon
			continue
		}
		if err != nil {
			m.failDir(d, err)
		}
	}
}

func (m *Manager) checkpointDir(d *logDir, name string, offset func(l *Log) (int64, bool)) error {
	d.checkpointing.Lock()
	defer d.checkpointing.Unlock()
	offsets := make(map[ident.TopicPartition]int64)
	for _, l := range m.all() {
		if l.ParentDir() != d.path {
			continue
		}
		if at, ok := offset(l); ok {
			offsets[l.tp] = at
		}
	}
	return m.Checkpoint(d.path, name).Write(offsets)
}

// Close ends the background work, closes all logs, and writes the checkpoints and the mark of a clean stop in each directory where all of
// that succeeded.
func (m *Manager) Close() error {
	m.changing.Lock()
	defer m.changing.Unlock()
	m.mu.Lock()
	closed := m.mu.closed
	m.mu.closed = true
	brokerEpoch := m.mu.brokerEpoch
	m.mu.Unlock()
	if closed {
		return nil
	}
	if m.stop != nil {
		m.stop()
	}
	m.running.Wait()
	var (
		closing sync.WaitGroup
		errs    = make([]error, len(m.dirs))
	)
	for i, d := range m.dirs {
		closing.Go(func() { errs[i] = m.closeDir(d, brokerEpoch) })
	}
	closing.Wait()
	m.trash.close()
	for _, d := range m.dirs {
		if d.lock != nil {
			errs = append(errs, d.lock.Close())
		}
	}
	return errors.Join(errs...)
}

func (m *Manager) closeDir(d *logDir, brokerEpoch int64) error {
	work := make(chan *Log)
	var closers sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for range max(m.cfg.RecoveryThreads, 1) {
		closers.Go(func() {
			for l := range work {
				if err := l.Close(); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, l := range m.all() {
		if l.ParentDir() == d.path {
			work <- l
		}
	}
	close(work)
	closers.Wait()
	if err := errors.Join(errs...); err != nil || !d.online() {
		return err
	}
	for name, offset := range map[string]func(l *Log) (int64, bool){
		RecoveryPointCheckpoint: func(l *Log) (int64, bool) { return l.RecoveryPoint(), true },
		LogStartOffsetCheckpoint: func(l *Log) (int64, bool) {
			return l.LogStartOffset(), l.LogStartOffset() > (*l.segments.Load())[0].baseOffset
		},
	} {
		if err := m.checkpointDir(d, name, offset); err != nil {
			return err
		}
	}
	return d.writeCleanShutdownMarker(m.fsys, brokerEpoch)
}
