package group

import (
	"errors"
	"time"

	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/record"
)

// Replay applies a record of the log. Records of types that this version does not know are passed over, as Kafka does: they belong to
// group types that it can't serve anyway.
func (s *shard) Replay(r coordinator.Replayed) error {
	key, err := record.Group.ReadKey(r.Key)
	if errors.Is(err, record.ErrUnknownType) {
		return nil
	}
	if err != nil {
		return err
	}
	switch k := key.(type) {
	case *record.OffsetCommitKey:
		return s.replayOffset(r, k.Group, k.Topic, k.Partition)
	case *record.LegacyOffsetCommitKey:
		return s.replayOffset(r, k.Group, k.Topic, k.Partition)
	case *record.GroupMetadataKey:
		return s.replayGroup(k, r.Value)
	case *record.ConsumerGroupMetadataKey:
		return s.replayGroupEpoch(k, r.Value)
	case *record.ConsumerGroupMemberMetadataKey:
		return s.replayMember(k, r.Value)
	case *record.ConsumerGroupTargetAssignmentMetadataKey:
		return s.replayAssignmentEpoch(k, r.Value)
	case *record.ConsumerGroupTargetAssignmentMemberKey:
		return s.replayTarget(k, r.Value)
	case *record.ConsumerGroupCurrentMemberAssignmentKey:
		return s.replayCurrent(k, r.Value)
	case *record.ConsumerGroupRegularExpressionKey:
		return s.replayRegex(k, r.Value)
	default:
		return nil // ConsumerGroupPartitionMetadata of older versions; share and streams groups
	}
}

func (s *shard) replayOffset(r coordinator.Replayed, groupID, topic string, partition int32) error {
	if r.Value == nil {
		if r.ProducerID < 0 {
			s.offsets.remove(groupID, topic, partition)
		}
		return nil
	}
	v := record.OffsetCommitValue{}
	if err := readValue(&v, r.Value); err != nil {
		return err
	}
	if s.consumers[groupID] == nil {
		s.groupOrCreate(groupID) // an offset without a group is a simple group's
	}
	o := committed{
		offset: v.Offset, leaderEpoch: v.LeaderEpoch, metadata: v.Metadata, topicID: v.TopicId,
		commitTimestamp: v.CommitTimestamp, expireTimestamp: v.ExpireTimestamp, recordOffset: r.Offset,
	}
	if r.ProducerID >= 0 {
		s.offsets.putPending(r.ProducerID, groupID, topic, partition, o)
	} else {
		s.offsets.put(groupID, topic, partition, o)
	}
	return nil
}

// ReplayEndTxn applies a transaction marker: the offsets that a transaction committed count from now on, or never did.
func (s *shard) ReplayEndTxn(producerID int64, _ int16, commit bool) error {
	s.offsets.endTxn(producerID, commit)
	return nil
}

func (s *shard) replayGroup(k *record.GroupMetadataKey, value []byte) error {
	if value == nil {
		s.removeGroup(k.Group)
		return nil
	}
	v := record.GroupMetadataValue{}
	if err := readValue(&v, value); err != nil {
		return badRecord(k, err)
	}
	delete(s.consumers, k.Group)
	g := newClassicGroup(k.Group)
	g.generation, g.protocolType, g.protocolName = v.Generation, v.ProtocolType, v.Protocol
	g.stateSince = timeOf(v.CurrentStateTimestamp)
	for i := range v.Members {
		m := loadMember(&v, &v.Members[i])
		g.remove(m.memberID) // named twice: the last one counts
		if m.instanceID != nil {
			g.remove(g.staticMembers[*m.instanceID])
		}
		g.add(m)
	}
	if len(g.members) > 0 {
		g.state = stateStable
	}
	g.protocolType = v.ProtocolType
	if v.Leader != nil && g.members[*v.Leader] != nil {
		g.leaderID = *v.Leader
	}
	g.computeSubscribed()
	s.groups[k.Group] = g
	return nil
}

func loadMember(v *record.GroupMetadataValue, rm *record.GroupMetadataValueMemberMetadata) *classicMember {
	session, rebalance := rm.SessionTimeout, rm.RebalanceTimeout
	if rebalance < 0 {
		rebalance = session // version 0 has none
	}
	m := &classicMember{
		memberID: rm.MemberId, instanceID: rm.GroupInstanceId, clientID: rm.ClientId, clientHost: rm.ClientHost,
		sessionTimeout: time.Duration(session) * time.Millisecond, rebalanceTimeout: time.Duration(rebalance) * time.Millisecond,
		protocolType: v.ProtocolType, assignment: rm.Assignment,
	}
	if v.Protocol != nil {
		m.protocols = []protocol{{*v.Protocol, rm.Subscription}}
	}
	return m
}

// readValue reads a record's value: its version, then the message.
func readValue(m record.Message, value []byte) error {
	if len(value) < 2 {
		return badRecord(m, record.ErrCorrupt)
	}
	_, err := m.ReadFrom(value[2:], int16(value[0])<<8|int16(value[1]))
	return err
}
