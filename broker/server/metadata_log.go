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

// metadataFeed brings what is committed into the store, each record once, whoever brings it: raft, or an observer's fetches while raft brings nothing.
type metadataFeed struct {
	store *metadata.Store

	mu         sync.Mutex // guards what follows, and serializes changes of the store
	nextOffset int64      // after the last record applied
	epoch      int32      // of that record; -1: none
}

func newMetadataFeed(store *metadata.Store) *metadataFeed {
	return &metadataFeed{store: store, epoch: -1}
}

// Apply replays a committed batch, whose publishers act on it. One that is known is skipped: what is committed never changes.
func (f *metadataFeed) Apply(baseOffset int64, leaderEpoch int32, timestampMs int64, records [][]byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if baseOffset < f.nextOffset {
		return nil
	}
	if err := f.store.Apply(baseOffset, leaderEpoch, timestampMs, records); err != nil {
		return err
	}
	f.nextOffset, f.epoch = baseOffset+int64(len(records)), leaderEpoch
	return nil
}

// Restore replaces the image by a snapshot's, unless it holds more already.
func (f *metadataFeed) Restore(r *quorum.SnapshotReader) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := r.ID()
	if id.EndOffset < f.nextOffset {
		return nil
	}
	if err := restoreSnapshot(f.store, r); err != nil {
		return err
	}
	f.nextOffset, f.epoch = id.EndOffset, id.LeaderEpoch
	return nil
}

// position is where the log goes on, and the epoch of the record before.
func (f *metadataFeed) position() (nextOffset int64, epoch int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nextOffset, f.epoch
}

// imageAt is the image that the log before end makes, nil if the store holds another one.
func (f *metadataFeed) imageAt(end int64) *metadata.Image {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nextOffset > end || f.store.InTransaction() {
		return nil
	}
	return f.store.Current()
}

// metadataMachine is what the committed metadata log is for on this node: quorum.StateMachine.
type metadataMachine struct {
	leaderChanged func(ident.BrokerID)
	feed          *metadataFeed
	applied       int64 // by raft; the feed may be ahead. For raft's goroutine only
	controller    *controller.Controller
	node          atomic.Pointer[quorum.Node] // once it is open

	led      chan struct{} // closed when a leader is known for the first time; on the leader, everything in the log is applied by then
	ledFirst sync.Once
}

// Apply replays a committed batch into the store.
func (m *metadataMachine) Apply(baseOffset int64, leaderEpoch int32, timestampMs int64, records [][]byte) error {
	m.applied = baseOffset + int64(len(records))
	m.noteKRaftVersion()
	return m.feed.Apply(baseOffset, leaderEpoch, timestampMs, records)
}

// Snapshot captures the image; writing it takes as long as it takes, as images never change.
func (m *metadataMachine) Snapshot() func(*quorum.SnapshotWriter) error {
	image := m.feed.imageAt(m.applied)
	if image == nil {
		return nil
	}
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
	m.applied = r.ID().EndOffset
	return m.feed.Restore(r)
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
		m.feed.store.SetKRaftVersion(1)
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
