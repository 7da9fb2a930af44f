package group

import (
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
}

// Service is the group coordinator of one broker: it routes each request to the shard of its group and answers through a callback.
type Service struct{}

// NewService makes a coordinator that leads no partition yet.
func NewService(Config, Dependencies) *Service { return &Service{} }

// Config holds the broker's group.* and offset* configs.
type Config struct{}

// PartitionFor says which partition of __consumer_offsets holds the group.
func (s *Service) PartitionFor(group string) int32 { panic(s) }

// Elected tells that this broker leads the partition of __consumer_offsets from now on; Resigned that it no longer does.
func (s *Service) Elected(partition, leaderEpoch int32)  { panic(s) }
func (s *Service) Resigned(partition, leaderEpoch int32) { panic(s) }

// TopicsDeleted drops the committed offsets of topics that are gone.
func (s *Service) TopicsDeleted(names []string) { panic(s) }

// Close fails what waits and stops all shards.
func (s *Service) Close() { panic(s) }

func (s *Service) JoinGroup(ctx RequestContext, req *kmsg.JoinGroupRequest, done func(*kmsg.JoinGroupResponse)) {
	panic(s)
}
func (s *Service) SyncGroup(ctx RequestContext, req *kmsg.SyncGroupRequest, done func(*kmsg.SyncGroupResponse)) {
	panic(s)
}
func (s *Service) Heartbeat(ctx RequestContext, req *kmsg.HeartbeatRequest, done func(*kmsg.HeartbeatResponse)) {
	panic(s)
}
func (s *Service) LeaveGroup(ctx RequestContext, req *kmsg.LeaveGroupRequest, done func(*kmsg.LeaveGroupResponse)) {
	panic(s)
}

// OffsetCommit resolves topic ids (v10) and refuses unknown topics and partitions; the caller has taken out what the client may not read.
func (s *Service) OffsetCommit(ctx RequestContext, req *kmsg.OffsetCommitRequest, done func(*kmsg.OffsetCommitResponse)) {
	panic(s)
}
func (s *Service) TxnOffsetCommit(ctx RequestContext, req *kmsg.TxnOffsetCommitRequest, done func(*kmsg.TxnOffsetCommitResponse)) {
	panic(s)
}

// OffsetFetch answers all forms (v0-v10). A null topic list means all topics: the caller filters the response by what the client may describe.
func (s *Service) OffsetFetch(ctx RequestContext, req *kmsg.OffsetFetchRequest, done func(*kmsg.OffsetFetchResponse)) {
	panic(s)
}
func (s *Service) OffsetDelete(ctx RequestContext, req *kmsg.OffsetDeleteRequest, done func(*kmsg.OffsetDeleteResponse)) {
	panic(s)
}
func (s *Service) DescribeGroups(ctx RequestContext, req *kmsg.DescribeGroupsRequest, done func(*kmsg.DescribeGroupsResponse)) {
	panic(s)
}
func (s *Service) ListGroups(ctx RequestContext, req *kmsg.ListGroupsRequest, done func(*kmsg.ListGroupsResponse)) {
	panic(s)
}
func (s *Service) DeleteGroups(ctx RequestContext, req *kmsg.DeleteGroupsRequest, done func(*kmsg.DeleteGroupsResponse)) {
	panic(s)
}
