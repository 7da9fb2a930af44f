package group

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leave handles LeaveGroup: members that go, or static members that an administrator removes by their instance id.
func (s *shard) leave(req *kmsg.LeaveGroupRequest, members []kmsg.LeaveGroupRequestMember) []kmsg.LeaveGroupResponseMember {
	if g := s.consumers[req.Group]; g != nil {
		return s.leaveConsumer(g, members)
	}
	g := s.group(req.Group)
	results := make([]kmsg.LeaveGroupResponseMember, 0, len(members))
	var gone []string
	for _, m := range members {
		id, err := s.leaveOne(g, m)
		if err == nil {
			gone = append(gone, id)
		}
		r := kmsg.NewLeaveGroupResponseMember()
		r.MemberID, r.InstanceID, r.ErrorCode = m.MemberID, m.InstanceID, errorCode(err)
		results = append(results, r)
	}
	if len(gone) > 0 {
		s.memberGone(g, "left by LeaveGroup: "+strings.Join(gone, ", "))
	}
	return results
}

func (s *shard) leaveOne(g *classicGroup, m kmsg.LeaveGroupRequestMember) (memberID string, err error) {
	if g == nil {
		return "", kerr.UnknownMemberID
	}
	if m.MemberID == "" {
		if m.InstanceID == nil {
			return "", kerr.UnknownMemberID
		}
		id, ok := g.staticMembers[*m.InstanceID]
		if !ok {
			return "", kerr.UnknownMemberID
		}
		s.removeMember(g, id)
		return id, nil
	}
	if !g.pendingMembers[m.MemberID] {
		if err := g.validateMember(m.MemberID, m.InstanceID); err != nil {
			return "", err
		}
	}
	s.removeMember(g, m.MemberID)
	return m.MemberID, nil
}
