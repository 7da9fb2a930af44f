package commands

import "testing"

// TestFirstOfEquallyLaggingPartitionsIsNamed: the output is steady where the original's follows a hash table.
func TestFirstOfEquallyLaggingPartitionsIsNamed(t *testing.T) {
	partition := func(topic string, highWatermark, offset int64) *verifiedPartition {
		return &verifiedPartition{topic: topic, offset: offset, fetched: map[int32]fetchedReplica{1: {highWatermark: highWatermark}, 2: {}}}
	}
	all := []*verifiedPartition{partition("a", 5, 5), partition("b", 9, 2), partition("c", 7, 0), partition("d", 8, 7)}
	if got := slowestOf(all); got.topic != "b" {
		t.Errorf("%s lags most", got)
	}
	if got := slowestOf(all[:1]); got.topic != "a" {
		t.Errorf("%s lags most", got)
	}
}
