package group

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/record"
)

// subscription is what a consumer sends in JoinGroup.
func subscription(topics ...string) []byte {
	m := record.ConsumerProtocolSubscription{Topics: topics}
	b, _ := m.AppendTo(binary.BigEndian.AppendUint16(nil, 0), 0)
	return b
}

// cooperative is what a consumer sends that keeps its partitions in a rebalance: it says which.
func cooperative(topics, owns []string) []byte {
	m := record.ConsumerProtocolSubscription{Topics: topics, GenerationId: -1}
	for topic, partitions := range partitionLists(owns) {
		m.OwnedPartitions = append(m.OwnedPartitions, record.ConsumerProtocolSubscriptionTopicPartition{Topic: topic, Partitions: partitions})
	}
	b, _ := m.AppendTo(binary.BigEndian.AppendUint16(nil, 3), 3)
	return b
}

// partitionLists reads t:0+1.
func partitionLists(lists []string) map[string][]int32 {
	out := map[string][]int32{}
	for _, v := range lists {
		topic, partitions, _ := strings.Cut(v, ":")
		for p := range strings.SplitSeq(partitions, "+") {
			if n, err := strconv.Atoi(p); err == nil {
				out[topic] = append(out[topic], int32(n))
			}
		}
	}
	return out
}

// embedded is a consumer's assignment in the classic protocol.
func embedded(list string) []byte {
	m := record.ConsumerProtocolAssignment{}
	for topic, partitions := range partitionLists([]string{list}) {
		m.AssignedPartitions = append(m.AssignedPartitions, record.ConsumerProtocolAssignmentTopicPartition{Topic: topic, Partitions: partitions})
	}
	b, _ := m.AppendTo(binary.BigEndian.AppendUint16(nil, 0), 0)
	return b
}

// assignmentString shows an assignment that a consumer understands as partitions, others as they are.
func assignmentString(b []byte) string {
	m := record.ConsumerProtocolAssignment{}
	version, body, ok := embeddedVersion(b)
	if rest, err := m.ReadFrom(body, version); !ok || err != nil || len(rest) > 0 {
		return strconv.Quote(string(b))
	}
	s := []string{}
	for _, t := range m.AssignedPartitions {
		s = append(s, fmt.Sprint(t.Topic, t.Partitions))
	}
	return "{" + strings.Join(s, " ") + "}"
}

// join LABEL group=g [member=LABEL] [instance=i] [version=9] [session=10s] [rebalance=60s] [type=consumer] [protocols=(range)] [topics=(t)] [owns=(t:0+1)] [meta=text]
func (w *world) join(a args) {
	label := a.label()
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version = int16(a.num("version", 9))
	req.Group, req.MemberID, req.InstanceID = a.str("group", "g"), w.member(a), a.optional("instance")
	req.SessionTimeoutMillis = int32(a.dur("session", 10*time.Second).Milliseconds())
	req.RebalanceTimeoutMillis = int32(a.dur("rebalance", time.Minute).Milliseconds())
	req.ProtocolType = a.str("type", consumerProtocolType)
	names := a.list("protocols")
	if !a.has("protocols") {
		names = []string{"range"}
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = name, []byte(a.str("meta", ""))
		if a.has("topics") {
			p.Metadata = subscription(a.list("topics")...)
		}
		if a.has("owns") {
			p.Metadata = cooperative(a.list("topics"), a.list("owns"))
		}
		req.Protocols = append(req.Protocols, p)
	}
	ctx := RequestContext{ClientID: a.str("client", "c"), ClientHost: "/127.0.0.1"}
	done := func(r *kmsg.JoinGroupResponse) {
		if r.MemberID != "" {
			w.members[label] = r.MemberID
		}
		w.print("%s: %s", label, joinString(r))
	}
	w.do(func(s *shard) {
		s.join(&joinRequest{ctx: ctx, req: req, protocols: copyProtocols(req.Protocols), waiter: &joinWaiter{req.Version, done}})
	})
}

func joinString(r *kmsg.JoinGroupResponse) string {
	s := fmt.Sprintf("%s member=%s", codeName(r.ErrorCode), r.MemberID)
	if r.ErrorCode != 0 {
		return s
	}
	s += fmt.Sprintf(" generation=%d protocol=%s/%s leader=%s", r.Generation, deref(r.ProtocolType), deref(r.Protocol), r.LeaderID)
	if r.SkipAssignment {
		s += " skip-assignment"
	}
	var members strings.Builder
	for _, m := range r.Members {
		fmt.Fprintf(&members, " [%s %s %q]", m.MemberID, deref(m.InstanceID), m.ProtocolMetadata)
	}
	return s + members.String()
}

// sync LABEL member=LABEL generation=1 [assign=(LABEL:text or LABEL:@t:0+1,...)] [instance=] [type=] [protocol=]
func (w *world) sync(a args) {
	label := a.label()
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version = int16(a.num("version", 5))
	req.Group, req.MemberID, req.InstanceID = a.str("group", "g"), w.member(a), a.optional("instance")
	req.Generation, req.ProtocolType, req.Protocol = int32(a.num("generation", 1)), a.optional("type"), a.optional("protocol")
	for _, v := range a.list("assign") {
		id, text, _ := strings.Cut(v, ":")
		if known, ok := w.members[id]; ok {
			id = known
		}
		ga := kmsg.NewSyncGroupRequestGroupAssignment()
		ga.MemberID, ga.MemberAssignment = id, []byte(text)
		if list, ok := strings.CutPrefix(text, "@"); ok {
			ga.MemberAssignment = embedded(list)
		}
		req.GroupAssignment = append(req.GroupAssignment, ga)
	}
	done := func(r *kmsg.SyncGroupResponse) {
		w.print("%s: %s %s/%s assignment=%s", label, codeName(r.ErrorCode), deref(r.ProtocolType), deref(r.Protocol), assignmentString(r.MemberAssignment))
	}
	w.do(func(s *shard) { s.sync(req, &syncWaiter{req.Version, done}) })
}

func (w *world) heartbeat(a args) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.InstanceID = a.str("group", "g"), w.member(a), a.optional("instance")
	req.Generation = int32(a.num("generation", 1))
	w.do(func(s *shard) { w.print("%s", codeName(errorCode(s.heartbeat(req)))) })
}

// leave member=LABEL [instance=i], or several: members=(LABEL,...)
func (w *world) leave(a args) {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = a.str("group", "g")
	members := []kmsg.LeaveGroupRequestMember{{MemberID: w.member(a), InstanceID: a.optional("instance")}}
	if a.has("members") {
		members = nil
		for _, label := range a.list("members") {
			id, ok := w.members[label]
			if !ok {
				id = label
			}
			members = append(members, kmsg.LeaveGroupRequestMember{MemberID: id})
		}
	}
	w.do(func(s *shard) {
		results := s.leave(req, members)
		s.reply(func(error) {
			for _, r := range results {
				w.print("%s %s: %s", r.MemberID, deref(r.InstanceID), codeName(r.ErrorCode))
			}
		})
	})
}
