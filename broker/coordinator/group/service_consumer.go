package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConsumerGroupHeartbeat is the whole protocol of consumer groups (KIP-848).
func (s *Service) ConsumerGroupHeartbeat(ctx RequestContext, req *kmsg.ConsumerGroupHeartbeatRequest, done func(*kmsg.ConsumerGroupHeartbeatResponse)) {
	refuse := func(err error) {
		resp := req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
		resp.ErrorCode, resp.ErrorMessage = errorCode(err), errorMessage(err)
		done(resp)
	}
	if err := s.cfg.validateConsumerHeartbeat(req); err != nil {
		refuse(err)
		return
	}
	s.submit(s.PartitionFor(req.Group), refuse, func(sh *shard) {
		resp, result := sh.consumerHeartbeat(ctx, req)
		sh.reply(func(err error) {
			if err := firstError(writeError(err), result); err != nil {
				refuse(err)
				return
			}
			done(resp)
		})
	})
}

// ConsumerGroupDescribe describes consumer groups. Authorized operations are the caller's to fill in.
func (s *Service) ConsumerGroupDescribe(_ RequestContext, req *kmsg.ConsumerGroupDescribeRequest, done func(*kmsg.ConsumerGroupDescribeResponse)) {
	resp := req.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
	resp.Groups = make([]kmsg.ConsumerGroupDescribeResponseGroup, len(req.Groups))
	gather := newGather(len(req.Groups), func() { done(resp) })
	for i, id := range req.Groups {
		answer := func(g kmsg.ConsumerGroupDescribeResponseGroup, err error) {
			if err != nil {
				g = kmsg.NewConsumerGroupDescribeResponseGroup()
				g.Group, g.ErrorCode = id, errorCode(writeError(err))
			}
			resp.Groups[i] = g
			gather.done()
		}
		refuse := func(err error) { answer(kmsg.ConsumerGroupDescribeResponseGroup{}, err) }
		switch {
		case !s.cfg.ConsumerProtocol:
			refuse(kerr.UnsupportedVersion)
			continue
		case id == "":
			refuse(kerr.InvalidGroupID)
			continue
		}
		s.submit(s.PartitionFor(id), refuse, func(sh *shard) {
			g := sh.describeConsumer(id)
			sh.reply(func(err error) { answer(g, err) })
		})
	}
}
