package quorum

import (
	"errors"

	"github.com/kgo-project/kgo/broker/ident"
)

// StateMachine is what the committed records are for. Its methods are called one at a time and in log order, from the node's goroutine:
// they must not wait for a proposal.
type StateMachine interface {
	// Apply takes the records of one committed batch, the first of which has baseOffset. Control batches take offsets too and are not applied,
	// so offsets have gaps. records are valid after the call too, and must not be changed. An error stops the node: it can't follow the log any further.
	Apply(baseOffset int64, leaderEpoch int32, timestampMs int64, records [][]byte) error
	// Snapshot captures the state as of the last applied batch and returns a function that writes it, which is called once from another goroutine
	// while Apply goes on. nil means that no snapshot can be made here (inside a transaction of records); it will be asked again after the next batch.
	Snapshot() func(w *SnapshotWriter) error
	// Restore replaces the whole state by a snapshot's.
	Restore(r *SnapshotReader) error
	// LeaderChanged says who leads: ident.NoBroker while nobody is known to. This node learns of its own leadership when everything that was
	// committed before it is applied; from then on it may propose in leaderEpoch, until the next call.
	LeaderChanged(leader ident.BrokerID, leaderEpoch int32)
}

// SnapshotID names a snapshot: the first offset that it does not cover, and the leader epoch of the offset before.
type SnapshotID struct {
	EndOffset   int64
	LeaderEpoch int32
}

// IsZero reports whether there is no snapshot.
func (id SnapshotID) IsZero() bool { return id == SnapshotID{} }

// ErrNotLeader is the answer to a proposal when this node does not lead in the proposal's leader epoch, or lost the leadership before the proposal
// was committed. In the latter case the records may still become part of the log: the next leader decides.
var ErrNotLeader = errors.New("this node does not lead the metadata quorum in this leader epoch")

// ErrTooLarge is the answer to a proposal whose batch exceeds MaxBatchBytes.
var ErrTooLarge = errors.New("the records exceed the largest batch of the metadata log")

// ErrOverloaded is the answer to a proposal while MaxUncommittedBytes of proposals wait to be committed. Nothing was appended.
var ErrOverloaded = errors.New("too many uncommitted records in the metadata log")

// ErrClosed is the answer of a node that has stopped.
var ErrClosed = errors.New("the metadata quorum's node is closed")

// ErrVoterSilent is the answer to adding a voter that the leader hasn't heard of lately: a quorum that counts one which isn't there could stop.
var ErrVoterSilent = errors.New("the new voter does not report to the leader of the metadata quorum: start it first, with this quorum in its configuration")

// ErrDuplicateVoter is the answer to adding a voter whose id another directory has.
var ErrDuplicateVoter = errors.New("a voter of this id is there already, with another directory id: remove it first")

// ErrVoterChangePending is the answer to a change of voters before the one in progress is committed.
var ErrVoterChangePending = errors.New("another change of the voters is in progress")
