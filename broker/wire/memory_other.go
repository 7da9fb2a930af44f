//go:build !linux

package wire

import "runtime/debug"

// availableMemory is GOMEMLIMIT, where the machine's memory isn't asked for.
func availableMemory() int64 { return debug.SetMemoryLimit(-1) }
