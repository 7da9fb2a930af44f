package quorum

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
)

// Replica is one member of the quorum without goroutines or a clock: it is told what happens (Step, Tick, Propose) and then asked to act on it
// (Process), which writes, sends and applies. Node drives it in production, the simulator in tests. It is not safe for concurrent use.
type Replica struct {
	cfg  Config
	log  *diskLog
	raft *raft.RawNode
	sm   StateMachine
	send func([]*raftpb.Message)

	// What was last told to the state machine; active means that it was told of its own leadership.
	leader      ident.BrokerID
	leaderEpoch int32
	active      bool

	pending       []*proposal // uncommitted, in the order of their entries
	pendingVoters bool        // one of them changes the voters
	granted       map[uint64][]ident.BrokerID
	appliedAt     int64     // timestamp of the last applied batch
	snapshotFrom  int64     // offset of the newest snapshot or of the one being written
	bytesSince    int64     // bytes applied since then
	snapshotTime  time.Time // when it was made
	snapshotting  bool
	failed        error
	candidacy     candidacy

	ticks     int
	observers *observers                  // the node's; nil: nobody asks
	strangers map[ident.BrokerID]stranger // nodes that are no voters and reported to this one
	// directories are what the other voters said of theirs.
	directories map[ident.BrokerID]ident.UUID
	added       map[ident.BrokerID]ident.UUID // voters added in this leader epoch: only this incarnation's acknowledgements count
	addedIn     uint64                        // the epoch
}

// proposal waits for its entry to be committed and applied.
type proposal struct {
	epoch uint64
	data  []byte // the entry's, which tells it apart in Ready
	index uint64 // 0 until raft assigned it
	done  func(baseOffset int64, err error)
}

// OpenReplica opens the log and restores the state machine from the newest snapshot. Later entries are applied once they are known to be
// committed. send gets outgoing messages and must not block; a message may be lost.
func OpenReplica(ctx context.Context, cfg Config, sm StateMachine, now time.Time, send func([]*raftpb.Message)) (*Replica, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Replica{cfg: cfg, sm: sm, send: send, leader: ident.NoBroker, leaderEpoch: -1, granted: map[uint64][]ident.BrokerID{}, snapshotTime: now}
	if r.log, err = openDiskLog(ctx, &r.cfg); err != nil {
		return nil, err
	}
	if err := r.restore(); err != nil {
		return nil, errors.Join(err, r.log.close())
	}
	r.raft, err = raft.NewRawNode(&raft.Config{
		ID: raftID(cfg.NodeID), ElectionTick: cfg.electionTicks(), HeartbeatTick: 1, Storage: r.log, Applied: r.log.applied,
		MaxSizePerMsg: maxMessageBytes, MaxInflightMsgs: maxInflightMessages, MaxUncommittedEntriesSize: uint64(cfg.MaxUncommittedBytes),
		CheckQuorum: true, PreVote: true, DisableProposalForwarding: true, StepDownOnRemoval: true, Logger: raftLogger{cfg.Logger},
	})
	if err == nil {
		err = r.initStanding()
	}
	if err != nil {
		return nil, errors.Join(err, r.log.close())
	}
	return r, nil
}

func (r *Replica) restore() error {
	newest := r.log.newest()
	r.log.applied = max(newest.entries, r.log.index.prev)
	r.snapshotFrom = newest.id.EndOffset
	if newest.id.IsZero() {
		return nil
	}
	snapshot, done, err := r.log.openSnapshot(newest.id)
	if err != nil {
		return err
	}
	r.appliedAt = newest.lastTimestamp
	return errors.Join(r.sm.Restore(snapshot), done())
}

// CampaignAtOnce stands for election without waiting for the election timeout: right for a lone voter, and harmless for others.
func (r *Replica) CampaignAtOnce() error {
	if !r.IsMember() {
		return r.failed
	}
	return r.guard(r.raft.Campaign)
}

// ForgetLeader makes a follower one without a leader, which may vote for another at once. A message from the leader makes it follow again.
func (r *Replica) ForgetLeader() error { return r.guard(r.raft.ForgetLeader) }

// IsOnlyVoter reports whether this node alone decides.
func (r *Replica) IsOnlyVoter() bool {
	voters := r.log.voters.at(r.log.applied).voters
	return len(voters) == 1 && voters[0].ID == r.cfg.NodeID
}

// Tick tells that a heartbeat interval has passed.
func (r *Replica) Tick() error {
	r.ticks++
	r.introduce()
	if r.failed == nil && !r.IsMember() {
		return r.tickCandidacy()
	}
	return r.guard(func() error { r.raft.Tick(); return nil })
}

// Step takes a message from a peer. What the peer's bytes could break is checked first, and refused with an error; the replica goes on.
func (r *Replica) Step(m *raftpb.Message) error {
	for _, e := range m.GetEntries() {
		if err := checkEntry(e); err != nil {
			return fmt.Errorf("message from node %d: %w", nodeID(m.GetFrom()), err)
		}
	}
	if m.GetType() == raftpb.MsgSnap {
		if err := checkSnapshot(m.GetSnapshot()); err != nil {
			return fmt.Errorf("message from node %d: %w", nodeID(m.GetFrom()), err)
		}
	}
	if ok, err := r.stepStatement(m); ok {
		return err
	}
	if !r.mayTake(m) || !r.fromCurrent(m) {
		return nil
	}
	if m.GetType() == raftpb.MsgProp {
		return fmt.Errorf("message from node %d: proposals are not forwarded", nodeID(m.GetFrom()))
	}
	if m.GetType() == raftpb.MsgVoteResp && !m.GetReject() {
		r.noteVote(m.GetTerm(), nodeID(m.GetFrom()))
	}
	var stepErr error
	err := r.guard(func() error { stepErr = r.raft.Step(m); return nil })
	if err == nil && !errors.Is(stepErr, raft.ErrProposalDropped) && !errors.Is(stepErr, raft.ErrStepPeerNotFound) {
		err = stepErr
	}
	return err
}

// noteVote remembers who voted in the newest election, for the LeaderChangeMessage.
func (r *Replica) noteVote(term uint64, voter ident.BrokerID) {
	if _, known := r.granted[term]; !known {
		clear(r.granted)
	}
	r.granted[term] = append(r.granted[term], voter)
}

// Unreachable tells that a message to a peer did not get through: raft then probes instead of streaming.
func (r *Replica) Unreachable(id ident.BrokerID) { r.raft.ReportUnreachable(raftID(id)) }

// SnapshotSent tells how sending a snapshot to a peer ended.
func (r *Replica) SnapshotSent(id ident.BrokerID, ok bool) {
	status := raft.SnapshotFinish
	if !ok {
		status = raft.SnapshotFailure
	}
	r.raft.ReportSnapshot(raftID(id), status)
}

// Propose offers a batch for the log, if this node leads in leaderEpoch. done is called from Process once the batch is committed and applied,
// or can't be; or at once, if it is refused.
func (r *Replica) Propose(leaderEpoch int32, b batch.Batch, done func(baseOffset int64, err error)) {
	if err := r.checkLeads(leaderEpoch); err != nil {
		done(-1, err)
		return
	}
	err := r.guard(func() error { return r.raft.Propose(b) })
	if err != nil {
		done(-1, r.refusal(err))
		return
	}
	r.pending = append(r.pending, &proposal{epoch: uint64(leaderEpoch), data: b, done: done})
}

func (r *Replica) checkLeads(leaderEpoch int32) error {
	if r.failed != nil {
		return r.failed
	}
	if st := r.raft.BasicStatus(); !r.active || leaderEpoch != r.leaderEpoch || st.RaftState != raft.StateLeader || st.GetTerm() != uint64(leaderEpoch) {
		return ErrNotLeader
	}
	return nil
}

func (r *Replica) refusal(err error) error {
	if !errors.Is(err, raft.ErrProposalDropped) {
		return err
	}
	if r.raft.BasicStatus().LeadTransferee != raft.None {
		return ErrNotLeader
	}
	return ErrOverloaded
}

// ChangeVoters proposes to add a voter (or to give a known one other endpoints), or to remove one. One change at a time.
func (r *Replica) ChangeVoters(now time.Time, leaderEpoch int32, add *Voter, remove ident.BrokerID, done func(baseOffset int64, err error)) {
	fail := func(err error) { done(-1, err) }
	if err := r.checkLeads(leaderEpoch); err != nil {
		fail(err)
		return
	}
	if r.pendingVoters {
		fail(ErrVoterChangePending)
		return
	}
	current := r.log.voters.latest()
	next := current.without(remove)
	if add != nil {
		added := *add
		if known, ok := current.find(add.ID); ok {
			if !known.DirectoryID.IsZero() && known.DirectoryID != add.DirectoryID {
				fail(ErrDuplicateVoter)
				return
			}
			added.Incarnation = known.Incarnation
		} else if s, ok := r.strangers[add.ID]; ok && r.ticks-s.tick <= strangerTicks && (s.DirectoryID.IsZero() || s.DirectoryID == add.DirectoryID) {
			added.Incarnation = s.Incarnation
		} else {
			fail(ErrVoterSilent)
			return
		}
		next = current.with(added)
	}
	if len(next) == 0 {
		fail(errors.New("the last voter can't be removed"))
		return
	}
	change, err := current.change(next)
	if err == nil {
		change.Context, err = votersBatch(now.UnixMilli(), next, !current.dynamic)
	}
	if err != nil {
		fail(err)
		return
	}
	r.proposeVoters(leaderEpoch, change, done)
}

// UpgradeVoters proposes to keep the voters in the log from now on (kraft.version 1), where the configuration has said who they are. The log then says where each
// listens, for which self speaks for this node, and which directory is its; a voter that has not said yet is asked.
func (r *Replica) UpgradeVoters(now time.Time, leaderEpoch int32, self Voter, done func(baseOffset int64, err error)) {
	fail := func(err error) { done(-1, err) }
	if err := r.checkLeads(leaderEpoch); err != nil {
		fail(err)
		return
	}
	current := r.log.voters.latest()
	switch {
	case current.dynamic && !r.pendingVoters:
		done(r.log.log.HighWatermark(), nil)
		return
	case r.pendingVoters:
		fail(ErrVoterChangePending)
		return
	}
	var next []Voter
	silent := false
	for _, v := range current.voters {
		switch id, known := r.directories[v.ID]; {
		case v.ID == self.ID:
			v.DirectoryID, v.Endpoints = self.DirectoryID, self.Endpoints
		case known && !id.IsZero():
			v.DirectoryID = id
		default:
			silent = true
			r.state(v.ID, raftpb.MsgReadIndex, ident.UUID{})
		}
		next = append(next, v)
	}
	if silent {
		fail(ErrVoterSilent)
		return
	}
	change := &raftpb.ConfChange{Type: raftpb.ConfChangeUpdateNode.Enum(), NodeId: new(raftID(r.cfg.NodeID))} // for raft the voters stay the same
	var err error
	if change.Context, err = votersBatch(now.UnixMilli(), next, true); err != nil {
		fail(err)
		return
	}
	r.proposeVoters(leaderEpoch, change, done)
}

// proposeVoters proposes a change of voters.
func (r *Replica) proposeVoters(leaderEpoch int32, change *raftpb.ConfChange, done func(baseOffset int64, err error)) {
	data, err := proto.Marshal(change)
	if err == nil {
		err = r.guard(func() error { return r.raft.ProposeConfChange(change) })
	}
	if err != nil {
		done(-1, r.refusal(err))
		return
	}
	r.pendingVoters = true
	r.pending = append(r.pending, &proposal{epoch: uint64(leaderEpoch), data: data, done: done})
}

// Resign gives up the leadership of leaderEpoch, if this node still has it, after asking the follower with the most complete log to take over.
func (r *Replica) Resign(leaderEpoch int32) error {
	st := r.raft.BasicStatus()
	if r.failed != nil || st.RaftState != raft.StateLeader || st.GetTerm() != uint64(leaderEpoch) {
		return r.failed
	}
	var heir, match uint64
	r.raft.WithProgress(func(id uint64, typ raft.ProgressType, pr tracker.Progress) {
		if id != raftID(r.cfg.NodeID) && typ == raft.ProgressTypePeer && pr.RecentActive && pr.Match > match {
			heir, match = id, pr.Match
		}
	})
	if heir != 0 {
		r.send([]*raftpb.Message{{
			Type: raftpb.MsgTimeoutNow.Enum(), From: new(raftID(r.cfg.NodeID)), To: new(heir), Term: new(st.GetTerm()),
		}})
	}
	// A message of a later term makes raft step down; this one says nothing else.
	return r.guard(func() error {
		return r.raft.Step(&raftpb.Message{
			Type: raftpb.MsgAppResp.Enum(), From: new(raftID(r.cfg.NodeID)), To: new(raftID(r.cfg.NodeID)), Term: new(st.GetTerm() + 1),
		})
	})
}

// guard runs a call into the raft core. A panic there means that what the core relies on does not hold (a voter whose disk was put back to an
// earlier state has acknowledged entries it no longer has); the replica fails, the process goes on.
func (r *Replica) guard(call func() error) (err error) {
	if r.failed != nil {
		return r.failed
	}
	defer func() {
		if p := recover(); p != nil {
			err = r.fail(fmt.Errorf("the raft core stopped: %v; if this node's metadata directory was restored from an older copy, empty it: the node then catches up; or remove the node from the quorum and add it again", p))
		}
	}()
	return call()
}

// fail makes the replica refuse everything from now on and answers the proposals that wait.
func (r *Replica) fail(err error) error {
	if r.failed == nil {
		r.failed = err
		r.abandonProposals(err)
	}
	return r.failed
}

func (r *Replica) abandonProposals(err error) {
	abandoned := r.pending
	r.pending, r.pendingVoters = nil, false
	for _, p := range abandoned {
		p.done(-1, err)
	}
}

// Close closes the log. Proposals that wait get ErrClosed.
func (r *Replica) Close() error {
	r.abandonProposals(ErrClosed)
	var err error
	if r.failed == nil {
		r.failed = ErrClosed
		err = r.log.saveState(r.log.state, r.log.applied) // a clean stop is the time to note how far everything is committed
	}
	return errors.Join(err, r.log.close())
}

// State is what a replica knows about itself and its quorum.
type State struct {
	Leader         ident.BrokerID // as the state machine was told
	LeaderEpoch    int32
	HighWatermark  int64
	LogStartOffset int64
	LogEndOffset   int64
	AppliedOffset  int64 // the offset after the last applied batch
	Voters         []Voter
}

// State reports the replica's state.
func (r *Replica) State() State {
	return State{
		Leader: r.leader, LeaderEpoch: r.leaderEpoch,
		HighWatermark: r.log.log.HighWatermark(), LogStartOffset: r.log.log.LogStartOffset(), LogEndOffset: r.log.index.endOffset,
		AppliedOffset: r.log.index.nextOffset(r.log.applied), Voters: r.log.voters.at(r.log.applied).voters,
	}
}

// ReadLog returns the log's bytes from the batch at offset on, at least that batch.
func (r *Replica) ReadLog(offset int64, maxBytes int) ([]byte, error) {
	return r.log.read(offset, maxBytes)
}

// NewBatch makes the batch of a proposal.
func NewBatch(timestampMs int64, records [][]byte) (batch.Batch, error) {
	return buildBatch(timestampMs, records)
}
