package wire

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// budget bounds the memory of all requests of a server together. As with Kafka's queued.max.request.bytes, memory is granted while less than
// the limit is in use, so that a single request larger than the limit still passes; at most one request's size more than the limit is in use.
type budget struct {
	limit int64
	used  atomic.Int64

	waiting atomic.Int32 // len(queue), readable without the lock
	mu      sync.Mutex
	queue   []*budgetWaiter // first come, first served
}

type budgetWaiter struct {
	bytes   int64
	granted chan struct{}
}

// force takes bytes whatever the limit: for the small buffer that each connection is entitled to.
func (b *budget) force(bytes int64) { b.used.Add(bytes) }

// scarce reports that so much is in use that a frame's size field is no longer believed in advance.
func (b *budget) scarce() bool { return b.used.Load() > b.limit/2 }

// take waits until bytes are granted or ctx ends.
func (b *budget) take(ctx context.Context, bytes int64) error {
	if b.waiting.Load() == 0 && b.used.Load() < b.limit {
		b.used.Add(bytes)
		return nil
	}
	w := &budgetWaiter{bytes: bytes, granted: make(chan struct{})}
	b.mu.Lock()
	b.queue = append(b.queue, w)
	b.waiting.Store(int32(len(b.queue)))
	b.grantLocked()
	b.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.queue, w); i >= 0 {
		b.queue = slices.Delete(b.queue, i, i+1)
		b.waiting.Store(int32(len(b.queue)))
	} else {
		b.used.Add(-bytes) // granted meanwhile
		b.grantLocked()
	}
	return ctx.Err()
}

// put gives bytes back and lets waiters in.
func (b *budget) put(bytes int64) {
	b.used.Add(-bytes)
	if b.waiting.Load() > 0 {
		b.mu.Lock()
		b.grantLocked()
		b.mu.Unlock()
	}
}

// grantFirst lets the first waiter have its memory although the limit is reached: when all memory is held by requests that are waiting for more.
func (b *budget) grantFirst() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 {
		b.used.Add(b.queue[0].bytes)
		close(b.queue[0].granted)
		b.queue = slices.Delete(b.queue, 0, 1)
		b.waiting.Store(int32(len(b.queue)))
	}
}

func (b *budget) grantLocked() {
	n := 0
	for n < len(b.queue) && b.used.Load() < b.limit {
		b.used.Add(b.queue[n].bytes)
		close(b.queue[n].granted)
		n++
	}
	b.queue = slices.Delete(b.queue, 0, n)
	b.waiting.Store(int32(len(b.queue)))
}
