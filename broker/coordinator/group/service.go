package group

import (
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/ident"
)

// RequestContext is what a handler knows about the client besides the request.
type RequestContext struct {
	ClientID   string // "" when the client sent null
	ClientHost string // as Kafka shows it: "/127.0.0.1"
}

// Topics answers questions about the topics of the cluster, from the metadata image.
type Topics interface {
	TopicID(name string) (ident.TopicID, bool)
	TopicName(id ident.TopicID) (string, bool)
	// PartitionCount is 0 when there is no such topic.
	PartitionCount(name string) int32
}

// Dependencies are the group coordinator's seams to the rest of the broker.
type Dependencies struct {
	Writer coordinator.PartitionWriter
	Loader coordinator.Loader
	Topics Topics
	Absent func(partition int32) error // see coordinator.Options; may be nil
}

// Service is the group coordinator of one broker: it routes each request to the shard of its group and answers through a callback, which
// is called exactly once, from any goroutine, and must not block. Requests and responses carry their version; a response's throttle time
// is the caller's business, and so is authorization.
//
// A request may be kept until it is answered: its bytes must not be taken back before.
type Service struct {
	cfg     Config
	topics  Topics
	runtime *coordinator.Runtime[*shard]
}

// NewService makes a coordinator that leads no partition yet.
func NewService(cfg Config, deps Dependencies) *Service {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if len(cfg.ConsumerAssignors) == 0 {
		cfg.ConsumerAssignors = DefaultConfig().ConsumerAssignors
	}
	s := &Service{cfg: cfg, topics: deps.Topics}
	s.runtime = coordinator.NewRuntime(coordinator.Options[*shard]{
		Topic: OffsetsTopic, Writer: deps.Writer, Loader: deps.Loader, Absent: deps.Absent,
		NewState: func(partition int32) *shard {
			tp := ident.TopicPartition{Topic: OffsetsTopic, Partition: partition}
			return newShard(&s.cfg, cfg.Logger.With("partition", partition), deps.Topics, func() int { return deps.Writer.MaxBatchBytes(tp) })
		},
		AppendLinger: cfg.AppendLinger, WriteTimeout: cfg.OffsetCommitTimeout, Compression: cfg.Compression, Logger: cfg.Logger,
	})
	return s
}

// PartitionFor says which partition of __consumer_offsets holds the group. What counts is how many the topic has; the configuration says only
// how many it will be created with, and may have changed since, or be another cluster's.
func (s *Service) PartitionFor(group string) int32 {
	if s.topics != nil {
		if n := s.topics.PartitionCount(OffsetsTopic); n > 0 {
			return PartitionFor(group, n)
		}
	}
	return PartitionFor(group, s.cfg.OffsetsTopicPartitions)
}

// Elected tells that this broker leads the partition of __consumer_offsets from now on.
func (s *Service) Elected(partition, leaderEpoch int32) { s.runtime.Elected(partition, leaderEpoch) }

// Resigned tells that this broker no longer leads the partition; -1 as epoch means whatever epoch it led in.
func (s *Service) Resigned(partition, leaderEpoch int32) { s.runtime.Resigned(partition, leaderEpoch) }

// TopicsDeleted drops the committed offsets of topics that are gone.
func (s *Service) TopicsDeleted(names []string) {
	gone := make(map[string]bool, len(names))
	for _, name := range names {
		gone[name] = true
	}
	for _, p := range s.runtime.Partitions() {
		s.runtime.Submit(p, coordinator.Op[*shard]{
			Run: func(sh *shard, now time.Time) coordinator.Outcome {
				return sh.do(now, func() { sh.topicsDeleted(gone) })
			},
			Fail: func(error) {}, // offsets of unknown topics expire in any case
		})
	}
}

// Close fails what waits and stops all shards.
func (s *Service) Close() { s.runtime.Close() }

// submit runs a handler on the group's shard; fail is called when the shard can't run it.
func (s *Service) submit(partition int32, fail func(error), handler func(sh *shard)) {
	s.runtime.Submit(partition, coordinator.Op[*shard]{
		Run:  func(sh *shard, now time.Time) coordinator.Outcome { return sh.do(now, func() { handler(sh) }) },
		Fail: fail,
	})
}

// JoinGroup answers when the rebalance that the member joins is complete.
func (s *Service) JoinGroup(ctx RequestContext, req *kmsg.JoinGroupRequest, done func(*kmsg.JoinGroupResponse)) {
	refuse := func(err error) { done(joinError(req.Version, req.MemberID, err)) }
	session := time.Duration(req.SessionTimeoutMillis) * time.Millisecond
	switch {
	case req.Group == "" || tooLongName(req.Group):
		refuse(kerr.InvalidGroupID)
	case tooLongName(ctx.ClientID, ctx.ClientHost, deref(req.InstanceID), req.ProtocolType) || tooLongProtocols(req.Protocols):
		refuse(kerr.InvalidRequest)
	case session < s.cfg.MinSessionTimeout || session > s.cfg.MaxSessionTimeout:
		refuse(kerr.InvalidSessionTimeout)
	default:
		j := &joinRequest{ctx: ctx, req: req, protocols: copyProtocols(req.Protocols), waiter: &joinWaiter{req.Version, done}}
		s.submit(s.PartitionFor(req.Group), refuse, func(sh *shard) { sh.join(j) })
	}
}

func tooLongProtocols(protocols []kmsg.JoinGroupRequestProtocol) bool {
	return slices.ContainsFunc(protocols, func(p kmsg.JoinGroupRequestProtocol) bool { return tooLongName(p.Name) })
}

// SyncGroup answers when the leader has brought the assignment.
func (s *Service) SyncGroup(_ RequestContext, req *kmsg.SyncGroupRequest, done func(*kmsg.SyncGroupResponse)) {
	refuse := func(err error) { done(syncError(req.Version, err)) }
	if req.Group == "" {
		refuse(kerr.InvalidGroupID)
		return
	}
	if req.Version >= 5 && (req.ProtocolType == nil || req.Protocol == nil) {
		refuse(kerr.InconsistentGroupProtocol)
		return
	}
	s.submit(s.PartitionFor(req.Group), refuse, func(sh *shard) { sh.sync(req, &syncWaiter{req.Version, done}) })
}

// Heartbeat keeps a member's session and tells it of rebalances.
func (s *Service) Heartbeat(_ RequestContext, req *kmsg.HeartbeatRequest, done func(*kmsg.HeartbeatResponse)) {
	answer := func(err error) {
		resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
		resp.ErrorCode = errorCode(err)
		done(resp)
	}
	if req.Group == "" {
		answer(kerr.InvalidGroupID)
		return
	}
	s.submit(s.PartitionFor(req.Group), answer, func(sh *shard) {
		result := sh.heartbeat(req)
		sh.reply(func(err error) { answer(firstError(writeError(err), result)) })
	})
}

// LeaveGroup removes members; before version 3 it is the one that asks.
func (s *Service) LeaveGroup(_ RequestContext, req *kmsg.LeaveGroupRequest, done func(*kmsg.LeaveGroupResponse)) {
	answer := func(members []kmsg.LeaveGroupResponseMember, err error) {
		resp := req.ResponseKind().(*kmsg.LeaveGroupResponse)
		resp.ErrorCode = errorCode(err)
		switch {
		case err != nil:
		case req.Version >= 3:
			resp.Members = members
		default:
			resp.ErrorCode = members[0].ErrorCode
		}
		done(resp)
	}
	refuse := func(err error) { answer(nil, err) }
	if req.Group == "" {
		refuse(kerr.InvalidGroupID)
		return
	}
	members := req.Members
	if req.Version < 3 {
		members = []kmsg.LeaveGroupRequestMember{{MemberID: req.MemberID}}
	}
	s.submit(s.PartitionFor(req.Group), refuse, func(sh *shard) {
		results := sh.leave(req, members)
		sh.reply(func(err error) { answer(results, writeError(err)) })
	})
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
