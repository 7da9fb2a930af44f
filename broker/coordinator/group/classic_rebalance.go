package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// rebalanceOrCompleteJoin: something changed. It begins a rebalance, or if one is on, sees whether everyone is there now.
func (s *shard) rebalanceOrCompleteJoin(g *classicGroup, reason string) {
	if g.is(statePreparingRebalance) {
		s.maybeCompleteJoin(g)
		return
	}
	s.prepareRebalance(g, reason)
}

// prepareRebalance begins the join phase.
func (s *shard) prepareRebalance(g *classicGroup, reason string) {
	if g.is(stateCompletingRebalance) {
		// Those that wait for the assignment join again.
		s.resetAssignments(g, kerr.RebalanceInProgress)
	}
	s.timers.Cancel(timerKey{kind: timerSync, group: g.groupID})
	for _, m := range g.members {
		m.pendingSync = false
	}
	isInitial := g.is(stateEmpty)
	s.log.Info("rebalance begins", "group", g.groupID, "state", g.state.String(), "generation", g.generation, "reason", reason)
	g.transitionTo(statePreparingRebalance, s.now)
	if isInitial {
		// More members are probably starting right now.
		g.newMemberAdded = false
		g.initialDelay = s.cfg.InitialRebalanceDelay
		g.initialRemaining = max(g.rebalanceTimeout()-g.initialDelay, 0)
		s.scheduleJoinPhase(g, g.initialDelay)
		return
	}
	if g.hasAllMembersJoined() {
		s.completeJoin(g)
		return
	}
	s.scheduleJoinPhase(g, g.rebalanceTimeout())
}

func (s *shard) scheduleJoinPhase(g *classicGroup, wait time.Duration) {
	s.timers.Schedule(timerKey{kind: timerJoin, group: g.groupID}, s.now.Add(wait))
}

// maybeCompleteJoin completes the join phase when everyone is there; the first rebalance always takes its delay.
func (s *shard) maybeCompleteJoin(g *classicGroup) {
	if g.is(statePreparingRebalance) && g.previousState != stateEmpty && g.hasAllMembersJoined() {
		s.completeJoin(g)
	}
}

// joinPhaseEnds is the join phase's timer.
func (s *shard) joinPhaseEnds(g *classicGroup) {
	if !g.is(statePreparingRebalance) {
		return
	}
	if g.previousState == stateEmpty && g.newMemberAdded && g.initialRemaining > 0 {
		g.newMemberAdded = false
		remaining := g.initialRemaining
		g.initialRemaining = max(remaining-g.initialDelay, 0)
		g.initialDelay = min(s.cfg.InitialRebalanceDelay, remaining)
		s.scheduleJoinPhase(g, g.initialDelay)
		return
	}
	s.completeJoin(g)
}

// completeJoin begins the next generation with the members that joined. Dynamic members that did not are out; static ones stay until
// their session ends.
func (s *shard) completeJoin(g *classicGroup) {
	s.timers.Cancel(timerKey{kind: timerJoin, group: g.groupID})
	for _, m := range g.all() {
		if m.awaitingJoin == nil && m.instanceID == nil {
			s.removeMember(g, m.memberID)
		}
	}
	if len(g.members) > 0 && !g.electJoinedLeader() {
		// Only static members, and none of them here: wait on until their sessions end.
		s.scheduleJoinPhase(g, g.rebalanceTimeout())
		return
	}
	g.nextGeneration(s.now)
	if g.is(stateEmpty) {
		s.log.Info("group is empty", "group", g.groupID, "generation", g.generation)
		s.write(groupMetadataRecord(g))
		return
	}
	s.log.Info("generation begins", "group", g.groupID, "generation", g.generation, "members", len(g.members))
	for _, m := range g.all() {
		if w := g.await(m, nil); w != nil {
			s.replyJoined(g, m, w, g.leaderID, false)
		}
		m.isNew, m.pendingSync = false, true
		s.expectHeartbeat(g, m)
	}
	s.timers.Schedule(timerKey{kind: timerSync, group: g.groupID}, s.now.Add(g.rebalanceTimeout()))
}

// expirePendingSync removes the members that never fetched their assignment: the partitions that it gives them would stay unread.
func (s *shard) expirePendingSync(g *classicGroup) {
	if !g.is(stateCompletingRebalance, stateStable) || g.countPendingSync() == 0 {
		return
	}
	for _, m := range g.all() {
		if m.pendingSync {
			s.removeMember(g, m.memberID)
		}
	}
	s.prepareRebalance(g, "members did not send SyncGroup in time")
}

// removeMember takes a member out and answers what it waits for, so that it joins again if it is still there.
func (s *shard) removeMember(g *classicGroup, memberID string) {
	s.timers.Cancel(timerKey{timerHeartbeat, g.groupID, memberID})
	m := g.members[memberID]
	g.remove(memberID)
	if m != nil {
		s.answerRemoved(m, "", kerr.UnknownMemberID)
	}
}

func (s *shard) answerRemoved(m *classicMember, memberID string, err error) {
	if w := m.awaitingJoin; w != nil {
		s.replyJoin(w, joinError(w.version, memberID, err))
	}
	if w := m.awaitingSync; w != nil {
		s.replySync(w, syncError(w.version, err))
	}
}

// resetAssignments takes back the assignment in the making and tells those that wait for it.
func (s *shard) resetAssignments(g *classicGroup, err error) {
	for _, m := range g.all() {
		m.assignment = nil
		if w := m.awaitingSync; w != nil {
			m.awaitingSync = nil
			s.replySync(w, syncError(w.version, err))
			s.expectHeartbeat(g, m)
		}
	}
}

// expectHeartbeat starts the member's session anew.
func (s *shard) expectHeartbeat(g *classicGroup, m *classicMember) {
	s.timers.Schedule(timerKey{timerHeartbeat, g.groupID, m.memberID}, s.now.Add(m.sessionTimeout))
}

// expireMember ends a session.
func (s *shard) expireMember(g *classicGroup, memberID string) {
	m, ok := g.members[memberID]
	switch {
	case g.pendingMembers[memberID]:
		s.removeMember(g, memberID)
		s.maybeCompleteJoin(g)
	case !ok || m.keepsSessionByWaiting():
	default:
		s.log.Info("member's session expired", "group", g.groupID, "member", memberID)
		s.removeMember(g, memberID)
		s.memberGone(g, "member "+memberID+" did not heartbeat")
	}
}

// memberGone goes on without a member that has been removed.
func (s *shard) memberGone(g *classicGroup, reason string) {
	switch g.state {
	case stateStable, stateCompletingRebalance:
		s.prepareRebalance(g, reason)
	case statePreparingRebalance:
		s.maybeCompleteJoin(g)
	default:
	}
}

// allSynced ends the wait for SyncGroup requests when the last one is in.
func (s *shard) synced(g *classicGroup, m *classicMember) {
	m.pendingSync = false
	if !slices.ContainsFunc(g.order, func(id string) bool { return g.members[id].pendingSync }) {
		s.timers.Cancel(timerKey{kind: timerSync, group: g.groupID})
	}
}
