//go:build invariants || race

package syncx

import (
	"sync"
	"sync/atomic"
)

// Mutex is sync.Mutex that can tell whether it is locked.
type Mutex struct {
	mu   sync.Mutex
	held atomic.Bool
}

// Lock locks m.
func (m *Mutex) Lock() { m.mu.Lock(); m.held.Store(true) }

// TryLock locks m if nobody holds it, and tells whether it did.
func (m *Mutex) TryLock() bool {
	ok := m.mu.TryLock()
	if ok {
		m.held.Store(true)
	}
	return ok
}

// Unlock unlocks m.
func (m *Mutex) Unlock() { m.held.Store(false); m.mu.Unlock() }

// AssertHeld panics when nobody holds m. That another goroutine might be the holder is beyond it.
func (m *Mutex) AssertHeld() {
	if !m.held.Load() {
		panic("syncx: a lock that is required is not held")
	}
}

// RWMutex is sync.RWMutex that can tell whether it is locked for writing.
type RWMutex struct {
	mu   sync.RWMutex
	held atomic.Bool
}

// Lock locks m for writing.
func (m *RWMutex) Lock() { m.mu.Lock(); m.held.Store(true) }

// Unlock undoes Lock.
func (m *RWMutex) Unlock() { m.held.Store(false); m.mu.Unlock() }

// RLock locks m for reading.
func (m *RWMutex) RLock() { m.mu.RLock() }

// RUnlock undoes RLock.
func (m *RWMutex) RUnlock() { m.mu.RUnlock() }

// AssertHeld panics when nobody holds m for writing.
func (m *RWMutex) AssertHeld() {
	if !m.held.Load() {
		panic("syncx: a lock that is required is not held")
	}
}
