package server

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/record"
)

// metadataMachine is what the committed metadata log is for on this node: quorum.StateMachine.
type metadataMachine struct {
	leaderChanged func(ident.BrokerID)
	store         *metadata.Store
	controller    *controller.Controller
	node          atomic.Pointer[quorum.Node] // once it is open

	led      chan struct{} // closed when a leader is known for the first time; on the leader, everything in the log is applied by then
	ledFirst sync.Once
}

// Apply replays a committed batch into the store, whose publishers act on it.
func (m *metadataMachine) Apply(baseOffset int64, leaderEpoch int32, timestampMs int64, records [][]byte) error {
	return m.store.Apply(baseOffset, leaderEpoch, timestampMs, records)
}

// Snapshot captures the image; writing it takes as long as it takes, as images never change.
func (m *metadataMachine) Snapshot() func(*quorum.SnapshotWriter) error {
	if m.store.InTransaction() {
		return nil
	}
	image := m.store.Current()
	return func(w *quorum.SnapshotWriter) error {
		return image.WriteSnapshot(func(msg record.Message, version int16) error {
			raw, err := record.AppendMetadata(nil, msg, version)
			if err != nil {
				return err
			}
			return w.Append(raw)
		})
	}
}

// Restore replaces the image by a snapshot's.
func (m *metadataMachine) Restore(r *quorum.SnapshotReader) error {
	return restoreSnapshot(m.store, r)
}

func restoreSnapshot(store *metadata.Store, r *quorum.SnapshotReader) error {
	id := r.ID()
	end := metadata.Provenance{LastOffset: id.EndOffset - 1, LastEpoch: id.LeaderEpoch, LastTimestamp: r.LastTimestampMs()}
	var pending [][]byte
	batches, stop := iter.Pull2(r.Records())
	defer stop()
	return store.Restore(end, func() ([]byte, error) {
		for len(pending) == 0 {
			records, err, ok := batches()
			if !ok || err != nil {
				return nil, err
			}
			pending = records
		}
		next := pending[0]
		pending = pending[1:]
		return next, nil
	})
}

func (m *metadataMachine) noteKRaftVersion() {
	if n := m.node.Load(); n != nil && n.Dynamic() {
		m.store.SetKRaftVersion(1)
	}
}

// LeaderChanged passes on who leads: the leader's controller is the active one.
func (m *metadataMachine) LeaderChanged(leader ident.BrokerID, leaderEpoch int32) {
	m.noteKRaftVersion()
	m.controller.LeaderChanged(leader, leaderEpoch)
	m.leaderChanged(leader)
	if leader != ident.NoBroker {
		m.ledFirst.Do(func() { close(m.led) })
	}
}

// lateNode is a quorum node that the controller is given before it is opened: opening it already calls the controller, which may propose before the
// opener has the node. A lone voter leads only once, so that what it proposes then waits instead of being refused.
type lateNode struct {
	node   atomic.Pointer[quorum.Node]
	opened chan struct{} // closed when node is there, or will never be
}

func newLateNode() *lateNode { return &lateNode{opened: make(chan struct{})} }

// open ends the waiting; n is nil if there will be no node.
func (l *lateNode) open(n *quorum.Node) {
	l.node.Store(n)
	close(l.opened)
}

// Propose appends the records as one batch.
func (l *lateNode) Propose(ctx context.Context, leaderEpoch int32, records [][]byte) (int64, error) {
	select {
	case <-l.opened:
	case <-ctx.Done():
		return 0, fmt.Errorf("the metadata log is still being opened: %w", ctx.Err())
	}
	n := l.node.Load()
	if n == nil {
		return 0, fmt.Errorf("the metadata log could not be opened: %w", quorum.ErrNotLeader)
	}
	return n.Propose(ctx, leaderEpoch, records)
}

// Resign gives up the leadership, as soon as there is a node.
func (l *lateNode) Resign(leaderEpoch int32) {
	if n := l.node.Load(); n != nil {
		n.Resign(leaderEpoch)
		return
	}
	go func() {
		<-l.opened
		if n := l.node.Load(); n != nil {
			n.Resign(leaderEpoch)
		}
	}()
}
