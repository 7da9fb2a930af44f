package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/syncx"
)

const (
	// moveChunkBytes is how much of a log is copied in one step, in memory.
	moveChunkBytes = 1 << 20
	// moveTailBytes is how far the copy may be behind when appends are held up for the last step.
	moveTailBytes = 256 << 10
	// moveMaxTails bounds how often that is waited for: a log that grows faster than it can be copied is held up for longer.
	moveMaxTails = 100
)

// dirMoves copies replicas from one log directory to another, one after the other, while they stay in use. The copy is a log of its own with
// the suffix -future, filled like a follower's; when it has caught up, appends wait for the moment it takes to put it in the other's place.
type dirMoves struct {
	manager *Manager
	wake    chan struct{} // capacity 1: a token says that the queue isn't empty

	// mu guards the rest. Never held during a copy.
	mu struct {
		syncx.Mutex
		queue  []*dirMove
		active map[ident.TopicPartition]*dirMove // queued or being copied
	}
}

type dirMove struct {
	partition *Partition
	dir       string
	cancelled chan struct{}
}

func newDirMoves(m *Manager) *dirMoves {
	d := &dirMoves{manager: m, wake: make(chan struct{}, 1)}
	d.mu.active = make(map[ident.TopicPartition]*dirMove)
	return d
}

// start makes the future log and queues the copying. The caller holds the partition's gate for reading.
func (d *dirMoves) start(p *Partition, dir string) error {
	d.mu.Lock()
	old := d.mu.active[p.tp]
	d.mu.Unlock()
	if old != nil && old.dir == dir {
		return nil
	}
	d.cancel(p.tp)
	if _, err := d.manager.cfg.Storage.CreateFuture(p.tp, dir); err != nil {
		return err
	}
	d.enqueue(p, dir)
	return nil
}

// resume goes on with the move that was in progress when the last process ended, if there was one.
func (d *dirMoves) resume(p *Partition) {
	if future, ok := d.manager.cfg.Storage.FutureLog(p.tp); ok {
		d.manager.logger.Info("going on with a move to another log directory", "partition", p.tp.String(), "dir", future.ParentDir())
		d.enqueue(p, future.ParentDir())
	}
}

func (d *dirMoves) enqueue(p *Partition, dir string) {
	move := &dirMove{partition: p, dir: dir, cancelled: make(chan struct{})}
	d.mu.Lock()
	d.mu.active[p.tp] = move
	d.mu.queue = append(d.mu.queue, move)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// cancel gives up a partition's move, if there is one. The caller holds the partition's gate for reading, or the partition is going.
func (d *dirMoves) cancel(tp ident.TopicPartition) {
	d.mu.Lock()
	move := d.mu.active[tp]
	if move != nil {
		delete(d.mu.active, tp)
		close(move.cancelled)
	}
	d.mu.Unlock()
	if move == nil {
		return
	}
	if err := d.manager.cfg.Storage.AbandonFuture(tp); err != nil {
		d.manager.logger.Warn("future log not removed", "partition", tp.String(), "error", err)
	}
}

func (d *dirMoves) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		for ctx.Err() == nil {
			d.mu.Lock()
			if len(d.mu.queue) == 0 {
				d.mu.Unlock()
				break
			}
			move := d.mu.queue[0]
			d.mu.queue = d.mu.queue[1:]
			d.mu.Unlock()
			d.carryOut(ctx, move)
		}
	}
}

var errMoveCancelled = errors.New("the move was cancelled")

func (d *dirMoves) carryOut(ctx context.Context, move *dirMove) {
	tp := move.partition.tp
	err := d.copyAndSwap(ctx, move)
	switch {
	case err == nil:
		d.mu.Lock()
		if d.mu.active[tp] == move {
			delete(d.mu.active, tp)
		}
		d.mu.Unlock()
		d.manager.logger.Info("replica moved", "partition", tp.String(), "dir", move.dir)
	case errors.Is(err, errMoveCancelled), ctx.Err() != nil: // whoever cancelled has cleaned up; at a restart resume finds the future log
	default:
		d.manager.logger.Error("replica not moved", "partition", tp.String(), "dir", move.dir, "error", err)
		d.giveUp(move)
	}
}

// giveUp cancels the move, unless the partition has another one by now.
func (d *dirMoves) giveUp(move *dirMove) {
	p := move.partition
	p.gate.RLock()
	defer p.gate.RUnlock()
	if !move.isCancelled() {
		d.cancel(p.tp)
	}
}

func (move *dirMove) isCancelled() bool {
	select {
	case <-move.cancelled:
		return true
	default:
		return false
	}
}

func (d *dirMoves) copyAndSwap(ctx context.Context, move *dirMove) error {
	p := move.partition
	future, ok := d.manager.cfg.Storage.FutureLog(p.tp)
	if !ok {
		return errMoveCancelled
	}
	log := p.log.Load()
	if log == nil {
		return kerr.KafkaStorageError
	}
	var buf []byte
	for range moveMaxTails {
		behind, err := d.copyUpTo(ctx, move, log, future, &buf, log.LogEndOffset(), false)
		if err != nil {
			return err
		}
		if behind <= moveTailBytes {
			break
		}
	}
	p.gate.Lock() // nothing is appended or truncated from here on, and nobody changes the move's aim
	defer p.gate.Unlock()
	if move.isCancelled() || p.log.Load() != log { // or the directory that it leaves has failed meanwhile
		return errMoveCancelled
	}
	if _, err := d.copyUpTo(ctx, move, log, future, &buf, log.LogEndOffset(), true); err != nil {
		return err
	}
	promoted, err := d.manager.cfg.Storage.PromoteFuture(p.tp) //nolint:contextcheck // it must not stop half-way
	if err != nil {
		return err
	}
	promoted.SetHighWatermark(log.HighWatermark())
	p.log.Store(promoted)
	d.manager.dirs.placed(p, promoted, metadata.DirectoryUnassigned)
	return nil
}

// copyUpTo copies batches until future ends at end, and returns how many bytes were appended to log meanwhile. With held the partition waits for it, and no
// throttle counts.
func (d *dirMoves) copyUpTo(ctx context.Context, move *dirMove, log, future *storage.Log, buf *[]byte, end int64, held bool) (behind int64, err error) {
	tp, sizeBefore := log.TopicPartition(), log.Size()
	if err := align(log, future); err != nil {
		return 0, err
	}
	if start := log.LogStartOffset(); future.LogEndOffset() < start || future.LogEndOffset() > log.LogEndOffset() {
		if err := future.TruncateFullyAndStartAt(start); err != nil {
			return 0, err
		}
	}
	for future.LogEndOffset() < min(end, log.LogEndOffset()) {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-move.cancelled:
			return 0, errMoveCancelled
		default:
		}
		if !held && d.manager.cfg.DirThrottle.Holds(tp.Topic, tp.Partition, time.Now()) {
			move.pause(ctx)
			continue
		}
		if err := move.copyChunk(log, future, buf, end, held); err != nil {
			return 0, fmt.Errorf("copy %s from offset %d: %w", tp, future.LogEndOffset(), err)
		}
		d.manager.cfg.DirThrottle.Record(tp.Topic, tp.Partition, len(*buf), time.Now())
	}
	if start := log.LogStartOffset(); start > future.LogStartOffset() {
		future.SetHighWatermark(future.LogEndOffset())
		if err := future.IncrementLogStartOffset(start); err != nil {
			return 0, err
		}
	}
	return max(0, log.Size()-sizeBefore), nil
}

// pause lets some time pass, for the throttle.
func (move *dirMove) pause(ctx context.Context) {
	timer := time.NewTimer(throttlePoll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-move.cancelled:
	case <-timer.C:
	}
}

// align cuts from future what log doesn't have any more: log was truncated to another leader's history while it was being copied, or when this
// process was not there to see it. Leader epochs tell.
func align(log, future *storage.Log) error {
	for {
		epoch, end := future.LatestEpoch(), future.LogEndOffset()
		if epoch < 0 {
			return nil
		}
		known, knownEnd := log.EndOffsetForEpoch(epoch)
		switch {
		case known == epoch && knownEnd >= end:
			return nil
		case known < 0:
			return future.TruncateFullyAndStartAt(log.LogStartOffset())
		}
		if _, err := future.TruncateTo(commonEnd(future, EpochEndOffset{LeaderEpoch: known, EndOffset: knownEnd})); err != nil {
			return err
		}
		if future.LogEndOffset() == end { // what is left has no records of the epoch that is not shared
			return future.TruncateFullyAndStartAt(log.LogStartOffset())
		}
	}
}

// copyChunk copies the next batches. Between the look at the two logs' history and the read, the log must not be truncated: the gate is held, by the caller
// or here.
func (move *dirMove) copyChunk(log, future *storage.Log, buf *[]byte, end int64, held bool) error {
	if !held {
		move.partition.gate.RLock()
		defer move.partition.gate.RUnlock()
	}
	if err := align(log, future); err != nil {
		return err
	}
	end = min(end, log.LogEndOffset())
	if *buf = (*buf)[:0]; future.LogEndOffset() >= end {
		return nil
	}
	records, err := log.Read(future.LogEndOffset(), moveChunkBytes, end, true)
	if err != nil {
		return err
	}
	defer records.Release()
	if records.Size() == 0 {
		return fmt.Errorf("nothing to read below offset %d", end)
	}
	if *buf, err = records.Bytes(*buf); err != nil {
		return err
	}
	return appendCopied(future, *buf, log.LatestEpoch())
}
