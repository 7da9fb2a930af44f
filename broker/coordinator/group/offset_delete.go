package group

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deleteOffsets handles OffsetDelete; unknown partitions are answered by partitionCode, and others with 0.
func (s *shard) deleteOffsets(req *kmsg.OffsetDeleteRequest, partitionCode func(topic string, partition int32) int16) ([]kmsg.OffsetDeleteResponseTopic, error) {
	var isSubscribed func(topic string) bool
	if g := s.consumers[req.Group]; g != nil {
		isSubscribed = g.isSubscribed
	} else if g := s.group(req.Group); g == nil {
		return nil, kerr.GroupIDNotFound
	} else if !g.is(stateEmpty) && !g.usesConsumerProtocol() {
		return nil, kerr.NonEmptyGroup
	} else {
		isSubscribed = g.isSubscribed
	}
	s.divisible = true
	topics := make([]kmsg.OffsetDeleteResponseTopic, 0, len(req.Topics))
	for _, t := range req.Topics {
		if len(t.Partitions) == 0 {
			continue
		}
		rt := kmsg.NewOffsetDeleteResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			code := partitionCode(t.Topic, p.Partition)
			if code == 0 && isSubscribed(t.Topic) {
				code = kerr.GroupSubscribedToTopic.Code
			}
			rp := kmsg.NewOffsetDeleteResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			rt.Partitions = append(rt.Partitions, rp)
			if code == 0 {
				s.tombstoneOffset(req.Group, t.Topic, p.Partition)
			}
		}
		topics = append(topics, rt)
	}
	return topics, nil
}

// tombstoneOffset deletes an offset if there is one, committed or in an open transaction.
func (s *shard) tombstoneOffset(groupID, topic string, partition int32) {
	if _, ok := s.offsets.get(groupID, topic, partition); ok || s.offsets.hasPending(groupID, topic, partition) {
		s.write(offsetTombstone(groupID, topic, partition))
	}
}

// deleteAllOffsets writes tombstones for everything that the group has.
func (s *shard) deleteAllOffsets(groupID string) {
	s.offsets.groups[groupID].each(func(topic string, partition int32, _ committed) {
		s.write(offsetTombstone(groupID, topic, partition))
	})
	seen := make(map[string]map[int32]bool)
	s.offsets.eachPending(groupID, func(topic string, partition int32) {
		if _, ok := s.offsets.get(groupID, topic, partition); ok || seen[topic][partition] {
			return
		}
		if seen[topic] == nil {
			seen[topic] = make(map[int32]bool)
		}
		seen[topic][partition] = true
		s.write(offsetTombstone(groupID, topic, partition))
	})
}

// topicsDeleted drops what groups have committed for topics that are gone.
func (s *shard) topicsDeleted(names map[string]bool) {
	s.divisible = true
	for _, groupID := range slices.Sorted(maps.Keys(s.offsets.groups)) {
		offsets := s.offsets.groups[groupID]
		for _, topic := range slices.Sorted(maps.Keys(offsets)) {
			if !names[topic] {
				continue
			}
			for _, partition := range slices.Sorted(maps.Keys(offsets[topic])) {
				s.write(offsetTombstone(groupID, topic, partition))
			}
		}
	}
}
