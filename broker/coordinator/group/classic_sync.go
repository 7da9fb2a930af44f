package group

import (
	"bytes"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
)

// sync handles SyncGroup: the leader brings the assignment, the others wait for it.
func (s *shard) sync(req *kmsg.SyncGroupRequest, w *syncWaiter) {
	if g := s.consumers[req.Group]; g != nil {
		s.syncInConsumerGroup(g, req, w)
		return
	}
	g := s.group(req.Group)
	if err := validateSync(g, req); err != nil {
		s.replySync(w, syncError(w.version, err))
		return
	}
	m := g.members[req.MemberID]
	if old := m.awaitingSync; old != nil {
		s.reply(func(error) { old.done(syncError(old.version, kerr.RebalanceInProgress)) })
		m.awaitingSync = nil
	}
	s.synced(g, m)
	if g.is(stateStable) {
		s.replyAssignment(g, m, w)
		return
	}
	m.awaitingSync = w
	if g.isLeader(m.memberID) {
		s.assign(g, req.GroupAssignment)
	}
}

func validateSync(g *classicGroup, req *kmsg.SyncGroupRequest) error {
	if g == nil {
		return kerr.UnknownMemberID
	}
	if err := g.validateMember(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	if req.Generation != g.generation {
		return kerr.IllegalGeneration
	}
	if req.ProtocolType != nil && *req.ProtocolType != g.protocolType || req.Protocol != nil && *req.Protocol != g.protocol() {
		return kerr.InconsistentGroupProtocol
	}
	if g.is(statePreparingRebalance) {
		return kerr.RebalanceInProgress
	}
	if g.is(stateEmpty) {
		return kerr.UnknownMemberID
	}
	return nil
}

// assign makes the group stable with the leader's assignment. Members that it leaves out get an empty one.
func (s *shard) assign(g *classicGroup, assignments []kmsg.SyncGroupRequestGroupAssignment) {
	for _, m := range g.members {
		m.assignment = nil
	}
	for _, a := range assignments {
		if m, ok := g.members[a.MemberID]; ok {
			m.assignment = bytes.Clone(a.MemberAssignment)
		}
	}
	rec := groupMetadataRecord(g)
	if err := s.tooLarge(rec); err != nil {
		s.log.Warn("assignment refused", "group", g.groupID, "error", err)
		s.resetAssignments(g, err)
		s.rebalanceOrCompleteJoin(g, "the assignment is too large to be written")
		return
	}
	s.write(rec)
	g.transitionTo(stateStable, s.now)
	s.log.Info("group is stable", "group", g.groupID, "generation", g.generation, "members", len(g.members))
	for _, m := range g.all() {
		if w := m.awaitingSync; w != nil {
			m.awaitingSync = nil
			s.replyAssignment(g, m, w)
			s.expectHeartbeat(g, m)
		}
	}
}

func (s *shard) replyAssignment(g *classicGroup, m *classicMember, w *syncWaiter) {
	resp := syncError(w.version, nil)
	resp.ProtocolType, resp.Protocol = new(g.protocolType), g.protocolName
	resp.MemberAssignment = bytes.Clone(m.assignment)
	s.replySync(w, resp)
}

func (s *shard) replySync(w *syncWaiter, resp *kmsg.SyncGroupResponse) {
	s.reply(func(err error) {
		if err != nil {
			resp = syncError(w.version, writeError(err))
		}
		w.done(resp)
	})
}

func syncError(version int16, err error) *kmsg.SyncGroupResponse {
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.SetVersion(version)
	resp.ErrorCode = errorCode(err)
	return resp
}

// tooLarge says whether a record can't be written, before the group is changed for it.
func (s *shard) tooLarge(r coordinator.Record) error {
	if coordinator.BatchSize(r) > s.maxBatch() {
		return writeError(kerr.MessageTooLarge)
	}
	return nil
}
