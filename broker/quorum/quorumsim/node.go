package quorumsim

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/vfs"
)

// node is one machine: a disk, and while it is up a replica. It is the replica's state machine too.
type node struct {
	sim   *sim
	index int
	id    ident.BrokerID
	disk  *vfs.Mem

	// While it is up.
	replica     *quorum.Replica
	crashIn     int      // the power goes at so many writes from now; 0: not planned
	survivor    *vfs.Mem // what the disk held when the power went, in the middle of a call into the replica
	leads       bool
	leaderEpoch int32
	applied     int64 // offset after the last record applied
	values      []committed
	job         *quorum.SnapshotJob

	// Across crashes, for the invariants.
	highWatermark int64 // of this life
	maxEpoch      int32
	emptied       bool // since it last was a member
}

func newNode(s *sim, index int) *node {
	return &node{sim: s, index: index, id: ident.BrokerID(index + 1), disk: vfs.NewMem()}
}

func (n *node) config() quorum.Config {
	cfg := quorum.Config{
		NodeID: n.id, DirectoryID: ident.UUID{byte(n.id)}, ClusterID: "sim", FS: n.disk, Dir: "/data", ElectionTimeout: electionTimeout, HeartbeatInterval: heartbeat,
		SegmentBytes: int(n.sim.opts.SnapshotBytes), SnapshotBytes: n.sim.opts.SnapshotBytes, SnapshotInterval: -1, RetentionBytes: 2 * n.sim.opts.SnapshotBytes,
	}
	for i := range n.sim.opts.Voters {
		cfg.Voters = append(cfg.Voters, quorum.Voter{ID: ident.BrokerID(i + 1)})
	}
	return cfg
}

// start opens the replica on what the disk holds. A disk that a crash left unreadable is a broken invariant: Recovers.
func (n *node) start() error {
	n.leads, n.leaderEpoch, n.applied, n.values, n.highWatermark, n.job, n.crashIn = false, 0, 0, nil, 0, nil, 0
	n.survivor = nil
	n.disk.OnChange = n.onWrite
	replica, err := quorum.OpenReplica(context.Background(), n.config(), n, n.sim.now, func(m []*raftpb.Message) {
		if n.survivor == nil {
			n.sim.send(n, m)
		}
	})
	if err != nil {
		return broken("Recovers", "node %d does not open: %w", n.id, err)
	}
	n.replica = replica
	n.sim.trace("start %d: log %d to %d", n.id, replica.State().LogStartOffset, replica.State().LogEndOffset)
	return nil
}

// onWrite counts down to a planned crash and keeps what the disk holds at that moment. The replica's call goes on, but nothing it does
// from here on leaves the machine.
func (n *node) onWrite(op, name string) {
	if n.crashIn == 0 || n.survivor != nil || n.replica == nil {
		return
	}
	if n.crashIn--; n.crashIn == 0 {
		n.sim.trace("power lost on %d at %s %s", n.id, op, name)
		n.survivor = n.disk.CrashClone(n.sim.opts.UnsyncedPercent, n.sim.rnd.Uint64())
	}
}

func (n *node) tick() error {
	n.sim.after(n.sim.tickDelay(), n.tick)
	if n.replica == nil {
		return nil
	}
	if err := n.replica.Tick(); err != nil {
		return n.failed(err)
	}
	return n.process()
}

// process lets the replica act, and makes a snapshot when one is due: a while later, as the production code does beside its loop.
func (n *node) process() error {
	err := n.replica.Process(n.sim.now)
	if n.survivor != nil {
		return n.losePower()
	}
	if err != nil {
		return n.failed(err)
	}
	if job := n.replica.SnapshotDue(n.sim.now); job != nil {
		replica := n.replica
		n.job = job
		n.sim.after(time.Duration(n.sim.rnd.Int64N(int64(50*time.Millisecond))), func() error { return n.finishSnapshot(replica, job) })
	}
	return nil
}

func (n *node) finishSnapshot(replica *quorum.Replica, job *quorum.SnapshotJob) error {
	if n.replica != replica {
		return nil // it crashed meanwhile
	}
	job.Run()
	if n.survivor != nil {
		return n.losePower()
	}
	if err := replica.FinishSnapshot(job, n.sim.now); err != nil {
		return n.failed(err)
	}
	if n.survivor != nil {
		return n.losePower()
	}
	return n.process()
}

// failed is a replica's error: there is no reason for one here, as disks and peers are honest.
func (n *node) failed(err error) error {
	if n.survivor != nil {
		return n.losePower()
	}
	return broken("NoFailure", "node %d: %w", n.id, err)
}

// losePower ends the node's life and plans the next one.
func (n *node) losePower() error {
	s := n.sim
	disk := n.survivor
	if disk == nil {
		s.trace("power lost on %d", n.id)
		disk = n.disk.CrashClone(s.opts.UnsyncedPercent, s.rnd.Uint64())
	}
	s.report.Crashes++
	n.abandon()
	n.disk, n.survivor = disk, nil
	s.after(time.Duration(s.rnd.Int64N(int64(2*time.Second))), func() error {
		if n.replica != nil {
			return nil
		}
		if err := n.start(); err != nil {
			return err
		}
		return n.process()
	})
	return nil
}

// counted reports whether the node has been a member since it lost its disk, or has never lost it.
func (n *node) counted() bool {
	if n.replica != nil && n.replica.IsMember() {
		n.emptied = false
	}
	return !n.emptied
}

// abandon closes what the dead process left open, on a disk that nobody will look at again.
func (n *node) abandon() {
	if n.replica == nil {
		return
	}
	n.disk.OnChange = nil
	if n.survivor == nil {
		n.survivor = vfs.NewMem() // silences callbacks during Close
	}
	_ = n.replica.Close()
	n.survivor, n.replica, n.leads, n.crashIn = nil, nil, false, 0
}

func (n *node) propose(value string) {
	b, err := quorum.NewBatch(n.sim.now.UnixMilli(), [][]byte{[]byte(value)})
	if err != nil {
		n.sim.found = err
		return
	}
	epoch := n.leaderEpoch
	n.replica.Propose(epoch, b, func(offset int64, err error) {
		if err == nil && n.survivor == nil {
			n.sim.trace("acked %s at %d by %d", value, offset, n.id)
			n.sim.note(n.sim.history.acked(value, offset, epoch))
			n.sim.report.Acked++
		}
	})
	n.sim.note(n.process())
}

// changeVoter removes a voter, or adds who is none, but keeps three.
func (n *node) changeVoter(id ident.BrokerID) error {
	voters := n.replica.State().Voters
	member := false
	for _, v := range voters {
		member = member || v.ID == id
	}
	if member && len(voters) <= 3 {
		return nil
	}
	var add *quorum.Voter
	remove := id
	if !member {
		add, remove = &quorum.Voter{ID: id, DirectoryID: ident.UUID{byte(id)}}, ident.NoBroker
	}
	n.sim.trace("change voters on %d: %d, member %v", n.id, id, member)
	n.replica.ChangeVoters(n.sim.now, n.leaderEpoch, add, remove, func(_ int64, err error) {
		if err == nil && n.survivor == nil {
			n.sim.report.VoterChanges++
		}
	})
	return n.process()
}

// voterNow reports whether the node is a voter according to the most advanced node.
func (n *node) voterNow() bool {
	var newest quorum.State
	for _, other := range n.sim.nodes {
		if other.replica == nil {
			continue
		}
		if st := other.replica.State(); st.AppliedOffset >= newest.AppliedOffset {
			newest = st
		}
	}
	for _, v := range newest.Voters {
		if v.ID == n.id {
			return true
		}
	}
	return false
}

// The methods of quorum.StateMachine follow.

// Apply checks the batch against what any node has ever applied.
func (n *node) Apply(baseOffset int64, leaderEpoch int32, _ int64, records [][]byte) error {
	if n.survivor != nil {
		return errPowerLost
	}
	for i, r := range records {
		c := committed{baseOffset + int64(i), leaderEpoch, string(r)}
		if c.offset < n.applied {
			return broken("AppliedInOrder", "offset %d after %d", c.offset, n.applied-1)
		}
		n.values = append(n.values, c)
		n.applied = c.offset + 1
		if err := n.sim.history.applied(c); err != nil {
			return err
		}
	}
	return nil
}

// Snapshot captures the values; now and then there is nothing to capture, as inside a transaction.
func (n *node) Snapshot() func(*quorum.SnapshotWriter) error {
	if n.sim.rnd.IntN(4) == 0 {
		return nil
	}
	values := slices.Clip(n.values)
	return func(w *quorum.SnapshotWriter) error {
		for _, c := range values {
			if err := w.Append(c.encode()); err != nil {
				return err
			}
		}
		return nil
	}
}

// Restore checks a snapshot against what was ever applied: all of it up to the end, and nothing else.
func (n *node) Restore(r *quorum.SnapshotReader) error {
	n.values, n.applied = nil, 0
	n.sim.report.Restores++
	for records, err := range r.Records() {
		if err != nil {
			return err
		}
		for _, raw := range records {
			c, err := decodeCommitted(raw)
			if err != nil {
				return err
			}
			n.values = append(n.values, c)
			n.applied = c.offset + 1
		}
	}
	if end := r.ID().EndOffset; n.applied > end {
		return broken("SnapshotIsPrefix", "snapshot %v holds offset %d", r.ID(), n.applied-1)
	}
	return n.sim.history.isPrefix(n.values, r.ID().EndOffset)
}

// LeaderChanged checks that no two nodes lead in one epoch.
func (n *node) LeaderChanged(leader ident.BrokerID, leaderEpoch int32) {
	if n.survivor != nil {
		return
	}
	n.sim.trace("node %d: leader %d of epoch %d", n.id, leader, leaderEpoch)
	n.leads, n.leaderEpoch = leader == n.id, leaderEpoch
	if leaderEpoch < n.maxEpoch {
		n.sim.note(broken("MonotonicLeaderEpoch", "node %d saw epoch %d after %d", n.id, leaderEpoch, n.maxEpoch))
	}
	n.maxEpoch = leaderEpoch
	if leader != ident.NoBroker {
		n.sim.note(n.sim.history.leads(leader, leaderEpoch))
	}
	if n.leads {
		n.sim.report.Elections++
		// A leader knows everything that was ever acknowledged before it may act: LeaderCompleteness.
		n.sim.note(n.sim.history.isComplete(n.values))
	}
}

var _ quorum.StateMachine = (*node)(nil)

// note keeps the first error that a callback found.
func (s *sim) note(err error) {
	if s.found == nil && err != nil && !errors.Is(err, errPowerLost) {
		s.found = err
	}
}
