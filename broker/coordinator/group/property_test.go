package group

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestReloadEqualsLive does random things to a shard. After each, what the log brings back must be what the live state holds, as far as
// it is written: offsets always, a group when no rebalance is under way. And every request is answered exactly once.
func TestReloadEqualsLive(t *testing.T) {
	for seed := range uint64(60) {
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { newRandomWorld(t, seed).run(400) }) {
			return
		}
	}
}

type randomWorld struct {
	*world
	t     *testing.T
	rnd   *rand.Rand
	ids   []string       // member ids that were given out
	open  map[string]int // requests that are not answered
	count int
	trace []string
}

func newRandomWorld(t *testing.T, seed uint64) *randomWorld {
	w := &randomWorld{world: newWorld(), t: t, rnd: rand.New(rand.NewPCG(seed, 1)), open: map[string]int{}}
	w.quiet = true
	w.cfg.OffsetsRetention = 5 * time.Minute
	w.cfg.OffsetsRetentionCheckInterval = time.Minute
	w.cfg.MaxSize = 4
	return w
}

func (w *randomWorld) run(steps int) {
	ops := []func(){
		w.join, w.join, w.join, w.syncOp, w.syncOp, w.syncOp, w.beat, w.leaveOp, w.commitOp, w.txnOp, w.endOp, w.deleteOp,
		func() { w.advance(time.Duration(w.rnd.IntN(4000)) * time.Millisecond) },
		func() { w.advance(time.Duration(w.rnd.IntN(4000)) * time.Millisecond) },
		func() {
			if w.rnd.IntN(8) == 0 {
				w.advance(2 * time.Minute)
			}
		},
		func() {
			if w.rnd.IntN(5) == 0 {
				w.trace = append(w.trace, "reload")
				w.shard.Unloaded(kerr.NotCoordinator)
				w.load()
			}
		},
		func() {
			if w.rnd.IntN(5) == 0 {
				w.trace = append(w.trace, "append fails")
				w.fail = kerr.KafkaStorageError
			}
		},
	}
	for range steps {
		ops[w.rnd.IntN(len(ops))]()
		if w.rnd.IntN(3) == 0 {
			w.fail = nil
		}
		w.compare()
	}
	w.shard.Unloaded(kerr.NotCoordinator)
	if len(w.open) > 0 {
		w.t.Fatalf("never answered: %v\n%v", w.open, w.trace)
	}
}

func (w *randomWorld) compare() {
	live, loaded := w.shard, w.replayed()
	all := maps.Clone(live.groups)
	defer func() { live.groups = all }()
	for id, g := range live.groups {
		if !g.is(stateStable, stateEmpty) {
			delete(live.groups, id)
			delete(loaded.groups, id)
			continue
		}
		members := make(map[string]string)
		for _, m := range g.members {
			if m.instanceID != nil {
				members[*m.instanceID] = m.memberID
			}
		}
		if !maps.Equal(members, g.staticMembers) {
			w.t.Fatalf("static members %v, index %v\n%v", members, g.staticMembers, w.trace)
		}
	}
	if a, b := stateString(live, false), stateString(loaded, false); a != b {
		w.t.Fatalf("live:\n%s\nloaded:\n%s\n%v", a, b, w.trace)
	}
}

// asked registers a request and returns what must be called with its answer.
func (w *randomWorld) asked(what string) func(code int16) {
	w.count++
	id := fmt.Sprintf("%d %s", w.count, what)
	w.open[id]++
	w.trace = append(w.trace, id)
	return func(code int16) {
		if w.open[id] == 0 {
			w.t.Fatalf("answered twice: %s\n%v", id, w.trace)
		}
		delete(w.open, id)
		w.trace = append(w.trace, id+" -> "+codeName(code))
	}
}

func (w *randomWorld) pick(vals ...string) string { return vals[w.rnd.IntN(len(vals))] }
func (w *randomWorld) group() string              { return w.pick("g", "g", "g", "h") }

func (w *randomWorld) member() string {
	if len(w.ids) == 0 || w.rnd.IntN(20) == 0 {
		return ""
	}
	return w.ids[max(0, len(w.ids)-1-w.rnd.IntN(6))]
}

// live picks a member that exists, with its group.
func (w *randomWorld) live() (*classicGroup, *classicMember) {
	g := w.shard.group(w.group())
	if g == nil || len(g.order) == 0 || w.rnd.IntN(10) == 0 {
		return nil, nil
	}
	return g, g.members[g.order[w.rnd.IntN(len(g.order))]]
}

func (w *randomWorld) join() {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version = int16(w.rnd.IntN(10))
	req.Group, req.ProtocolType = w.group(), consumerProtocolType
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 6000, 9000
	if g, m := w.live(); m != nil && w.rnd.IntN(3) > 0 {
		req.Group, req.MemberID, req.InstanceID = g.groupID, m.memberID, m.instanceID
	} else if w.rnd.IntN(2) == 0 {
		req.MemberID = w.member()
	}
	if req.InstanceID == nil && w.rnd.IntN(3) == 0 {
		req.InstanceID = new(w.pick("ia", "ib", "ic"))
		if w.rnd.IntN(2) == 0 {
			req.MemberID = ""
		}
	}
	for _, name := range [][]string{{"range"}, {"range", "sticky"}, {"sticky", "range"}}[w.rnd.IntN(3)] {
		req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: subscription(w.pick("t", "u"))})
	}
	answered := w.asked(fmt.Sprintf("join v%d %s %s %s", req.Version, req.Group, req.MemberID, deref(req.InstanceID)))
	waiter := &joinWaiter{req.Version, func(r *kmsg.JoinGroupResponse) {
		if r.MemberID != "" && !slices.Contains(w.ids, r.MemberID) {
			w.ids = append(w.ids, r.MemberID)
		}
		answered(r.ErrorCode)
	}}
	w.do(func(s *shard) {
		s.join(&joinRequest{ctx: RequestContext{ClientID: "c"}, req: req, protocols: copyProtocols(req.Protocols), waiter: waiter})
	})
}

func (w *randomWorld) syncOp() {
	g, m := w.live()
	if g == nil {
		return
	}
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 5, g.groupID, m.memberID, m.instanceID, g.generation
	if w.rnd.IntN(10) == 0 {
		req.Generation--
	}
	for _, id := range g.order {
		if w.rnd.IntN(10) > 0 {
			req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: id, MemberAssignment: []byte(id)})
		}
	}
	answered := w.asked(fmt.Sprintf("sync %s %s", g.groupID, m.memberID))
	w.do(func(s *shard) {
		s.sync(req, &syncWaiter{req.Version, func(r *kmsg.SyncGroupResponse) { answered(r.ErrorCode) }})
	})
}

func (w *randomWorld) beat() {
	if g, m := w.live(); g != nil {
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group, req.MemberID, req.InstanceID, req.Generation = g.groupID, m.memberID, m.instanceID, g.generation
		w.do(func(s *shard) { _ = s.heartbeat(req) })
	}
}

func (w *randomWorld) leaveOp() {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = w.group()
	members := []kmsg.LeaveGroupRequestMember{{MemberID: w.member()}}
	if w.rnd.IntN(2) == 0 {
		members = append(members, kmsg.LeaveGroupRequestMember{InstanceID: new(w.pick("ia", "ib"))})
	}
	w.trace = append(w.trace, "leave "+members[0].MemberID)
	w.do(func(s *shard) { s.leave(req, members) })
}

func (w *randomWorld) commitOp() {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.Generation = 9, w.group(), -1
	if g, m := w.live(); g != nil {
		req.Group, req.MemberID, req.InstanceID, req.Generation = g.groupID, m.memberID, m.instanceID, g.generation
	}
	w.do(func(s *shard) { _ = s.commit(req, w.randomOffsets()) })
}

func (w *randomWorld) randomOffsets() []commitTopic {
	return []commitTopic{{name: w.pick("t", "u"), partitions: []commitPartition{
		{partition: int32(w.rnd.IntN(3)), offset: int64(w.rnd.IntN(1000)), timestamp: -1},
	}}}
}

func (w *randomWorld) txnOp() {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Group, req.Generation, req.ProducerID = w.group(), -1, int64(w.rnd.IntN(3))
	s := w.shard
	o := s.do(w.now, func() { _ = s.txnCommit(req, w.randomOffsets()) })
	o.Producer = producerOf(req)
	w.apply(o)
}

func (w *randomWorld) endOp() {
	r := logged{endTxn: true, commit: w.rnd.IntN(2) == 0}
	r.ProducerID, r.Offset = int64(w.rnd.IntN(3)), int64(len(w.log))
	w.log = append(w.log, r)
	if err := w.shard.ReplayEndTxn(r.ProducerID, 0, r.commit); err != nil {
		w.t.Fatal(err)
	}
}

func (w *randomWorld) deleteOp() {
	if w.rnd.IntN(4) == 0 {
		w.trace = append(w.trace, "delete")
		w.do(func(s *shard) { _ = s.deleteGroup(w.group()) })
	}
}
