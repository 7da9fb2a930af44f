package group

import (
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/wire"
)

// topicsRefresh is how often, at most, heartbeats make a group look whether the topics that it reads have changed.
const topicsRefresh = time.Second

// validateConsumerHeartbeat checks what doesn't need the group.
func (c *Config) validateConsumerHeartbeat(req *kmsg.ConsumerGroupHeartbeatRequest) error {
	if !c.ConsumerProtocol {
		return kerr.UnsupportedVersion
	}
	invalid := func(why string) error { return &wire.Refusal{Code: kerr.InvalidRequest, Text: why} }
	empty := func(s *string) bool { return s != nil && strings.TrimSpace(*s) == "" }
	// Since version 1 members choose their own id.
	if (req.Version >= 1 || req.MemberEpoch != joinEpoch) && empty(&req.MemberID) {
		return invalid("MemberId can't be empty.")
	}
	if empty(&req.Group) {
		return invalid("GroupId can't be empty.")
	}
	if empty(req.InstanceID) {
		return invalid("InstanceId can't be empty.")
	}
	if empty(req.RackID) {
		return invalid("RackId can't be empty.")
	}
	if tooLongName(req.Group, req.MemberID, deref(req.SubscribedTopicRegex)) {
		return invalid("GroupId, MemberId or SubscribedTopicRegex is too long.")
	}
	switch {
	case req.MemberEpoch > 0 || req.MemberEpoch == leaveEpoch:
	case req.MemberEpoch == joinEpoch && req.RebalanceTimeoutMillis == -1:
		return invalid("RebalanceTimeoutMs must be provided in first request.")
	case req.MemberEpoch == joinEpoch && (req.Topics == nil || len(req.Topics) > 0):
		return invalid("TopicPartitions must be empty when (re-)joining.")
	case req.MemberEpoch == joinEpoch && req.SubscribedTopicNames == nil && req.SubscribedTopicRegex == nil:
		return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
	case req.MemberEpoch == joinEpoch:
	case req.MemberEpoch == leaveStaticEpoch:
		if req.InstanceID == nil {
			return invalid("InstanceId can't be null.")
		}
	default:
		return invalid("MemberEpoch is invalid.")
	}
	if req.ServerAssignor != nil && !slices.Contains(c.ConsumerAssignors, *req.ServerAssignor) {
		return wire.Refusef(kerr.UnsupportedAssignor, "ServerAssignor %s is not supported. Supported assignors: %s.",
			*req.ServerAssignor, strings.Join(c.ConsumerAssignors, ", "))
	}
	return nil
}

// consumerHeartbeat handles ConsumerGroupHeartbeat: join, leave, stay, and all the moving between.
func (s *shard) consumerHeartbeat(ctx RequestContext, req *kmsg.ConsumerGroupHeartbeatRequest) (*kmsg.ConsumerGroupHeartbeatResponse, error) {
	resp := req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
	g, err := s.consumerGroupFor(req)
	if err != nil {
		return nil, err
	}
	if req.MemberEpoch < 0 {
		return s.consumerLeave(g, req, resp)
	}
	if classic := s.group(req.Group); classic != nil && len(classic.members) > 0 {
		g = s.upgrade(classic)
		defer func() { s.divisible = false }() // half of a group is in neither protocol
	}
	if req.MemberID == "" {
		req.MemberID = s.newID()
	}
	if g != nil && g.members[req.MemberID] == nil && len(g.members) >= s.cfg.ConsumerMaxSize {
		return nil, wire.Refusef(kerr.GroupMaxSizeReached, "The consumer group has reached its maximum capacity of %d members.", s.cfg.ConsumerMaxSize)
	}
	before, err := s.subscribingMember(g, req)
	if err != nil {
		return nil, err
	}
	after, err := updatedBy(before, ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.tooLarge(memberRecord(req.Group, &after)); err != nil {
		return nil, err
	}
	s.makeWay(req.Group)
	g = s.updateSubscription(req.Group, before, &after)
	s.updateTarget(g)

	m := s.reconcile(g, req.MemberID, req.Topics)
	s.expectConsumer(g, m.memberID)
	resp.MemberID, resp.MemberEpoch = &m.memberID, m.memberEpoch
	resp.HeartbeatIntervalMillis = int32(s.cfg.consumerHeartbeat(g.groupID).Milliseconds())
	full := req.MemberEpoch == joinEpoch ||
		req.RebalanceTimeoutMillis != -1 && (req.SubscribedTopicNames != nil || req.SubscribedTopicRegex != nil) && req.Topics != nil
	if full || !before.assigned.samePartitions(m.assigned) {
		resp.Assignment = heartbeatAssignment(m.assigned)
	}
	return resp, nil
}

// consumerGroupFor finds the group. It is nil for a member that is the first to join it.
func (s *shard) consumerGroupFor(req *kmsg.ConsumerGroupHeartbeatRequest) (*consumerGroup, error) {
	if g := s.consumers[req.Group]; g != nil {
		return g, nil
	}
	classic := s.group(req.Group)
	switch {
	case classic != nil && req.MemberEpoch != joinEpoch:
		return nil, notA("consumer", req.Group)
	case classic != nil && len(classic.members) > 0:
		return nil, s.validateUpgrade(classic)
	case req.MemberEpoch < 0:
		return nil, notFound(req.Group)
	case req.MemberEpoch != joinEpoch:
		return nil, wire.Refusef(kerr.GroupIDNotFound, "Consumer group %s not found.", req.Group)
	}
	return nil, nil //nolint:nilnil // the group comes with its first record
}

// makeWay turns an empty classic group into one of the consumer protocol.
func (s *shard) makeWay(groupID string) {
	if s.group(groupID) != nil {
		s.log.Info("empty classic group becomes a consumer group", "group", groupID)
		s.apply(groupTombstone(groupID))
	}
}

// subscribingMember returns the member as it is before this heartbeat.
func (s *shard) subscribingMember(g *consumerGroup, req *kmsg.ConsumerGroupHeartbeatRequest) (*consumerMember, error) {
	fresh := &consumerMember{memberID: req.MemberID, instanceID: req.InstanceID}
	if g == nil {
		return fresh, nil
	}
	joining := req.MemberEpoch == joinEpoch
	if req.InstanceID == nil {
		m := g.members[req.MemberID]
		switch {
		case m == nil && joining:
			return fresh, nil
		case m == nil:
			return nil, unknownMember(req.MemberID, req.Group)
		}
		return m, m.validateHeartbeatEpoch(req)
	}
	m := g.members[g.staticMembers[*req.InstanceID]]
	if !joining {
		if err := validateInstance(m, req); err != nil {
			return nil, err
		}
		return m, m.validateHeartbeatEpoch(req)
	}
	switch {
	case m == nil:
		return fresh, nil
	case m.memberEpoch != leaveStaticEpoch && m.classic == nil:
		return nil, wire.Refusef(kerr.UnreleasedInstanceID,
			"Static member %s with instance id %s cannot join the group because the instance id is owned by %s member.",
			req.MemberID, *req.InstanceID, m.memberID)
	}
	return s.replaceConsumer(g, m, req.MemberID), nil
}

func validateInstance(m *consumerMember, req *kmsg.ConsumerGroupHeartbeatRequest) error {
	if m == nil {
		return wire.Refusef(kerr.UnknownMemberID, "Instance id %s is unknown.", *req.InstanceID)
	}
	if m.memberID != req.MemberID {
		return wire.Refusef(kerr.FencedInstanceID, "Static member %s with instance id %s was fenced by member %s.",
			req.MemberID, *req.InstanceID, m.memberID)
	}
	return nil
}

// validateHeartbeatEpoch accepts the epoch before the current one if the member can't have acted on a newer one: the answer that told it got lost.
func (m *consumerMember) validateHeartbeatEpoch(req *kmsg.ConsumerGroupHeartbeatRequest) error {
	var size string
	switch {
	case req.MemberEpoch > m.memberEpoch:
		size = "greater"
	case req.MemberEpoch == joinEpoch: // it joins anew, with nothing in its hands
		return nil
	case req.MemberEpoch == m.memberEpoch || req.MemberEpoch == m.previousEpoch && m.ownsAll(req.Topics):
		return nil
	default:
		size = "smaller"
	}
	return wire.Refusef(kerr.FencedMemberEpoch, "The consumer group member has a %s member epoch (%d) than the one known by the group "+
		"coordinator (%d). The member must abandon all its partitions and rejoin.", size, req.MemberEpoch, m.memberEpoch)
}

func (m *consumerMember) ownsAll(topics []kmsg.ConsumerGroupHeartbeatRequestTopic) bool {
	if topics == nil {
		return false
	}
	for _, t := range topics {
		for _, p := range t.Partitions {
			if !m.assigned.has(t.TopicID, p) {
				return false
			}
		}
	}
	return true
}

// replaceConsumer gives a static member that comes back what it had, under its new id.
func (s *shard) replaceConsumer(g *consumerGroup, old *consumerMember, memberID string) *consumerMember {
	m := *old
	m.memberID, m.memberEpoch, m.previousEpoch = memberID, joinEpoch, joinEpoch
	target := g.target[old.memberID]
	s.cancelConsumer(g.groupID, old.memberID)
	for _, r := range memberTombstones(g.groupID, old.memberID) {
		s.apply(r)
	}
	s.apply(memberRecord(g.groupID, &m))
	s.apply(targetRecord(g.groupID, memberID, target))
	s.apply(currentRecord(g.groupID, &m))
	return g.members[memberID]
}

// updatedBy is the member with what the heartbeat says; fields that are left out have not changed.
func updatedBy(before *consumerMember, ctx RequestContext, req *kmsg.ConsumerGroupHeartbeatRequest) (consumerMember, error) {
	m := *before
	m.classic = nil
	m.clientID, m.clientHost = ctx.ClientID, ctx.ClientHost
	if req.InstanceID != nil {
		m.instanceID = req.InstanceID
	}
	if req.RackID != nil {
		m.rackID = req.RackID
	}
	if req.RebalanceTimeoutMillis != -1 {
		m.rebalanceTimeout = time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond
	}
	if req.ServerAssignor != nil {
		m.serverAssignor = req.ServerAssignor
	}
	if req.SubscribedTopicNames != nil {
		m.topics = slices.Compact(slices.Sorted(slices.Values(req.SubscribedTopicNames)))
	}
	if req.SubscribedTopicRegex != nil && *req.SubscribedTopicRegex != m.regex {
		m.regex = *req.SubscribedTopicRegex
		if _, err := compileRegex(m.regex); err != nil {
			return m, err
		}
	}
	return m, nil
}

// reconcile moves the member towards its target. reported is what it says it has, nil if it doesn't say.
func (s *shard) reconcile(g *consumerGroup, memberID string, reported []kmsg.ConsumerGroupHeartbeatRequestTopic) *consumerMember {
	m := g.members[memberID]
	r := reconciliation{
		member: *m, target: g.target[m.memberID], targetEpoch: g.assignmentEpoch, isOwned: g.isOwned, reported: reported,
	}
	next := r.next()
	if m.sameAssignment(&next) {
		return m
	}
	s.apply(currentRecord(g.groupID, &next))
	key := timerKey{timerRevocation, g.groupID, m.memberID}
	if next.state == memberUnrevoked {
		s.timers.Schedule(key, s.now.Add(next.rebalanceTimeout))
	} else {
		s.timers.Cancel(key)
	}
	return g.members[memberID]
}

func heartbeatAssignment(o owned) *kmsg.ConsumerGroupHeartbeatResponseAssignment {
	a := kmsg.NewConsumerGroupHeartbeatResponseAssignment()
	a.Topics = []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{}
	o.sorted(func(topic ident.TopicID, partitions []int32) {
		t := kmsg.NewConsumerGroupHeartbeatResponseAssignmentTopic()
		t.TopicID, t.Partitions = topic, partitions
		a.Topics = append(a.Topics, t)
	})
	return &a
}
