//go:build invariants || race

package invariants

import (
	"math/rand/v2"
	"os"
	"sync"
)

// Enabled tells whether assertions are checked in this build.
const Enabled = true

// luck decides what Sometimes says; the process's own randomness unless a test has set it.
var luck struct {
	sync.Mutex
	intN func(n int) int
}

// LuckVariable is the environment variable by which a test sets the luck of a process that it starts: "none" is [NoLuck].
const LuckVariable = "KGO_INVARIANTS_LUCK"

func init() {
	if os.Getenv(LuckVariable) == "none" {
		luck.intN = NoLuck
	}
}

// Sometimes is true in percent of the calls, in builds with invariants: it offers the unlucky branch to the tests.
func Sometimes(percent int) bool {
	luck.Lock()
	defer luck.Unlock()
	if luck.intN != nil {
		return luck.intN(100) < percent
	}
	return rand.IntN(100) < percent
}

// SetLuck makes Sometimes follow intN, which is the process's own randomness if nil: seeded for a simulation that repeats itself, constant for a test of what
// happens in the ordinary case. It holds for the whole process.
func SetLuck(intN func(n int) int) {
	luck.Lock()
	defer luck.Unlock()
	luck.intN = intN
}

// NoLuck is for [SetLuck]: Sometimes never happens.
func NoLuck(n int) int { return n - 1 }
