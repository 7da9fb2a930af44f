package wire

import "math"

// DefaultRequestMemory is the bound for the memory of all requests where none is configured: a quarter of what the process may have, but room
// for a few requests of the largest size.
// DEVIATION(kafka): -1 in queued.max.request.bytes is not "no limit".
func DefaultRequestMemory() int64 {
	const floor, unknown = 256 << 20, 1 << 30
	total := availableMemory()
	if total <= 0 || total == math.MaxInt64 {
		return unknown
	}
	return max(total/4, floor)
}
