package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

// The requests of the group protocol go to the group coordinator as they are; each may wait there (a join for the other members, a
// commit for its record's replication), so each answers through a callback. The coordinator's own files describe the behaviour.

func (h *Handlers) offsetCommit(r *wire.Request) {
	h.Groups.OffsetCommit(groupContext(r), r.Body.(*kmsg.OffsetCommitRequest), func(resp *kmsg.OffsetCommitResponse) { r.Respond(resp) })
}

func (h *Handlers) offsetFetch(r *wire.Request) {
	h.Groups.OffsetFetch(groupContext(r), r.Body.(*kmsg.OffsetFetchRequest), func(resp *kmsg.OffsetFetchResponse) { r.Respond(resp) })
}

func (h *Handlers) joinGroup(r *wire.Request) {
	h.Groups.JoinGroup(groupContext(r), r.Body.(*kmsg.JoinGroupRequest), func(resp *kmsg.JoinGroupResponse) { r.Respond(resp) })
}

func (h *Handlers) heartbeat(r *wire.Request) {
	h.Groups.Heartbeat(groupContext(r), r.Body.(*kmsg.HeartbeatRequest), func(resp *kmsg.HeartbeatResponse) { r.Respond(resp) })
}

func (h *Handlers) leaveGroup(r *wire.Request) {
	h.Groups.LeaveGroup(groupContext(r), r.Body.(*kmsg.LeaveGroupRequest), func(resp *kmsg.LeaveGroupResponse) { r.Respond(resp) })
}

func (h *Handlers) syncGroup(r *wire.Request) {
	h.Groups.SyncGroup(groupContext(r), r.Body.(*kmsg.SyncGroupRequest), func(resp *kmsg.SyncGroupResponse) { r.Respond(resp) })
}

func (h *Handlers) describeGroups(r *wire.Request) {
	req := r.Body.(*kmsg.DescribeGroupsRequest)
	h.Groups.DescribeGroups(groupContext(r), req, func(resp *kmsg.DescribeGroupsResponse) {
		for i := range resp.Groups {
			asked := req.IncludeAuthorizedOperations && resp.Groups[i].ErrorCode == 0
			resp.Groups[i].AuthorizedOperations = authorizedOperations(asked, groupOperations)
		}
		r.Respond(resp)
	})
}

func (h *Handlers) listGroups(r *wire.Request) {
	h.Groups.ListGroups(groupContext(r), r.Body.(*kmsg.ListGroupsRequest), func(resp *kmsg.ListGroupsResponse) { r.Respond(resp) })
}

func (h *Handlers) deleteGroups(r *wire.Request) {
	h.Groups.DeleteGroups(groupContext(r), r.Body.(*kmsg.DeleteGroupsRequest), func(resp *kmsg.DeleteGroupsResponse) { r.Respond(resp) })
}

func (h *Handlers) offsetDelete(r *wire.Request) {
	h.Groups.OffsetDelete(groupContext(r), r.Body.(*kmsg.OffsetDeleteRequest), func(resp *kmsg.OffsetDeleteResponse) { r.Respond(resp) })
}

func (h *Handlers) consumerGroupHeartbeat(r *wire.Request) {
	req := r.Body.(*kmsg.ConsumerGroupHeartbeatRequest)
	h.Groups.ConsumerGroupHeartbeat(groupContext(r), req, func(resp *kmsg.ConsumerGroupHeartbeatResponse) { r.Respond(resp) })
}

func (h *Handlers) consumerGroupDescribe(r *wire.Request) {
	req := r.Body.(*kmsg.ConsumerGroupDescribeRequest)
	h.Groups.ConsumerGroupDescribe(groupContext(r), req, func(resp *kmsg.ConsumerGroupDescribeResponse) {
		for i := range resp.Groups {
			asked := req.IncludeAuthorizedOperations && resp.Groups[i].ErrorCode == 0
			resp.Groups[i].AuthorizedOperations = authorizedOperations(asked, groupOperations)
		}
		r.Respond(resp)
	})
}
