package quorum

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
)

// Process acts on everything that has happened since the last call: it writes the log and the vote, sends messages, applies what is committed
// and answers proposals. After an error the replica has failed: nothing may be acknowledged that might not be on the disk.
func (r *Replica) Process(now time.Time) error {
	r.inquireIfDue()
	for r.failed == nil && r.raft.HasReady() {
		if err := r.guard(func() error { return r.processOne(now) }); err != nil {
			return r.fail(err)
		}
	}
	return r.failed
}

// processOne does one round. The order is raft's contract: entries and vote are durable before anything that promises them leaves this
// node. Only the leader's appends go out first, to be written there while they are written here.
func (r *Replica) processOne(now time.Time) error {
	rd := r.raft.Ready()
	r.matchProposals(rd.Entries)
	early, late := splitMessages(rd.Messages)
	leaderChange, err := r.leaderChangeFor(rd.Entries, now)
	if err != nil {
		return err
	}
	r.sendAll(early, leaderChange)
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := r.installSnapshot(rd.Snapshot, now); err != nil {
			return err
		}
	}
	if err := r.saveVote(rd.HardState); err != nil {
		return err
	}
	r.noticeLeader() // not before the epoch is durable: it must not go back after a crash
	if len(rd.Entries) > 0 {
		term := r.raft.BasicStatus().GetTerm()
		if err := r.log.appendEntries(rd.Entries, term, func() (batch.Batch, error) { return leaderChange, nil }); err != nil {
			return err
		}
	}
	r.sendAll(late, leaderChange)
	for _, e := range rd.CommittedEntries {
		if err := r.apply(e); err != nil {
			return err
		}
	}
	r.raft.Advance(rd)
	return nil
}

// matchProposals finds the entries that raft made of proposals: those with the proposals' very bytes, in the same order.
func (r *Replica) matchProposals(entries []*raftpb.Entry) {
	next := 0
	for next < len(r.pending) && r.pending[next].index != 0 {
		next++
	}
	for _, e := range entries {
		if next == len(r.pending) {
			return
		}
		p := r.pending[next]
		if e.GetTerm() == p.epoch && len(e.GetData()) > 0 && bytes.Equal(e.GetData(), p.data) {
			p.index = e.GetIndex()
			next++
		}
	}
}

// splitMessages separates what may leave before this round's entries are durable: a leader's entries for its followers.
func splitMessages(messages []*raftpb.Message) (early, late []*raftpb.Message) {
	for _, m := range messages {
		if t := m.GetType(); t == raftpb.MsgApp || t == raftpb.MsgHeartbeat {
			early = append(early, m)
		} else {
			late = append(late, m)
		}
	}
	return early, late
}

// leaderChangeFor makes the batch for a new leader's empty entry, nil when there is none.
func (r *Replica) leaderChangeFor(entries []*raftpb.Entry, now time.Time) (batch.Batch, error) {
	for _, e := range entries {
		if len(e.GetData()) == 0 {
			granted := append([]ident.BrokerID{r.cfg.NodeID}, r.granted[e.GetTerm()]...)
			b, err := leaderChangeBatch(now.UnixMilli(), r.cfg.NodeID, r.log.voters.latest(), granted)
			if err == nil {
				b.SetPartitionLeaderEpoch(int32(e.GetTerm()))
			}
			return b, err
		}
	}
	return nil, nil
}

// sendAll completes messages and sends them: a leader's empty entry travels as the batch that it is in the log, so that all logs hold the
// same bytes, and a snapshot's content is read only now.
func (r *Replica) sendAll(messages []*raftpb.Message, leaderChange batch.Batch) {
	if len(messages) == 0 {
		return
	}
	out := make([]*raftpb.Message, 0, len(messages))
	for _, m := range messages {
		switch {
		case m.GetType() == raftpb.MsgSnap:
			full, err := r.log.packSnapshot(m.GetSnapshot())
			if err != nil {
				r.cfg.Logger.Error("cannot read the snapshot for a follower", "node", int32(nodeID(m.GetTo())), "error", err)
				r.raft.ReportSnapshot(m.GetTo(), raft.SnapshotFailure)
				continue
			}
			m = &raftpb.Message{Type: m.Type, To: m.To, From: m.From, Term: m.Term, Snapshot: full}
		case m.GetType() == raftpb.MsgApp:
			completed, ok := r.completeEntries(m.GetEntries(), leaderChange)
			if !ok {
				continue // the follower will be probed again
			}
			m = &raftpb.Message{
				Type: m.Type, To: m.To, From: m.From, Term: m.Term, LogTerm: m.LogTerm, Index: m.Index, Commit: m.Commit, Entries: completed,
			}
		case m.GetType() == raftpb.MsgAppResp:
			m.Context = bytes.Clone(r.log.state.Incarnation[:]) // it is sent later, by another goroutine
		}
		out = append(out, m)
	}
	r.send(out)
}

func (r *Replica) completeEntries(entries []*raftpb.Entry, leaderChange batch.Batch) ([]*raftpb.Entry, bool) {
	out := make([]*raftpb.Entry, len(entries))
	for i, e := range entries {
		if out[i] = e; len(e.GetData()) > 0 {
			continue
		}
		switch {
		case e.GetIndex() <= r.log.index.last() && r.log.index.term(e.GetIndex()) == e.GetTerm():
			stored, err := r.log.Entries(e.GetIndex(), e.GetIndex()+1, MaxBatchBytes)
			if err != nil {
				return nil, false
			}
			out[i] = stored[0]
		case leaderChange != nil:
			out[i] = &raftpb.Entry{Index: e.Index, Term: e.Term, Type: e.Type, Data: leaderChange}
		default:
			return nil, false
		}
	}
	return out, true
}

// saveVote writes term and vote when they changed. A mere change of the commit index is not written: a restarted voter learns it from the leader, as
// in KRaft.
func (r *Replica) saveVote(hs *raftpb.HardState) error {
	if raft.IsEmptyHardState(hs) {
		return nil
	}
	state := r.log.state
	state.LeaderID, state.LeaderEpoch, state.VotedID = ident.NoBroker, int32(hs.GetTerm()), nodeID(hs.GetVote())
	if state.sameVote(r.log.state) {
		return nil
	}
	invariants.Must(state.LeaderEpoch >= r.log.state.LeaderEpoch, "leader epoch %d after %d", state.LeaderEpoch, r.log.state.LeaderEpoch)
	return r.log.saveState(state, r.log.applied)
}

// installSnapshot replaces everything by what the leader sent to a follower too far behind for its log.
func (r *Replica) installSnapshot(s *raftpb.Snapshot, now time.Time) error {
	snapshot, done, err := r.log.install(s, r.log.first(&r.cfg))
	if err != nil {
		return err
	}
	if err := errors.Join(r.sm.Restore(snapshot), done()); err != nil {
		return err
	}
	meta := snapshot.meta
	r.log.applied, r.appliedAt = meta.entries, meta.lastTimestamp
	r.snapshotFrom, r.bytesSince, r.snapshotTime = meta.id.EndOffset, 0, now
	r.log.log.SetHighWatermark(meta.id.EndOffset)
	return r.caughtUp(uint64(meta.id.LeaderEpoch))
}

// apply hands one committed entry to the state machine and answers the proposal it came from.
func (r *Replica) apply(e *raftpb.Entry) error {
	if e.GetIndex() <= r.log.applied {
		return nil
	}
	invariants.Must(e.GetIndex() == r.log.applied+1, "applying entry %d after entry %d", e.GetIndex(), r.log.applied)
	stored, err := r.log.stored(e)
	if err != nil {
		return err
	}
	b, err := batchOf(stored)
	if err != nil {
		return err
	}
	r.log.applied, r.appliedAt = e.GetIndex(), b.MaxTimestamp()
	r.bytesSince += int64(len(b))
	r.log.log.SetHighWatermark(b.NextOffset())
	switch {
	case e.GetType() == raftpb.EntryConfChange:
		if err := r.log.saveState(r.log.state, r.log.applied); err != nil {
			return err
		}
		r.noteAdded(e)
		for _, c := range r.log.voters.at(e.GetIndex() - 1).changes(r.log.voters.at(e.GetIndex()).voters) {
			r.raft.ApplyConfChange(c)
		}
		r.cfg.Logger.Info("the voters of the metadata quorum changed", "voters", fmt.Sprint(ids(r.log.voters.at(e.GetIndex()).voters)), "offset", b.BaseOffset())
	case !b.IsControl():
		values, err := RecordValues(b)
		if err != nil {
			return fmt.Errorf("metadata batch at offset %d: %w", b.BaseOffset(), err)
		}
		if err := r.sm.Apply(b.BaseOffset(), b.PartitionLeaderEpoch(), b.MaxTimestamp(), values); err != nil {
			return fmt.Errorf("metadata batch at offset %d: %w", b.BaseOffset(), err)
		}
	case isLeaderChange(b):
		r.maybeActivate(e.GetTerm())
	}
	r.resolve(e, b.BaseOffset())
	return r.caughtUp(e.GetTerm())
}

// resolve answers the proposal whose entry was applied. Entries that others proposed have no proposal here.
func (r *Replica) resolve(e *raftpb.Entry, baseOffset int64) {
	if len(r.pending) == 0 || r.pending[0].index != e.GetIndex() || r.pending[0].epoch != e.GetTerm() {
		return
	}
	p := r.pending[0]
	r.pending = r.pending[1:]
	if e.GetType() == raftpb.EntryConfChange {
		r.pendingVoters = false
	}
	p.done(baseOffset, nil)
}

// maybeActivate tells the state machine that this node leads, once the first entry of its epoch is applied: then everything committed
// before is applied too.
func (r *Replica) maybeActivate(term uint64) {
	st := r.raft.BasicStatus()
	if st.RaftState != raft.StateLeader || st.GetTerm() != term || r.active && r.leaderEpoch == int32(term) {
		return
	}
	r.active = true
	r.tellLeader(r.cfg.NodeID, int32(term))
}

// noticeLeader compares raft's view of the leadership with what was told to the state machine.
func (r *Replica) noticeLeader() {
	st := r.raft.BasicStatus()
	leader, epoch := nodeID(st.Lead), int32(st.GetTerm())
	leads := st.RaftState == raft.StateLeader
	if r.active && (!leads || epoch != r.leaderEpoch) {
		r.active = false
		r.abandonProposals(ErrNotLeader)
	}
	if leads && !r.active {
		leader = ident.NoBroker // not before maybeActivate
	}
	if leader != r.leader || epoch != r.leaderEpoch {
		r.tellLeader(leader, epoch)
	}
}

func (r *Replica) tellLeader(leader ident.BrokerID, epoch int32) {
	r.leader, r.leaderEpoch = leader, epoch
	say := r.cfg.Logger.Info
	if leader == ident.NoBroker {
		say = r.cfg.Logger.Debug // there is always an election first
	}
	say("metadata quorum leader", "leader", int32(leader), "leader_epoch", epoch)
	r.sm.LeaderChanged(leader, epoch)
}

// SnapshotDue returns a job for a new snapshot when the log has grown enough since the last one, or enough time has passed, nil otherwise.
// The caller runs it and gives it to FinishSnapshot; until then there is no other.
func (r *Replica) SnapshotDue(now time.Time) *SnapshotJob {
	if r.failed != nil || r.snapshotting || r.log.applied <= r.log.newest().entries {
		return nil
	}
	byTime := r.cfg.SnapshotInterval > 0 && now.Sub(r.snapshotTime) >= r.cfg.SnapshotInterval
	if r.bytesSince < r.cfg.SnapshotBytes && !byTime && !r.log.snapshotWanted {
		return nil
	}
	write := r.sm.Snapshot()
	if write == nil {
		return nil
	}
	r.snapshotting, r.log.snapshotWanted = true, false
	r.bytesSince, r.snapshotTime = 0, now
	return r.log.newSnapshotJob(r.log.applied, r.appliedAt, write)
}

// FinishSnapshot takes note of a snapshot that was written, and drops old ones and the log before them as far as retention allows.
func (r *Replica) FinishSnapshot(job *SnapshotJob, now time.Time) error {
	r.snapshotting = false
	if r.failed != nil {
		return r.failed
	}
	if job.err != nil {
		return r.fail(job.err)
	}
	if job.meta.id.EndOffset <= r.log.newest().id.EndOffset {
		return nil // a leader's snapshot overtook it
	}
	r.log.adopt(job.meta)
	r.snapshotFrom = job.meta.id.EndOffset
	r.cfg.Logger.Info("metadata snapshot written", "snapshot", job.meta.id.String(), "bytes", job.size)
	if err := r.log.retain(now, r.cfg.RetentionBytes, time.Duration(r.cfg.RetentionMs)*time.Millisecond); err != nil {
		return r.fail(err)
	}
	return nil
}
