package group

import (
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

	"github.com/kgo-project/kgo/broker/coordinator"
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
