//go:build interop

package group

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
)

// player sends a request and says what comes back; its log is __consumer_offsets.
type player interface {
	log(t *testing.T) []coordinator.Replayed
	send(t *testing.T, req kmsg.Request) <-chan kmsg.Response
}

// stage is where a scenario plays: it records the answers, with member ids replaced by names.
type stage struct {
	t      *testing.T
	player player
	group  string
	lines  []string
	names  map[string]string
}

func play(t *testing.T, p player, scenario func(*stage)) *stage {
	st := &stage{t: t, player: p, group: "interop-" + t.Name(), names: map[string]string{}}
	scenario(st)
	return st
}

func (st *stage) do(req kmsg.Request) kmsg.Response { return st.take(st.start(req)) }

func (st *stage) start(req kmsg.Request) <-chan kmsg.Response { return st.player.send(st.t, req) }

func (st *stage) take(c <-chan kmsg.Response) kmsg.Response {
	st.t.Helper()
	select {
	case r := <-c:
		st.record(r)
		return r
	case <-time.After(20 * time.Second):
		st.t.Fatal("no answer")
		return nil
	}
}

func (st *stage) record(r kmsg.Response) {
	st.normalize(r)
	b, err := json.Marshal(r)
	if err != nil {
		st.t.Fatal(err)
	}
	line := fmt.Sprintf("%T %s", r, b)
	for id, name := range st.names {
		line = strings.ReplaceAll(line, id, name)
	}
	st.lines = append(st.lines, line)
}

// normalize sorts what comes in no order.
func (st *stage) normalize(r kmsg.Response) {
	name := func(id string) string {
		if n, ok := st.names[id]; ok {
			return n
		}
		return id
	}
	switch r := r.(type) {
	case *kmsg.JoinGroupResponse:
		slices.SortFunc(r.Members, func(a, b kmsg.JoinGroupResponseMember) int {
			return strings.Compare(name(a.MemberID), name(b.MemberID))
		})
	case *kmsg.DescribeGroupsResponse:
		for _, g := range r.Groups {
			slices.SortFunc(g.Members, func(a, b kmsg.DescribeGroupsResponseGroupMember) int {
				return strings.Compare(name(a.MemberID), name(b.MemberID))
			})
		}
	case *kmsg.OffsetFetchResponse:
		for _, g := range r.Groups {
			slices.SortFunc(g.Topics, func(a, b kmsg.OffsetFetchResponseGroupTopic) int { return strings.Compare(a.Topic, b.Topic) })
		}
	case *kmsg.OffsetDeleteResponse:
		for _, t := range r.Topics {
			slices.SortFunc(t.Partitions, func(a, b kmsg.OffsetDeleteResponseTopicPartition) int { return int(a.Partition - b.Partition) })
		}
	case *kmsg.ConsumerGroupHeartbeatResponse:
		if r.Assignment != nil {
			slices.SortFunc(r.Assignment.Topics, func(a, b kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic) int {
				return compareIDs(a.TopicID, b.TopicID)
			})
		}
	case *kmsg.ConsumerGroupDescribeResponse:
		byID := func(a, b kmsg.AssignmentTopicPartition) int { return compareIDs(a.TopicID, b.TopicID) }
		for _, g := range r.Groups {
			for _, m := range g.Members {
				slices.SortFunc(m.Assignment.TopicPartitions, byID)
				slices.SortFunc(m.TargetAssignment.TopicPartitions, byID)
			}
			slices.SortFunc(g.Members, func(a, b kmsg.ConsumerGroupDescribeResponseGroupMember) int {
				return strings.Compare(a.MemberID, b.MemberID)
			})
		}
	case *kmsg.DeleteGroupsResponse:
		slices.SortFunc(r.Groups, func(a, b kmsg.DeleteGroupsResponseGroup) int { return strings.Compare(a.Group, b.Group) })
	}
}

func (st *stage) joinRequest(version int16, memberID string, instance *string) *kmsg.JoinGroupRequest {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.MemberID, r.InstanceID = version, st.group, memberID, instance
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis, r.ProtocolType = 6000, 10000, "consumer"
	r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription("t")}}
	return r
}

// name registers a member id under a name.
func (st *stage) name(r kmsg.Response, name string) string {
	id := r.(*kmsg.JoinGroupResponse).MemberID
	st.names[id] = "<" + name + ">"
	return id
}

// firstJoin is KIP-394's dance.
func (st *stage) firstJoin(name string) (memberID string, joined <-chan kmsg.Response) {
	r := <-st.start(st.joinRequest(9, "", nil))
	id := st.name(r, name)
	st.record(r)
	return id, st.start(st.joinRequest(9, id, nil))
}

func (st *stage) sync(memberID string, instance *string, generation int32, assign ...string) *kmsg.SyncGroupRequest {
	r := kmsg.NewPtrSyncGroupRequest()
	r.Version, r.Group, r.MemberID, r.InstanceID, r.Generation = 5, st.group, memberID, instance, generation
	r.ProtocolType, r.Protocol = new("consumer"), new("range")
	for _, id := range assign {
		r.GroupAssignment = append(r.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: id, MemberAssignment: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}})
	}
	return r
}

func (st *stage) heartbeat(memberID string, instance *string, generation int32) *kmsg.HeartbeatRequest {
	r := kmsg.NewPtrHeartbeatRequest()
	r.Version, r.Group, r.MemberID, r.InstanceID, r.Generation = 4, st.group, memberID, instance, generation
	return r
}

func (st *stage) leave(members ...kmsg.LeaveGroupRequestMember) *kmsg.LeaveGroupRequest {
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Version, r.Group, r.Members = 5, st.group, members
	return r
}

func (st *stage) commit(version int16, memberID string, generation int32, topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Version, r.Group, r.MemberID, r.Generation = version, st.group, memberID, generation
	r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{
		{Partition: partition, Offset: offset, LeaderEpoch: 3, Metadata: new("meta")},
	}}}
	return r
}

func (st *stage) fetch(version int16, groups ...string) *kmsg.OffsetFetchRequest {
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Version, r.Group = version, groups[0]
	r.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0, 1, 77}}, {Topic: "nosuch", Partitions: []int32{0}}}
	for i, g := range groups {
		rg := kmsg.NewOffsetFetchRequestGroup()
		rg.Group = g
		if i%2 == 0 {
			rg.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: "t", Partitions: []int32{0, 1, 77}}, {Topic: "nosuch", Partitions: []int32{0}}}
		}
		r.Groups = append(r.Groups, rg)
	}
	return r
}

func (st *stage) describe(version int16, groups ...string) *kmsg.DescribeGroupsRequest {
	r := kmsg.NewPtrDescribeGroupsRequest()
	r.Version, r.Groups = version, groups
	return r
}

func (st *stage) list(states, types []string) *kmsg.ListGroupsRequest {
	r := kmsg.NewPtrListGroupsRequest()
	r.Version, r.StatesFilter, r.TypesFilter = 5, states, types
	return r
}

// onlyOurs keeps a list's answer to the scenario's own group.
func (st *stage) doList(states, types []string) {
	r := (<-st.start(st.list(states, types))).(*kmsg.ListGroupsResponse)
	own := []kmsg.ListGroupsResponseGroup{}
	for _, g := range r.Groups {
		if g.Group == st.group {
			own = append(own, g)
		}
	}
	r.Groups = own
	st.record(r)
}

func (st *stage) delete(version int16, groups ...string) *kmsg.DeleteGroupsRequest {
	r := kmsg.NewPtrDeleteGroupsRequest()
	r.Version, r.Groups = version, groups
	return r
}

func (st *stage) deleteOffsets(group string, topics ...string) *kmsg.OffsetDeleteRequest {
	r := kmsg.NewPtrOffsetDeleteRequest()
	r.Group = group
	for _, topic := range topics {
		r.Topics = append(r.Topics, kmsg.OffsetDeleteRequestTopic{Topic: topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}, {Partition: 9}}})
	}
	return r
}

// consumer is a heartbeat of the consumer protocol: a full one with epoch 0, else one that reports nothing.
func (st *stage) consumer(memberID string, epoch int32, change func(*kmsg.ConsumerGroupHeartbeatRequest)) *kmsg.ConsumerGroupHeartbeatResponse {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Version, r.Group, r.MemberID, r.MemberEpoch = 1, st.group, memberID, epoch
	if epoch == 0 {
		r.RebalanceTimeoutMillis, r.SubscribedTopicNames, r.Topics = 20000, []string{"six"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	if change != nil {
		change(r)
	}
	return st.do(r).(*kmsg.ConsumerGroupHeartbeatResponse)
}

// reports makes a heartbeat tell what the member has: all of an assignment.
func reports(a *kmsg.ConsumerGroupHeartbeatResponseAssignment) func(*kmsg.ConsumerGroupHeartbeatRequest) {
	return func(r *kmsg.ConsumerGroupHeartbeatRequest) {
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for _, t := range a.Topics {
			r.Topics = append(r.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: t.TopicID, Partitions: t.Partitions})
		}
	}
}

func instance(id string) func(*kmsg.ConsumerGroupHeartbeatRequest) {
	return func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.InstanceID = &id }
}

func (st *stage) describeConsumer(groups ...string) {
	r := kmsg.NewPtrConsumerGroupDescribeRequest()
	r.Version, r.Groups = 1, groups
	st.do(r)
}
