package quorum

import (
	"math/rand/v2"
	"testing"
)

// TestEntryIndexAgainstAList compares the index with a plain list through random appends, truncations and drops.
func TestEntryIndexAgainstAList(t *testing.T) {
	type row struct {
		term       uint64
		base, next int64
	}
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var x entryIndex
		start := rnd.Int64N(5)
		x.reset(uint64(start), 1, start)
		list := []row{{1, start, start}} // prev
		first := uint64(start)
		for range 300 {
			last := list[len(list)-1]
			switch op := rnd.IntN(10); {
			case op < 7:
				next := row{last.term + uint64(rnd.IntN(2)), last.next, last.next + 1 + rnd.Int64N(3)}
				x.append(next.term, next.next)
				list = append(list, next)
			case op < 9 && len(list) > 1:
				keep := 1 + rnd.IntN(len(list)-1)
				x.truncateFrom(first + uint64(keep))
				list = list[:keep]
			case len(list) > 1:
				drop := 1 + rnd.IntN(len(list)-1)
				x.dropTo(first + uint64(drop))
				list, first = list[drop:], first+uint64(drop)
			}
			if x.prev != first || x.last() != first+uint64(len(list)-1) || x.endOffset != list[len(list)-1].next {
				t.Fatalf("seed %d: prev %d last %d end %d, want %d %d %d", seed, x.prev, x.last(), x.endOffset, first, first+uint64(len(list)-1), list[len(list)-1].next)
			}
			for i, r := range list {
				index := first + uint64(i)
				if x.term(index) != r.term || x.nextOffset(index) != r.next || x.endingBy(r.next) != index {
					t.Fatalf("seed %d: entry %d: term %d, next offset %d, ending by it %d; want %+v", seed, index, x.term(index), x.nextOffset(index), x.endingBy(r.next), r)
				}
				if i > 0 {
					if at, ok := x.entryAt(r.base); !ok || at != index || x.baseOffset(index) != r.base {
						t.Fatalf("seed %d: offset %d is at entry %d, want %d", seed, r.base, at, index)
					}
				}
			}
		}
	}
}
