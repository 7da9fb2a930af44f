package group

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The types of groups in ListGroups.
const (
	groupTypeClassic  = "classic"
	groupTypeConsumer = "consumer"
)

// describe handles one group of DescribeGroups. Before version 6 a group that doesn't exist is "Dead" and no error (KIP-1043).
func (s *shard) describe(groupID string, version int16) kmsg.DescribeGroupsResponseGroup {
	r := kmsg.NewDescribeGroupsResponseGroup()
	r.Group = groupID
	g := s.group(groupID)
	if g == nil {
		r.State = "Dead"
		if version >= 6 {
			err := notFound(groupID)
			if s.consumers[groupID] != nil {
				err = notA("classic", groupID)
			}
			r.ErrorCode, r.ErrorMessage = errorCode(err), errorMessage(err)
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
	add := func(groupID, protocolType, state, groupType string) {
		if !matches(states, state) || !matches(types, groupType) {
			return
		}
		lg := kmsg.NewListGroupsResponseGroup()
		lg.Group, lg.ProtocolType, lg.GroupState, lg.GroupType = groupID, protocolType, state, groupType
		out = append(out, lg)
	}
	for _, groupID := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[groupID]
		add(groupID, g.protocolType, g.state.String(), groupTypeClassic)
	}
	for _, groupID := range slices.Sorted(maps.Keys(s.consumers)) {
		add(groupID, consumerProtocolType, s.consumers[groupID].state(), groupTypeConsumer)
	}
	return out
}

// deleteGroup handles one group of DeleteGroups: it and its offsets go, if nobody is in it.
func (s *shard) deleteGroup(groupID string) error {
	if !s.exists(groupID) {
		return notFound(groupID)
	}
	if !s.isEmpty(groupID) {
		return kerr.NonEmptyGroup
	}
	s.divisible = true // what is left of a group whose deletion fails half-way can be deleted again
	s.deleteAllOffsets(groupID)
	s.writeGroupTombstones(groupID)
	return nil
}

func (s *shard) exists(groupID string) bool {
	return s.groups[groupID] != nil || s.consumers[groupID] != nil
}

// isEmpty says whether a group that exists has no members.
func (s *shard) isEmpty(groupID string) bool {
	if g := s.consumers[groupID]; g != nil {
		return len(g.members) == 0
	}
	return s.groups[groupID].is(stateEmpty)
}

func (s *shard) writeGroupTombstones(groupID string) {
	if g := s.consumers[groupID]; g != nil {
		for _, r := range consumerTombstones(g) {
			s.write(r)
		}
		return
	}
	s.write(groupTombstone(groupID))
}
