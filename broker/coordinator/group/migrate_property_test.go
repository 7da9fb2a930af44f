package group

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/record"
)

// TestMixedGroupsNeverShareAPartition simulates a group whose members come back now in the classic protocol, as eager consumers, and now in KIP-848's,
// with the troubles and the promises of TestConsumersNeverShareAPartition.
func TestMixedGroupsNeverShareAPartition(t *testing.T) {
	for seed := range uint64(10) {
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { newMixedWorld(t, seed).run(400) }) {
			return
		}
	}
}

type mixedWorld struct {
	*consumerWorld
	mixed []*mixedClient
	bias  int            // how many of ten new processes speak the classic protocol
	seen  map[string]int // kinds of groups, by step
	last  string
}

// mixedClient is a client of either protocol. In the classic one it has nothing in its hands from JoinGroup to SyncGroup.
type mixedClient struct {
	simClient
	classic    bool
	memberID   string // in the classic protocol
	waits      bool   // for the answer to a JoinGroup or SyncGroup
	rejoin     bool
	leads      int32 // the partitions that it knew when it assigned them; 0: it is not the leader
	generation int32
}

func newMixedWorld(t *testing.T, seed uint64) *mixedWorld {
	w := &mixedWorld{consumerWorld: newConsumerWorld(t, 0), bias: 9, seen: map[string]int{}}
	w.rnd = rand.New(rand.NewPCG(seed, 3))
	w.cfg.InitialRebalanceDelay = 0
	w.cfg.ConsumerAssignmentInterval = time.Duration(w.rnd.IntN(2)) * time.Second
	w.clients = nil
	for i := range 5 {
		c := &mixedClient{simClient: simClient{id: fmt.Sprint("m", i), works: map[topicPartition]bool{}, topics: []string{"a", "b"}}, classic: w.rnd.IntN(2) == 0}
		if i >= 3 {
			c.instance = fmt.Sprint("i", i)
		}
		w.mixed = append(w.mixed, c)
		w.clients = append(w.clients, &c.simClient)
	}
	return w
}

func (w *mixedWorld) run(steps int) {
	for range steps {
		c := w.mixed[w.rnd.IntN(len(w.mixed))]
		if w.rnd.IntN(40) == 0 {
			w.bias = 1 + 8*w.rnd.IntN(2)
		}
		switch n := w.rnd.IntN(40); {
		case n < 24:
			w.step(c)
		case n < 28:
			w.leaveAndReturn(c)
		case n < 36:
			w.passMixed(time.Duration(w.rnd.IntN(4000)) * time.Millisecond)
		case n == 36:
			w.note("reload")
			w.shard.Unloaded(kerr.NotCoordinator)
			w.load()
		case n == 37:
			w.topics["a"]++
		case n == 38:
			w.note("append fails")
			w.fail = kerr.KafkaStorageError
			w.step(c)
			w.fail = nil
		default:
			w.passMixed(40 * time.Second)
		}
		w.checkMixed()
	}
	for range 60 {
		for _, c := range w.mixed {
			w.step(c)
		}
		w.passMixed(2 * time.Second)
		w.checkMixed()
	}
	w.checkMixedSettled()
}

func (w *mixedWorld) passMixed(d time.Duration) {
	w.pass(d)
	for _, c := range w.mixed {
		if c.classic && !c.joined && !c.waits {
			c.rejoin = true // pass has reset it
		}
	}
}

// checkMixed: what the log brings back is what the live state holds, but for a classic rebalance in progress.
func (w *mixedWorld) checkMixed() {
	owner := map[topicPartition]string{}
	for _, c := range w.mixed {
		for tp := range c.works {
			if other, ok := owner[tp]; ok {
				w.t.Fatalf("NoSharedPartition: %s and %s work on %c-%d\n%s", other, c.id, tp.topic[1], tp.partition, w.story())
			}
			owner[tp] = c.id
		}
	}
	kind := groupTypeConsumer
	if w.shard.consumers["g"] == nil {
		kind = groupTypeClassic
	}
	w.seen[kind]++
	if kind != w.last {
		w.seen["changes"]++
		w.last = kind
	}
	if kind == groupTypeClassic {
		return
	}
	if a, b := stateString(w.shard, false), stateString(w.replayed(), false); a != b {
		w.t.Fatalf("ReloadEqualsLive: live\n%s\nloaded\n%s\n%s", a, b, w.story())
	}
}

func (w *mixedWorld) checkMixedSettled() {
	loads, total := []int{}, 0
	for _, c := range w.mixed {
		loads = append(loads, len(c.works))
		total += len(c.works)
	}
	if want := int(w.topics["a"] + w.topics["b"]); total != want || slices.Max(loads)-slices.Min(loads) > 1 {
		w.t.Fatalf("not settled: %v of %d\n%s\n%s", loads, want, stateString(w.shard, true), w.story())
	}
	w.t.Logf("%v", w.seen)
}

// step is a client's next request.
func (w *mixedWorld) step(c *mixedClient) {
	switch {
	case !c.classic:
		w.beat(&c.simClient, w.rnd.IntN(8) == 0)
	case c.waits:
	case !c.joined || c.rejoin || c.leads != 0 && c.leads != w.topics["a"]+w.topics["b"]:
		w.joinClassic(c)
	default:
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group, req.MemberID, req.Generation, req.InstanceID = "g", c.memberID, c.generation, c.instanceID()
		sent := w.now
		w.do(func(s *shard) {
			err := s.heartbeat(req)
			s.reply(func(failed error) {
				w.note("%s: heartbeat %d: %v %v", c.id, req.Generation, err, failed)
				w.heard(c, firstError(failed, err), sent)
			})
		})
	}
}

func (c *mixedClient) instanceID() *string {
	if c.instance == "" {
		return nil
	}
	return &c.instance
}

// heard takes the outcome of a request of the classic protocol.
func (w *mixedWorld) heard(c *mixedClient, err error, sent time.Time) {
	switch protocolErrorOrNil(err) {
	case nil:
		c.lastAnswer = sent
	case kerr.RebalanceInProgress:
		c.lastAnswer, c.rejoin = sent, true
		clear(c.works) // a client that goes on for longer than its rebalance timeout is outside of the protocol
	case kerr.IllegalGeneration:
		c.rejoin = true
		clear(c.works)
	case kerr.UnknownMemberID, kerr.FencedInstanceID:
		c.reset()
		c.memberID, c.rejoin, c.leads = "", true, 0
	default: // tries again
	}
}

func (w *mixedWorld) joinClassic(c *mixedClient) {
	clear(c.works) // eager: everything is given up before
	c.waits, c.joined, c.leads = true, false, 0
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.ProtocolType = 9, "g", c.memberID, c.instanceID(), consumerProtocolType
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = int32(w.cfg.ConsumerSessionTimeout.Milliseconds()), 60000
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "range", subscription(c.topics...)
	req.Protocols = append(req.Protocols, p)
	process := c.id
	done := func(r *kmsg.JoinGroupResponse) {
		if c.id != process || !c.classic || !c.waits {
			return // an answer to the process before
		}
		w.note("%s: joined %+v", c.id, *r)
		c.waits = false
		switch err := kerr.ErrorForCode(r.ErrorCode); protocolErrorOrNil(err) {
		case nil:
			c.memberID, c.generation, c.joined, c.rejoin, c.lastAnswer = r.MemberID, r.Generation, true, false, w.now
			w.syncClassic(c, r)
		case kerr.MemberIDRequired:
			c.memberID, c.rejoin = r.MemberID, true
		default:
			w.heard(c, err, w.now)
		}
	}
	w.do(func(s *shard) {
		s.join(&joinRequest{ctx: RequestContext{ClientID: "c"}, req: req, protocols: copyProtocols(req.Protocols), waiter: &joinWaiter{9, done}})
	})
}

// syncClassic asks for the assignment; a leader brings it.
func (w *mixedWorld) syncClassic(c *mixedClient, joined *kmsg.JoinGroupResponse) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 5, "g", c.memberID, c.instanceID(), joined.Generation
	req.ProtocolType, req.Protocol = joined.ProtocolType, joined.Protocol
	if joined.LeaderID == c.memberID {
		c.leads = w.topics["a"] + w.topics["b"]
		if !joined.SkipAssignment {
			req.GroupAssignment = w.roundRobin(joined.Members)
		}
	}
	c.waits = true
	process := c.id
	done := func(r *kmsg.SyncGroupResponse) {
		if c.id != process || !c.classic || !c.waits {
			return
		}
		w.note("%s: synced %+v", c.id, *r)
		c.waits = false
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			c.rejoin = true
			w.heard(c, err, w.now)
			return
		}
		c.lastAnswer = w.now
		w.takeEmbedded(c, r.MemberAssignment)
	}
	w.do(func(s *shard) { s.sync(req, &syncWaiter{5, done}) })
}

func (w *mixedWorld) roundRobin(members []kmsg.JoinGroupResponseMember) (out []kmsg.SyncGroupRequestGroupAssignment) {
	plans := make([]record.ConsumerProtocolAssignment, len(members))
	n := 0
	for _, topic := range []string{"a", "b"} {
		for p := range w.topics[topic] {
			plan := &plans[n%len(plans)]
			plan.AssignedPartitions = append(plan.AssignedPartitions, record.ConsumerProtocolAssignmentTopicPartition{Topic: topic, Partitions: []int32{p}})
			n++
		}
	}
	for i, m := range members {
		raw, err := plans[i].AppendTo(binary.BigEndian.AppendUint16(nil, 0), 0)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, kmsg.SyncGroupRequestGroupAssignment{MemberID: m.MemberID, MemberAssignment: raw})
	}
	return out
}

func (w *mixedWorld) takeEmbedded(c *mixedClient, raw []byte) {
	clear(c.works)
	if len(raw) == 0 {
		return
	}
	var a record.ConsumerProtocolAssignment
	version, body, _ := embeddedVersion(bytes.Clone(raw))
	if _, err := a.ReadFrom(body, version); err != nil {
		w.t.Fatal(err)
	}
	for _, t := range a.AssignedPartitions {
		id, _ := w.topics.TopicID(t.Topic)
		for _, p := range t.Partitions {
			c.works[topicPartition{id, p}] = true
		}
	}
}

// leaveAndReturn ends a client's process; the next one may speak the other protocol. A static member of the classic protocol doesn't say goodbye.
func (w *mixedWorld) leaveAndReturn(c *mixedClient) {
	switch {
	case !c.classic:
		w.goodbye(&c.simClient)
		c.reset()
	case c.instance == "" && c.memberID != "":
		memberID := c.memberID
		c.reset()
		w.do(func(s *shard) {
			s.leave(&kmsg.LeaveGroupRequest{Group: "g"}, []kmsg.LeaveGroupRequestMember{{MemberID: memberID}})
		})
	default:
		c.reset()
	}
	c.id += "*"
	c.memberID, c.waits, c.rejoin, c.leads, c.generation = "", false, false, 0, 0
	c.classic = w.rnd.IntN(10) < w.bias
	w.note("%s: a new process, classic %v", c.id, c.classic)
}
