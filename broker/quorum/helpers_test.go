package quorum

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// journal is a state machine that keeps everything it was given, as the values themselves.
type journal struct {
	mu       sync.Mutex
	values   []string
	offsets  []int64 // of values
	leader   ident.BrokerID
	epoch    int32
	restored int
	changed  chan struct{} // closed and replaced at each change
}

func newJournal() *journal { return &journal{leader: ident.NoBroker, changed: make(chan struct{})} }

func (j *journal) update(fn func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fn()
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *journal) Apply(baseOffset int64, _ int32, _ int64, records [][]byte) error {
	j.update(func() {
		for i, r := range records {
			j.values = append(j.values, nameIn(r))
			j.offsets = append(j.offsets, baseOffset+int64(i))
		}
	})
	return nil
}

func (j *journal) Snapshot() func(*SnapshotWriter) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	values := slices.Clone(j.values)
	return func(w *SnapshotWriter) error {
		for _, v := range values {
			if err := w.Append(topicRecord(v)); err != nil {
				return err
			}
		}
		return nil
	}
}

func (j *journal) Restore(r *SnapshotReader) error {
	var err error
	j.update(func() {
		j.values, j.offsets, j.restored = nil, nil, j.restored+1
		for records, e := range r.Records() {
			if err = e; err != nil {
				return
			}
			for _, raw := range records {
				j.values, j.offsets = append(j.values, nameIn(raw)), append(j.offsets, -1)
			}
		}
	})
	return err
}

func (j *journal) LeaderChanged(leader ident.BrokerID, leaderEpoch int32) {
	j.update(func() { j.leader, j.epoch = leader, leaderEpoch })
}

// await waits until the condition holds.
func (j *journal) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		j.mu.Lock()
		ok, changed := cond(), j.changed
		j.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("no %s within the deadline", what)
		}
	}
}

func (j *journal) snapshot() (values []string, leader ident.BrokerID, epoch int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.values), j.leader, j.epoch
}

// metadataVersion is a name that topicRecord turns into a FeatureLevelRecord.
const metadataVersion = "metadata.version"

// topicRecord is a metadata record that carries a name; nameIn reads it back.
func topicRecord(name string) []byte {
	id := ident.UUID{1}
	copy(id[1:], name)
	var m record.Message = &record.TopicRecord{Name: name, TopicId: id}
	if name == metadataVersion {
		m = &record.FeatureLevelRecord{Name: name, FeatureLevel: 25}
	}
	raw, err := record.AppendMetadata(nil, m, 0)
	if err != nil {
		panic(err)
	}
	return raw
}

func nameIn(raw []byte) string {
	m, _, err := record.ReadMetadata(bytes.Clone(raw))
	if err != nil {
		return fmt.Sprintf("unreadable: %v", err)
	}
	if f, ok := m.(*record.FeatureLevelRecord); ok {
		return f.Name
	}
	if topic, ok := m.(*record.TopicRecord); ok {
		return topic.Name
	}
	return m.MessageName()
}

func testConfig(t *testing.T, id ident.BrokerID, voters ...ident.BrokerID) Config {
	t.Helper()
	cfg := Config{NodeID: id, ClusterID: "test-cluster", Dir: t.TempDir()}
	for _, v := range voters {
		cfg.Voters = append(cfg.Voters, Voter{ID: v, Endpoints: []Endpoint{{Name: "CONTROLLER", Host: fmt.Sprintf("n%d", v), Port: 9093}}})
	}
	return cfg
}

func closeNode(t *testing.T, n *Node) {
	t.Helper()
	if err := n.Close(); err != nil && !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
