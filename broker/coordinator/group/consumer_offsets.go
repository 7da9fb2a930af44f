package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// validateCommit decides whether a member of a consumer group may commit. A member that is behind the group's newest epoch may still commit
// what it has had since its own: nobody else has got those partitions meanwhile.
func (g *consumerGroup) validateCommit(id commitIdentity) (commitCheck, error) {
	if id.generation < 0 && len(g.members) == 0 {
		return nil, nil
	}
	if id.transactional && id.generation == -1 && id.memberID == "" && id.instanceID == nil {
		return nil, nil // older versions of TxnOffsetCommit don't say who commits
	}
	m := g.members[id.memberID]
	if m == nil {
		return nil, unknownMember(id.memberID, g.groupID)
	}
	if !id.transactional && id.version < 9 && m.classic == nil {
		return nil, kerr.UnsupportedVersion // its errors can't say what a member of this protocol has to know
	}
	stale := kerr.StaleMemberEpoch
	if id.transactional || m.classic != nil {
		stale = kerr.IllegalGeneration
	}
	switch {
	case id.generation == m.memberEpoch:
		return nil, nil
	case id.generation > m.memberEpoch:
		return nil, stale
	}
	return func(topic ident.TopicID, partition int32) int16 {
		if since, ok := m.assigned[topic][partition]; ok && id.generation >= since {
			return 0
		}
		return stale.Code
	}, nil
}

// validateFetch checks the identity that OffsetFetch may carry since version 9.
func (s *shard) validateFetch(req *kmsg.OffsetFetchRequestGroup) error {
	g := s.consumers[req.Group]
	if g == nil || deref(req.MemberID) == "" && req.MemberEpoch < 0 {
		return nil
	}
	m := g.members[deref(req.MemberID)]
	if m == nil {
		return kerr.UnknownMemberID
	}
	if req.MemberEpoch != m.memberEpoch {
		if m.classic != nil {
			return kerr.IllegalGeneration
		}
		return kerr.StaleMemberEpoch
	}
	return nil
}
