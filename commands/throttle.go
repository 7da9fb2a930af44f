package commands

import (
	"context"
	"time"
)

// throttle holds a sender to a rate, on average over the whole run.
type throttle struct {
	perSecond float64 // none below zero; at zero it waits for ever
	start     time.Time
}

// wait pauses after the n-th record (counted from 1) if the sender is ahead of its rate by a millisecond or more: shorter pauses
// would cost more than they mean. It is an error only when ctx ends.
func (t *throttle) wait(ctx context.Context, n int64) error {
	if t.perSecond < 0 {
		return nil
	}
	if t.perSecond == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	due := t.start.Add(time.Duration(float64(n) / t.perSecond * float64(time.Second)))
	ahead := time.Until(due)
	if ahead < time.Millisecond {
		return nil
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
