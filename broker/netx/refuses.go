package netx

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// ProbeAgain is between two probes of Refuses: a process that is being restarted in place refuses for a moment only.
const ProbeAgain = 20 * time.Millisecond

// Refuses reports whether an address refuses connections, twice: then no process is there. One that merely doesn't answer within the time-out, for each probe, may be alive.
func Refuses(ctx context.Context, network Network, addr string, timeout time.Duration) bool {
	if !refuses(ctx, network, addr, timeout) {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(ProbeAgain):
	}
	return refuses(ctx, network, addr, timeout)
}

func refuses(ctx context.Context, network Network, addr string, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := network.DialContext(ctx, addr)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
