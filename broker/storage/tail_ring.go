package storage

import "sync/atomic"

const (
	tailRingSize = 256
	// tailRingReach is how far back a lookup goes: the slots beyond are left to be overwritten while it looks.
	tailRingReach = tailRingSize - 32
)

// tailRing remembers where the last batches of the active segment begin, so that readers at the tail, which are nearly all, find
// their position and the high watermark's without touching an index or the file.
//
// There is one writer (the log's append lock); readers take no lock. An entry holds a relative offset and a position: "the batch
// that begins here, or the next one to come". A reader notes the number of entries, searches the last tailRingReach of them and
// checks afterwards that the writer has not come round.
type tailRing struct {
	count atomic.Uint64
	slots [tailRingSize]atomic.Uint64
}

// push records that the batch after everything so far begins at relativeOffset and position; both only grow.
func (t *tailRing) push(relativeOffset, position uint32) {
	n := t.count.Load()
	t.slots[n%tailRingSize].Store(uint64(relativeOffset)<<32 | uint64(position))
	t.count.Store(n + 1)
}

// find returns the position of the batch that holds relativeOffset, and where that batch ends; both are the end of the file for
// the offset after the last batch. ok is false if that is further back than the ring remembers.
func (t *tailRing) find(relativeOffset uint32) (position, end uint32, ok bool) {
	n := t.count.Load()
	lowest := uint64(0)
	if n > tailRingReach {
		lowest = n - tailRingReach
	}
	lo, hi := lowest, n // the last entry in [lo, hi) with an offset <= relativeOffset
	for lo < hi {
		mid := (lo + hi) / 2
		if uint32(t.slots[mid%tailRingSize].Load()>>32) <= relativeOffset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == lowest {
		return 0, 0, false
	}
	position = uint32(t.slots[(lo-1)%tailRingSize].Load())
	end = position
	if lo < n {
		end = uint32(t.slots[lo%tailRingSize].Load())
	}
	return position, end, t.count.Load()-lowest < tailRingSize
}
