package replica

import (
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
)

// TestAFollowerCutsEpochsThatHaveNotBegun gives a follower records of a leader epoch that its leader can't know: a damaged batch header. Its
// leader would answer OFFSET_OUT_OF_RANGE for ever.
func TestAFollowerCutsEpochsThatHaveNotBegun(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 2, 1)
	p := f.partition("t", 0)
	log := p.Log()
	for i, epoch := range []int32{0, 0, 64, 65} {
		b := batch.Batch(records(2))
		b.SetBaseOffset(int64(2 * i))
		b.SetPartitionLeaderEpoch(epoch)
		if _, err := log.AppendAsFollower(b, epoch); err != nil {
			t.Fatal(err)
		}
	}
	at, err := p.position(p.State().LeaderEpoch)
	if err != nil {
		t.Fatal(err)
	}
	if at.fetchOffset != 4 || at.lastFetchedEpoch != 0 || log.LogEndOffset() != 4 {
		t.Errorf("fetching from %+v, the log ends at %d", at, log.LogEndOffset())
	}
}
