// Package quota holds clients to the rates that administrators set for them (KIP-13, KIP-219, KIP-599).
//
// Read [Manager]. A client is its authenticated user and its client id. Of the limits that fit it, the most particular one counts; all
// clients that one limit is for by name share its rate, and those that a default is for have it each:
//
//	user and client id  >  user and any id  >  user  >  any user and client id  >  any user and any id  >  any user  >  client id  >  any id
//
// Rates are Kafka's: sums over eleven windows of a second. A client beyond its rate is told how long to wait, and isn't read from meanwhile;
// nothing is refused but, for partitions, with THROTTLING_QUOTA_EXCEEDED.
//
// [Connections] does the same for connections: those of the broker, of a listener, and of an address.
package quota

import (
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what is limited.
type Kind int8

// The kinds of limits, and the keys that set them.
const (
	Produce            Kind = iota // producer_byte_rate: bytes of produce requests in a second
	Fetch                          // consumer_byte_rate: bytes of records fetched in a second
	ControllerMutation             // controller_mutation_rate: partitions created and deleted in a second
	RequestTime                    // request_percentage: per cent of a second that handlers work in a second
	numKinds
)

var keys = [numKinds]string{"producer_byte_rate", "consumer_byte_rate", "controller_mutation_rate", "request_percentage"}

// Client is who asks.
type Client struct{ User, ID string }

// Entity is whom a limit is for. A nil field is not part of the entity, and the name "" in a field stands for all (the default entity).
type Entity struct{ User, ClientID *string }

// Limit is what was set for an entity, by key.
type Limit struct {
	Entity Entity
	Values map[string]float64
}

// part says how an entity names its user or client id.
type part struct {
	use  byte // absent, anyone or named
	name string
}

const (
	absent byte = iota
	anyone
	named
)

func partOf(s *string) part {
	switch {
	case s == nil:
		return part{}
	case *s == "":
		return part{use: anyone}
	}
	return part{named, *s}
}

type entityKey struct{ user, clientID part }

type limits struct {
	by [numKinds]map[entityKey]float64
}

// maxMeters bounds how many clients are measured at a time; beyond it, those that have been silent are forgotten.
const maxMeters = 10_000

type meterKey struct {
	kind Kind
	Client
}

// Manager measures clients and says how long they have to wait. It is safe for concurrent use; where no limit is set, asking costs next to
// nothing. A nil Manager has no limits.
type Manager struct {
	limits atomic.Pointer[limits] // nil: none

	mu     sync.Mutex
	meters map[meterKey]*meter // guarded by mu
}

// NewManager makes a manager without limits.
func NewManager() *Manager { return &Manager{meters: make(map[meterKey]*meter)} }

// Set replaces all limits. What was measured so far stays.
func (m *Manager) Set(all []Limit) {
	l := new(limits)
	found := false
	for kind, key := range keys {
		l.by[kind] = make(map[entityKey]float64)
		for _, limit := range all {
			if value, ok := limit.Values[key]; ok {
				l.by[kind][entityKey{partOf(limit.Entity.User), partOf(limit.Entity.ClientID)}] = value
				found = true
			}
		}
	}
	if !found {
		l = nil
	}
	m.limits.Store(l)
}

// find returns the limit that holds for a client, and who shares its rate.
func (m *Manager) find(kind Kind, c Client) (rate float64, shared Client, ok bool) {
	if m == nil {
		return 0, Client{}, false
	}
	l := m.limits.Load()
	if l == nil || len(l.by[kind]) == 0 {
		return 0, Client{}, false
	}
	user, id := part{named, c.User}, part{named, c.ID}
	for _, try := range [...]struct {
		key    entityKey
		shared Client
	}{
		{entityKey{user, id}, c},
		{entityKey{user, part{use: anyone}}, c},
		{entityKey{user, part{}}, Client{User: c.User}},
		{entityKey{part{use: anyone}, id}, c},
		{entityKey{part{use: anyone}, part{use: anyone}}, c},
		{entityKey{part{use: anyone}, part{}}, Client{User: c.User}},
		{entityKey{part{}, id}, Client{ID: c.ID}},
		{entityKey{part{}, part{use: anyone}}, Client{ID: c.ID}},
	} {
		if rate, ok = l.by[kind][try.key]; ok {
			return rate, try.shared, true
		}
	}
	return 0, Client{}, false
}

// Record accounts for bytes that a client has moved, and returns how long it has to wait now.
func (m *Manager) Record(kind Kind, c Client, bytes int, now time.Time) time.Duration {
	rate, shared, ok := m.find(kind, c)
	if !ok {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mt := m.meter(meterKey{kind, shared}, now)
	mt.record(float64(bytes), now)
	return mt.wait(rate, now)
}

// RecordTime accounts for the time that a client's request took in its handler, and returns how long the client has to wait now: at most a window
// (KIP-124).
func (m *Manager) RecordTime(c Client, spent time.Duration, now time.Time) time.Duration {
	rate, shared, ok := m.find(RequestTime, c)
	if !ok {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mt := m.meter(meterKey{RequestTime, shared}, now)
	mt.record(spent.Seconds()*100, now)
	return min(mt.wait(rate, now), window)
}

// LimitsTime reports whether there is a request_percentage for anybody.
func (m *Manager) LimitsTime() bool {
	l := m.limits.Load()
	return l != nil && len(l.by[RequestTime]) > 0
}

// TakeBack undoes what was recorded for an answer that is not sent after all.
func (m *Manager) TakeBack(kind Kind, c Client, bytes int, now time.Time) {
	_, shared, ok := m.find(kind, c)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meter(meterKey{kind, shared}, now).record(-float64(bytes), now)
}

// MostAtOnce is how many bytes one answer to the client may have: a whole window's worth.
func (m *Manager) MostAtOnce(kind Kind, c Client) int {
	rate, _, ok := m.find(kind, c)
	if most := rate * (samples - 1) * window.Seconds(); ok && most < math.MaxInt32 {
		return int(most)
	}
	return math.MaxInt32
}

// Spend takes n tokens from a client's bucket, which holds as many as the rate gives in eleven seconds and may go below zero. A strict client
// whose bucket is below zero gets none: ok is false. wait is until the bucket is no longer below zero.
func (m *Manager) Spend(kind Kind, c Client, n int, strict bool, now time.Time) (wait time.Duration, ok bool) {
	rate, shared, limited := m.find(kind, c)
	if !limited {
		return 0, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mt := m.meter(meterKey{kind, shared}, now)
	mt.refill(rate, now)
	if ok = !strict || mt.tokens >= 0; ok {
		mt.tokens -= float64(n)
	}
	if mt.tokens < 0 {
		wait = time.Duration(math.Ceil(-mt.tokens/rate*1000)) * time.Millisecond
	}
	return wait, ok
}

// meter finds or makes a meter. REQUIRES: m.mu.
func (m *Manager) meter(key meterKey, now time.Time) *meter {
	mt := m.meters[key]
	if mt == nil {
		if len(m.meters) >= maxMeters {
			maps.DeleteFunc(m.meters, func(_ meterKey, old *meter) bool { return now.Sub(old.last) > samples*window })
		}
		mt = new(meter)
		m.meters[key] = mt
	}
	mt.last = now
	return mt
}
