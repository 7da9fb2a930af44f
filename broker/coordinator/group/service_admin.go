package group

import (
	"errors"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeGroups describes classic groups. Authorized operations are the caller's to fill in.
func (s *Service) DescribeGroups(_ RequestContext, req *kmsg.DescribeGroupsRequest, done func(*kmsg.DescribeGroupsResponse)) {
	resp := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
	resp.Groups = make([]kmsg.DescribeGroupsResponseGroup, len(req.Groups))
	gather := newGather(len(req.Groups), func() { done(resp) })
	for i, id := range req.Groups {
		answer := func(g kmsg.DescribeGroupsResponseGroup, err error) {
			if err != nil {
				g = kmsg.NewDescribeGroupsResponseGroup()
				g.Group, g.ErrorCode = id, errorCode(writeError(err))
			}
			resp.Groups[i] = g
			gather.done()
		}
		refuse := func(err error) { answer(kmsg.DescribeGroupsResponseGroup{}, err) }
		s.submit(s.PartitionFor(id), refuse, func(sh *shard) {
			g := sh.describe(id, req.Version)
			sh.reply(func(err error) { answer(g, err) })
		})
	}
}

// ListGroups lists the groups of the partitions that this broker leads.
func (s *Service) ListGroups(_ RequestContext, req *kmsg.ListGroupsRequest, done func(*kmsg.ListGroupsResponse)) {
	resp := req.ResponseKind().(*kmsg.ListGroupsResponse)
	partitions := s.runtime.Partitions()
	gather := newGather(len(partitions), func() { done(resp) })
	var mu sync.Mutex // guards resp, which the shards fill in
	add := func(groups []kmsg.ListGroupsResponseGroup, err error) {
		mu.Lock()
		// A partition that has just moved away is listed by its new leader.
		if err != nil && !errors.Is(err, kerr.NotCoordinator) {
			resp.ErrorCode, resp.Groups = errorCode(writeError(err)), nil
		}
		if resp.ErrorCode == 0 {
			resp.Groups = append(resp.Groups, groups...)
		}
		mu.Unlock()
		gather.done()
	}
	for _, p := range partitions {
		s.submit(p, func(err error) { add(nil, err) }, func(sh *shard) {
			groups := sh.list(req.StatesFilter, req.TypesFilter)
			sh.reply(func(err error) { add(groups, err) })
		})
	}
}

// DeleteGroups deletes groups without members, with their offsets.
func (s *Service) DeleteGroups(_ RequestContext, req *kmsg.DeleteGroupsRequest, done func(*kmsg.DeleteGroupsResponse)) {
	resp := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
	ids := slices.Compact(slices.Sorted(slices.Values(req.Groups)))
	resp.Groups = make([]kmsg.DeleteGroupsResponseGroup, len(ids))
	gather := newGather(len(ids), func() { done(resp) })
	for i, id := range ids {
		answer := func(err error) {
			g := kmsg.NewDeleteGroupsResponseGroup()
			g.Group, g.ErrorCode, g.ErrorMessage = id, errorCode(err), errorMessage(err)
			resp.Groups[i] = g
			gather.done()
		}
		s.submit(s.PartitionFor(id), answer, func(sh *shard) {
			result := sh.deleteGroup(id)
			sh.reply(func(err error) { answer(firstError(writeError(err), result)) })
		})
	}
}
