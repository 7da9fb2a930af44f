//go:build !linux

package main

import (
	"context"
	"time"
)

// pacedRoundTrips sends a frame whenever it is due and waits for its answer.
func pacedRoundTrips(ctx context.Context, addr string, frame []byte, p pace, answered func(head []byte, latency time.Duration) error) error {
	due := p.first
	time.Sleep(time.Until(due))
	return roundTrips(ctx, addr, p.requests, frame, func(head []byte) error {
		err := answered(head, time.Since(due))
		due = due.Add(p.interval)
		time.Sleep(time.Until(due))
		return err
	})
}
