package group

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// TestScripts runs testdata: each file is a story of one shard. See the verbs in world.run.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := newWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return w.run(t, d) })
	})
}

// world is a shard with its log, a clock and the topics of the cluster. Every outcome is committed at once.
type world struct {
	cfg    Config
	shard  *shard
	now    time.Time
	log    []logged
	ids    int
	topics topicTable
	// members remembers the member id that each request label was given.
	members map[string]string
	out     strings.Builder
	fail    error // the next outcomes fail
	large   int   // max.message.bytes
	quiet   bool
}

type logged struct {
	coordinator.Replayed
	endTxn, commit bool
}

func newWorld() *world {
	w := &world{cfg: DefaultConfig(), now: time.UnixMilli(1_000_000), topics: topicTable{}, members: map[string]string{}, large: 1 << 20}
	w.cfg.NewID = func() string { w.ids++; return strconv.Itoa(w.ids) }
	w.shard = w.empty()
	w.load()
	return w
}

func (w *world) empty() *shard {
	return newShard(&w.cfg, slog.New(slog.DiscardHandler), w.topics, func() int { return w.large })
}

// load reads the log into a new shard, as after a failover.
func (w *world) load() {
	w.shard = w.replayed()
	w.apply(w.shard.Loaded(w.now))
}

func (w *world) replayed() *shard {
	s := w.empty()
	for _, r := range w.log {
		var err error
		if r.endTxn {
			err = s.ReplayEndTxn(r.ProducerID, r.ProducerEpoch, r.commit)
		} else {
			err = s.Replay(r.Replayed)
		}
		if err != nil {
			panic(err)
		}
	}
	return s
}

// apply does what the runtime does with an outcome.
func (w *world) apply(o coordinator.Outcome) {
	if w.fail != nil && len(o.Records) > 0 {
		err := w.fail
		if o.Done != nil {
			o.Done(err)
		}
		w.shard.Unloaded(err)
		w.load()
		return
	}
	for _, r := range o.Records {
		p := coordinator.Replayed{Offset: int64(len(w.log)), ProducerID: -1, ProducerEpoch: -1, Key: r.Key, Value: r.Value}
		if o.Producer != nil {
			p.ProducerID, p.ProducerEpoch = o.Producer.ID, o.Producer.Epoch
		}
		w.log = append(w.log, logged{Replayed: p})
		if !r.Applied {
			if err := w.shard.Replay(p); err != nil {
				panic(err)
			}
		}
		w.print("  log %s", recordString(r.Key, r.Value))
	}
	if o.Done != nil {
		o.Done(nil)
	}
}

func (w *world) print(format string, args ...any) {
	if !w.quiet {
		fmt.Fprintf(&w.out, format+"\n", args...)
	}
}

func (w *world) do(fn func(s *shard)) {
	s := w.shard
	w.apply(s.do(w.now, func() { fn(s) }))
}

func (w *world) advance(d time.Duration) {
	end := w.now.Add(d)
	for {
		at, ok := w.shard.NextDeadline()
		if !ok || at.After(end) {
			break
		}
		w.now = at
		w.apply(w.shard.Tick(w.now))
	}
	w.now = end
}

func recordString(key, value []byte) string {
	k, err := record.Group.ReadKey(key)
	if err != nil {
		return err.Error()
	}
	s := strings.TrimSuffix(k.MessageName(), "Key") + string(k.AppendJSON(nil, 0))
	if value == nil {
		return s + " tombstone"
	}
	v, version, err := record.Group.ReadValue(k.APIKey(), value)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s v%d %s", s, version, v.AppendJSON(nil, version))
}

func codeName(code int16) string {
	if code == 0 {
		return "NONE"
	}
	return func() *kerr.Error {
		target := &kerr.Error{}
		_ = errors.As(kerr.ErrorForCode(code), &target)
		return target
	}().Message
}

// args reads a command's arguments.
type args struct {
	t *testing.T
	d *datadriven.TestData
}

func (a args) has(key string) bool { return a.d.HasArg(key) }

func (a args) str(key, otherwise string) string {
	if !a.d.HasArg(key) {
		return otherwise
	}
	var v string
	a.d.ScanArgs(a.t, key, &v)
	return v
}

func (a args) list(key string) (vals []string) {
	for _, arg := range a.d.CmdArgs {
		if arg.Key == key {
			vals = arg.Vals
		}
	}
	return vals
}

func (a args) num(key string, otherwise int64) int64 {
	v, err := strconv.ParseInt(a.str(key, strconv.FormatInt(otherwise, 10)), 10, 64)
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", key, err)
	}
	return v
}

func (a args) dur(key string, otherwise time.Duration) time.Duration {
	v, err := time.ParseDuration(a.str(key, otherwise.String()))
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", key, err)
	}
	return v
}

func (a args) optional(key string) *string {
	if !a.has(key) {
		return nil
	}
	return new(a.str(key, ""))
}

// label is the name of the request: the first argument without a value.
func (a args) label() string { return a.d.CmdArgs[0].Key }

// member is a member id: that of an earlier request's label, or literal.
func (w *world) member(a args) string {
	m := a.str("member", "")
	if id, ok := w.members[m]; ok {
		return id
	}
	return m
}

func (w *world) run(t *testing.T, d *datadriven.TestData) string {
	w.out.Reset()
	a := args{t, d}
	verbs := map[string]func(args){
		"config": w.config, "join": w.join, "sync": w.sync, "heartbeat": w.heartbeat, "leave": w.leave,
		"commit": w.commit, "txn-commit": w.txnCommit, "end-txn": w.endTxn, "fetch": w.fetch, "delete-offsets": w.deleteOffsets,
		"describe": w.describe, "list": w.list, "delete-group": w.deleteGroup, "delete-topic": w.deleteTopic,
		"tick": func(a args) { w.advance(a.dur("for", 0)) },
		"reload": func(args) {
			w.shard.Unloaded(kerr.NotCoordinator)
			w.load()
		},
		"state":             func(args) { w.print("%s", stateString(w.shard, true)) },
		"fail":              w.setFail,
		"hb":                w.consumerHeartbeat,
		"topic":             func(a args) { w.topics[a.label()] = int32(a.num("partitions", 1)) },
		"describe-consumer": w.describeConsumer,
	}
	verb, ok := verbs[d.Cmd]
	if !ok {
		d.Fatalf(t, "unknown verb %s", d.Cmd)
	}
	verb(a)
	if w.out.Len() == 0 {
		return "ok\n"
	}
	return w.out.String()
}

func (w *world) config(a args) {
	w.cfg.InitialRebalanceDelay = a.dur("initial-delay", w.cfg.InitialRebalanceDelay)
	w.cfg.MaxSize = int(a.num("max-size", int64(w.cfg.MaxSize)))
	w.cfg.OffsetMetadataMaxBytes = int(a.num("metadata-max", int64(w.cfg.OffsetMetadataMaxBytes)))
	w.cfg.OffsetsRetention = a.dur("retention", w.cfg.OffsetsRetention)
	w.large = int(a.num("max-batch", int64(w.large)))
	w.cfg.ConsumerMaxSize = int(a.num("consumer-max-size", int64(w.cfg.ConsumerMaxSize)))
	if policy := a.str("migration", ""); policy != "" {
		w.cfg.OnlineUpgrade, w.cfg.OnlineDowngrade = policy == "upgrade" || policy == "bidirectional", policy == "downgrade" || policy == "bidirectional"
	}
}

func (w *world) setFail(a args) {
	w.fail = nil
	if name := a.str("error", ""); name != "" {
		for code := int16(1); code < 130; code++ {
			if codeName(code) == name {
				w.fail = kerr.ErrorForCode(code)
			}
		}
	}
}

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

// offsetArgs reads offsets=(topic/partition:offset, ...).
func offsetArgs(a args) []commitTopic {
	var topics []commitTopic
	for _, v := range a.list("offsets") {
		tp, offset, _ := strings.Cut(v, ":")
		topic, partition, _ := strings.Cut(tp, "/")
		p, _ := strconv.Atoi(partition)
		o, _ := strconv.ParseInt(offset, 10, 64)
		topics = append(topics, commitTopic{name: topic, partitions: []commitPartition{{
			partition: int32(p), offset: o, leaderEpoch: int32(a.num("epoch", -1)), timestamp: -1, metadata: a.str("metadata", ""),
		}}})
	}
	return topics
}

func (w *world) printCommit(topics []commitTopic, err error) {
	for _, t := range topics {
		for _, p := range t.partitions {
			if err != nil {
				p.code = errorCode(err)
			}
			w.print("%s-%d: %s", t.name, p.partition, codeName(p.code))
		}
	}
}

// commit [member=LABEL generation=1] offsets=(t/0:5) [metadata=text] [epoch=3] [version=9] [retention=1h]
func (w *world) commit(a args) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version = int16(a.num("version", 9))
	req.Group, req.MemberID, req.InstanceID = a.str("group", "g"), w.member(a), a.optional("instance")
	req.Generation = int32(a.num("generation", -1))
	if a.has("retention") {
		req.RetentionTimeMillis = a.dur("retention", 0).Milliseconds()
	}
	topics := offsetArgs(a)
	w.do(func(s *shard) {
		result := s.commit(req, topics)
		s.reply(func(err error) { w.printCommit(topics, firstError(writeError(err), result)) })
	})
}

func (w *world) txnCommit(a args) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version, req.Group, req.MemberID = int16(a.num("version", 5)), a.str("group", "g"), w.member(a)
	req.Generation, req.ProducerID = int32(a.num("generation", -1)), a.num("producer", 1)
	topics := offsetArgs(a)
	s := w.shard
	o := s.do(w.now, func() {
		result := s.txnCommit(req, topics)
		s.reply(func(err error) { w.printCommit(topics, firstError(err, result)) })
	})
	o.Producer = producerOf(req)
	w.apply(o)
}

func (w *world) endTxn(a args) {
	r := logged{endTxn: true, commit: a.has("commit")}
	r.ProducerID, r.Offset = a.num("producer", 1), int64(len(w.log))
	w.log = append(w.log, r)
	if err := w.shard.ReplayEndTxn(r.ProducerID, 0, r.commit); err != nil {
		panic(err)
	}
}

// fetch [group=g] [offsets=(t/0,...)] [stable]; without offsets: all
func (w *world) fetch(a args) {
	group := a.str("group", "g")
	var topics []fetchTopic
	for _, v := range a.list("offsets") {
		topic, partition, _ := strings.Cut(v, "/")
		p, _ := strconv.Atoi(partition)
		topics = append(topics, fetchTopic{name: topic, partitions: []fetchPartition{noOffset(int32(p), 0)}})
	}
	w.do(func(s *shard) {
		if topics == nil {
			topics = s.fetchAll(group, a.has("stable"))
		} else {
			s.fetch(group, topics, a.has("stable"))
		}
	})
	for _, t := range topics {
		for _, p := range t.partitions {
			w.print("%s-%d: %s offset=%d epoch=%d metadata=%q", t.name, p.partition, codeName(p.code), p.offset, p.leaderEpoch, p.metadata)
		}
	}
}

func (w *world) deleteOffsets(a args) {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = a.str("group", "g")
	for _, v := range a.list("offsets") {
		topic, partition, _ := strings.Cut(v, "/")
		p, _ := strconv.Atoi(partition)
		req.Topics = append(req.Topics, kmsg.OffsetDeleteRequestTopic{Topic: topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: int32(p)}}})
	}
	w.do(func(s *shard) {
		topics, err := s.deleteOffsets(req, func(string, int32) int16 { return 0 })
		s.reply(func(error) {
			w.print("%s", codeName(errorCode(err)))
			for _, t := range topics {
				for _, p := range t.Partitions {
					w.print("  %s-%d: %s", t.Topic, p.Partition, codeName(p.ErrorCode))
				}
			}
		})
	})
}

func (w *world) describe(a args) {
	w.do(func(s *shard) {
		g := s.describe(a.str("group", "g"), int16(a.num("version", 6)))
		w.print("%s %q state=%s protocol=%s/%s", codeName(g.ErrorCode), deref(g.ErrorMessage), g.State, g.ProtocolType, g.Protocol)
		for _, m := range g.Members {
			w.print("  %s %s client=%s%s metadata=%q assignment=%q", m.MemberID, deref(m.InstanceID), m.ClientID, m.ClientHost, m.ProtocolMetadata, m.MemberAssignment)
		}
	})
}

func (w *world) list(a args) {
	w.do(func(s *shard) {
		for _, g := range s.list(a.list("states"), a.list("types")) {
			w.print("%s protocol=%q state=%s type=%s", g.Group, g.ProtocolType, g.GroupState, g.GroupType)
		}
	})
}

func (w *world) deleteGroup(a args) {
	w.do(func(s *shard) {
		err := s.deleteGroup(a.str("group", "g"))
		s.reply(func(error) { w.print("%s", codeName(errorCode(err))) })
	})
}

// hb MEMBER epoch=0 [group=g] [topics=(t)] [regex=r] [has=(t:0+1,u:3)] [instance=i] [assignor=range]: a heartbeat of the consumer protocol
func (w *world) consumerHeartbeat(a args) {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch = 1, a.str("group", "g"), a.label(), int32(a.num("epoch", 0))
	req.InstanceID, req.ServerAssignor, req.SubscribedTopicRegex = a.optional("instance"), a.optional("assignor"), a.optional("regex")
	if a.has("topics") {
		req.SubscribedTopicNames = a.list("topics")
	}
	if req.MemberEpoch == joinEpoch {
		req.RebalanceTimeoutMillis, req.Topics = 60000, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	if a.has("has") {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for _, v := range a.list("has") {
			topic, partitions, _ := strings.Cut(v, ":")
			if topic == "" {
				continue
			}
			id, _ := w.topics.TopicID(topic)
			t := kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: id}
			for p := range strings.SplitSeq(partitions, "+") {
				n, _ := strconv.Atoi(p)
				t.Partitions = append(t.Partitions, int32(n))
			}
			req.Topics = append(req.Topics, t)
		}
	}
	if err := w.cfg.validateConsumerHeartbeat(req); err != nil {
		w.print("%s: %v", codeName(errorCode(err)), err)
		return
	}
	w.do(func(s *shard) {
		resp, err := s.consumerHeartbeat(RequestContext{ClientID: "c", ClientHost: "/127.0.0.1"}, req)
		s.reply(func(failed error) {
			if err := firstError(writeError(failed), err); err != nil {
				w.print("%s: %v", codeName(errorCode(err)), err)
				return
			}
			assigned := "unchanged"
			if resp.Assignment != nil {
				o := owned{}
				for _, t := range resp.Assignment.Topics {
					for _, p := range t.Partitions {
						o.put(t.TopicID, p, 0)
					}
				}
				assigned = o.String()
			}
			w.print("%s epoch=%d assignment=%s", deref(resp.MemberID), resp.MemberEpoch, assigned)
		})
	})
}

func (w *world) describeConsumer(a args) {
	g := w.shard.describeConsumer(a.str("group", "g"))
	w.print("%s %s state=%s epoch=%d assigned=%d assignor=%s", codeName(g.ErrorCode), deref(g.ErrorMessage), g.State, g.Epoch, g.AssignmentEpoch, g.AssignorName)
	show := func(as kmsg.Assignment) string {
		var b strings.Builder
		for _, t := range as.TopicPartitions {
			fmt.Fprintf(&b, "%s%v", t.Topic, t.Partitions)
		}
		return b.String()
	}
	for _, m := range g.Members {
		kind := ""
		if m.MemberType == memberTypeClassic {
			kind = " classic"
		}
		w.print("  %s %s epoch=%d has=%s target=%s%s", m.MemberID, deref(m.InstanceID), m.MemberEpoch, show(m.Assignment), show(m.TargetAssignment), kind)
	}
}

// String names topics by the letter in their test id.
func (o owned) String() string {
	s := []string{}
	o.sorted(func(topic ident.TopicID, partitions []int32) {
		s = append(s, fmt.Sprintf("%c%v", topic[1], partitions))
	})
	return "{" + strings.Join(s, " ") + "}"
}

func (a assignment) String() string {
	o := owned{}
	for topic, partitions := range a {
		for _, p := range partitions {
			o.put(topic, p, 0)
		}
	}
	return o.String()
}

func consumerString(g *consumerGroup, m *consumerMember) string {
	return fmt.Sprintf("%s %s epoch=%d/%d state=%d topics=%v%s has=%v revokes=%v target=%v",
		m.memberID, deref(m.instanceID), m.memberEpoch, m.previousEpoch, m.state, m.topics, m.regex, m.assigned, m.revoking, g.target[m.memberID])
}

func (w *world) deleteTopic(a args) {
	w.do(func(s *shard) { s.topicsDeleted(map[string]bool{a.label(): true}) })
}

// stateString writes down what the log can bring back; with live also what it can't.
func stateString(s *shard, live bool) string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[id]
		fmt.Fprintf(&b, "group %s %s generation=%d protocol=%s/%s leader=%s", id, g.state, g.generation, g.protocolType, g.protocol(), g.leaderID)
		if live {
			fmt.Fprintf(&b, " pending=%v", slices.Sorted(maps.Keys(g.pendingMembers)))
		}
		b.WriteByte('\n')
		for _, m := range g.all() {
			fmt.Fprintf(&b, "  member %s %s %s/%s metadata=%q assignment=%q\n", m.memberID, deref(m.instanceID), m.sessionTimeout, m.rebalanceTimeout, m.metadata(g.protocol()), m.assignment)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.consumers)) {
		g := s.consumers[id]
		fmt.Fprintf(&b, "consumer group %s %s epoch=%d assigned=%d\n", id, g.state(), g.groupEpoch, g.assignmentEpoch)
		for _, m := range g.memberIDs() {
			b.WriteString("  " + consumerString(g, g.members[m]) + "\n")
		}
		for _, regex := range slices.Sorted(maps.Keys(g.regexes)) {
			fmt.Fprintf(&b, "  regex %s %v\n", regex, g.regexes[regex].topics)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.offsets.groups)) {
		s.offsets.groups[id].each(func(topic string, partition int32, o committed) {
			fmt.Fprintf(&b, "offset %s %s-%d %d epoch=%d metadata=%q at=%d expire=%d\n", id, topic, partition, o.offset, o.leaderEpoch, o.metadata, o.commitTimestamp, o.expireTimestamp)
		})
	}
	for _, producer := range slices.Sorted(maps.Keys(s.offsets.pending)) {
		for _, id := range slices.Sorted(maps.Keys(s.offsets.pending[producer])) {
			s.offsets.pending[producer][id].each(func(topic string, partition int32, o committed) {
				fmt.Fprintf(&b, "pending %d %s %s-%d %d\n", producer, id, topic, partition, o.offset)
			})
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
