package replica

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

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
	f.tick()
	short.Store(false)
	f.tick()
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
