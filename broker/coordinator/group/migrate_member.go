package group

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/record"
)

// classicProtocols is what a consumer group remembers of a member that speaks the classic protocol. Its generation is its member epoch: it
// joins when a heartbeat says that it has to, and gets its assignment by SyncGroup.
type classicProtocols struct {
	sessionTimeout time.Duration
	protocols      []protocol
}

func (c *classicProtocols) equal(o *classicProtocols) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.sessionTimeout == o.sessionTimeout && slices.EqualFunc(c.protocols, o.protocols, func(a, b protocol) bool {
		return a.name == b.name && bytes.Equal(a.metadata, b.metadata)
	})
}

func (c *classicProtocols) toRecord() *record.ConsumerGroupMemberMetadataValueClassicMemberMetadata {
	if c == nil {
		return nil
	}
	v := &record.ConsumerGroupMemberMetadataValueClassicMemberMetadata{SessionTimeoutMs: int32(c.sessionTimeout.Milliseconds())}
	for _, p := range c.protocols {
		v.SupportedProtocols = append(v.SupportedProtocols, record.ConsumerGroupMemberMetadataValueClassicProtocol{Name: p.name, Metadata: p.metadata})
	}
	return v
}

// loadClassicProtocols: a record without the field holds an empty one, as the field's default is not null in Kafka.
func loadClassicProtocols(v *record.ConsumerGroupMemberMetadataValueClassicMemberMetadata) *classicProtocols {
	if v == nil || len(v.SupportedProtocols) == 0 {
		return nil
	}
	c := &classicProtocols{sessionTimeout: time.Duration(v.SessionTimeoutMs) * time.Millisecond}
	for _, p := range v.SupportedProtocols {
		c.protocols = append(c.protocols, protocol{p.Name, p.Metadata})
	}
	return c
}

// joinConsumerGroup handles JoinGroup for a consumer group with members. The answer comes at once: nobody has to wait for the others.
func (s *shard) joinConsumerGroup(g *consumerGroup, j *joinRequest) {
	req := j.req
	if g.members[req.MemberID] == nil && len(g.members) >= s.cfg.ConsumerMaxSize {
		s.refuseJoin(j, "", kerr.GroupMaxSizeReached)
		return
	}
	if !g.supportsClassic(req.ProtocolType, j.protocols) {
		s.refuseJoin(j, "", kerr.InconsistentGroupProtocol)
		return
	}
	sub, _, ok := readSubscription(j.protocols[0].metadata)
	if !ok { // DEVIATION(kafka): UNKNOWN_SERVER_ERROR there
		s.refuseJoin(j, "", kerr.InconsistentGroupProtocol)
		return
	}
	if req.MemberID == "" && req.InstanceID == nil && req.Version >= 4 {
		s.refuseJoin(j, j.ctx.ClientID+"-"+s.newID(), kerr.MemberIDRequired)
		return
	}
	before, replaced, err := s.joiningMember(g, j)
	if err != nil {
		s.refuseJoin(j, "", err)
		return
	}
	after := *before
	if req.InstanceID != nil {
		after.instanceID = req.InstanceID
	}
	if sub.RackId != nil {
		after.rackID = sub.RackId
	}
	after.clientID, after.clientHost, after.topics, after.regex, after.serverAssignor = j.ctx.ClientID, j.ctx.ClientHost, sortedUnique(sub.Topics), "", nil
	after.rebalanceTimeout, after.classic = j.rebalanceTimeout(), &classicProtocols{j.sessionTimeout(), j.protocols}
	if err := s.tooLarge(memberRecord(req.Group, &after)); err != nil {
		s.refuseJoin(j, "", err)
		return
	}
	g = s.updateSubscription(req.Group, before, &after)
	settled := g.settledBut(after.memberID)
	if replaced && s.maybeDowngrade(g) { // it took the place of the last member of the other protocol
		classic := s.group(req.Group)
		s.replyFollower(classic, classic.members[after.memberID], j.waiter, "")
		if !settled || !slices.Equal(before.topics, after.topics) {
			s.prepareRebalance(classic, "a member came back to the classic protocol while the others were on the move, or with another subscription")
		}
		return
	}
	s.updateTarget(g)
	m := s.reconcile(g, after.memberID, s.ownedTopics(sub.OwnedPartitions))
	s.expectConsumer(g, m.memberID)
	s.timers.Cancel(timerKey{timerRejoin, g.groupID, m.memberID})
	s.timers.Schedule(timerKey{timerMemberSync, g.groupID, m.memberID}, s.now.Add(m.rebalanceTimeout))
	resp := joinError(req.Version, m.memberID, nil)
	resp.Generation, resp.ProtocolType, resp.Protocol = m.memberEpoch, new(consumerProtocolType), new(j.protocols[0].name)
	s.replyJoin(j.waiter, resp)
}

// supportsClassic says whether a member with these protocols can be in the group: it shares one with all other members that have any.
func (g *consumerGroup) supportsClassic(protocolType string, protocols []protocol) bool {
	if protocolType != consumerProtocolType || len(protocols) == 0 {
		return false
	}
	common := make(map[string]bool, len(protocols))
	for _, p := range protocols {
		common[p.name] = true
	}
	for _, m := range g.members {
		if m.classic == nil {
			continue
		}
		maps.DeleteFunc(common, func(name string, _ bool) bool {
			return !slices.ContainsFunc(m.classic.protocols, func(p protocol) bool { return p.name == name })
		})
	}
	return len(common) > 0
}

// settledBut says whether all other members have what they shall have.
func (g *consumerGroup) settledBut(memberID string) bool {
	for id, m := range g.members {
		if id != memberID && !(m.reconciledTo(g.groupEpoch) && m.assigned.target().equal(g.target[id])) {
			return false
		}
	}
	return true
}

// joiningMember returns the member as it is before its JoinGroup. A static member that comes without its id takes its place at once: replaced.
func (s *shard) joiningMember(g *consumerGroup, j *joinRequest) (m *consumerMember, replaced bool, err error) {
	req := j.req
	memberID := req.MemberID
	if req.InstanceID == nil {
		if memberID == "" {
			memberID = j.ctx.ClientID + "-" + s.newID()
		}
		if m := g.members[memberID]; m != nil {
			return m, false, nil
		}
		return &consumerMember{memberID: memberID}, false, nil
	}
	old := g.members[g.staticMembers[*req.InstanceID]]
	switch {
	case memberID != "":
		if _, err := g.identified(memberID, req.InstanceID); err != nil {
			return nil, false, err
		}
		return old, false, nil
	case old == nil:
		return &consumerMember{memberID: *req.InstanceID + "-" + s.newID(), instanceID: req.InstanceID}, false, nil
	default:
		return s.replaceConsumer(g, old, *req.InstanceID+"-"+s.newID()), true, nil
	}
}

// identified finds the member that a request of the classic protocol claims to be.
func (g *consumerGroup) identified(memberID string, instanceID *string) (*consumerMember, error) {
	if instanceID != nil {
		switch owner, ok := g.staticMembers[*instanceID]; {
		case !ok:
			return nil, kerr.UnknownMemberID
		case owner != memberID:
			return nil, kerr.FencedInstanceID
		}
	}
	m := g.members[memberID]
	if m == nil {
		return nil, kerr.UnknownMemberID
	}
	return m, nil
}

// classicMember finds a member that a Heartbeat or SyncGroup is from.
func (g *consumerGroup) classicMember(memberID string, instanceID *string, generation int32) (*consumerMember, error) {
	m, err := g.identified(memberID, instanceID)
	switch {
	case err != nil:
		return nil, err
	case m.classic == nil:
		return nil, kerr.UnknownMemberID
	case m.memberEpoch != generation:
		return nil, kerr.IllegalGeneration
	}
	return m, nil
}

// heartbeatInConsumerGroup handles Heartbeat: the member joins again when there is a newer epoch, when it has to give up partitions, and when
// those that it waited for are free.
func (s *shard) heartbeatInConsumerGroup(g *consumerGroup, req *kmsg.HeartbeatRequest) error {
	m, err := g.classicMember(req.MemberID, req.InstanceID, req.Generation)
	if err != nil {
		return err
	}
	s.expectConsumer(g, m.memberID)
	if m.memberEpoch < g.groupEpoch || m.state == memberUnrevoked || m.state == memberUnreleased && !g.waitsForRelease(m) {
		s.expectRejoin(g, m)
		return kerr.RebalanceInProgress
	}
	return nil
}

// expectRejoin gives the member its rebalance timeout to join again.
func (s *shard) expectRejoin(g *consumerGroup, m *consumerMember) {
	key := timerKey{timerRejoin, g.groupID, m.memberID}
	if _, ok := s.timers.Scheduled(key); !ok {
		s.timers.Schedule(key, s.now.Add(m.rebalanceTimeout))
	}
}

// waitsForRelease says whether a partition that the member shall get is another's still.
func (g *consumerGroup) waitsForRelease(m *consumerMember) bool {
	for topic, partitions := range g.target[m.memberID] {
		for _, p := range partitions {
			if !m.assigned.has(topic, p) && g.isOwned(topic, p) {
				return true
			}
		}
	}
	return false
}

// syncInConsumerGroup handles SyncGroup: the member gets what it has been given.
func (s *shard) syncInConsumerGroup(g *consumerGroup, req *kmsg.SyncGroupRequest, w *syncWaiter) {
	m, err := g.classicMember(req.MemberID, req.InstanceID, req.Generation)
	switch {
	case err != nil:
	case req.ProtocolType != nil && *req.ProtocolType != consumerProtocolType, req.Protocol != nil && *req.Protocol != m.classic.protocols[0].name:
		err = kerr.InconsistentGroupProtocol
	case g.groupEpoch > m.memberEpoch && m.state != memberUnrevoked: // one that has to give up partitions has joined already
		s.expectRejoin(g, m)
		err = kerr.RebalanceInProgress
	}
	if err != nil {
		s.replySync(w, syncError(w.version, err))
		return
	}
	s.timers.Cancel(timerKey{timerMemberSync, g.groupID, m.memberID})
	s.expectConsumer(g, m.memberID)
	resp := syncError(w.version, nil)
	resp.ProtocolType, resp.Protocol = new(consumerProtocolType), new(m.classic.protocols[0].name)
	resp.MemberAssignment = s.embeddedAssignment(m.classic.protocols[0].metadata, m.assigned.target())
	s.replySync(w, resp)
}

// ownedTopics is what a subscription says that the member has, in the words of the consumer protocol. Topics that are gone are left out.
func (s *shard) ownedTopics(in []record.ConsumerProtocolSubscriptionTopicPartition) []kmsg.ConsumerGroupHeartbeatRequestTopic {
	out := []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	for _, t := range in {
		if id, ok := s.topics.TopicID(t.Topic); ok {
			out = append(out, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: id, Partitions: t.Partitions})
		}
	}
	return out
}

// embeddedAssignment writes an assignment as a classic member reads it, in the version of its subscription.
func (s *shard) embeddedAssignment(subscription []byte, a assignment) []byte {
	_, version, ok := readSubscription(subscription)
	if !ok {
		version = 0
	}
	v := record.ConsumerProtocolAssignment{}
	for _, id := range sortedIDs(a) {
		if name, ok := s.topics.TopicName(id); ok {
			v.AssignedPartitions = append(v.AssignedPartitions, record.ConsumerProtocolAssignmentTopicPartition{Topic: name, Partitions: a[id]})
		}
	}
	out, err := v.AppendTo(binary.BigEndian.AppendUint16(nil, uint16(version)), version)
	invariants.Must(err == nil, "an assignment can't be written: %v", err)
	return out
}

// readSubscription reads a consumer's subscription, and the version that it is written in.
func readSubscription(metadata []byte) (sub record.ConsumerProtocolSubscription, version int16, ok bool) {
	version, body, ok := embeddedVersion(metadata)
	if !ok {
		return sub, 0, false
	}
	_, err := sub.ReadFrom(body, version)
	return sub, version, err == nil
}

// newestEmbedded is the newest version of consumers' subscriptions and assignments; later ones begin like it.
const newestEmbedded = 3

// embeddedVersion splits off the version in front of a subscription or an assignment.
func embeddedVersion(raw []byte) (version int16, body []byte, ok bool) {
	if len(raw) < 2 {
		return 0, nil, false
	}
	version = int16(binary.BigEndian.Uint16(raw))
	return min(version, newestEmbedded), raw[2:], version >= 0
}
