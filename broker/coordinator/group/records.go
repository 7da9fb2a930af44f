package group

import (
	"fmt"
	"time"

	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/record"
)

// The versions that Kafka 4.3 writes. Values are read in all versions.
const (
	groupMetadataVersion         = 3
	offsetCommitVersion          = 4
	offsetCommitWithExpiry       = 1 // the last version with an expiry time, for OffsetCommit v2-v4 with a retention
	noExpireTimestamp      int64 = -1
)

// maxNameBytes bounds the names that go into records: their strings have lengths of 16 bits, while newer requests can carry longer ones.
// Member ids end in 37 bytes of our own.
const maxNameBytes = 1<<15 - 1 - 64

// tooLongName says whether a client's name can't be written down.
func tooLongName(names ...string) bool {
	for _, name := range names {
		if len(name) > maxNameBytes {
			return true
		}
	}
	return false
}

// encode makes a record from messages; a nil value makes a tombstone. What we build always encodes: names are checked before.
func encode(key, value record.Message, version int16) coordinator.Record {
	k, err := record.AppendKey(nil, key)
	invariants.Must(err == nil, "record key %s: %v", key.MessageName(), err)
	if value == nil {
		return coordinator.Record{Key: k}
	}
	v, err := record.AppendValue(nil, value, version)
	invariants.Must(err == nil, "record value %s: %v", value.MessageName(), err)
	return coordinator.Record{Key: k, Value: v}
}

// groupMetadataRecord is the group as it is: what the members agreed on, and nothing of a rebalance that is under way.
func groupMetadataRecord(g *classicGroup) coordinator.Record {
	v := &record.GroupMetadataValue{
		ProtocolType: g.protocolType, Generation: g.generation, Protocol: g.protocolName,
		CurrentStateTimestamp: millis(g.stateSince),
	}
	if g.leaderID != "" {
		v.Leader = &g.leaderID
	}
	for _, m := range g.all() {
		v.Members = append(v.Members, record.GroupMetadataValueMemberMetadata{
			MemberId: m.memberID, GroupInstanceId: m.instanceID, ClientId: m.clientID, ClientHost: m.clientHost,
			RebalanceTimeout: int32(m.rebalanceTimeout.Milliseconds()), SessionTimeout: int32(m.sessionTimeout.Milliseconds()),
			Subscription: m.metadata(g.protocol()), Assignment: m.assignment,
		})
	}
	r := encode(&record.GroupMetadataKey{Group: g.groupID}, v, groupMetadataVersion)
	r.Applied = true
	return r
}

// newGroupRecord says that there is a group: its first members have not agreed on anything yet.
func newGroupRecord(g *classicGroup) coordinator.Record {
	v := &record.GroupMetadataValue{CurrentStateTimestamp: millis(g.stateSince)}
	r := encode(&record.GroupMetadataKey{Group: g.groupID}, v, groupMetadataVersion)
	r.Applied = true
	return r
}

func groupTombstone(groupID string) coordinator.Record {
	return encode(&record.GroupMetadataKey{Group: groupID}, nil, 0)
}

func offsetRecord(groupID, topic string, partition int32, o committed) coordinator.Record {
	v := &record.OffsetCommitValue{
		Offset: o.offset, LeaderEpoch: o.leaderEpoch, Metadata: o.metadata, CommitTimestamp: o.commitTimestamp,
		ExpireTimestamp: o.expireTimestamp, TopicId: o.topicID,
	}
	version := int16(offsetCommitVersion)
	if o.expireTimestamp != noExpireTimestamp {
		version, v.LeaderEpoch, v.TopicId = offsetCommitWithExpiry, -1, ident.TopicID{}
	}
	return encode(&record.OffsetCommitKey{Group: groupID, Topic: topic, Partition: partition}, v, version)
}

func offsetTombstone(groupID, topic string, partition int32) coordinator.Record {
	return encode(&record.OffsetCommitKey{Group: groupID, Topic: topic, Partition: partition}, nil, 0)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}

func timeOf(millis int64) time.Time {
	if millis < 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

func badRecord(key record.Message, err error) error {
	return fmt.Errorf("%s: %w", key.MessageName(), err)
}
