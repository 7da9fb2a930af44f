package coordinator

import (
	"container/heap"
	"time"
)

// Timers is the set of deadlines of a state machine: pure data, one deadline for each key. The zero value is ready to use.
//
// A deadline that is set again moves, so a session that is kept alive costs one heap fix for each heartbeat.
type Timers[K comparable] struct {
	heap  timerHeap[K]
	byKey map[K]*timer[K]
	count uint64
}

type timer[K comparable] struct {
	key   K
	at    time.Time
	order uint64 // breaks ties by the order of scheduling, so that the same input has the same effect
	index int
}

// Schedule sets or moves the deadline of key.
func (t *Timers[K]) Schedule(key K, at time.Time) {
	if old, ok := t.byKey[key]; ok {
		old.at = at
		heap.Fix(&t.heap, old.index)
		return
	}
	if t.byKey == nil {
		t.byKey = make(map[K]*timer[K])
	}
	t.count++
	e := &timer[K]{key: key, at: at, order: t.count}
	t.byKey[key] = e
	heap.Push(&t.heap, e)
}

// Cancel takes the deadline of key away, if it has one.
func (t *Timers[K]) Cancel(key K) {
	if e, ok := t.byKey[key]; ok {
		delete(t.byKey, key)
		heap.Remove(&t.heap, e.index)
	}
}

// Scheduled reports the deadline of key.
func (t *Timers[K]) Scheduled(key K) (time.Time, bool) {
	e, ok := t.byKey[key]
	if !ok {
		return time.Time{}, false
	}
	return e.at, true
}

// Next is the earliest deadline.
func (t *Timers[K]) Next() (time.Time, bool) {
	if len(t.heap) == 0 {
		return time.Time{}, false
	}
	return t.heap[0].at, true
}

// Pop removes and returns the earliest key whose deadline has come.
func (t *Timers[K]) Pop(now time.Time) (key K, ok bool) {
	if len(t.heap) == 0 || t.heap[0].at.After(now) {
		return key, false
	}
	e := heap.Pop(&t.heap).(*timer[K])
	delete(t.byKey, e.key)
	return e.key, true
}

// Len is the number of deadlines.
func (t *Timers[K]) Len() int { return len(t.heap) }

type timerHeap[K comparable] []*timer[K]

func (h timerHeap[K]) Len() int { return len(h) }

func (h timerHeap[K]) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].order < h[j].order
}

func (h timerHeap[K]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap[K]) Push(x any) {
	e := x.(*timer[K])
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *timerHeap[K]) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
