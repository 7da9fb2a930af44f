package replica

import (
	"cmp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/syncx"
)

// acknowledged is told how an append that waited for the ISR ended.
type acknowledged interface {
	acknowledge(index int, err error)
}

// produceWaiter is an append that waits until the high watermark reaches requiredOffset. index says which of op's partitions it is.
type produceWaiter struct {
	requiredOffset int64
	op             acknowledged
	index          int
}

// acknowledgement is a produceWaiter whose time has come.
type acknowledgement struct {
	op    acknowledged
	index int
	err   error
}

// produceWaiters holds a partition's waiters by required offset. They come almost sorted: each append ends where the log ends.
type produceWaiters struct{ queue []produceWaiter }

func (w *produceWaiters) add(n produceWaiter) {
	i := len(w.queue)
	for i > 0 && w.queue[i-1].requiredOffset > n.requiredOffset {
		i--
	}
	w.queue = slices.Insert(w.queue, i, n)
}

// takeAcknowledged removes the waiters that the machine's high watermark has passed.
func (w *produceWaiters) takeAcknowledged(m *machine) []acknowledgement {
	n, _ := slices.BinarySearchFunc(w.queue, m.highWatermark+1, func(a produceWaiter, offset int64) int { return cmp.Compare(a.requiredOffset, offset) })
	if n == 0 {
		return nil
	}
	var err error
	if _, enough := m.acknowledged(m.highWatermark); !enough {
		err = kerr.NotEnoughReplicasAfterAppend
	}
	return w.take(n, err)
}

func (w *produceWaiters) takeAll(err error) []acknowledgement {
	if len(w.queue) == 0 {
		return nil
	}
	return w.take(len(w.queue), err)
}

func (w *produceWaiters) take(n int, err error) []acknowledgement {
	taken := make([]acknowledgement, n)
	for i, q := range w.queue[:n] {
		taken[i] = acknowledgement{op: q.op, index: q.index, err: err}
	}
	w.queue = slices.Delete(w.queue, 0, n)
	return taken
}

func (w *produceWaiters) remove(op acknowledged, index int) {
	w.queue = slices.DeleteFunc(w.queue, func(q produceWaiter) bool { return q.op == op && q.index == index })
}

// delayedProduce is a produce request some of whose partitions wait for the ISR. It is answered when the last one is, or when time is up.
type delayedProduce struct {
	partitions []*Partition // of the rows that waited; nil for the others
	done       func([]ProduceResult)
	timer      *time.Timer

	// mu guards the rest. Taken while no other lock is held.
	mu struct {
		syncx.Mutex
		results []ProduceResult
		waiting []bool
		pending int // rows that wait, and one for the request while it is being set up
	}
}

// start registers the request with its partitions. appends says, for each row with a partition, what it waits for.
func (op *delayedProduce) start(appends []appended, timeout time.Duration) {
	op.mu.pending = 1
	op.mu.waiting = make([]bool, len(op.mu.results))
	for i, p := range op.partitions {
		if p != nil {
			op.mu.waiting[i] = true
			op.mu.pending++
		}
	}
	for i, p := range op.partitions {
		if p == nil {
			continue
		}
		if done, err := p.await(appends[i], op, i); done {
			op.acknowledge(i, err)
		}
	}
	op.finish(op.release(timeout))
}

// acknowledge ends the wait of one row.
func (op *delayedProduce) acknowledge(index int, err error) {
	op.mu.Lock()
	if !op.mu.waiting[index] {
		op.mu.Unlock()
		return // timed out at the same moment
	}
	op.mu.waiting[index] = false
	if err != nil {
		op.mu.results[index].fail(err)
	}
	op.mu.pending--
	last := op.mu.pending == 0
	op.mu.Unlock()
	op.finish(last)
}

// release gives up the hold that kept the request from being answered while it was set up. The time runs from here.
func (op *delayedProduce) release(timeout time.Duration) (last bool) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.timer = time.AfterFunc(timeout, op.expire)
	op.mu.pending--
	return op.mu.pending == 0
}

func (op *delayedProduce) finish(last bool) {
	if last {
		op.timer.Stop()
		op.done(op.mu.results) // nobody else holds the operation any more
	}
}

// expire answers the rows that still wait with REQUEST_TIMED_OUT. Their records stay in the log and may yet be replicated.
func (op *delayedProduce) expire() {
	for i, p := range op.partitions {
		if p != nil {
			p.forget(op, i)
			op.acknowledge(i, kerr.RequestTimedOut)
		}
	}
}
