package server

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"time"
)

// lease is how long a broker may be sure that the controller has not fenced it: one broker.session.timeout.ms from the moment at which it sent the
// last heartbeat that was answered well. The controller counts from a later moment. A broker that slept, or is cut off, lets it run out, and from then on
// takes no records that it would acknowledge alone (replica.Config.MayLead): another may lead, and they would be lost.
//
// DEVIATION(kafka): Apache Kafka's brokers go on with acks=0 and acks=1 until they hear of the new leader.
type lease struct{ until atomic.Int64 } // nanoseconds of the process's clock

// processStart is where the monotonic clock of leases begins.
var processStart = time.Now()

func (l *lease) renew(from time.Time, session time.Duration) {
	until := int64(from.Sub(processStart) + session)
	for {
		old := l.until.Load()
		if old >= until || l.until.CompareAndSwap(old, until) {
			return
		}
	}
}

// held reports whether the lease holds now.
func (l *lease) held() bool { return int64(time.Since(processStart)) < l.until.Load() }

// left is how long the lease will hold, not more than 0 where it doesn't.
func (l *lease) left() time.Duration { return time.Duration(l.until.Load()) - time.Since(processStart) }

// await waits until the lease holds.
func (l *lease) await(ctx context.Context) error {
	for !l.held() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leaderPoll):
		}
	}
	return nil
}

// keepWhileNobodyCouldFence renews the lease while a majority of the quorum has no process: a broker need not stop because the coordinators are down.
// The lease must still hold when that is found out, so that there was no moment at which a controller could have fenced the broker; one
// that comes back gives every broker a whole session again.
func (l *lease) keepWhileNobodyCouldFence(ctx context.Context, session time.Duration, members []func(context.Context) error) {
	ticker := time.NewTicker(max(session/9, 10*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if left := l.left(); left <= 0 || left > session*6/10 {
			continue
		}
		began, absent := time.Now(), 0
		probe, cancel := context.WithTimeout(ctx, session/9)
		for _, dial := range members {
			if errors.Is(dial(probe), syscall.ECONNREFUSED) {
				absent++
			}
		}
		cancel()
		if absent > len(members)/2 && l.held() {
			l.renew(began, session)
		}
	}
}
