package clean

import (
	"context"
	"sync"
	"time"
)

// throttle holds the bytes that all cleaner threads read and write to a rate (log.cleaner.io.max.bytes.per.second).
type throttle struct {
	mu sync.Mutex
	// bytesPerSecond is 0 for as fast as it goes. Guarded by mu.
	bytesPerSecond float64
	// nextAt is when the bytes so far have been paid for. Guarded by mu.
	nextAt time.Time
}

// throttleSlack is the shortest wait worth a timer.
const throttleSlack = 10 * time.Millisecond

// wait accounts for n bytes and waits until they are due.
func (t *throttle) wait(ctx context.Context, n int) error {
	now := time.Now()
	t.mu.Lock()
	if t.bytesPerSecond <= 0 {
		t.mu.Unlock()
		return ctx.Err()
	}
	if t.nextAt.Before(now) {
		t.nextAt = now
	}
	t.nextAt = t.nextAt.Add(time.Duration(float64(n) / t.bytesPerSecond * float64(time.Second)))
	delay := t.nextAt.Sub(now)
	t.mu.Unlock()
	if delay < throttleSlack {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// setRate changes the rate; 0 is none.
func (t *throttle) setRate(bytesPerSecond float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytesPerSecond, t.nextAt = bytesPerSecond, time.Time{}
}
