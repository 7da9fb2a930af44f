package replica

import (
	"sync/atomic"
	"time"

	"github.com/kgo-project/kgo/broker/syncx"
)

// bound says which of a partition's offsets limits a fetcher, and thus which one's advance brings it data.
type bound int8

const (
	boundHighWatermark bound = iota // consumers
	boundLastStable                 // consumers that read committed
	boundLogEnd                     // followers
)

func (b bounds) of(k bound) int64 {
	switch k {
	case boundLastStable:
		return b.lastStableOffset
	case boundLogEnd:
		return b.logEndOffset
	default:
		return b.highWatermark
	}
}

// fetchWaiter is one partition's place in a fetch that waits. It hangs in the partition's list until its bound passes seen, the replica
// changes its role, or the fetch is over.
type fetchWaiter struct {
	op        *delayedFetch
	index     int
	partition *Partition
	bound     bound

	// Guarded by the partition's lock while listed.
	listed     bool
	seen       int64 // where the bound was when the partition was last read
	seenHW     int64 // for a follower: the high watermark it was told last; it is woken when that moves, too
	prev, next *fetchWaiter
}

// ready reports whether the waiter's partition has something new.
func (w *fetchWaiter) ready(b bounds) bool {
	return b.of(w.bound) > w.seen || w.bound == boundLogEnd && b.highWatermark > w.seenHW
}

// fetchWaiters is a partition's list of waiting fetches, guarded by the partition's lock.
type fetchWaiters struct{ head *fetchWaiter }

func (l *fetchWaiters) add(w *fetchWaiter) {
	w.listed, w.prev, w.next = true, nil, l.head
	if l.head != nil {
		l.head.prev = w
	}
	l.head = w
}

func (l *fetchWaiters) remove(w *fetchWaiter) {
	if !w.listed {
		return
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.listed, w.prev, w.next = false, nil, nil
}

// takeReady removes and returns the waiters that have something new.
func (l *fetchWaiters) takeReady(b bounds) (ready []*fetchWaiter) {
	for w := l.head; w != nil; {
		next := w.next
		if w.ready(b) {
			l.remove(w)
			ready = append(ready, w)
		}
		w = next
	}
	return ready
}

func (l *fetchWaiters) takeAll() (all []*fetchWaiter) {
	for l.head != nil {
		all = append(all, l.head)
		l.remove(l.head)
	}
	return all
}

// watch hangs w into the partition's list, unless the partition has something new already.
func (p *Partition) watch(w *fetchWaiter) (ready bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed != nil || w.ready(p.boundsLocked()) {
		return true
	}
	p.mu.fetch.add(w)
	return false
}

func (p *Partition) unwatch(w *fetchWaiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.fetch.remove(w)
}

// delayedFetch is a fetch that found less than min.bytes and waits for more, or for max.wait to end. When either happens it reads all
// its partitions anew and answers.
type delayedFetch struct {
	manager    *Manager
	params     FetchParams
	partitions []FetchPartition
	done       func([]FetchResult)
	timer      *time.Timer
	results    []FetchResult // finish's; before, they held what was too little
	waiters    []fetchWaiter // one for each partition
	finished   atomic.Bool

	// mu guards the estimate of what there is to read. Taken while no partition's lock is held.
	mu struct {
		syncx.Mutex
		started   bool  // all partitions are watched; completing before would leave waiters behind
		complete  bool  // found due while it was being set up
		available []int // bytes by partition
		total     int
	}
}

// start watches the partitions. results are those of the read that found too little, which say where each bound was then.
func (op *delayedFetch) start(results []FetchResult, reads []readState) {
	op.waiters = make([]fetchWaiter, len(op.partitions))
	op.mu.available = make([]int, len(op.partitions))
	for i := range results {
		op.mu.available[i] = results[i].size()
		op.mu.total += op.mu.available[i]
	}
	ReleaseAll(results)
	op.results = results
	op.timer = time.AfterFunc(op.params.MaxWait, op.complete)
	for i := range op.waiters {
		w := &op.waiters[i]
		*w = fetchWaiter{op: op, index: i, partition: reads[i].partition, bound: op.params.bound(), seen: reads[i].bound, seenHW: reads[i].highWatermark}
		if w.partition.watch(w) {
			op.woken(w)
		}
		if op.due() {
			break // the rest needn't be watched
		}
	}
	op.mu.Lock()
	op.mu.started = true
	complete := op.mu.complete
	op.mu.Unlock()
	if complete {
		op.finish()
	}
}

// woken looks again at one partition, which has something new, and completes the fetch if that makes enough.
func (op *delayedFetch) woken(w *fetchWaiter) {
	if op.params.MinBytes <= 1 && !w.partition.throttles(&op.params) {
		op.complete()
		return
	}
	for !op.finished.Load() {
		p := &op.partitions[w.index]
		var result FetchResult
		state := op.manager.read(&op.params, p, &result, p.MaxBytes, true, false, &wakeups{}) // not fresh: wakes nobody
		size := result.size()
		release(&result.Records)
		if state.immediate || result.Err != nil || op.add(w.index, size) {
			op.complete()
			return
		}
		w.seen, w.seenHW = state.bound, state.highWatermark
		if !w.partition.watch(w) {
			if op.finished.Load() {
				w.partition.unwatch(w) // finish may have gone through the list before w was in it
			}
			return
		}
	}
}

// due reports whether the fetch is to be answered as soon as it is set up.
func (op *delayedFetch) due() bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	return op.mu.complete
}

// add notes how much one partition has and reports whether all have enough together.
func (op *delayedFetch) add(index, size int) bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.mu.total += size - op.mu.available[index]
	op.mu.available[index] = size
	return op.mu.total >= op.params.MinBytes
}

// complete answers the fetch, once; while it is being set up it leaves that to start.
func (op *delayedFetch) complete() {
	op.mu.Lock()
	op.mu.complete = true
	started := op.mu.started
	op.mu.Unlock()
	if started {
		op.finish()
	}
}

func (op *delayedFetch) finish() {
	if op.finished.Swap(true) {
		return
	}
	op.timer.Stop()
	for i := range op.waiters {
		if w := &op.waiters[i]; w.partition != nil {
			w.partition.unwatch(w)
		}
	}
	op.manager.readAll(&op.params, op.partitions, op.results, nil, false)
	op.manager.recordThrottled(&op.params, op.partitions, op.results)
	op.done(op.results)
}
