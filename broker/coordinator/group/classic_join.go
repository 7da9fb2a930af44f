package group

import (
	"bytes"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joinRequest is a JoinGroup request on its way through the shard.
type joinRequest struct {
	ctx       RequestContext
	req       *kmsg.JoinGroupRequest
	protocols []protocol
	waiter    *joinWaiter
}

func (j *joinRequest) sessionTimeout() time.Duration {
	return time.Duration(j.req.SessionTimeoutMillis) * time.Millisecond
}

// rebalanceTimeout: version 0 has none and means the session timeout.
func (j *joinRequest) rebalanceTimeout() time.Duration {
	if j.req.Version == 0 {
		return j.sessionTimeout()
	}
	return time.Duration(j.req.RebalanceTimeoutMillis) * time.Millisecond
}

func (j *joinRequest) reason() string {
	if j.req.Reason == nil {
		return "not provided"
	}
	return *j.req.Reason
}

// join handles JoinGroup. The answer comes when the rebalance that it belongs to is complete, or at once when there is none.
func (s *shard) join(j *joinRequest) {
	req := j.req
	if c := s.consumers[req.Group]; c != nil {
		if len(c.members) > 0 {
			s.joinConsumerGroup(c, j)
			return
		}
		for _, r := range consumerTombstones(c) {
			s.apply(r) // an empty group takes up whichever protocol its next member speaks
		}
		s.divisible = false
	}
	g := s.group(req.Group)
	isNewGroup := g == nil
	if isNewGroup {
		if req.MemberID != "" {
			s.refuseJoin(j, req.MemberID, kerr.UnknownMemberID)
			return
		}
		g = s.groupOrCreate(req.Group)
		g.stateSince = s.now
	}
	switch {
	case !s.acceptsJoining(g, req.MemberID):
		s.refuseJoin(j, "", kerr.GroupMaxSizeReached)
		s.removeMember(g, req.MemberID)
		s.maybeCompleteJoin(g)
	case req.MemberID == "":
		s.joinUnknown(g, j)
	default:
		s.joinKnown(g, j)
	}
	if isNewGroup {
		// The log has to know every group, or an empty one that a client can see would vanish with its coordinator.
		s.write(newGroupRecord(g))
	}
}

// acceptsJoining applies group.max.size. During a rebalance the members that have come back count, not those of the last generation.
func (s *shard) acceptsJoining(g *classicGroup, memberID string) bool {
	m, known := g.members[memberID]
	switch g.state {
	case stateEmpty:
		return true
	case statePreparingRebalance:
		return known && m.awaitingJoin != nil || g.awaitingJoin < s.cfg.MaxSize
	default:
		return known || len(g.members) < s.cfg.MaxSize
	}
}

// joinUnknown handles a client that has no member id yet.
func (s *shard) joinUnknown(g *classicGroup, j *joinRequest) {
	req := j.req
	if !g.supports(req.ProtocolType, j.protocols) {
		s.refuseJoin(j, "", kerr.InconsistentGroupProtocol)
		return
	}
	if req.InstanceID != nil {
		memberID := *req.InstanceID + "-" + s.newID()
		if old, ok := g.staticMembers[*req.InstanceID]; ok {
			s.log.Info("static member takes its place", "group", g.groupID, "instance", *req.InstanceID, "old_member", old, "member", memberID)
			s.replaceStaticMember(g, j, old, memberID)
		} else {
			s.addMember(g, j, memberID)
		}
		return
	}
	memberID := j.ctx.ClientID + "-" + s.newID()
	if req.Version < 4 {
		s.addMember(g, j, memberID)
		return
	}
	// The client joins again with this id, so that a client whose answer got lost doesn't leave a member behind (KIP-394).
	g.pendingMembers[memberID] = true
	s.timers.Schedule(timerKey{timerHeartbeat, g.groupID, memberID}, s.now.Add(j.sessionTimeout()))
	s.refuseJoin(j, memberID, kerr.MemberIDRequired)
}

// joinKnown handles a client that says who it is.
func (s *shard) joinKnown(g *classicGroup, j *joinRequest) {
	req := j.req
	if !g.supports(req.ProtocolType, j.protocols) {
		s.refuseJoin(j, req.MemberID, kerr.InconsistentGroupProtocol)
		return
	}
	if g.pendingMembers[req.MemberID] {
		if req.InstanceID != nil { // pending ids are given to dynamic members only
			s.refuseJoin(j, req.MemberID, kerr.UnknownServerError)
			return
		}
		s.addMember(g, j, req.MemberID)
		return
	}
	if err := g.validateMember(req.MemberID, req.InstanceID); err != nil {
		s.refuseJoin(j, req.MemberID, err)
		return
	}
	m := g.members[req.MemberID]
	same := m.sameProtocols(j.protocols)
	switch {
	case g.is(statePreparingRebalance):
		s.updateMember(g, m, j, "a member joins during the rebalance; client reason: "+j.reason())
	case g.is(stateCompletingRebalance) && same:
		// The answer to its JoinGroup may have been lost: it gets it again.
		s.replyJoined(g, m, j.waiter, g.leaderID, false)
	case g.is(stateCompletingRebalance):
		s.updateMember(g, m, j, "a member changed its protocols; client reason: "+j.reason())
	case g.is(stateStable) && g.isLeader(m.memberID):
		// The leader knows of changes that don't show in its own metadata, new partitions for example.
		s.updateMember(g, m, j, "the leader joins again; client reason: "+j.reason())
	case g.is(stateStable) && !same:
		s.updateMember(g, m, j, "a member changed its protocols; client reason: "+j.reason())
	case g.is(stateStable):
		s.replyJoined(g, m, j.waiter, g.leaderID, false)
	default:
		s.refuseJoin(j, req.MemberID, kerr.UnknownMemberID)
	}
}

func (s *shard) addMember(g *classicGroup, j *joinRequest, memberID string) {
	m := &classicMember{
		memberID: memberID, instanceID: j.req.InstanceID, clientID: j.ctx.ClientID, clientHost: j.ctx.ClientHost,
		sessionTimeout: j.sessionTimeout(), rebalanceTimeout: j.rebalanceTimeout(),
		protocolType: j.req.ProtocolType, protocols: j.protocols,
		isNew: true, awaitingJoin: j.waiter,
	}
	if g.is(statePreparingRebalance) && g.previousState == stateEmpty {
		g.newMemberAdded = true
	}
	g.add(m)
	s.timers.Schedule(timerKey{timerHeartbeat, g.groupID, memberID}, s.now.Add(newMemberJoinTimeout))
	s.rebalanceOrCompleteJoin(g, fmt.Sprintf("new member %s; client reason: %s", memberID, j.reason()))
}

func (s *shard) updateMember(g *classicGroup, m *classicMember, j *joinRequest, reason string) {
	s.takeJoin(g, m, j)
	s.rebalanceOrCompleteJoin(g, reason)
}

// takeJoin makes the member wait with this request and takes over what it says.
func (s *shard) takeJoin(g *classicGroup, m *classicMember, j *joinRequest) {
	g.setProtocols(m, j.protocols)
	m.sessionTimeout, m.rebalanceTimeout = j.sessionTimeout(), j.rebalanceTimeout()
	if old := g.await(m, j.waiter); old != nil {
		// DEVIATION(kafka): the client has given up that request, or it would not ask again. Apache Kafka leaves it unanswered for ever.
		s.reply(func(error) { old.done(joinError(old.version, m.memberID, kerr.RebalanceInProgress)) })
	}
}

// replaceStaticMember: an instance joins again without its member id, after a restart. It takes its place back under a new id, and the
// old id is fenced. If the group is stable and the choice of protocol stays, nobody else notices (KIP-345).
func (s *shard) replaceStaticMember(g *classicGroup, j *joinRequest, oldID, newID string) {
	oldLeader, old := g.leaderID, g.members[oldID]
	s.timers.Cancel(timerKey{timerHeartbeat, g.groupID, oldID})
	s.answerRemoved(old, oldID, kerr.FencedInstanceID)
	m := g.replaceStatic(*j.req.InstanceID, oldID, newID)
	m.clientID, m.clientHost = j.ctx.ClientID, j.ctx.ClientHost
	s.expectHeartbeat(g, m)
	s.takeJoin(g, m, j)

	switch g.state {
	case stateStable:
		if g.selectProtocol() != g.protocol() {
			s.rebalanceOrCompleteJoin(g, "a static member's return changes the group's protocol")
			return
		}
		w := g.await(m, nil)
		rec := groupMetadataRecord(g)
		if err := s.tooLarge(rec); err != nil {
			*m = *old
			m.awaitingJoin, m.awaitingSync = nil, nil
			s.restoreStatic(g, m, newID)
			s.reply(func(error) { w.done(joinError(w.version, "", err)) })
			return
		}
		s.write(rec)
		if isLeader := g.isLeader(newID); w.version >= 9 {
			// The leader is told that it is one, but not to assign (KIP-814).
			s.replyJoined(g, m, w, g.leaderID, isLeader)
		} else {
			// An older leader would assign if it saw its own id as the leader's; it is shown its old one.
			s.replyFollower(g, m, w, oldLeader)
		}
	case stateCompletingRebalance:
		// The leader may be at work on an assignment for the old id.
		s.rebalanceOrCompleteJoin(g, "a static member came back during the rebalance")
	case statePreparingRebalance:
		s.maybeCompleteJoin(g)
	default: // an empty group has no members to replace
	}
}

// restoreStatic undoes replaceStatic when its record can't be written.
func (s *shard) restoreStatic(g *classicGroup, old *classicMember, newID string) {
	s.timers.Cancel(timerKey{timerHeartbeat, g.groupID, newID})
	g.remove(newID)
	leader := g.leaderID
	g.add(old)
	if leader == "" {
		leader = old.memberID
	}
	g.leaderID = leader
	s.expectHeartbeat(g, old)
}

// replyJoined tells a member the generation; the leader also gets the members.
func (s *shard) replyJoined(g *classicGroup, m *classicMember, w *joinWaiter, leaderID string, skipAssignment bool) {
	resp := g.joinedResponse(m, w.version, leaderID)
	resp.SkipAssignment = skipAssignment
	if g.isLeader(m.memberID) {
		resp.Members = g.joinedMembers()
	}
	s.replyJoin(w, resp)
}

func (s *shard) replyFollower(g *classicGroup, m *classicMember, w *joinWaiter, leaderID string) {
	s.replyJoin(w, g.joinedResponse(m, w.version, leaderID))
}

func (s *shard) replyJoin(w *joinWaiter, resp *kmsg.JoinGroupResponse) {
	s.reply(func(err error) {
		if err != nil {
			resp = joinError(w.version, resp.MemberID, writeError(err))
		}
		w.done(resp)
	})
}

func (s *shard) refuseJoin(j *joinRequest, memberID string, err error) {
	s.replyJoin(j.waiter, joinError(j.req.Version, memberID, err))
}

func (g *classicGroup) joinedResponse(m *classicMember, version int16, leaderID string) *kmsg.JoinGroupResponse {
	resp := joinError(version, m.memberID, nil)
	resp.Generation = g.generation
	resp.ProtocolType = new(g.protocolType)
	resp.Protocol = g.protocolName
	resp.LeaderID = leaderID
	return resp
}

// joinedMembers is what the leader needs to assign.
func (g *classicGroup) joinedMembers() []kmsg.JoinGroupResponseMember {
	members := make([]kmsg.JoinGroupResponseMember, 0, len(g.order))
	for _, m := range g.all() {
		rm := kmsg.NewJoinGroupResponseMember()
		rm.MemberID, rm.InstanceID = m.memberID, m.instanceID
		rm.ProtocolMetadata = bytes.Clone(m.metadata(g.protocol()))
		members = append(members, rm)
	}
	return members
}

func joinError(version int16, memberID string, err error) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.SetVersion(version)
	resp.ErrorCode = errorCode(err)
	resp.Generation = -1
	resp.MemberID = memberID
	return resp
}
