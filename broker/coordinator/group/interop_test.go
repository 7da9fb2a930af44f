//go:build interop

package group

import (
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
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
