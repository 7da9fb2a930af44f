package clean

import (
	"context"
	"sync"
	"time"
)

// throttle holds the bytes that all cleaner threads read and write to a rate (log.cleaner.io.max.bytes.per.second).
type throttle struct {
	bytesPerSecond float64 // 0: as fast as it goes

	mu sync.Mutex
	// nextAt is when the bytes so far have been paid for. Guarded by mu.
	nextAt time.Time
}

// throttleSlack is the shortest wait worth a timer.
const throttleSlack = 10 * time.Millisecond

// wait accounts for n bytes and waits until they are due.
func (t *throttle) wait(ctx context.Context, n int) error {
	if t.bytesPerSecond <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	t.mu.Lock()
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
