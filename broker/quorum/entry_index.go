package quorum

import (
	"slices"
	"sort"

	"github.com/kgo-project/kgo/broker/invariants"
)

// entryIndex maps raft's entry indexes to Kafka's offsets and leader epochs, for the entries that the log holds. Entry prev stands right before
// the first of them: raft needs its term to match a follower's log.
//
//	index       prev | prev+1      prev+2     ...  last
//	base offset      | bases[0]    bases[1]   ...        endOffset
type entryIndex struct {
	prev      uint64
	prevTerm  uint64
	bases     []int64
	endOffset int64
	terms     []termStart // ascending; covers bases
}

// termStart is the first entry of a term.
type termStart struct {
	term, index uint64
}

func (x *entryIndex) first() uint64 { return x.prev + 1 }
func (x *entryIndex) last() uint64  { return x.prev + uint64(len(x.bases)) }

// reset empties the index: the next entry is prev+1, at offset endOffset.
func (x *entryIndex) reset(prev, prevTerm uint64, endOffset int64) {
	*x = entryIndex{prev: prev, prevTerm: prevTerm, endOffset: endOffset}
}

// append adds the next entry, which takes the offsets from endOffset to nextOffset.
func (x *entryIndex) append(term uint64, nextOffset int64) {
	lastTerm := x.lastTerm()
	invariants.Assert(term >= lastTerm && nextOffset > x.endOffset, "entry of term %d to offset %d after term %d and offset %d", term, nextOffset, lastTerm, x.endOffset)
	x.bases = append(x.bases, x.endOffset)
	if len(x.terms) == 0 || x.terms[len(x.terms)-1].term != term {
		x.terms = append(x.terms, termStart{term, x.last()})
	}
	x.endOffset = nextOffset
}

func (x *entryIndex) lastTerm() uint64 {
	if len(x.terms) > 0 {
		return x.terms[len(x.terms)-1].term
	}
	return x.prevTerm
}

// baseOffset is the first offset of an entry; of last()+1, the log's end.
func (x *entryIndex) baseOffset(index uint64) int64 {
	if index > x.last() {
		return x.endOffset
	}
	return x.bases[index-x.first()]
}

// nextOffset is the offset after an entry that is at least prev.
func (x *entryIndex) nextOffset(index uint64) int64 { return x.baseOffset(index + 1) }

// term is the term of an entry from prev to last.
func (x *entryIndex) term(index uint64) uint64 {
	if index == x.prev {
		return x.prevTerm
	}
	i := sort.Search(len(x.terms), func(i int) bool { return x.terms[i].index > index })
	return x.terms[i-1].term
}

// entryAt is the entry that begins exactly at offset, or last()+1 for the log's end.
func (x *entryIndex) entryAt(offset int64) (index uint64, ok bool) {
	if offset == x.endOffset {
		return x.last() + 1, true
	}
	i, ok := slices.BinarySearch(x.bases, offset)
	return x.first() + uint64(i), ok
}

// endingBy is the last entry that ends at or before offset; at least prev.
func (x *entryIndex) endingBy(offset int64) uint64 {
	if offset >= x.endOffset {
		return x.last()
	}
	n := sort.Search(len(x.bases), func(i int) bool { return x.nextOffset(x.first()+uint64(i)) > offset })
	return x.prev + uint64(n)
}

// truncateFrom drops the entries from index on.
func (x *entryIndex) truncateFrom(index uint64) {
	if index > x.last() {
		return
	}
	x.endOffset = x.baseOffset(index)
	x.bases = x.bases[:index-x.first()]
	for len(x.terms) > 0 && x.terms[len(x.terms)-1].index >= index {
		x.terms = x.terms[:len(x.terms)-1]
	}
}

// dropTo drops the entries up to index, which becomes prev.
func (x *entryIndex) dropTo(index uint64) {
	if index <= x.prev {
		return
	}
	term := x.term(index)
	x.bases = slices.Clone(x.bases[index-x.prev:]) // a copy, so that the dropped ones are freed
	for len(x.terms) > 1 && x.terms[1].index <= index+1 {
		x.terms = x.terms[1:]
	}
	x.prev, x.prevTerm = index, term
	if len(x.bases) == 0 {
		x.terms = nil
	} else if x.terms[0].index <= index {
		x.terms[0].index = index + 1
	}
}
