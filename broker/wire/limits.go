package wire

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Limits bound how many connections there may be and how fast they may come.
type Limits struct {
	MaxConnections      int                // max.connections; 0: no limit
	MaxConnectionsPerIP int                // max.connections.per.ip; 0: no limit; negative: none but those that PerIPOverrides allows
	PerIPOverrides      map[netip.Addr]int // max.connections.per.ip.overrides
	PerListener         map[string]int     // listener.name.<name>.max.connections, by the listener's name; none: no limit
	// Protected is the listener that brokers use among themselves. Where there are others, max.connections doesn't keep anybody out of it: the
	// connection of another listener that has been silent for the longest has to make room (KIP-402).
	Protected string
	// Apart are the controllers' listeners: max.connections counts theirs by themselves, as Apache Kafka's controllers have a server of their own.
	Apart []string
	// Rates say how fast connections may come; nil: as fast as they like.
	Rates ConnectionRates
}

// ConnectionRates measure how fast connections come. Its methods are called for each connection.
type ConnectionRates interface {
	// Listener accounts for a connection that a listener has accepted, and returns for how long no further one is to be accepted.
	Listener(name string, protected bool, now time.Time) time.Duration
	// Address accounts for a connection from an address, and returns for how long it is to be kept waiting before it is closed: 0 for one that may stay.
	Address(ip netip.Addr, now time.Time) time.Duration
}

// maxHeld bounds how many connections wait to be closed because their address has opened too many too fast. More of them are closed at once.
const maxHeld = 1000

var errCrowded = errors.New("max.connections is reached, and a broker needed the place")

// perIP is how many connections an address may have.
func (l *Limits) perIP(ip netip.Addr) int {
	if n, ok := l.PerIPOverrides[ip]; ok {
		return n
	}
	if l.MaxConnectionsPerIP == 0 {
		return math.MaxInt
	}
	return max(l.MaxConnectionsPerIP, 0)
}

// SetLimits changes the limits; open connections stay.
func (s *Server) SetLimits(limits Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits
	s.slotFree.Broadcast()
}

// Limits are what SetLimits has set.
func (s *Server) Limits() Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits
}

// protectedLocked reports whether max.connections doesn't hold for a listener.
func (s *Server) protectedLocked(l *service) bool {
	if l.Name != s.limits.Protected {
		return false
	}
	for _, other := range s.listeners {
		if other != l && !s.apartLocked(other) {
			return true
		}
	}
	return false
}

func (s *Server) apartLocked(l *service) bool { return slices.Contains(s.limits.Apart, l.Name) }

// openLocked is how many connections count together with l's.
func (s *Server) openLocked(l *service) (n int) {
	for _, other := range s.listeners {
		if s.apartLocked(other) == s.apartLocked(l) {
			n += other.open
		}
	}
	return n
}

// fullLocked reports whether a listener's next connection has to wait for another to end.
func (s *Server) fullLocked(l *service) bool {
	if limit, ok := s.limits.PerListener[l.Name]; ok && l.open >= limit {
		return true
	}
	return s.limits.MaxConnections > 0 && !s.protectedLocked(l) && s.openLocked(l) >= s.limits.MaxConnections
}

// crowdedLocked is the connection that has to go because a broker, at l, has taken a place more than there are; nil if none.
func (s *Server) crowdedLocked(l *service) *Conn {
	if s.limits.MaxConnections <= 0 || !s.protectedLocked(l) || s.openLocked(l) <= s.limits.MaxConnections {
		return nil
	}
	var crowded *Conn
	for c := range s.conns {
		if c.listener != l && !s.apartLocked(c.listener) && (crowded == nil || c.lastActive.Load() < crowded.lastActive.Load()) {
			crowded = c
		}
	}
	return crowded
}

// pace accounts for a connection of a listener.
func (s *Server) pace(l *service, now time.Time) time.Duration {
	s.mu.Lock()
	rates, protected := s.limits.Rates, s.protectedLocked(l)
	s.mu.Unlock()
	if rates == nil {
		return 0
	}
	return rates.Listener(l.Name, protected, now)
}

// paceOf accounts for a connection of an address.
func (s *Server) paceOf(ip netip.Addr, now time.Time) time.Duration {
	if s.limits.Rates == nil {
		return 0
	}
	return s.limits.Rates.Address(ip, now)
}

// holdLocked keeps a connection waiting, unread, before it is closed: a client that is refused at once would come again at once.
func (s *Server) holdLocked(nc net.Conn, d time.Duration) {
	if s.held >= maxHeld {
		nc.Close()
		return
	}
	s.held++
	s.wg.Go(func() {
		s.sleep(d)
		nc.Close()
		s.mu.Lock()
		s.held--
		s.mu.Unlock()
	})
}
