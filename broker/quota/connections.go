package quota

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// ConnectionCreationRate is the key of the limit of an address: connections in a second.
const ConnectionCreationRate = "connection_creation_rate"

// maxHold bounds how long connections are held back at a time: a window.
const maxHold = window

// ConnectionLimits are how many connections may come in a second; 0 means any number.
type ConnectionLimits struct {
	Broker      int            // max.connection.creation.rate
	PerListener map[string]int // listener.name.<name>.max.connection.creation.rate
}

// Connections measures how fast connections come (KIP-612): to the broker, to each listener, and from each address. It is safe for concurrent use.
type Connections struct {
	mu        sync.Mutex
	limits    ConnectionLimits
	addresses map[netip.Addr]float64 // connection_creation_rate by address; the zero Addr stands for all others
	broker    meter
	listeners map[string]*meter
	meters    map[netip.Addr]*meter
}

// NewConnections makes a measure without limits.
func NewConnections() *Connections {
	return &Connections{listeners: make(map[string]*meter), meters: make(map[netip.Addr]*meter)}
}

// SetLimits replaces the limits of the broker and its listeners.
func (c *Connections) SetLimits(l ConnectionLimits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits = l
}

// Limits are what SetLimits has set.
func (c *Connections) Limits() ConnectionLimits {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limits
}

// SetAddresses replaces the limits of addresses, in connections a second; the zero Addr is for all that aren't named.
func (c *Connections) SetAddresses(rates map[netip.Addr]float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses = rates
}

// Listener accounts for a connection that a listener has accepted, and returns for how long it should accept no other. The broker's rate
// doesn't hold for a protected listener.
func (c *Connections) Listener(name string, protected bool, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var hold time.Duration
	if !protected {
		hold = c.broker.one(c.limits.Broker, now)
	}
	own := c.listeners[name]
	if own == nil {
		own = new(meter)
		c.listeners[name] = own
	}
	return max(hold, own.one(c.limits.PerListener[name], now))
}

// one accounts for a connection where there is a limit.
func (m *meter) one(limit int, now time.Time) time.Duration {
	m.record(1, now)
	if limit <= 0 {
		return 0
	}
	return min(m.wait(float64(limit), now), maxHold)
}

// Address accounts for a connection from an address. It returns 0 if the connection may stay, else for how long it should be kept waiting before it
// is closed; it is then not counted.
func (c *Connections) Address(ip netip.Addr, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit, ok := c.addresses[ip]
	if !ok {
		limit, ok = c.addresses[netip.Addr{}]
	}
	if !ok {
		return 0
	}
	m := c.meters[ip]
	if m == nil {
		if len(c.meters) >= maxMeters {
			maps.DeleteFunc(c.meters, func(_ netip.Addr, old *meter) bool { return now.Sub(old.last) > samples*window })
		}
		m = new(meter)
		c.meters[ip] = m
	}
	m.last = now
	m.record(1, now)
	wait := min(m.wait(limit, now), maxHold)
	if wait > 0 {
		m.record(-1, now)
	}
	return wait
}
