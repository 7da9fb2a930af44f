// Package invariants holds the assertions that name the rules of docs/invariants.md, and the small unkindnesses that tests add.
//
// They are on in builds with the tag `invariants` and under the race detector, where a broken rule panics at the line that broke it;
// in other builds they cost nothing. Must is the exception: it is always on, for the places where going on would corrupt data.
//
// Assert only what this program alone decides. What a client, a peer or a disk may send is checked and answered with an error.
package invariants

import "fmt"

// Assert panics in builds with invariants when cond does not hold.
func Assert(cond bool, format string, args ...any) {
	if Enabled && !cond {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}

// Must panics in every build when cond does not hold.
func Must(cond bool, format string, args ...any) {
	if !cond {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}

// Mangle overwrites a buffer that its owner takes back, so that whoever kept it sees garbage at once.
func Mangle(b []byte) {
	if !Enabled {
		return
	}
	for i := range b {
		b[i] = 0xcc
	}
}

// CloseChecker finds a second Close of what must be closed once. The zero value is ready.
type CloseChecker struct{ closed bool }

// Close records the closing and panics in builds with invariants when there was one before.
// Its caller holds whatever lock guards the thing that is closed.
func (c *CloseChecker) Close() {
	Assert(!c.closed, "closed twice")
	c.closed = true
}

// AssertNotClosed panics in builds with invariants after Close.
func (c *CloseChecker) AssertNotClosed() { Assert(!c.closed, "used after Close") }
