//go:build invariants || race

package invariants

import "math/rand/v2"

// Enabled tells whether assertions are checked in this build.
const Enabled = true

// Sometimes is true in percent of the calls, in builds with invariants: it offers the unlucky branch to the tests.
func Sometimes(percent int) bool { return rand.IntN(100) < percent }
