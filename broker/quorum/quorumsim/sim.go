// Package quorumsim runs a whole metadata quorum in one goroutine, with a clock, a network and disks of its own, and lets everything go wrong
// that can: messages are lost, doubled, delayed and reordered; links are cut; nodes lose power in the middle of a write, with what was not
// synced lost or half there, and come back; leaders resign; voters join and leave. After every event the invariants of docs/invariants.md are checked.
//
// Read Run first. A seed decides everything, so a failure is replayed by its seed:
//
//	make sim SEED=42
//
// The nodes are quorum.Replica, the very code that quorum.Node runs, on vfs.Mem disks. What the package does not do: goroutines, and
// with them data races and lock order, which the tests of package quorum look for under the race detector.
package quorumsim

import (
	"container/heap"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Options say how much goes wrong. Start from DefaultOptions.
type Options struct {
	Voters int // nodes 1 to Voters are the first voters
	Spares int // nodes after them, which ChangeVoters may bring in
	Events int // events before everything is healed and the quorum has to come to rest

	LossPercent      int           // of messages
	DuplicatePercent int           // of messages
	DelayMax         time.Duration // of a message; it is random, so messages overtake each other
	CutEvery         time.Duration // on average, cut a link or heal all
	CrashEvery       time.Duration // on average, a node loses power, at the next write or a few writes later
	UnsyncedPercent  int           // of unsynced writes survive a crash
	ProposeEvery     time.Duration // on average
	DisksLostEvery   time.Duration // on average, a node dies and comes back with an empty disk, a minority at a time; 0: never
	ResignEvery      time.Duration // on average, a leader resigns
	ChangeVoters     time.Duration // on average, add or remove a voter; 0: never
	SnapshotBytes    int64         // how much log makes a snapshot
	Trace            io.Writer     // gets a line for each event; nil: none
}

// DefaultOptions is a rough day for three voters.
func DefaultOptions() Options {
	return Options{
		Voters: 3, Events: 4000, LossPercent: 5, DuplicatePercent: 5, DelayMax: 60 * time.Millisecond,
		CutEvery: 2 * time.Second, CrashEvery: 3 * time.Second, UnsyncedPercent: 50, ProposeEvery: 15 * time.Millisecond,
		ResignEvery: 10 * time.Second, SnapshotBytes: 3000,
	}
}

// Report says what a run did, so that a test can tell that it was not idle.
type Report struct {
	Events, Acked, Elections, Crashes, DisksLost, Restores, VoterChanges int

	Hash uint64 // of all events: equal seeds have equal hashes
}

const (
	heartbeat       = 30 * time.Millisecond
	electionTimeout = 300 * time.Millisecond
	settleTime      = 60 * time.Second // virtual, for the healed quorum to agree
)

// Run simulates one history. The error names the broken invariant.
func Run(seed uint64, opts Options) (Report, error) {
	s := &sim{
		opts: opts, rnd: rand.New(rand.NewPCG(seed, 0x6b676f)), now: time.UnixMilli(1_700_000_000_000), cut: map[[2]int]bool{},
		history: newHistory(), hash: fnv.New64a(),
	}
	restore := s.seedRaft(seed)
	defer restore()
	luck := rand.New(rand.NewPCG(seed, 0x6c75636b))
	invariants.SetLuck(luck.IntN)
	defer invariants.SetLuck(nil)
	err := s.run()
	s.report.Hash = s.hash.Sum64()
	if err != nil {
		err = fmt.Errorf("seed %d, event %d, %v after the start: %w", seed, s.report.Events, s.now.Sub(time.UnixMilli(1_700_000_000_000)), err)
	}
	return s.report, err
}

// seedRaft makes the raft core's election timeouts part of the seed. The core draws them from crypto/rand's global reader and offers no
// other way in; the returned function gives that back. For this reason only one simulation runs at a time in a process.
func (s *sim) seedRaft(seed uint64) (restore func()) {
	before := crand.Reader
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	crand.Reader = rand.NewChaCha8(key)
	return func() { crand.Reader = before }
}

type sim struct {
	opts    Options
	rnd     *rand.Rand
	now     time.Time
	queue   events
	seq     int
	nodes   []*node
	cut     map[[2]int]bool // node indexes, smaller first
	calm    bool            // nothing goes wrong any more
	steady  bool            // no voter is added or removed
	next    int             // number of the next proposal
	found   error           // what a callback found
	history *history
	report  Report
	hash    interface {
		io.Writer
		Sum64() uint64
	}
}

type event struct {
	at  time.Time
	seq int // breaks ties
	fn  func() error
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].seq < q[j].seq
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(e any)   { *q = append(*q, e.(event)) }
func (q *events) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}

func (s *sim) after(d time.Duration, fn func() error) {
	s.seq++
	heap.Push(&s.queue, event{s.now.Add(d), s.seq, fn})
}

// every calls fn again and again, at random intervals of the given mean, while things may go wrong.
func (s *sim) every(mean time.Duration, fn func() error) {
	if mean <= 0 {
		return
	}
	var again func() error
	again = func() error {
		if s.calm {
			return nil
		}
		if err := fn(); err != nil {
			return err
		}
		s.after(time.Duration(s.rnd.Int64N(int64(2*mean))), again)
		return nil
	}
	s.after(time.Duration(s.rnd.Int64N(int64(2*mean))), again)
}

func (s *sim) trace(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	_, _ = io.WriteString(s.hash, line+"\n") // a hash takes everything
	if s.opts.Trace != nil {
		_, _ = fmt.Fprintf(s.opts.Trace, "%v %s\n", s.now.Sub(time.UnixMilli(1_700_000_000_000)), line)
	}
}

func (s *sim) run() error {
	defer func() {
		for _, n := range s.nodes {
			n.abandon()
		}
	}()
	for i := range s.opts.Voters + s.opts.Spares {
		n := newNode(s, i)
		s.nodes = append(s.nodes, n)
		if err := n.start(); err != nil {
			return err
		}
		s.after(s.tickDelay(), n.tick)
	}
	s.every(s.opts.ProposeEvery, s.propose)
	s.every(s.opts.CutEvery, s.cutOrHeal)
	s.every(s.opts.CrashEvery, s.crash)
	s.every(s.opts.DisksLostEvery, s.loseDisk)
	s.every(s.opts.ResignEvery, s.resign)
	s.every(s.opts.ChangeVoters, s.changeVoters)
	for s.report.Events < s.opts.Events {
		if err := s.step(); err != nil {
			return err
		}
	}
	return s.settle()
}

func (s *sim) step() error {
	e := heap.Pop(&s.queue).(event)
	s.now = e.at
	s.report.Events++
	if err := e.fn(); err != nil {
		return err
	}
	if s.found != nil {
		return s.found
	}
	return s.check()
}

func (s *sim) tickDelay() time.Duration {
	return heartbeat - 2*time.Millisecond + time.Duration(s.rnd.Int64N(int64(4*time.Millisecond)))
}

// settle heals everything, starts who is down, and expects that the quorum elects a leader and commits something everywhere.
func (s *sim) settle() error {
	s.calm = true
	clear(s.cut)
	for _, n := range s.nodes {
		n.crashIn = 0
		if n.replica == nil {
			if err := n.start(); err != nil {
				return err
			}
		}
	}
	s.trace("calm")
	deadline := s.now.Add(settleTime)
	var final string
	for s.now.Before(deadline) {
		if err := s.step(); err != nil {
			return err
		}
		if !s.history.isAcked(final) && s.report.Events%50 == 0 {
			final = s.proposeOn(s.leader())
		}
		if s.history.isAcked(final) && s.allApplied() {
			return s.checkEnd()
		}
	}
	return broken("Progress", "the healed quorum committed nothing new on all nodes in %v; %s", settleTime, s.describe())
}

func (s *sim) allApplied() bool {
	for _, n := range s.nodes {
		if n.voterNow() && n.applied < s.history.end() {
			return false
		}
	}
	return true
}

func (s *sim) describe() string {
	var text strings.Builder
	for _, n := range s.nodes {
		if n.replica != nil {
			st := n.replica.State()
			fmt.Fprintf(&text, "node %d (member: %v, voters %v): leader %d of epoch %d, log to %d, high watermark %d, applied to %d; ", n.id, n.replica.IsMember(), voterIDs(st.Voters),
				st.Leader, st.LeaderEpoch, st.LogEndOffset, st.HighWatermark, n.applied)
		}
	}
	return text.String()
}

func voterIDs(voters []quorum.Voter) []ident.BrokerID {
	var ids []ident.BrokerID
	for _, v := range voters {
		ids = append(ids, v.ID)
	}
	return ids
}

// leader is a node that believes it leads; several may.
func (s *sim) leader() *node {
	var leaders []*node
	for _, n := range s.nodes {
		if n.replica != nil && n.leads {
			leaders = append(leaders, n)
		}
	}
	if len(leaders) == 0 {
		return nil
	}
	return leaders[s.rnd.IntN(len(leaders))]
}

func (s *sim) propose() error {
	s.proposeOn(s.leader())
	return nil
}

// proposeOn proposes a value that was never proposed before and returns it.
func (s *sim) proposeOn(n *node) string {
	if n == nil {
		return ""
	}
	s.next++
	value := fmt.Sprintf("v%d", s.next)
	n.propose(value)
	return value
}

func (s *sim) resign() error {
	if n := s.leader(); n != nil {
		s.trace("resign %d", n.id)
		if err := n.replica.Resign(n.leaderEpoch); err != nil {
			return err
		}
		return n.process()
	}
	return nil
}

func (s *sim) crash() error {
	n := s.nodes[s.rnd.IntN(len(s.nodes))]
	if n.replica == nil || n.crashIn > 0 {
		return nil
	}
	n.crashIn = 1 + s.rnd.IntN(12)
	s.after(time.Second, func() error { // if it writes nothing, it dies idle
		if n.crashIn > 0 && !s.calm {
			return n.losePower()
		}
		return nil
	})
	return nil
}

// loseDisk empties a node's disk, if with it no more than a minority has an empty disk or hasn't caught up since.
func (s *sim) loseDisk() error {
	n := s.nodes[s.rnd.IntN(len(s.nodes))]
	emptied := 1
	for _, other := range s.nodes {
		if other != n && !other.counted() {
			emptied++
		}
	}
	if emptied > (s.opts.Voters-1)/2 || !s.settled(n) {
		return nil
	}
	s.trace("disk lost on %d", n.id)
	s.report.DisksLost++
	if n.replica == nil {
		n.disk, n.emptied, n.maxEpoch = vfs.NewMem(), true, 0
		return nil
	}
	n.survivor = vfs.NewMem()
	n.emptied, n.maxEpoch = true, 0
	return n.losePower()
}

// settled makes sure that the loss of a disk is not one more than what a change of voters leaves room for: raft acts on a committed change only, so that
// in the middle of a removal the quorum needs everybody but the removed. From the first call on no change begins until the disk's node is
// counted again; the loss comes when all voters know the same voters and have all that is committed.
func (s *sim) settled(n *node) bool {
	if s.opts.ChangeVoters == 0 {
		return true
	}
	if !s.steady {
		s.steady = true
		return false
	}
	var voters []ident.BrokerID
	for _, other := range s.nodes {
		if !other.voterNow() {
			continue
		}
		if other.replica == nil || other.applied < s.history.end() {
			return false
		}
		if known := voterIDs(other.replica.State().Voters); voters == nil {
			voters = known
		} else if !slices.Equal(voters, known) {
			return false
		}
	}
	return slices.Contains(voters, n.id) && n.replica != nil
}

func (s *sim) cutOrHeal() error {
	if s.rnd.IntN(3) == 0 {
		clear(s.cut)
		s.trace("heal")
		return nil
	}
	a, b := s.rnd.IntN(len(s.nodes)), s.rnd.IntN(len(s.nodes))
	if a != b {
		s.cut[[2]int{min(a, b), max(a, b)}] = true
		s.trace("cut %d %d", a+1, b+1)
	}
	return nil
}

func (s *sim) changeVoters() error {
	if s.steady { // until a disk was lost and its node is counted again; now and then it goes on without
		lost := slices.ContainsFunc(s.nodes, func(n *node) bool { return n.voterNow() && !n.counted() })
		if s.steady = lost || s.rnd.IntN(20) > 0; s.steady {
			return nil
		}
	}
	n := s.leader()
	if n == nil {
		return nil
	}
	id := s.nodes[s.rnd.IntN(len(s.nodes))].id
	return n.changeVoter(id)
}

// send puts a node's messages on their way. They are copied: nodes share no memory.
func (s *sim) send(from *node, messages []*raftpb.Message) {
	for _, m := range messages {
		to := int(m.GetTo()) - 2 // raft ids are node ids plus one, node ids start at 1
		if to < 0 || to >= len(s.nodes) {
			continue
		}
		copies := 1
		if !s.calm && s.rnd.IntN(100) < s.opts.LossPercent {
			copies = 0
		} else if !s.calm && s.rnd.IntN(100) < s.opts.DuplicatePercent {
			copies = 2
		}
		if m.GetType() == raftpb.MsgSnap && copies == 0 {
			s.snapshotSent(from, s.nodes[to].id, false)
		}
		for range copies {
			c := proto.CloneOf(m)
			s.after(time.Millisecond+time.Duration(s.rnd.Int64N(int64(s.opts.DelayMax))), func() error { return s.deliver(from, s.nodes[to], c) })
		}
	}
}

func (s *sim) deliver(from, to *node, m *raftpb.Message) error {
	lost := s.cut[[2]int{min(from.index, to.index), max(from.index, to.index)}] || to.replica == nil
	if m.GetType() == raftpb.MsgSnap {
		s.snapshotSent(from, to.id, !lost)
	}
	if lost {
		return nil
	}
	s.trace("%d>%d %v term %d index %d commit %d entries %d reject %v", from.id, to.id, m.GetType(), m.GetTerm(), m.GetIndex(), m.GetCommit(), len(m.GetEntries()), m.GetReject())
	if err := to.replica.Step(m); err != nil {
		return to.failed(err)
	}
	return to.process()
}

func (s *sim) snapshotSent(from *node, to ident.BrokerID, ok bool) {
	s.after(time.Millisecond, func() error {
		if from.replica == nil {
			return nil
		}
		from.replica.SnapshotSent(to, ok)
		return from.process()
	})
}

var errPowerLost = errors.New("the power is lost")
