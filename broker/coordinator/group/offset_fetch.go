package group

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
)

// fetchTopic and fetchPartition are an OffsetFetch request with its answer in the making.
type fetchTopic struct {
	name       string
	id         ident.TopicID // zero: not known
	partitions []fetchPartition
}

type fetchPartition struct {
	partition   int32
	offset      int64
	leaderEpoch int32
	metadata    string
	code        int16
}

// noOffset is the answer for a partition without a committed offset.
func noOffset(partition int32, code int16) fetchPartition {
	return fetchPartition{partition: partition, offset: -1, leaderEpoch: -1, code: code}
}

// fetch fills in the offsets of the partitions that are asked for. An unknown group simply has none.
func (s *shard) fetch(groupID string, topics []fetchTopic, requireStable bool) {
	for i := range topics {
		t := &topics[i]
		for j := range t.partitions {
			if t.partitions[j].code == 0 {
				t.partitions[j] = s.fetchPartition(groupID, t, t.partitions[j].partition, requireStable)
			}
		}
	}
}

func (s *shard) fetchPartition(groupID string, t *fetchTopic, partition int32, requireStable bool) fetchPartition {
	if requireStable && s.offsets.hasPending(groupID, t.name, partition) {
		return noOffset(partition, kerr.UnstableOffsetCommit.Code)
	}
	o, ok := s.offsets.get(groupID, t.name, partition)
	if !ok || !t.id.IsZero() && !o.topicID.IsZero() && t.id != o.topicID {
		return noOffset(partition, 0) // never committed, or for an earlier topic of that name
	}
	return fetchPartition{partition: partition, offset: o.offset, leaderEpoch: o.leaderEpoch, metadata: o.metadata}
}

// fetchAll lists all offsets of a group.
func (s *shard) fetchAll(groupID string, requireStable bool) []fetchTopic {
	offsets := s.offsets.groups[groupID]
	topics := make([]fetchTopic, 0, len(offsets))
	for _, name := range slices.Sorted(maps.Keys(offsets)) {
		t := fetchTopic{name: name}
		for _, partition := range slices.Sorted(maps.Keys(offsets[name])) {
			t.partitions = append(t.partitions, s.fetchPartition(groupID, &t, partition, requireStable))
		}
		topics = append(topics, t)
	}
	return topics
}
