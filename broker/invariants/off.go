//go:build !invariants && !race

package invariants

// Enabled tells whether assertions are checked in this build.
const Enabled = false

// Sometimes is true in percent of the calls, in builds with invariants: it offers the unlucky branch to the tests.
func Sometimes(int) bool { return false }

// LuckVariable is the environment variable by which a test sets the luck of a process that it starts, in builds with invariants.
const LuckVariable = "KGO_INVARIANTS_LUCK"

// SetLuck makes Sometimes follow intN, in builds with invariants.
func SetLuck(func(n int) int) {}

// NoLuck is for [SetLuck]: Sometimes never happens.
func NoLuck(n int) int { return n - 1 }
