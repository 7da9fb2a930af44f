package quorum

import (
	"sync"
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
)

func benchNode(b *testing.B) (*Node, int32) {
	j := newJournal()
	n, err := OpenNode(b.Context(), Config{NodeID: 1, Dir: b.TempDir(), Voters: []Voter{{ID: 1}}, SnapshotInterval: -1}, j, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.Close() })
	for {
		j.mu.Lock()
		leader, changed := j.leader, j.changed
		j.mu.Unlock()
		if leader == 1 {
			_, epoch := n.Leader()
			return n, epoch
		}
		<-changed
	}
}

// BenchmarkOpenLead is from opening an empty directory to leading it.
func BenchmarkOpenLead(b *testing.B) {
	for b.Loop() {
		leading := make(chan struct{})
		n, err := OpenNode(b.Context(), Config{NodeID: 1, Dir: b.TempDir(), Voters: []Voter{{ID: 1}}}, &onLeading{journal: newJournal(), fn: sync.OnceFunc(func() { close(leading) })}, nil)
		if err != nil {
			b.Fatal(err)
		}
		<-leading
		_ = n.Close()
	}
}

type onLeading struct {
	*journal
	fn func()
}

func (o *onLeading) LeaderChanged(leader ident.BrokerID, _ int32) {
	if leader != ident.NoBroker {
		o.fn()
	}
}

// BenchmarkPropose is one proposal after the other: an fsync each.
func BenchmarkPropose(b *testing.B) {
	n, epoch := benchNode(b)
	records := [][]byte{topicRecord("a-topic")}
	for b.Loop() {
		if _, err := n.Propose(b.Context(), epoch, records); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProposePipelined keeps 256 proposals in flight, which share their fsyncs.
func BenchmarkProposePipelined(b *testing.B) {
	n, epoch := benchNode(b)
	records := [][]byte{topicRecord("a-topic")}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 256)
	b.ReportAllocs()
	for b.Loop() {
		slots <- struct{}{}
		wg.Add(1)
		n.ProposeAsync(epoch, records, func(_ int64, err error) {
			if err != nil {
				b.Error(err)
			}
			<-slots
			wg.Done()
		})
	}
	wg.Wait()
}
