package replica

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestTheLastMoveCounts sends a replica back and forth between three directories faster than it can follow: in the end it is where it was sent last, and whole.
func TestTheLastMoveCounts(t *testing.T) {
	f := newFixture(t, nil, 3)
	f.brokers(1)
	f.topic("t", 1, 1)
	tp := tpOf("t", 0)
	p := f.partition("t", 0)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		for range 5 {
			f.mustProduce("t", 0, 1)
		}
		var to string
		for range 1 + rnd.IntN(4) {
			to = f.dirs[rnd.IntN(len(f.dirs))]
			if err := f.AlterLogDir(tp, to); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(time.Duration(rnd.IntN(2000)) * time.Microsecond); time.Now().Before(end); { // when is what the test is about
				f.mustProduce("t", 0, 1)
			}
		}
		eventually(t, "the replica is where it was sent last", func() bool {
			_, moving := f.storage.FutureLog(tp)
			return !moving && p.Log().ParentDir() == to
		})
	}
	end := p.State().LogEndOffset
	for next := int64(0); next < end; {
		r := f.fetchOne(consumer(0, 1), at("t", 0, next))
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		before := next
		for _, first := range firstOffsets(t, &r) {
			if first < 0 {
				break // cut at the end of what was asked for
			}
			if first != next {
				t.Fatalf("the record at %d is followed by that at %d", next-1, first)
			}
			next++
		}
		if next == before {
			t.Fatalf("nothing at %d", next)
		}
	}
}
