package clean

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// offsetMap remembers for each key the last offset that it was seen at, in bounded memory: it keeps a 16-byte digest of the key,
// not the key. Two keys with the same digest would be taken for one, and a live record deleted; hence a cryptographic digest, for
// which nobody can make such keys.
//
// It is a hash table with open addressing: the digest's first bytes say where to begin to look, and the next free slot takes a new key.
type offsetMap struct {
	slots []slot
	size  int
	limit int // the most keys, by the load factor

	// latestOffset is the last offset that the map speaks for: what lies beyond was not looked at.
	latestOffset int64
}

type slot struct {
	digest digest
	offset int64 // plus one; 0: the slot is free
}

type digest [16]byte

const (
	slotSize    = 24
	noneIndexed = -1
	notFound    = int64(-1)
)

// newOffsetMap makes a map for up to keys keys, or for as many as memory bytes can hold at the load factor.
func newOffsetMap(memory int64, loadFactor float64, keys int64) *offsetMap {
	most := max(memory/slotSize, 16)
	wanted := float64(max(keys, 1)) / loadFactor
	n := most
	if wanted < float64(most) {
		n = min(most, int64(wanted)+1)
	}
	n = min(n, math.MaxInt32)
	return &offsetMap{slots: make([]slot, n), limit: max(1, int(float64(n)*loadFactor)), latestOffset: noneIndexed}
}

func digestOf(key []byte) (d digest) {
	sum := sha256.Sum256(key)
	copy(d[:], sum[:])
	return d
}

// find returns the slot that holds d, or the free one where it would go.
func (m *offsetMap) find(d digest) *slot {
	n := uint64(len(m.slots))
	i := binary.LittleEndian.Uint64(d[:]) % n
	for {
		s := &m.slots[i]
		if s.offset == 0 || s.digest == d {
			return s
		}
		if i++; i == n {
			i = 0
		}
	}
}

// put notes that key was seen at offset. It is false, and nothing noted, if the key is new and the map is full.
func (m *offsetMap) put(key []byte, offset int64) bool {
	d := digestOf(key)
	s := m.find(d)
	if s.offset == 0 {
		if m.size >= m.limit || m.size >= len(m.slots)-1 { // one slot stays free, for find to stop at
			return false
		}
		m.size++
		s.digest = d
	}
	s.offset = max(s.offset, offset+1)
	return true
}

// get returns the last offset of key, or notFound.
func (m *offsetMap) get(key []byte) int64 {
	if m.size == 0 {
		return notFound
	}
	return m.find(digestOf(key)).offset - 1
}

// advance says that everything up to offset was looked at.
func (m *offsetMap) advance(offset int64) { m.latestOffset = max(m.latestOffset, offset) }

// utilization is the share of the slots in use.
func (m *offsetMap) utilization() float64 { return float64(m.size) / float64(len(m.slots)) }
