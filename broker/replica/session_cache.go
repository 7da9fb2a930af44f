package replica

import (
	"math/rand/v2"
	"time"

	"github.com/kgo-project/kgo/broker/syncx"
)

// sessionEvictionAge is how long a fetch session must have been idle to give way to any other, and how long a new one is safe from
// consumers' sessions (min.incremental.fetch.session.eviction.ms, which Kafka doesn't let anyone set).
const sessionEvictionAge = 2 * time.Minute

// SessionCache keeps the incremental fetch sessions of all connections (KIP-227), at most as many as it has slots.
// A client that gets no session works without one: it sends its full list of partitions each time.
type SessionCache struct {
	slots int // max.incremental.fetch.session.cache.slots; immutable

	// mu guards everything below, and in each session the fields marked so. Never held together with a session's own lock
	// except in the order cache, session.
	mu struct {
		syncx.Mutex
		byID       map[int32]*fetchSession
		partitions int   // of all sessions, as of their last use
		evictions  int64 // since start
	}
}

// NewSessionCache returns a cache for this many sessions; none with 0.
func NewSessionCache(slots int) *SessionCache {
	c := &SessionCache{slots: slots}
	c.mu.byID = make(map[int32]*fetchSession)
	return c
}

// SessionStats are the cache's figures.
type SessionStats struct {
	Sessions, Partitions int
	Evictions            int64
}

// Stats returns the cache's figures.
func (c *SessionCache) Stats() SessionStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return SessionStats{Sessions: len(c.mu.byID), Partitions: c.mu.partitions, Evictions: c.mu.evictions}
}

// get returns a session and notes its use.
func (c *SessionCache) get(id int32) *fetchSession {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.byID[id]
}

// remove ends a session, if it exists.
func (c *SessionCache) remove(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.mu.byID[id]; s != nil {
		c.removeLocked(s)
	}
}

// removeLocked ends a session. REQUIRES: c.mu.
func (c *SessionCache) removeLocked(s *fetchSession) {
	c.mu.AssertHeld()
	delete(c.mu.byID, s.id)
	c.mu.partitions -= s.cachedSize
}

// touch notes that a session of this many partitions was used.
func (c *SessionCache) touch(s *fetchSession, size int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.byID[s.id] != s {
		return // evicted while its request was being answered
	}
	c.mu.partitions += size - s.cachedSize
	s.cachedSize, s.lastUsed = size, now
}

// add gives a new session an id and a slot, evicting a less valuable one if need be. It returns 0, the id that means "no session", if
// every other session is worth more.
func (c *SessionCache) add(s *fetchSession, size int, now time.Time) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots <= 0 || len(c.mu.byID) >= c.slots && !c.evictLocked(s.privileged, size, now) {
		return 0
	}
	for s.id == 0 || c.mu.byID[s.id] != nil {
		s.id = 1 + rand.Int32N(1<<31-1)
	}
	s.created, s.lastUsed, s.cachedSize = now, now, size
	c.mu.byID[s.id] = s
	c.mu.partitions += size
	return s.id
}

// evictLocked makes room for a session of this kind and size. First to go is the one idle for longest, once that is longer than
// sessionEvictionAge; then the smallest one that isn't new and not worth more than the newcomer. A follower's session is worth more than any consumer's, and
// may also replace a consumer's new one. REQUIRES: c.mu.
//
// It looks at all sessions: a thousand by default, and only when the cache is full.
func (c *SessionCache) evictLocked(privileged bool, size int, now time.Time) bool {
	c.mu.AssertHeld()
	var idlest, cheapest *fetchSession
	for _, s := range c.mu.byID {
		if idlest == nil || s.lastUsed.Before(idlest.lastUsed) || s.lastUsed.Equal(idlest.lastUsed) && s.id < idlest.id {
			idlest = s
		}
		evictable := now.Sub(s.created) > sessionEvictionAge || privileged && !s.privileged
		if evictable && (cheapest == nil || s.cheaperThan(cheapest)) {
			cheapest = s
		}
	}
	switch {
	case idlest != nil && now.Sub(idlest.lastUsed) > sessionEvictionAge:
		c.removeLocked(idlest)
	case cheapest != nil && !newcomerCheaper(privileged, size, cheapest):
		c.removeLocked(cheapest)
	default:
		return false
	}
	c.mu.evictions++
	return true
}

// newcomerCheaper reports whether a session yet without id is worth less than s; of equals, the newcomer is.
func newcomerCheaper(privileged bool, size int, s *fetchSession) bool {
	if privileged != s.privileged {
		return !privileged
	}
	return size <= s.cachedSize
}

// cheaperThan orders sessions by what they are worth: followers' over consumers', many partitions over few.
func (s *fetchSession) cheaperThan(o *fetchSession) bool {
	if s.privileged != o.privileged {
		return !s.privileged
	}
	if s.cachedSize != o.cachedSize {
		return s.cachedSize < o.cachedSize
	}
	return s.id < o.id
}
