package replica

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/syncx"
)

// HighWatermarkOffset asks DeleteRecords to delete up to the high watermark.
const HighWatermarkOffset int64 = -1

// DeleteRecordsPartition asks to delete a partition's records below BeforeOffset.
type DeleteRecordsPartition struct {
	TopicPartition ident.TopicPartition
	BeforeOffset   int64
	Err            error // when set, the answer
}

// DeleteRecordsResult is one partition's answer: from LowWatermark on, every living replica may still have records.
type DeleteRecordsResult struct {
	LowWatermark int64
	Err          error
}

// deleteWaiter waits until every living replica's log starts at offset or later.
type deleteWaiter struct {
	offset int64
	op     *delayedDelete
	index  int
}

// deletion is a deleteWaiter whose time has come.
type deletion struct {
	op           *delayedDelete
	index        int
	lowWatermark int64
	err          error
}

// takeDeletesLocked removes the waiters that the low watermark has reached; with err set, all. REQUIRES: p.mu.
func (p *Partition) takeDeletesLocked(err error) (taken []deletion) {
	p.mu.AssertHeld()
	if len(p.mu.deletes) == 0 {
		return nil
	}
	low := p.mu.machine.lowWatermark(p.manager.eligible)
	kept := p.mu.deletes[:0]
	for _, d := range p.mu.deletes {
		if err == nil && low < d.offset {
			kept = append(kept, d)
			continue
		}
		taken = append(taken, deletion{op: d.op, index: d.index, lowWatermark: low, err: err})
	}
	clear(p.mu.deletes[len(kept):])
	p.mu.deletes = kept
	return taken
}

// delayedDelete is a DeleteRecords request: it is answered when all its partitions are, or when time is up.
type delayedDelete struct {
	done  func([]DeleteRecordsResult)
	timer *time.Timer

	// mu guards the rest. Taken while no other lock is held.
	mu struct {
		syncx.Mutex
		results []DeleteRecordsResult
		waiting []bool
		pending int // rows that wait, and one while the request is being set up
	}
}

// DeleteRecords moves the log start of partitions and calls done when no living replica has the records any more, or the timeout is over.
func (m *Manager) DeleteRecords(partitions []DeleteRecordsPartition, timeout time.Duration, done func([]DeleteRecordsResult)) {
	op := &delayedDelete{done: done}
	op.mu.results = make([]DeleteRecordsResult, len(partitions))
	op.mu.waiting = make([]bool, len(partitions))
	for i := range op.mu.waiting {
		op.mu.waiting[i] = true
	}
	op.mu.pending = len(partitions) + 1
	var w wakeups
	for i := range partitions {
		low, waits, more, err := m.deleteRecords(&partitions[i], op, i)
		w.add(more)
		if err != nil || !waits {
			op.deleted(i, low, err)
		}
	}
	op.mu.Lock()
	op.timer = time.AfterFunc(timeout, op.expire) // from now on: what needn't wait is answered however short the time
	op.mu.pending--
	last := op.mu.pending == 0
	op.mu.Unlock()
	op.finish(last)
	w.run(m)
}

func (m *Manager) deleteRecords(in *DeleteRecordsPartition, op *delayedDelete, index int) (low int64, waits bool, w wakeups, err error) {
	if in.Err != nil {
		return noOffset, false, w, in.Err
	}
	p, err := m.Partition(in.TopicPartition)
	if err != nil {
		return noOffset, false, w, err
	}
	if IsInternal(in.TopicPartition.Topic) {
		return noOffset, false, w, &refusal{kerr.InvalidTopicException, "Cannot delete records of internal topic " + in.TopicPartition.Topic}
	}
	return p.deleteRecords(in.BeforeOffset, op, index)
}

func (p *Partition) deleteRecords(offset int64, op *delayedDelete, index int) (low int64, waits bool, w wakeups, err error) {
	p.gate.RLock()
	defer p.gate.RUnlock()
	p.mu.Lock()
	err = p.checkLocked(anyEpoch, true)
	if offset == HighWatermarkOffset {
		offset = p.mu.machine.highWatermark
	}
	hw := p.mu.machine.highWatermark
	p.mu.Unlock()
	log := p.log.Load()
	switch {
	case err != nil:
		return noOffset, false, w, err
	case log == nil:
		return noOffset, false, w, kerr.KafkaStorageError
	case !log.Config().Delete:
		return noOffset, false, w, fmt.Errorf("%w: records of %s can't be deleted: its cleanup.policy has no delete", kerr.PolicyViolation, p.tp)
	case offset < 0 || offset > hw:
		return noOffset, false, w, fmt.Errorf("%w: offset %d of %s, whose high watermark is %d", kerr.OffsetOutOfRange, offset, p.tp, hw)
	}
	if err := log.IncrementLogStartOffset(offset); err != nil {
		return noOffset, false, w, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w = p.settleLocked(p.mu.machine.logStartMoved(log.LogStartOffset()))
	low = p.mu.machine.lowWatermark(p.manager.eligible)
	if low >= offset {
		return low, false, w, nil
	}
	p.mu.deletes = append(p.mu.deletes, deleteWaiter{offset: offset, op: op, index: index})
	return low, true, w, nil
}

// deleted ends the wait of one row.
func (op *delayedDelete) deleted(index int, low int64, err error) {
	op.mu.Lock()
	if !op.mu.waiting[index] {
		op.mu.Unlock()
		return
	}
	op.mu.waiting[index] = false
	op.mu.results[index] = DeleteRecordsResult{LowWatermark: low, Err: err}
	if err != nil {
		op.mu.results[index].LowWatermark = noOffset
	}
	op.mu.pending--
	last := op.mu.pending == 0
	op.mu.Unlock()
	op.finish(last)
}

func (op *delayedDelete) finish(last bool) {
	if last {
		op.timer.Stop()
		op.done(op.mu.results) // nobody else holds the operation any more
	}
}

// expire answers the rows that still wait. Their waiters stay until the low watermark moves, and find then that nobody waits.
func (op *delayedDelete) expire() {
	for i := range op.mu.waiting { // its length never changes
		op.deleted(i, noOffset, kerr.RequestTimedOut)
	}
}
