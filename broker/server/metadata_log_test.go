package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/vfs"
)

// leading is a state machine that says when its node leads.
type leading struct{ epochs chan int32 }

func (leading) Apply(int64, int32, int64, [][]byte) error    { return nil }
func (leading) Snapshot() func(*quorum.SnapshotWriter) error { return nil }
func (leading) Restore(*quorum.SnapshotReader) error         { return nil }
func (m leading) LeaderChanged(leader ident.BrokerID, leaderEpoch int32) {
	if leader == 1 {
		m.epochs <- leaderEpoch
	}
}

// A lone voter may lead, and its controller propose, before whoever opens it has the node. The proposal has to wait: refused, the controller would resign, and
// wait for ever to lead again.
func TestProposalsWaitForTheNodeToBeOpened(t *testing.T) {
	m := leading{make(chan int32, 1)}
	late := newLateNode()
	n, err := quorum.OpenNode(t.Context(), quorum.Config{NodeID: 1, FS: vfs.NewMem(), Dir: "data", Voters: []quorum.Voter{{ID: 1}}}, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	epoch := <-m.epochs
	done := make(chan error, 1)
	go func() {
		_, err := late.Propose(t.Context(), epoch, [][]byte{{1, 2, 3}})
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the proposal did not wait: %v", err)
	default:
	}
	late.open(n)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestProposalsEndWithoutANode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := newLateNode()
		ctx, cancel := context.WithCancel(t.Context())
		stopped, refused := make(chan error, 1), make(chan error, 1)
		propose := func(ctx context.Context, done chan error) {
			_, err := late.Propose(ctx, 1, nil)
			done <- err
		}
		go propose(ctx, stopped)
		go propose(t.Context(), refused)
		late.Resign(1)
		synctest.Wait()
		if len(stopped)+len(refused) > 0 {
			t.Fatal("a proposal did not wait")
		}
		cancel()
		if err := <-stopped; !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
		late.open(nil)
		if err := <-refused; !errors.Is(err, quorum.ErrNotLeader) {
			t.Errorf("not opened: %v", err)
		}
	})
}
