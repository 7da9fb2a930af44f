package replica

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

// TestReplicasWithoutAHandleComeLater makes a topic while no file can be opened. Its partitions say so to those who ask, and are there, with their
// leaders, when files can be opened again.
func TestReplicasWithoutAHandleComeLater(t *testing.T) {
	var short atomic.Bool
	f := newFixture(t, nil, 1)
	f.close()
	f.fsys = errorfs.Wrap(vfs.OS(), errorfs.InjectorFunc(func(op errorfs.Op, _ string) error {
		if short.Load() && op&(errorfs.OpOpen|errorfs.OpCreate) != 0 {
			return vfs.ErrOutOfHandles
		}
		return nil
	}))
	f.open(nil)
	f.brokers(1, 2)
	short.Store(true)
	f.topic("t", 2, 1)
	f.topic("followed", 1, 2, 1)
	var handles *storage.HandlesError
	if _, err := f.Partition(tpOf("t", 1)); !errors.As(err, &handles) || !errors.Is(err, kerr.KafkaStorageError) {
		t.Fatalf("without handles: %v", err)
	}
	f.hostAgain()
	short.Store(false)
	f.hostAgain()
	for _, id := range []int32{0, 1} {
		if !f.partition("t", id).State().Leading {
			t.Errorf("partition %d doesn't lead", id)
		}
	}
	if f.partition("followed", 0).State().Leader != 2 {
		t.Error("the follower doesn't follow")
	}
	f.mustProduce("t", 1, 3)
	if d := f.storage.Dirs()[0]; d.Err != nil {
		t.Errorf("the directory is offline: %v", d.Err)
	}
}

// TestThePastIsNotActedOn restarts a broker that reads its cluster's history again: that a partition is not here yet, and then that another broker leads it in an epoch
// long over. Its log has newer records, which may be the only ones. Nothing may happen to it before the metadata has come to the registration of this process.
func TestThePastIsNotActedOn(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2, 3)
	id := f.topic("t", 1, 1)
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 1 }) // epoch 1
	f.mustProduce("t", 0, 7)
	f.close()

	f.store, f.offset = metadata.NewStore("cluster"), 0
	follows := &followRecorder{}
	life := ident.UUID{1}
	f.open(func(cfg *Config) { cfg.IncarnationID, cfg.Fetcher = life, follows })
	intact := func(when string) {
		t.Helper()
		log, ok := f.storage.Log(tpOf("t", 0))
		if !ok || log.LogEndOffset() != 7 {
			t.Fatalf("%s: the log is gone or cut: %v", when, ok)
		}
		if len(f.Partitions()) > 0 || len(follows.followed) > 0 {
			t.Errorf("%s: %d replicas, following %v", when, len(f.Partitions()), follows.followed)
		}
	}
	f.brokers(1, 2, 3) // the last life's registration
	f.apply(&record.TopicRecord{Name: "t", TopicId: id}, &record.PartitionRecord{TopicId: id, Replicas: []int32{2}, Isr: []int32{2}, Leader: 2})
	intact("not here yet")
	f.change("t", 0, func(r *record.PartitionChangeRecord) {
		r.Replicas, r.Isr, r.AddingReplicas, r.Directories = []int32{2, 1}, []int32{2, 1}, []int32{1}, make([]ident.UUID, 2)
	})
	intact("followed another one")
	f.change("t", 0, func(r *record.PartitionChangeRecord) {
		r.Replicas, r.Isr, r.Leader, r.AddingReplicas, r.Directories = []int32{1}, []int32{1}, 1, []int32{}, make([]ident.UUID, 1)
	})
	intact("led in its last life")
	f.apply(&record.RegisterBrokerRecord{BrokerId: 1, BrokerEpoch: f.offset, IncarnationId: life})
	if s := f.partition("t", 0).State(); !s.Leading || s.LogEndOffset != 7 {
		t.Errorf("registered: %+v", s)
	}
}

// followRecorder is a Fetcher that copies nothing.
type followRecorder struct{ followed []string }

func (r *followRecorder) Follow(p *Partition, leader ident.BrokerID, leaderEpoch int32) {
	r.followed = append(r.followed, fmt.Sprintf("%s from %d in %d", p.tp, leader, leaderEpoch))
}
func (r *followRecorder) Unfollow(*Partition) {}
func (r *followRecorder) Close()              {}
