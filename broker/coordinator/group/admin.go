package group

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const groupTypeClassic = "classic"

// describe handles one group of DescribeGroups. Before version 6 a group that doesn't exist is "Dead" and no error (KIP-1043).
func (s *shard) describe(groupID string, version int16) kmsg.DescribeGroupsResponseGroup {
	r := kmsg.NewDescribeGroupsResponseGroup()
	r.Group = groupID
	g := s.group(groupID)
	if g == nil {
		r.State = "Dead"
		if version >= 6 {
			r.ErrorCode = kerr.GroupIDNotFound.Code
			r.ErrorMessage = new(fmt.Sprintf("Group %s not found.", groupID))
		}
		return r
	}
	r.State, r.ProtocolType = g.state.String(), g.protocolType
	stable := g.is(stateStable)
	if stable {
		r.Protocol = g.protocol()
	}
	for _, m := range g.all() {
		rm := kmsg.NewDescribeGroupsResponseGroupMember()
		rm.MemberID, rm.InstanceID, rm.ClientID, rm.ClientHost = m.memberID, m.instanceID, m.clientID, m.clientHost
		rm.MemberAssignment = bytes.Clone(m.assignment)
		if stable {
			rm.ProtocolMetadata = bytes.Clone(m.metadata(g.protocol()))
		}
		r.Members = append(r.Members, rm)
	}
	return r
}

// list handles ListGroups. The filters are not case-sensitive; empty ones let everything through.
func (s *shard) list(states, types []string) (out []kmsg.ListGroupsResponseGroup) {
	matches := func(filter []string, value string) bool {
		return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool {
			return strings.EqualFold(strings.TrimSpace(f), value)
		})
	}
	for _, groupID := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[groupID]
		if !matches(states, g.state.String()) || !matches(types, groupTypeClassic) {
			continue
		}
		lg := kmsg.NewListGroupsResponseGroup()
		lg.Group, lg.ProtocolType, lg.GroupState, lg.GroupType = groupID, g.protocolType, g.state.String(), groupTypeClassic
		out = append(out, lg)
	}
	return out
}

// deleteGroup handles one group of DeleteGroups: it and its offsets go, if nobody is in it.
func (s *shard) deleteGroup(groupID string) error {
	g := s.group(groupID)
	if g == nil {
		return &detailed{kerr.GroupIDNotFound, fmt.Sprintf("Group %s not found.", groupID)}
	}
	if !g.is(stateEmpty) {
		return kerr.NonEmptyGroup
	}
	s.deleteAllOffsets(groupID)
	s.write(groupTombstone(groupID))
	return nil
}
