//go:build interop

package group

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/coordinator/internal/memlog"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// TestAnswersAreApacheKafkas plays the same requests to a coordinator of Apache Kafka and to ours, and compares every answer.
// KAFKA_LAB_CMD starts and stops the former: KAFKA_LAB_CMD start NAME PORT [k=v...].
func TestAnswersAreApacheKafkas(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka to compare with")
	}
	apache := startApache(t, lab)
	ours := newOwnPlayer(t, apache.topics)
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) {
			want, got := play(t, apache, scenario), play(t, ours, scenario)
			compare(t, "answer", want.lines, got.lines)
			compare(t, "record", want.written(apache.log(t)), got.written(ours.log(t)))
		})
	}
	// A shard loads Apache Kafka's log.
	s := newShard(&ours.service.cfg, slog.New(slog.DiscardHandler), apache.topics, nil)
	for _, r := range apache.log(t) {
		if err := s.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.groups) < 2 || len(s.offsets.groups) == 0 {
		t.Errorf("loaded from Apache Kafka's log:\n%s", stateString(s, false))
	}
}

func compare(t *testing.T, what string, want, got []string) {
	t.Logf("%d %ss of Apache Kafka compared", len(want), what)
	for i := range max(len(want), len(got)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			t.Errorf("%s %d:\nApache %s\nours   %s", what, i+1, w, g)
		}
	}
}

var (
	timestamps = regexp.MustCompile(`(Timestamp":)[0-9]+`)
	hashes     = regexp.MustCompile(`(metadataHash":)-?[0-9]+`) // compared by who wrote it only
)

// written is what the scenario left in the coordinator's log, made comparable.
func (st *stage) written(log []coordinator.Replayed) (lines []string) {
	for _, r := range log {
		if v := (record.GroupMetadataValue{}); len(r.Value) > 0 && r.Key[1] == 2 && readValue(&v, r.Value) == nil {
			slices.SortFunc(v.Members, func(a, b record.GroupMetadataValueMemberMetadata) int {
				return strings.Compare(st.names[a.MemberId], st.names[b.MemberId])
			})
			r.Value, _ = record.AppendValue(nil, &v, int16(r.Value[1]))
		}
		if v := (record.ConsumerGroupTargetAssignmentMemberValue{}); len(r.Value) > 0 && r.Key[1] == 7 && readValue(&v, r.Value) == nil {
			slices.SortFunc(v.TopicPartitions, func(a, b record.ConsumerGroupTargetAssignmentMemberValueTopicPartition) int {
				return compareIDs(a.TopicId, b.TopicId)
			})
			r.Value, _ = record.AppendValue(nil, &v, 0)
		}
		if v := (record.ConsumerGroupCurrentMemberAssignmentValue{}); len(r.Value) > 0 && r.Key[1] == 8 && readValue(&v, r.Value) == nil {
			byID := func(a, b record.ConsumerGroupCurrentMemberAssignmentValueTopicPartitions) int {
				return compareIDs(a.TopicId, b.TopicId)
			}
			slices.SortFunc(v.AssignedPartitions, byID)
			slices.SortFunc(v.PartitionsPendingRevocation, byID)
			r.Value, _ = record.AppendValue(nil, &v, 0)
		}
		line := recordString(r.Key, r.Value)
		if !strings.Contains(line, `"`+st.group+`"`) {
			continue
		}
		for id, name := range st.names {
			line = strings.ReplaceAll(line, id, name)
		}
		line = timestamps.ReplaceAllString(line, "${1}0")
		lines = append(lines, hashes.ReplaceAllString(line, "${1}0"))
	}
	return lines
}

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

var scenarios = map[string]func(*stage){
	"consumer": func(st *stage) {
		a := st.consumer("A", 0, nil)
		st.describeConsumer(st.group, "nosuch-group")
		st.doList(nil, nil)
		st.doList([]string{"stable"}, []string{"consumer"})
		st.do(st.describe(6, st.group))
		st.consumer("A", 1, nil)
		st.consumer("A", 2, nil)
		st.consumer("nobody", 1, nil)
		b := st.consumer("B", 0, nil)
		st.describeConsumer(st.group)
		a2 := st.consumer("A", a.MemberEpoch, nil)
		st.describeConsumer(st.group)
		st.consumer("A", a.MemberEpoch, reports(a.Assignment))
		st.consumer("B", b.MemberEpoch, nil)
		a3 := st.consumer("A", a.MemberEpoch, reports(a2.Assignment))
		st.consumer("A", a.MemberEpoch, reports(a2.Assignment))
		st.consumer("A", a3.MemberEpoch, nil)
		b2 := st.consumer("B", b.MemberEpoch, nil)
		st.consumer("B", b.MemberEpoch, reports(b2.Assignment))
		st.describeConsumer(st.group)
		st.do(st.commit(9, "A", a3.MemberEpoch, "t", 0, 5))
		st.do(st.commit(9, "A", a3.MemberEpoch+1, "t", 0, 5))
		st.do(st.commit(9, "A", a3.MemberEpoch-1, "six", 0, 5))
		st.do(st.commit(8, "A", a3.MemberEpoch, "t", 0, 5))
		st.do(st.commit(9, "nobody", 1, "t", 0, 5))
		st.do(st.commit(9, "", -1, "t", 0, 5))
		st.do(st.fetch(9, st.group))
		st.do(st.deleteOffsets(st.group, "t", "six"))
		st.do(st.delete(2, st.group))
		st.consumer("C", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{"six", "t", "nosuch"} })
		st.consumer("C", -1, nil)
		st.consumer("C", -1, nil)
		st.consumer("A", 0, nil)
		st.consumer("A", -1, nil)
		st.consumer("B", -1, nil)
		st.describeConsumer(st.group)
		st.doList(nil, nil)
		st.do(st.delete(2, st.group))
		st.describeConsumer(st.group)
	},
	"consumer refusals": func(st *stage) {
		type req = kmsg.ConsumerGroupHeartbeatRequest
		for _, change := range []func(*req){
			func(r *req) { r.MemberID = "" },
			func(r *req) { r.Group = "" },
			func(r *req) { r.InstanceID = new("") },
			func(r *req) { r.RackID = new("") },
			func(r *req) { r.RebalanceTimeoutMillis = -1 },
			func(r *req) { r.Topics = nil },
			func(r *req) { r.SubscribedTopicNames = nil },
			func(r *req) { r.MemberEpoch = -2 },
			func(r *req) { r.MemberEpoch = -3 },
			func(r *req) { r.MemberEpoch = 5 },
			func(r *req) { r.MemberEpoch = -1 },
			func(r *req) { r.ServerAssignor = new("mine") },
			func(r *req) { r.SubscribedTopicRegex = new("(") },
		} {
			st.consumer("A", 0, change)
		}
	},
	"consumer static": func(st *stage) {
		st.consumer("A", 0, instance("ia"))
		st.consumer("A", 0, instance("ia"))
		st.consumer("A2", 0, instance("ia"))
		st.consumer("A2", 1, instance("ia"))
		st.consumer("A", 1, instance("ib"))
		st.consumer("A", 1, instance("ia"))
		st.consumer("A", -2, instance("ia"))
		st.describeConsumer(st.group)
		st.consumer("A2", 0, instance("ia"))
		st.describeConsumer(st.group)
		st.consumer("A", 1, instance("ia"))
		st.consumer("A", -1, instance("ia"))
		st.consumer("A2", -1, instance("ia"))
		st.describeConsumer(st.group)
	},
	"consumer takes over": func(st *stage) {
		st.do(st.commit(9, "", -1, "t", 0, 5))
		st.consumer("A", 0, nil)
		st.do(st.fetch(9, st.group))
		st.consumer("A", -1, nil)
		a, joined := st.firstJoin("classic")
		st.take(joined)
		st.do(st.sync(a, nil, 1, a))
		st.do(st.describe(6, st.group))
		st.describeConsumer(st.group)
		st.do(st.fetch(9, st.group))
	},
	"range assignor": func(st *stage) {
		pick := func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.ServerAssignor, r.SubscribedTopicNames = new("range"), []string{"t", "six"}
		}
		st.consumer("A", 0, pick)
		st.consumer("B", 0, pick)
		st.consumer("C", 0, pick)
		st.consumer("D", 0, pick)
		st.describeConsumer(st.group)
	},

	"rebalance": func(st *stage) {
		a, joinedA := st.firstJoin("A")
		st.take(joinedA)
		st.do(st.describe(6, st.group))
		st.do(st.heartbeat(a, nil, 1))
		st.do(st.commit(9, a, 1, "t", 0, 5))
		st.do(st.sync(a, nil, 0))
		st.do(st.sync("nobody", nil, 1))
		wrong := st.sync(a, nil, 1)
		wrong.Protocol = new("sticky")
		st.do(wrong)
		st.do(st.sync(a, nil, 1, a))
		for v := int16(0); v <= 6; v++ {
			st.do(st.describe(v, st.group))
		}
		st.doList(nil, nil)
		st.doList([]string{"stable"}, []string{"Classic"})
		st.doList([]string{"Empty"}, nil)
		st.doList(nil, []string{"consumer"})
		b, joinedB := st.firstJoin("B")
		awaitState(st, "PreparingRebalance")
		st.do(st.heartbeat(a, nil, 1))
		st.do(st.describe(6, st.group))
		st.do(st.commit(9, a, 1, "t", 0, 6))
		joinedA = st.start(st.joinRequest(9, a, nil))
		st.take(joinedA)
		st.take(joinedB)
		syncB := st.start(st.sync(b, nil, 2))
		st.do(st.sync(a, nil, 2, a, b))
		st.take(syncB)
		st.do(st.joinRequest(9, b, nil))
		st.do(st.joinRequest(5, b, nil))
		other := st.joinRequest(9, b, nil)
		other.ProtocolType = "connect"
		st.do(other)
		other = st.joinRequest(9, "", nil)
		other.Protocols[0].Name = "sticky"
		st.do(other)
		st.do(st.leave(kmsg.LeaveGroupRequestMember{MemberID: b}, kmsg.LeaveGroupRequestMember{MemberID: "who"}, kmsg.LeaveGroupRequestMember{InstanceID: new("inst")}))
		st.do(st.heartbeat(a, nil, 2))
		st.do(st.joinRequest(7, a, nil))
		st.do(st.sync(a, nil, 3, a))
		st.do(st.leave(kmsg.LeaveGroupRequestMember{MemberID: a}))
		st.do(st.describe(6, st.group))
		st.do(st.heartbeat(a, nil, 3))
		st.do(st.heartbeat(a, nil, 4))
		st.do(st.sync(a, nil, 4))
		st.do(st.joinRequest(9, a, nil))
		st.doList([]string{"empty"}, nil)
	},
	"static": func(st *stage) {
		ia, ib := new("ia"), new("ib")
		r := <-st.start(st.joinRequest(9, "", ia))
		a := st.name(r, "A")
		st.record(r)
		st.do(st.sync(a, ia, 1, a))
		joinedB := st.start(st.joinRequest(9, "", ib))
		awaitState(st, "PreparingRebalance")
		joinedA := st.start(st.joinRequest(9, a, ia))
		rb := <-joinedB
		b := st.name(rb, "B")
		st.take(joinedA)
		st.record(rb)
		syncB := st.start(st.sync(b, ib, 2))
		st.do(st.sync(a, ia, 2, a, b))
		st.take(syncB)
		r = <-st.start(st.joinRequest(9, "", ib))
		b2 := st.name(r, "B2")
		st.record(r)
		st.do(st.heartbeat(b, ib, 2))
		st.do(st.heartbeat(b2, ib, 2))
		st.do(st.sync(b2, ib, 2))
		st.do(st.joinRequest(9, b, ib))
		st.do(st.commit(9, b, 2, "t", 0, 1))
		r = <-st.start(st.joinRequest(9, "", ia))
		a2 := st.name(r, "A2")
		st.record(r)
		r = <-st.start(st.joinRequest(8, "", ia))
		a3 := st.name(r, "A3")
		st.record(r)
		st.do(st.sync(a2, ia, 2))
		st.do(st.sync(a3, ia, 2))
		st.do(st.describe(6, st.group))
		st.do(st.leave(kmsg.LeaveGroupRequestMember{MemberID: a2, InstanceID: ia}, kmsg.LeaveGroupRequestMember{InstanceID: ib}))
		st.do(st.joinRequest(9, a3, ia))
		st.do(st.leave(kmsg.LeaveGroupRequestMember{InstanceID: ia}))
		st.do(st.describe(6, st.group))
	},
	"offsets": func(st *stage) {
		st.do(st.fetch(7, st.group))
		st.do(st.commit(9, "", -1, "t", 0, 5))
		st.do(st.commit(2, "", -1, "t", 1, 6))
		st.do(st.commit(9, "", -1, "t", 77, 6))
		st.do(st.commit(9, "", -1, "nosuch", 0, 6))
		st.do(st.commit(9, "who", -1, "t", 0, 6))
		st.do(st.commit(9, "who", 3, "t", 0, 6))
		st.do(st.commit(9, "", 3, "t", 0, 6))
		long := st.commit(9, "", -1, "t", 0, 6)
		long.Topics[0].Partitions[0].Metadata = new(strings.Repeat("x", 4097))
		st.do(long)
		for v := int16(1); v <= 9; v++ {
			st.do(st.fetch(v, st.group, st.group, "nosuch-group"))
		}
		all := st.fetch(5, st.group)
		all.Topics = nil
		st.do(all)
		st.do(st.describe(6, st.group, "nosuch-group", ""))
		st.do(st.describe(5, "nosuch-group"))
		st.doList(nil, nil)
		st.do(st.deleteOffsets(st.group, "t", "nosuch"))
		st.do(st.deleteOffsets("nosuch-group", "t"))
		st.do(st.fetch(8, st.group))
		ghost := st.commit(9, "ghost", 4, "t", 0, 1)
		ghost.Group = "nosuch-group"
		st.do(ghost)
		ghost.Version = 8
		st.do(ghost)
		a, joined := st.firstJoin("A")
		st.take(joined)
		st.do(st.commit(9, a, 1, "t", 0, 9))
		st.do(st.sync(a, nil, 1, a))
		st.do(st.commit(9, a, 1, "t", 0, 9))
		st.do(st.commit(9, a, 2, "t", 0, 9))
		st.do(st.commit(9, "", -1, "t", 0, 9))
		st.do(st.commit(9, "", 1, "t", 0, 9))
		st.do(st.deleteOffsets(st.group, "t"))
		for v := int16(0); v <= 2; v++ {
			st.do(st.delete(v, st.group, "nosuch-group", ""))
		}
		st.do(st.leave(kmsg.LeaveGroupRequestMember{MemberID: a}))
		st.do(st.delete(2, st.group))
		st.do(st.fetch(8, st.group))
		st.do(st.describe(6, st.group))
	},
	"refusals": func(st *stage) {
		st.do(st.joinRequest(9, "who", nil))
		st.do(st.joinRequest(9, "who", new("inst")))
		r := st.joinRequest(9, "", nil)
		r.SessionTimeoutMillis = 5
		st.do(r)
		r = st.joinRequest(9, "", nil)
		r.Group = ""
		st.do(r)
		r = st.joinRequest(9, "", nil)
		r.Protocols = nil
		st.do(r)
		r = st.joinRequest(9, "", nil)
		r.ProtocolType = ""
		st.do(r)
		st.do(st.describe(6, st.group))
		st.do(st.heartbeat("who", nil, 1))
		st.do(st.heartbeat("who", new("inst"), 1))
		st.do(st.sync("who", nil, 1))
		for v := int16(0); v <= 5; v++ {
			leave := st.leave(kmsg.LeaveGroupRequestMember{MemberID: "who"})
			leave.Version, leave.MemberID = v, "who"
			st.do(leave)
		}
		for v := int16(2); v <= 5; v++ {
			leave := st.leave(kmsg.LeaveGroupRequestMember{MemberID: "who"})
			leave.Version, leave.MemberID, leave.Group = v, "who", "nosuch-group"
			st.do(leave)
		}
		beat := st.heartbeat("who", nil, 1)
		beat.Group = ""
		st.do(beat)
		sync := st.sync("who", nil, 1)
		sync.Group = ""
		st.do(sync)
		empty := st.commit(9, "", -1, "t", 0, 1)
		empty.Group = ""
		st.do(empty)
		st.do(st.fetch(8, ""))
		st.do(st.delete(2, ""))
		// A member that joins with version 3 is in at once.
		first := <-st.start(st.joinRequest(3, "", nil))
		a := st.name(first, "A")
		st.record(first)
		st.do(st.heartbeat(a, nil, 7))
		st.do(st.heartbeat(a, new("inst"), 1))
	},
}

// awaitState waits until a request in flight has taken effect.
func awaitState(st *stage, state string) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		r := (<-st.start(st.describe(5, st.group))).(*kmsg.DescribeGroupsResponse)
		if r.Groups[0].State == state {
			return
		}
	}
	st.t.Fatalf("the group does not become %s", state)
}

// ownPlayer is our service.
type ownPlayer struct {
	service *Service
	records *memlog.Log
}

type apacheTopics struct{ byName map[string]apacheTopic }

type apacheTopic struct {
	id         ident.TopicID
	partitions int32
}

func (t apacheTopics) TopicID(name string) (ident.TopicID, bool) {
	topic, ok := t.byName[name]
	return topic.id, ok
}

func (t apacheTopics) TopicName(id ident.TopicID) (string, bool) {
	for name, topic := range t.byName {
		if topic.id == id {
			return name, true
		}
	}
	return "", false
}

func (t apacheTopics) TopicNames() []string { return slices.Sorted(maps.Keys(t.byName)) }

func (t apacheTopics) PartitionCount(name string) int32 { return t.byName[name].partitions }

func newOwnPlayer(t *testing.T, topics apacheTopics) *ownPlayer {
	cfg := DefaultConfig()
	cfg.OffsetsTopicPartitions, cfg.InitialRebalanceDelay, cfg.ConsumerAssignmentInterval = 1, 0, 0
	log := &memlog.Log{}
	p := &ownPlayer{NewService(cfg, Dependencies{Writer: log, Loader: log, Topics: topics}), log}
	p.service.Elected(0, 1)
	t.Cleanup(p.service.Close)
	return p
}

func (p *ownPlayer) send(t *testing.T, req kmsg.Request) <-chan kmsg.Response {
	out := make(chan kmsg.Response, 1)
	go func() {
		// Through bytes and back, as a client sees it.
		resp := req.ResponseKind()
		if err := resp.ReadFrom((<-call(p.service, req)).AppendTo(nil)); err != nil {
			t.Errorf("%T: %v", resp, err)
		}
		out <- resp
	}()
	return out
}

func (p *ownPlayer) log(t *testing.T) (log []coordinator.Replayed) {
	_, err := p.records.Load(t.Context(), ident.TopicPartition{Topic: OffsetsTopic}, 0, func(raw []byte) error {
		log = append(log, recordsOf(t, raw)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func recordsOf(t *testing.T, raw []byte) (log []coordinator.Replayed) {
	b := batch.Batch(raw)
	for r, err := range b.Records(1 << 30) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, coordinator.Replayed{Offset: r.Offset, ProducerID: b.ProducerID(), Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)})
	}
	return log
}

// log reads the partition by one large fetch.
func (p *apachePlayer) log(t *testing.T) (log []coordinator.Replayed) {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxBytes, req.ReplicaID = 4, 64<<20, -1
	req.Topics = []kmsg.FetchRequestTopic{{Topic: OffsetsTopic, Partitions: []kmsg.FetchRequestTopicPartition{
		{PartitionMaxBytes: 64 << 20, CurrentLeaderEpoch: -1},
	}}}
	resp := (<-p.send(t, req)).(*kmsg.FetchResponse)
	for rest := resp.Topics[0].Partitions[0].RecordBatches; len(rest) > 0; {
		b, next, err := batch.Next(rest)
		if err != nil {
			t.Fatal(err)
		}
		log, rest = append(log, recordsOf(t, b)...), next
	}
	return log
}

// apachePlayer talks to Apache Kafka, each request on a connection of its own, so that one that waits holds up no other.
type apachePlayer struct {
	addr   string
	topics apacheTopics
	idle   sync.Pool
}

func startApache(t *testing.T, lab string) *apachePlayer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	name := "kgo-group-interop-" + port
	run := func(args ...string) {
		if out, err := exec.Command(lab, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", lab, args, err, out)
		}
	}
	run("start", name, port, "group.initial.rebalance.delay.ms=0", "group.consumer.assignment.interval.ms=0", "offsets.topic.num.partitions=1")
	t.Cleanup(func() { run("stop", name); run("wipe", name) })
	p := &apachePlayer{addr: addr, topics: apacheTopics{map[string]apacheTopic{}}}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version, create.TimeoutMillis = 7, 10000
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.ReplicationFactor = 1
	for name, partitions := range map[string]int32{"t": 2, "six": 6} {
		rt.Topic, rt.NumPartitions = name, partitions
		create.Topics = []kmsg.CreateTopicsRequestTopic{rt}
		created := (<-p.send(t, create)).(*kmsg.CreateTopicsResponse)
		p.topics.byName[name] = apacheTopic{created.Topics[0].TopicID, partitions}
	}
	// The first commit creates the offsets topic and waits for its coordinator.
	for deadline := time.Now().Add(30 * time.Second); ; {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.Version, find.CoordinatorKey = 3, "warm-up"
		<-p.send(t, find)
		st := &stage{t: t, player: p, group: "warm-up"}
		r := (<-p.send(t, st.commit(8, "", -1, "t", 0, 1))).(*kmsg.OffsetCommitResponse)
		if r.Topics[0].Partitions[0].ErrorCode == 0 {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("no coordinator: %+v", r)
		}
	}
}

func (p *apachePlayer) send(t *testing.T, req kmsg.Request) <-chan kmsg.Response {
	out := make(chan kmsg.Response, 1)
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("c")).AppendRequest(nil, req, 7)
	resp := req.ResponseKind()
	go func() {
		defer close(out)
		if err := p.roundTrip(frame, resp); err != nil {
			t.Errorf("%T: %v", req, err)
			return
		}
		out <- resp
	}()
	return out
}

func (p *apachePlayer) roundTrip(frame []byte, resp kmsg.Response) error {
	conn, _ := p.idle.Get().(net.Conn)
	if conn == nil {
		var err error
		if conn, err = net.Dial("tcp", p.addr); err != nil {
			return err
		}
	}
	if _, err := conn.Write(frame); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	p.idle.Put(conn)
	body = body[4:] // the correlation id
	if resp.IsFlexible() {
		body = body[1:] // no tags
	}
	return resp.ReadFrom(body)
}
