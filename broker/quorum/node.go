package quorum

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// Transport carries messages between the voters. Messages may be lost, doubled and reordered.
type Transport interface {
	// Send must not block: what can't be sent soon is dropped. It owns the messages, but shares what they point to.
	Send(messages []*raftpb.Message)
	// Close stops the transport and waits for its goroutines; nothing is delivered afterwards.
	Close() error
}

// Receiver is what a transport delivers to. Node implements it.
type Receiver interface {
	// Deliver takes a message from a peer. It may wait while the node is busy.
	Deliver(m *raftpb.Message)
	// Unreachable reports that messages to a peer were lost; SnapshotSent how the sending of a snapshot ended.
	Unreachable(id ident.BrokerID)
	SnapshotSent(id ident.BrokerID, ok bool)
	// Disconnected reports that the connection a peer's messages came over has ended, and that the peer did not come back at once.
	Disconnected(id ident.BrokerID)
	// Voters are the members and where they listen, which may change.
	Voters() []Voter
}

// inputQueue bounds what waits for the loop; whoever has more to say waits.
const inputQueue = 1024

// Node runs a Replica: one goroutine that owns it, a clock, and a way in for everybody else. All methods are safe for concurrent use, but the
// state machine and a proposal's done function, which run on that goroutine, must not call those that put something into its queue.
type Node struct {
	cfg       Config
	replica   *Replica
	log       *storage.Log
	transport Transport

	input  chan func(*Replica)
	quit   chan struct{}
	closed chan struct{} // the loop has ended
	once   sync.Once
	err    error          // of the loop; set before closed
	jobs   sync.WaitGroup // the snapshot being written

	view    atomic.Pointer[view]
	members atomic.Pointer[[]MemberState]
	heard   map[ident.BrokerID]MemberState // the loop's: when followers last answered
	commits waiters

	observers observers
	located   atomic.Pointer[map[ident.BrokerID][]Endpoint] // see Locate

	campaignAfter int       // the loop's: ticks until it stands for election in a dead leader's place; 0: it has no cause to
	leaderLost    time.Time // the loop's: when that one's connection ended
}

// view is what readers see of the loop's state without asking it. Its high watermark may lag behind the log's.
type view struct {
	leader        ident.BrokerID
	leaderEpoch   int32
	highWatermark int64
	voters        []Voter
	dynamic       bool // the voters are kept in the log
	snapshots     []SnapshotID
}

// OpenNode opens the log, restores the state machine and starts the loop. A lone voter leads when the loop has begun, milliseconds later.
// connect makes the transport; nil stands for none, which is right for a lone voter.
func OpenNode(ctx context.Context, cfg Config, sm StateMachine, connect func(Receiver) (Transport, error)) (*Node, error) {
	n := &Node{
		input: make(chan func(*Replica), inputQueue), quit: make(chan struct{}), closed: make(chan struct{}), heard: make(map[ident.BrokerID]MemberState),
	}
	replica, err := OpenReplica(ctx, cfg, announcing{sm, n}, time.Now(), n.send)
	if err != nil {
		return nil, err
	}
	n.cfg, n.replica, n.log = replica.cfg, replica, replica.log.log
	replica.observers = &n.observers
	n.publish()
	if connect != nil {
		if n.transport, err = connect(n); err != nil {
			return nil, errors.Join(err, replica.Close())
		}
	}
	go n.run()
	return n, nil
}

// announcing shows readers a change of leader before the state machine hears of it.
type announcing struct {
	StateMachine
	node *Node
}

func (a announcing) LeaderChanged(leader ident.BrokerID, leaderEpoch int32) {
	a.node.publish()
	a.StateMachine.LeaderChanged(leader, leaderEpoch)
}

func (n *Node) send(messages []*raftpb.Message) {
	if n.transport != nil {
		n.transport.Send(messages)
	}
}

// run is the loop. Each turn takes all input that waits, then lets the replica act on it at once: that is what makes many proposals share one fsync.
func (n *Node) run() {
	defer close(n.closed)
	ticker := time.NewTicker(n.cfg.HeartbeatInterval)
	defer ticker.Stop()
	r := n.replica
	started, member := time.Now(), r.IsMember()
	var err error
	for err == nil {
		if err = r.Process(time.Now()); err == nil {
			err = n.campaignIfAlone()
		}
		if !member && r.IsMember() { // a founder of the quorum, most likely
			started, member = time.Now(), true
			if err == nil {
				if err = n.campaignEarly(started); err == nil {
					err = r.Process(time.Now())
				}
			}
		}
		if err == nil {
			n.maybeSnapshot()
		}
		n.publish()
		if err != nil {
			break
		}
		select {
		case fn := <-n.input:
			fn(r)
			n.linger()
			n.drain()
		case <-ticker.C:
			if err = r.Tick(); err == nil {
				err = n.campaignEarly(started)
			}
			if err == nil {
				err = n.campaignAfterLoss()
			}
			r.reportObservers(time.Now())
			n.describe(time.Now())
		case <-n.quit:
			err = ErrClosed
		}
	}
	n.err = err
	if !errors.Is(err, ErrClosed) {
		_ = r.fail(err)
		n.cfg.Logger.Error("the metadata quorum's node has stopped", "error", err)
		if n.cfg.OnFailure != nil {
			n.cfg.OnFailure(err)
		}
	}
	n.commits.wakeAll()
}

// campaignIfAlone makes a lone voter the leader without waiting for an election timeout: there is nobody to wait for.
func (n *Node) campaignIfAlone() error {
	if !n.replica.IsOnlyVoter() || n.replica.leader == n.cfg.NodeID {
		return nil
	}
	if err := n.replica.CampaignAtOnce(); err != nil {
		return err
	}
	return n.replica.Process(time.Now())
}

// campaignEarly lets the first of several voters stand for election right after the start, at each tick until there is a leader: a quorum that starts as
// a whole then needs no election timeout. Pre-vote makes it harmless: peers that hear from a leader refuse.
func (n *Node) campaignEarly(started time.Time) error {
	r := n.replica
	voters := r.log.voters.at(r.log.applied).voters
	if r.leader != ident.NoBroker || voters[0].ID != n.cfg.NodeID || time.Since(started) > n.cfg.ElectionTimeout {
		return nil
	}
	return r.CampaignAtOnce()
}

// drain takes the input that waits, up to a full queue, so that input which keeps coming can't put off acting on it.
func (n *Node) drain() {
	for range inputQueue {
		select {
		case fn := <-n.input:
			fn(n.replica)
		default:
			return
		}
	}
}

func (n *Node) linger() {
	if n.cfg.Linger <= 0 || len(n.replica.pending) == 0 {
		return
	}
	timer := time.NewTimer(n.cfg.Linger)
	defer timer.Stop()
	for {
		select {
		case fn := <-n.input:
			fn(n.replica)
		case <-timer.C:
			return
		case <-n.quit:
			return
		}
	}
}

// maybeSnapshot starts a snapshot when one is due; it is written beside the loop.
func (n *Node) maybeSnapshot() {
	job := n.replica.SnapshotDue(time.Now())
	if job == nil {
		return
	}
	n.jobs.Go(func() {
		job.Run()
		n.tell(func(r *Replica) { _ = r.FinishSnapshot(job, time.Now()) }) // its error is the replica's: the loop sees it
	})
}

// publish shows readers the state after this turn.
func (n *Node) publish() {
	r := n.replica
	old := n.view.Load()
	v := &view{leader: r.leader, leaderEpoch: r.leaderEpoch, highWatermark: r.log.log.HighWatermark(), voters: r.reachable(), dynamic: r.log.voters.at(r.log.applied).dynamic}
	if old != nil && old.leader == v.leader && old.leaderEpoch == v.leaderEpoch && old.highWatermark == v.highWatermark && old.dynamic == v.dynamic &&
		sameVoters(old.voters, v.voters) && len(old.snapshots) == len(r.log.snapshots) && lastID(old.snapshots) == r.log.newest().id {
		return
	}
	for _, s := range r.log.snapshots {
		v.snapshots = append(v.snapshots, s.id)
	}
	n.view.Store(v)
	if old != nil && !sameVoters(old.voters, v.voters) {
		n.located.Store(nil) // the log's word is newer
		n.describe(time.Now())
	}
	if old != nil {
		n.commits.wakeAll()
	}
}

func sameVoters(a, b []Voter) bool { return slices.EqualFunc(a, b, Voter.equal) }

func lastID(ids []SnapshotID) SnapshotID {
	if len(ids) == 0 {
		return SnapshotID{}
	}
	return ids[len(ids)-1]
}

// tell runs fn on the loop; false means that the node has stopped and fn won't run.
func (n *Node) tell(fn func(*Replica)) bool {
	select {
	case <-n.closed: // a stopped node must not take input that nobody will read
		return false
	default:
	}
	select {
	case n.input <- fn:
		return true
	case <-n.closed:
		return false
	}
}

// ProposeAsync appends the records as one atomic batch, provided that this node leads in leaderEpoch. done is called once, on the node's
// goroutine, when the records are committed and applied here, or with an error; after ErrNotLeader and ErrClosed they may still be in the log.
// Proposals by one goroutine enter the log in the order of its calls.
func (n *Node) ProposeAsync(leaderEpoch int32, records [][]byte, done func(baseOffset int64, err error)) {
	b, err := buildBatch(time.Now().UnixMilli(), records)
	if err != nil {
		done(-1, err)
		return
	}
	n.proposeBatch(leaderEpoch, b, done)
}

func (n *Node) proposeBatch(leaderEpoch int32, b batch.Batch, done func(baseOffset int64, err error)) {
	if !n.tell(func(r *Replica) { r.Propose(leaderEpoch, b, done) }) {
		done(-1, n.stopped())
	}
}

// Propose is ProposeAsync for a caller that waits. When ctx ends first, the records may be in the log or not.
func (n *Node) Propose(ctx context.Context, leaderEpoch int32, records [][]byte) (baseOffset int64, err error) {
	return await(ctx, n, func(done func(int64, error)) { n.ProposeAsync(leaderEpoch, records, done) })
}

func await(ctx context.Context, n *Node, start func(done func(int64, error))) (int64, error) {
	type result struct {
		offset int64
		err    error
	}
	answered := make(chan result, 1)
	start(func(offset int64, err error) { answered <- result{offset, err} })
	select {
	case r := <-answered:
		return r.offset, r.err
	case <-ctx.Done():
		return -1, ctx.Err()
	case <-n.closed:
	}
	select { // the answer may have come while the loop ended
	case r := <-answered:
		return r.offset, r.err
	default:
		return -1, n.stopped()
	}
}

// stopped is why the loop ended.
func (n *Node) stopped() error {
	<-n.closed
	return n.err
}

// AddVoter adds a voter to the quorum, or gives a known one new endpoints. It returns once the change is committed. A new voter has to run already:
// until it reports, or ctx ends, AddVoter waits.
func (n *Node) AddVoter(ctx context.Context, leaderEpoch int32, v Voter) error {
	return n.untilHeard(ctx, func(done func(int64, error)) { n.changeVoters(leaderEpoch, &v, ident.NoBroker, done) })
}

// UpgradeVoters has the log say who the voters are (kraft.version 1) instead of the configuration. It waits for voters that have not said which directory is theirs,
// until ctx ends, and returns once the change is committed. self is this node, with its directory and endpoints.
func (n *Node) UpgradeVoters(ctx context.Context, leaderEpoch int32, self Voter) error {
	return n.untilHeard(ctx, func(done func(int64, error)) {
		if !n.tell(func(r *Replica) { r.UpgradeVoters(time.Now(), leaderEpoch, self, done) }) {
			done(-1, n.stopped())
		}
	})
}

// untilHeard repeats a change while voters have not been heard of.
func (n *Node) untilHeard(ctx context.Context, start func(done func(int64, error))) error {
	for {
		_, err := await(ctx, n, start)
		if !errors.Is(err, ErrVoterSilent) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		case <-time.After(n.cfg.HeartbeatInterval):
		}
	}
}

// RemoveVoter removes a voter from the quorum. A leader that removes itself resigns once the change is committed.
func (n *Node) RemoveVoter(ctx context.Context, leaderEpoch int32, id ident.BrokerID) error {
	_, err := await(ctx, n, func(done func(int64, error)) { n.changeVoters(leaderEpoch, nil, id, done) })
	return err
}

func (n *Node) changeVoters(leaderEpoch int32, add *Voter, remove ident.BrokerID, done func(int64, error)) {
	if !n.tell(func(r *Replica) { r.ChangeVoters(time.Now(), leaderEpoch, add, remove, done) }) {
		done(-1, n.stopped())
	}
}

// Resign gives up the leadership of leaderEpoch, if this node still has it.
func (n *Node) Resign(leaderEpoch int32) {
	n.tell(func(r *Replica) { _ = r.Resign(leaderEpoch) })
}

// Deliver implements Receiver.
func (n *Node) Deliver(m *raftpb.Message) {
	n.tell(func(r *Replica) {
		n.hear(m)
		if err := r.Step(m); err != nil && r.failed == nil {
			n.cfg.Logger.Warn("message refused", "node", int32(nodeID(m.GetFrom())), "error", err)
		}
	})
}

// Unreachable implements Receiver. Called from within Send, it must not wait for the loop.
func (n *Node) Unreachable(id ident.BrokerID) {
	select {
	case n.input <- func(r *Replica) { r.Unreachable(id) }:
	default:
	}
}

// Disconnected implements Receiver. A leader that is gone need not be waited for: who had a connection from it forgets it, and so refuses no candidate.
// Where it lives after all, its next heartbeat is obeyed as before.
func (n *Node) Disconnected(id ident.BrokerID) {
	n.tell(func(r *Replica) {
		if r.leader != id || id == n.cfg.NodeID || r.failed != nil {
			return
		}
		n.cfg.Logger.Info("the connection from the metadata quorum's leader has ended", "leader", int32(id))
		if err := r.ForgetLeader(); err == nil {
			n.campaignAfter, n.leaderLost = n.rank(id), time.Now()
		}
	})
}

// rank is how many ticks this node leaves to others before it stands for election in a dead leader's place: the voter with the lowest id has none.
func (n *Node) rank(dead ident.BrokerID) int {
	rank := 1
	for _, v := range n.replica.log.voters.at(n.replica.log.applied).voters {
		if v.ID < n.cfg.NodeID && v.ID != dead {
			rank += 2
		}
	}
	return rank
}

// campaignAfterLoss stands for election in a dead leader's place, when those before this node had their turn; and again when all had theirs, as a voter that had not
// yet noticed the loss, or has only just started, may not have answered. After that the usual time-outs decide.
func (n *Node) campaignAfterLoss() error {
	switch {
	case n.campaignAfter == 0:
		return nil
	case n.replica.leader != ident.NoBroker:
		n.campaignAfter = 0
		return nil
	}
	if n.campaignAfter--; n.campaignAfter > 0 {
		return nil
	}
	if time.Since(n.leaderLost) < n.cfg.ElectionTimeout {
		n.campaignAfter = 2 * len(n.replica.log.voters.at(n.replica.log.applied).voters)
	}
	return n.replica.CampaignAtOnce()
}

// SnapshotSent implements Receiver.
func (n *Node) SnapshotSent(id ident.BrokerID, ok bool) {
	n.tell(func(r *Replica) { r.SnapshotSent(id, ok) })
}

// Voters implements Receiver.
func (n *Node) Voters() []Voter {
	voters := n.view.Load().voters
	located := n.located.Load()
	if located == nil {
		return voters
	}
	voters = slices.Clone(voters)
	for i, v := range voters {
		if e, ok := (*located)[v.ID]; ok {
			voters[i].Endpoints = e
		}
	}
	return voters
}

// Locate notes, in memory, where a voter says that it is. A leader that could no longer reach it might not commit the record that says so.
func (n *Node) Locate(id ident.BrokerID, endpoints []Endpoint) {
	for {
		old := n.located.Load()
		next := map[ident.BrokerID][]Endpoint{}
		if old != nil {
			next = maps.Clone(*old)
		}
		next[id] = endpoints
		if n.located.CompareAndSwap(old, &next) {
			return
		}
	}
}

// Dynamic reports whether the voters are kept in the log (kraft.version 1) and can be changed; otherwise the configuration says who they are.
func (n *Node) Dynamic() bool { return n.view.Load().dynamic }

// Leader is the leader that this node knows of, ident.NoBroker for none, and the newest leader epoch.
func (n *Node) Leader() (ident.BrokerID, int32) {
	v := n.view.Load()
	return v.leader, v.leaderEpoch
}

// HighWatermark is the offset before which everything is committed, as far as this node knows.
func (n *Node) HighWatermark() int64 { return n.log.HighWatermark() }

// Close stops the node: proposals that wait get ErrClosed, the transport and the log are closed.
func (n *Node) Close() error {
	var err error
	n.once.Do(func() {
		close(n.quit)
		<-n.closed
		n.jobs.Wait()
		if n.transport != nil {
			err = n.transport.Close()
		}
		err = errors.Join(err, n.replica.Close())
		if !errors.Is(n.err, ErrClosed) {
			err = errors.Join(n.err, err)
		}
	})
	return err
}

// waiters wakes everybody who waits for the view to change.
type waiters struct {
	mu   sync.Mutex
	wake chan struct{}
}

// next returns a channel that is closed at the next wakeAll. Take it before looking at the state.
func (w *waiters) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wake == nil {
		w.wake = make(chan struct{})
	}
	return w.wake
}

func (w *waiters) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wake != nil {
		close(w.wake)
		w.wake = nil
	}
}
