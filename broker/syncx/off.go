//go:build !invariants && !race

package syncx

import "sync"

// Mutex is sync.Mutex; AssertHeld does something in builds with invariants only.
type Mutex struct{ sync.Mutex }

// AssertHeld panics in builds with invariants when nobody holds m.
func (*Mutex) AssertHeld() {}

// RWMutex is sync.RWMutex; AssertHeld does something in builds with invariants only.
type RWMutex struct{ sync.RWMutex }

// AssertHeld panics in builds with invariants when nobody holds m for writing.
func (*RWMutex) AssertHeld() {}
