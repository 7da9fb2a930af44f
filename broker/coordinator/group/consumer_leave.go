package group

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

// consumerLeave handles a heartbeat with an epoch that says goodbye.
func (s *shard) consumerLeave(g *consumerGroup, req *kmsg.ConsumerGroupHeartbeatRequest, resp *kmsg.ConsumerGroupHeartbeatResponse) (*kmsg.ConsumerGroupHeartbeatResponse, error) {
	m := g.members[req.MemberID]
	if req.InstanceID != nil {
		m = g.members[g.staticMembers[*req.InstanceID]]
		if err := validateInstance(m, req); err != nil {
			return nil, err
		}
	}
	if m == nil {
		return nil, unknownMember(req.MemberID, req.Group)
	}
	resp.MemberID, resp.MemberEpoch = &req.MemberID, req.MemberEpoch
	if req.MemberEpoch == leaveStaticEpoch {
		// It keeps its partitions and its place until its session ends, or until it comes back.
		s.log.Info("static member leaves for now", "group", g.groupID, "member", m.memberID)
		away := *m
		away.memberEpoch, away.assigned, away.revoking = leaveStaticEpoch, m.assigned.since(0), nil
		s.apply(currentRecord(g.groupID, &away))
		return resp, nil
	}
	s.log.Info("member left the consumer group", "group", g.groupID, "member", m.memberID)
	s.fence(g, m.memberID)
	return resp, nil
}

// leaveConsumer handles LeaveGroup for a consumer group: administrators remove members of either protocol by it.
func (s *shard) leaveConsumer(g *consumerGroup, members []kmsg.LeaveGroupRequestMember) []kmsg.LeaveGroupResponseMember {
	results := make([]kmsg.LeaveGroupResponseMember, 0, len(members))
	var gone []string
	for _, asked := range members {
		memberID, err := g.leaving(asked)
		if err == nil && !slices.Contains(gone, memberID) {
			gone = append(gone, memberID)
		}
		r := kmsg.NewLeaveGroupResponseMember()
		r.MemberID, r.InstanceID, r.ErrorCode = asked.MemberID, asked.InstanceID, errorCode(err)
		results = append(results, r)
	}
	if len(gone) > 0 {
		s.log.Info("members removed from the consumer group", "group", g.groupID, "members", gone)
		s.fence(g, gone...)
	}
	return results
}

// leaving finds the member that a row of LeaveGroup means.
func (g *consumerGroup) leaving(asked kmsg.LeaveGroupRequestMember) (memberID string, err error) {
	memberID = asked.MemberID
	if asked.InstanceID != nil {
		owner, ok := g.staticMembers[*asked.InstanceID]
		switch {
		case !ok:
			return "", kerr.UnknownMemberID
		case memberID != "" && memberID != owner:
			return "", kerr.FencedInstanceID
		}
		memberID = owner
	}
	if g.members[memberID] == nil {
		return "", kerr.UnknownMemberID
	}
	return memberID, nil
}

// fence removes members and begins a group epoch without them. Where only members of the classic protocol are left, the group becomes a
// classic one again.
func (s *shard) fence(g *consumerGroup, memberIDs ...string) {
	if s.maybeDowngrade(g, memberIDs...) {
		s.prepareRebalance(s.group(g.groupID), "the last member of the consumer protocol is gone")
		return
	}
	for _, memberID := range memberIDs {
		s.cancelConsumer(g.groupID, memberID)
		for _, r := range memberTombstones(g.groupID, memberID) {
			s.apply(r)
		}
	}
	s.resolveRegexes(g)
	s.apply(groupEpochRecord(g.groupID, g.groupEpoch+1, s.metadataHash(g)))
}

func (s *shard) cancelConsumer(groupID, memberID string) {
	s.timers.Cancel(timerKey{timerSession, groupID, memberID})
	s.timers.Cancel(timerKey{timerRevocation, groupID, memberID})
	s.timers.Cancel(timerKey{timerRejoin, groupID, memberID})
	s.timers.Cancel(timerKey{timerMemberSync, groupID, memberID})
}

// expectConsumer starts the member's session anew.
func (s *shard) expectConsumer(g *consumerGroup, memberID string) {
	session := s.cfg.consumerSession(g.groupID)
	if c := g.members[memberID].classic; c != nil {
		session = c.sessionTimeout
	}
	s.timers.Schedule(timerKey{timerSession, g.groupID, memberID}, s.now.Add(session))
}

// expireConsumer is a consumer group's timer.
func (s *shard) expireConsumer(g *consumerGroup, key timerKey) {
	m := g.members[key.member]
	switch {
	case m == nil:
	case key.kind == timerSession:
		s.log.Info("member's session expired", "group", g.groupID, "member", key.member)
		s.fence(g, key.member)
	case key.kind == timerRejoin || key.kind == timerMemberSync:
		s.log.Info("member did not take part in the rebalance in time", "group", g.groupID, "member", key.member, "epoch", m.memberEpoch)
		s.fence(g, key.member)
	case key.kind == timerRevocation && m.state == memberUnrevoked:
		s.log.Info("member did not give up partitions in time", "group", g.groupID, "member", key.member, "epoch", m.memberEpoch)
		s.fence(g, key.member)
	}
}

// resumeConsumers starts the sessions of the members that the log holds.
func (s *shard) resumeConsumers(g *consumerGroup) {
	for _, memberID := range g.memberIDs() {
		m := g.members[memberID]
		s.expectConsumer(g, memberID)
		if m.state == memberUnrevoked {
			s.timers.Schedule(timerKey{timerRevocation, g.groupID, memberID}, s.now.Add(m.rebalanceTimeout))
		}
	}
}

func notFound(groupID string) error {
	return wire.Refusef(kerr.GroupIDNotFound, "Group %s not found.", groupID)
}

func notA(kind, groupID string) error {
	return wire.Refusef(kerr.GroupIDNotFound, "Group %s is not a %s group.", groupID, kind)
}

func unknownMember(memberID, groupID string) error {
	return wire.Refusef(kerr.UnknownMemberID, "Member %s is not a member of group %s.", memberID, groupID)
}
