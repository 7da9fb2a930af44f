package storage

import (
	"sync"
	"time"

	"github.com/kgo-project/kgo/broker/syncx"
)

// trash removes files some time after they were renamed out of the way (file.delete.delay.ms). What is still waiting when it is
// closed stays on the disk under its last name and is removed at the next start.
type trash struct {
	running sync.WaitGroup
	mu      struct {
		syncx.Mutex
		closed bool
		timers map[*time.Timer]struct{}
	}
}

func newTrash() *trash {
	t := &trash{}
	t.mu.timers = make(map[*time.Timer]struct{})
	return t
}

// later runs remove after delay.
func (t *trash) later(delay time.Duration, remove func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed {
		return
	}
	t.running.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(max(delay, 0), func() {
		defer t.running.Done()
		t.mu.Lock()
		delete(t.mu.timers, timer)
		t.mu.Unlock()
		remove()
	})
	t.mu.timers[timer] = struct{}{}
}

// close forgets what waits and waits for what runs.
func (t *trash) close() {
	t.mu.Lock()
	t.mu.closed = true
	for timer := range t.mu.timers {
		if timer.Stop() {
			t.running.Done()
		}
	}
	t.mu.timers = nil
	t.mu.Unlock()
	t.running.Wait()
}
