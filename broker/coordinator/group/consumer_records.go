package group

import (
	"maps"
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/record"
)

// All values of consumer groups have version 0 so far.
const consumerVersion = 0

// apply writes a record of a consumer group and replays it right away: the next step of the same request builds on it.
//
// A consumer group can go on from any part of a request's records: an assignment that is not complete has no assignment epoch yet and is
// computed again.
func (s *shard) apply(r coordinator.Record) {
	r.Applied, s.divisible = true, true
	s.write(r)
	err := s.Replay(coordinator.Replayed{ProducerID: -1, ProducerEpoch: -1, Key: r.Key, Value: r.Value})
	invariants.Must(err == nil, "a record of our own can't be replayed: %v", err)
}

func groupEpochRecord(groupID string, epoch int32, metadataHash int64) coordinator.Record {
	return encode(&record.ConsumerGroupMetadataKey{GroupId: groupID}, &record.ConsumerGroupMetadataValue{Epoch: epoch, MetadataHash: metadataHash}, consumerVersion)
}

func memberRecord(groupID string, m *consumerMember) coordinator.Record {
	v := &record.ConsumerGroupMemberMetadataValue{
		InstanceId: m.instanceID, RackId: m.rackID, ClientId: m.clientID, ClientHost: m.clientHost,
		SubscribedTopicNames: m.topics, SubscribedTopicRegex: &m.regex,
		RebalanceTimeoutMs: int32(m.rebalanceTimeout.Milliseconds()), ServerAssignor: m.serverAssignor,
		ClassicMemberMetadata: m.classic.toRecord(),
	}
	return encode(&record.ConsumerGroupMemberMetadataKey{GroupId: groupID, MemberId: m.memberID}, v, consumerVersion)
}

func targetRecord(groupID, memberID string, target assignment) coordinator.Record {
	v := &record.ConsumerGroupTargetAssignmentMemberValue{}
	for _, topic := range sortedIDs(target) {
		v.TopicPartitions = append(v.TopicPartitions, record.ConsumerGroupTargetAssignmentMemberValueTopicPartition{TopicId: topic, Partitions: target[topic]})
	}
	return encode(&record.ConsumerGroupTargetAssignmentMemberKey{GroupId: groupID, MemberId: memberID}, v, consumerVersion)
}

func assignmentEpochRecord(groupID string, epoch int32, at time.Time) coordinator.Record {
	v := &record.ConsumerGroupTargetAssignmentMetadataValue{AssignmentEpoch: epoch, AssignmentTimestamp: at.UnixMilli()}
	return encode(&record.ConsumerGroupTargetAssignmentMetadataKey{GroupId: groupID}, v, consumerVersion)
}

func currentRecord(groupID string, m *consumerMember) coordinator.Record {
	v := &record.ConsumerGroupCurrentMemberAssignmentValue{
		MemberEpoch: m.memberEpoch, PreviousMemberEpoch: m.previousEpoch, State: int8(m.state),
		AssignedPartitions: ownedRecords(m.assigned), PartitionsPendingRevocation: ownedRecords(m.revoking),
	}
	return encode(&record.ConsumerGroupCurrentMemberAssignmentKey{GroupId: groupID, MemberId: m.memberID}, v, consumerVersion)
}

func ownedRecords(o owned) (out []record.ConsumerGroupCurrentMemberAssignmentValueTopicPartitions) {
	o.sorted(func(topic ident.TopicID, partitions []int32) {
		tp := record.ConsumerGroupCurrentMemberAssignmentValueTopicPartitions{TopicId: topic, Partitions: partitions}
		for _, p := range partitions {
			tp.AssignmentEpochs = append(tp.AssignmentEpochs, o[topic][p])
		}
		out = append(out, tp)
	})
	return out
}

func regexRecord(groupID, regex string, r resolvedRegex) coordinator.Record {
	return encode(&record.ConsumerGroupRegularExpressionKey{GroupId: groupID, RegularExpression: regex},
		&record.ConsumerGroupRegularExpressionValue{Topics: r.topics, Version: r.version, Timestamp: r.timestamp}, consumerVersion)
}

func regexTombstone(groupID, regex string) coordinator.Record {
	return encode(&record.ConsumerGroupRegularExpressionKey{GroupId: groupID, RegularExpression: regex}, nil, 0)
}

// memberTombstones forget a member, its target and what it has.
func memberTombstones(groupID, memberID string) []coordinator.Record {
	return []coordinator.Record{
		encode(&record.ConsumerGroupCurrentMemberAssignmentKey{GroupId: groupID, MemberId: memberID}, nil, 0),
		encode(&record.ConsumerGroupTargetAssignmentMemberKey{GroupId: groupID, MemberId: memberID}, nil, 0),
		encode(&record.ConsumerGroupMemberMetadataKey{GroupId: groupID, MemberId: memberID}, nil, 0),
	}
}

// consumerTombstones forget a group without members.
func consumerTombstones(g *consumerGroup) (all []coordinator.Record) {
	for _, regex := range slices.Sorted(maps.Keys(g.regexes)) {
		all = append(all, regexTombstone(g.groupID, regex))
	}
	return append(all,
		encode(&record.ConsumerGroupTargetAssignmentMetadataKey{GroupId: g.groupID}, nil, 0),
		encode(&record.ConsumerGroupPartitionMetadataKey{GroupId: g.groupID}, nil, 0), // of Kafka before 4.1
		encode(&record.ConsumerGroupMetadataKey{GroupId: g.groupID}, nil, 0))
}

// consumerForReplay returns the group that a record belongs to. A simple group of that name makes way: its offsets were read before the
// group's own records, which compaction left behind them.
func (s *shard) consumerForReplay(groupID string) *consumerGroup {
	g, ok := s.consumers[groupID]
	if !ok {
		s.removeGroup(groupID)
		g = newConsumerGroup(groupID)
		s.consumers[groupID] = g
	}
	return g
}

func (s *shard) replayGroupEpoch(k *record.ConsumerGroupMetadataKey, value []byte) error {
	if value == nil {
		delete(s.consumers, k.GroupId)
		return nil
	}
	v := record.ConsumerGroupMetadataValue{}
	if err := readValue(&v, value); err != nil {
		return badRecord(k, err)
	}
	g := s.consumerForReplay(k.GroupId)
	g.groupEpoch, g.metadataHash = v.Epoch, v.MetadataHash
	return nil
}

func (s *shard) replayMember(k *record.ConsumerGroupMemberMetadataKey, value []byte) error {
	if value == nil {
		g := s.consumers[k.GroupId]
		if g == nil || g.members[k.MemberId] == nil {
			return nil
		}
		m := g.members[k.MemberId]
		g.disown(m)
		delete(g.members, k.MemberId)
		if m.instanceID != nil && g.staticMembers[*m.instanceID] == m.memberID {
			delete(g.staticMembers, *m.instanceID)
		}
		return nil
	}
	v := record.ConsumerGroupMemberMetadataValue{}
	if err := readValue(&v, value); err != nil {
		return badRecord(k, err)
	}
	g := s.consumerForReplay(k.GroupId)
	m := consumerMember{memberID: k.MemberId}
	if old := g.members[k.MemberId]; old != nil {
		m = *old
	}
	m.instanceID, m.rackID, m.clientID, m.clientHost = v.InstanceId, v.RackId, v.ClientId, v.ClientHost
	m.topics, m.regex, m.serverAssignor = v.SubscribedTopicNames, deref(v.SubscribedTopicRegex), v.ServerAssignor
	m.rebalanceTimeout = time.Duration(v.RebalanceTimeoutMs) * time.Millisecond
	m.classic = loadClassicProtocols(v.ClassicMemberMetadata)
	g.members[k.MemberId] = &m
	if m.instanceID != nil {
		g.staticMembers[*m.instanceID] = m.memberID
	}
	return nil
}

func (s *shard) replayAssignmentEpoch(k *record.ConsumerGroupTargetAssignmentMetadataKey, value []byte) error {
	if value == nil {
		if g := s.consumers[k.GroupId]; g != nil {
			g.assignmentEpoch, g.assignmentTimestamp = -1, 0
		}
		return nil
	}
	v := record.ConsumerGroupTargetAssignmentMetadataValue{}
	if err := readValue(&v, value); err != nil {
		return badRecord(k, err)
	}
	g := s.consumerForReplay(k.GroupId)
	g.assignmentEpoch, g.assignmentTimestamp = v.AssignmentEpoch, v.AssignmentTimestamp
	return nil
}

func (s *shard) replayTarget(k *record.ConsumerGroupTargetAssignmentMemberKey, value []byte) error {
	if value == nil {
		if g := s.consumers[k.GroupId]; g != nil {
			delete(g.target, k.MemberId)
		}
		return nil
	}
	v := record.ConsumerGroupTargetAssignmentMemberValue{}
	if err := readValue(&v, value); err != nil {
		return badRecord(k, err)
	}
	target := make(assignment, len(v.TopicPartitions))
	for _, tp := range v.TopicPartitions {
		slices.Sort(tp.Partitions)
		target[tp.TopicId] = tp.Partitions
	}
	s.consumerForReplay(k.GroupId).target[k.MemberId] = target
	return nil
}

func (s *shard) replayCurrent(k *record.ConsumerGroupCurrentMemberAssignmentKey, value []byte) error {
	if value == nil {
		if g := s.consumers[k.GroupId]; g != nil && g.members[k.MemberId] != nil {
			m := *g.members[k.MemberId]
			g.disown(&m)
			m.state, m.memberEpoch, m.previousEpoch, m.assigned, m.revoking = memberStable, leaveEpoch, leaveEpoch, nil, nil
			g.members[k.MemberId] = &m
		}
		return nil
	}
	v := record.ConsumerGroupCurrentMemberAssignmentValue{}
	if err := readValue(&v, value); err != nil {
		return badRecord(k, err)
	}
	g := s.consumerForReplay(k.GroupId)
	m := consumerMember{memberID: k.MemberId}
	if old := g.members[k.MemberId]; old != nil {
		m = *old
		g.disown(old)
	}
	m.state, m.memberEpoch, m.previousEpoch = memberState(v.State), v.MemberEpoch, v.PreviousMemberEpoch
	m.assigned, m.revoking = loadOwned(v.AssignedPartitions, v.MemberEpoch), loadOwned(v.PartitionsPendingRevocation, v.MemberEpoch)
	g.members[k.MemberId] = &m
	g.own(&m)
	return nil
}

// loadOwned reads partitions with the epochs in which they were assigned; older versions of Kafka did not write those.
func loadOwned(in []record.ConsumerGroupCurrentMemberAssignmentValueTopicPartitions, memberEpoch int32) owned {
	o := make(owned, len(in))
	for _, tp := range in {
		for i, p := range tp.Partitions {
			epoch := memberEpoch
			if i < len(tp.AssignmentEpochs) {
				epoch = tp.AssignmentEpochs[i]
			}
			o.put(tp.TopicId, p, epoch)
		}
	}
	return o
}

func (s *shard) replayRegex(k *record.ConsumerGroupRegularExpressionKey, value []byte) error {
	if value == nil {
		if g := s.consumers[k.GroupId]; g != nil {
			delete(g.regexes, k.RegularExpression)
		}
		return nil
	}
	v := record.ConsumerGroupRegularExpressionValue{}
	if err := readValue(&v, value); err != nil {
		return badRecord(k, err)
	}
	slices.Sort(v.Topics)
	s.consumerForReplay(k.GroupId).regexes[k.RegularExpression] = resolvedRegex{v.Topics, v.Version, v.Timestamp}
	return nil
}
