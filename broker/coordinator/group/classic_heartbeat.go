package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// heartbeat handles Heartbeat.
func (s *shard) heartbeat(req *kmsg.HeartbeatRequest) error {
	if g := s.consumers[req.Group]; g != nil {
		return s.heartbeatInConsumerGroup(g, req)
	}
	g := s.group(req.Group)
	if g == nil {
		return kerr.UnknownMemberID
	}
	if err := g.validateMember(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	if req.Generation != g.generation {
		return kerr.IllegalGeneration
	}
	switch g.state {
	case stateEmpty:
		return kerr.UnknownMemberID
	case statePreparingRebalance:
		s.expectHeartbeat(g, g.members[req.MemberID])
		return kerr.RebalanceInProgress
	default:
		s.expectHeartbeat(g, g.members[req.MemberID])
		return nil
	}
}
