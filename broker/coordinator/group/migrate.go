package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/wire"
)

// A group with members changes its protocol while they go on (KIP-848): it becomes a consumer group when the first member joins by
// ConsumerGroupHeartbeat, and a classic one again when the last such member is gone. In between its classic members take part by
// JoinGroup, SyncGroup and Heartbeat, but it is the coordinator that assigns; see migrate_member.go.

// validateUpgrade says whether a classic group with members may become a consumer group.
func (s *shard) validateUpgrade(g *classicGroup) error {
	refuse := func(why string) error {
		return wire.Refusef(kerr.GroupIDNotFound, "Cannot upgrade classic group %s to consumer group because %s.", g.groupID, why)
	}
	switch {
	case !s.cfg.OnlineUpgrade:
		return refuse("the online upgrade is disabled")
	case !g.usesConsumerProtocol():
		return refuse("the group does not use the consumer embedded protocol")
	case len(g.members) > s.cfg.ConsumerMaxSize:
		return refuse("the group exceeds the consumer group maximum size")
	}
	for _, m := range g.all() {
		if _, _, ok := m.embedded(g); !ok {
			return refuse("the embedded consumer protocol is malformed")
		}
	}
	return nil
}

// upgrade makes a consumer group of a classic one, whose members keep their partitions: the generation becomes the epoch, the assignment the
// target. Those that wait in a rebalance join again.
//
// REQUIRES: validateUpgrade accepts the group.
func (s *shard) upgrade(classic *classicGroup) *consumerGroup {
	groupID, epoch := classic.groupID, classic.generation
	s.log.Info("classic group becomes a consumer group", "group", groupID, "generation", epoch, "members", len(classic.members))
	var members []*consumerMember
	for _, m := range classic.all() {
		s.answerRemoved(m, m.memberID, kerr.RebalanceInProgress)
		members = append(members, s.upgraded(classic, m))
	}
	s.apply(groupTombstone(groupID))
	for _, m := range members {
		s.apply(memberRecord(groupID, m))
	}
	s.apply(groupEpochRecord(groupID, epoch, s.metadataHash(s.consumers[groupID])))
	for _, m := range members {
		s.apply(targetRecord(groupID, m.memberID, m.assigned.target()))
	}
	s.apply(assignmentEpochRecord(groupID, epoch, time.UnixMilli(0))) // the next one need not wait
	for _, m := range members {
		s.apply(currentRecord(groupID, m))
	}
	g := s.consumers[groupID]
	for _, m := range members {
		s.expectConsumer(g, m.memberID)
	}
	return g
}

// upgraded is a classic member as a consumer group has it.
func (s *shard) upgraded(g *classicGroup, m *classicMember) *consumerMember {
	sub, assigned, _ := m.embedded(g)
	out := &consumerMember{
		memberID: m.memberID, instanceID: m.instanceID, rackID: sub.RackId, clientID: m.clientID, clientHost: m.clientHost,
		topics: sortedUnique(sub.Topics), rebalanceTimeout: m.rebalanceTimeout,
		memberEpoch: g.generation, previousEpoch: g.generation, assigned: owned{},
		classic: &classicProtocols{m.sessionTimeout, m.protocols},
	}
	for _, t := range assigned.AssignedPartitions {
		if id, ok := s.topics.TopicID(t.Topic); ok {
			for _, p := range t.Partitions {
				out.assigned.put(id, p, g.generation)
			}
		}
	}
	return out
}

// embedded reads what a consumer says in the classic protocol, where it is opaque: its subscription, and what its leader assigned to it.
func (m *classicMember) embedded(g *classicGroup) (sub record.ConsumerProtocolSubscription, assigned record.ConsumerProtocolAssignment, ok bool) {
	metadata := m.metadata(g.protocol())
	if g.protocolName == nil && len(m.protocols) > 0 {
		metadata = m.protocols[0].metadata // nothing has been agreed on yet
	}
	if sub, _, ok = readSubscription(metadata); !ok {
		return sub, assigned, false
	}
	if len(m.assignment) == 0 {
		return sub, assigned, true
	}
	version, body, ok := embeddedVersion(m.assignment)
	if !ok {
		return sub, assigned, false
	}
	_, err := assigned.ReadFrom(body, version)
	return sub, assigned, err == nil
}

// maybeDowngrade makes a classic group of what is left when members leave, if all of those speak the classic protocol. The caller begins a
// rebalance if there is a reason for one.
func (s *shard) maybeDowngrade(g *consumerGroup, leaving ...string) bool {
	left := 0
	for memberID, m := range g.members {
		if slices.Contains(leaving, memberID) {
			continue
		}
		if m.classic == nil {
			return false
		}
		left++
	}
	if left == 0 || !s.cfg.OnlineDowngrade || left > s.cfg.MaxSize {
		return false
	}
	classic := s.downgraded(g, leaving)
	rec := groupMetadataRecord(classic)
	if err := s.tooLarge(rec); err != nil {
		s.log.Warn("consumer group can't become a classic group", "group", g.groupID, "error", err)
		return false
	}
	s.log.Info("consumer group becomes a classic group", "group", g.groupID, "epoch", g.groupEpoch, "members", left)
	for _, memberID := range g.memberIDs() {
		s.cancelConsumer(g.groupID, memberID)
		for _, r := range memberTombstones(g.groupID, memberID) {
			s.apply(r)
		}
	}
	for _, r := range consumerTombstones(g) {
		s.apply(r)
	}
	s.groups[g.groupID] = classic
	s.write(rec)
	s.divisible = false // half of a group is in neither protocol
	for _, m := range classic.all() {
		s.expectHeartbeat(classic, m)
	}
	return true
}

// downgraded is the classic group of the members that stay. Each is assigned what it may be working on: where that isn't its target, the rebalance
// that follows finds out.
func (s *shard) downgraded(g *consumerGroup, leaving []string) *classicGroup {
	classic := newClassicGroup(g.groupID)
	classic.generation, classic.state, classic.stateSince = g.groupEpoch, stateStable, s.now
	for _, memberID := range g.memberIDs() {
		if slices.Contains(leaving, memberID) {
			continue
		}
		m := g.members[memberID]
		classic.add(&classicMember{
			memberID: memberID, instanceID: m.instanceID, clientID: m.clientID, clientHost: m.clientHost,
			sessionTimeout: m.classic.sessionTimeout, rebalanceTimeout: m.rebalanceTimeout,
			protocolType: consumerProtocolType, protocols: m.classic.protocols,
			assignment: s.embeddedAssignment(m.classic.protocols[0].metadata, m.held().target()),
		})
	}
	classic.protocolName = new(classic.selectProtocol())
	classic.computeSubscribed()
	return classic
}

// target is the partitions without their epochs.
func (o owned) target() assignment {
	a := make(assignment, len(o))
	o.sorted(func(topic ident.TopicID, partitions []int32) { a[topic] = partitions })
	return a
}

func sortedUnique(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
