package wire

import (
	"errors"
	"syscall"
	"time"

	"github.com/kgo-project/kgo/broker/clock"
)

// sweepInterval is how often all connections are looked at. Idle time is measured in minutes, so seconds do.
const sweepInterval = time.Second

// hoarding is how long a request may take to arrive once others wait for the memory it holds.
const hoarding = 10 * time.Second

var (
	errIdle  = errors.New("idle for longer than connections.max.idle.ms")
	errHoard = errors.New("the request came too slowly while others waited for the memory it held")
)

// sweep closes idle connections, and those that hoard memory for requests they don't send. It walks all connections once in an interval:
// cheaper than a timer for each that every request would have to reset.
func (s *Server) sweep() {
	every := sweepInterval
	if idle := s.cfg.IdleTimeout; idle > 0 {
		every = min(every, max(idle/4, 10*time.Millisecond))
	}
	for s.sleep(every) {
		s.sweepOnce(time.Now())
	}
}

func (s *Server) sweepOnce(now time.Time) {
	var idle []*Conn
	s.mu.Lock()
	for c := range s.conns {
		if s.cfg.IdleTimeout > 0 && clock.Nanos(now)-c.lastActive.Load() > int64(s.cfg.IdleTimeout) && c.resting() {
			idle = append(idle, c)
		}
	}
	s.mu.Unlock()
	for _, c := range idle {
		c.breakOff(errIdle)
	}
	if s.budget.waiting.Load() > 0 {
		s.freeMemory(now)
	}
}

// freeMemory helps requests that wait for memory. It ends the connection that holds the most for a request that doesn't arrive. If there is none,
// and no handler is at work whose end would free some, all memory is held by requests that wait for more: one of them gets it.
func (s *Server) freeMemory(now time.Time) {
	var hoarder *Conn
	moving := false
	s.mu.Lock()
	for c := range s.conns {
		start := c.frameStart.Load()
		if start == 0 || c.wantsMemory.Load() {
			moving = moving || c.handling()
			continue
		}
		moving = true
		if clock.Nanos(now)-start > int64(hoarding) && c.frameBytes.Load() > 0 && (hoarder == nil || c.frameBytes.Load() > hoarder.frameBytes.Load()) {
			hoarder = c
		}
	}
	s.mu.Unlock()
	switch {
	case hoarder != nil:
		hoarder.breakOff(errHoard)
	case !moving:
		s.budget.grantFirst()
	}
}

// handling reports whether requests of the connection are in progress.
func (c *Conn) handling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending > 0
}

// resting reports that the connection's silence is the client's doing: no handler is at work for it, or it doesn't take its responses.
func (c *Conn) resting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending == 0 || c.writing || c.head != nil && c.head.answered
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
