package replica

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// eventually polls a condition until it holds, or fails the test.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatal("not within 10 s: " + what)
		}
		<-time.After(time.Millisecond)
	}
}

// TestReplicaMovesWhileInUse moves a replica to the other directory while it is written, and reads everything afterwards.
func TestReplicaMovesWhileInUse(t *testing.T) {
	f := newFixture(t, nil, 2)
	f.brokers(1)
	f.topic("t", 1, 1)
	p := f.partition("t", 0)
	from := p.Log().ParentDir()
	to := f.dirs[0]
	if from == to {
		to = f.dirs[1]
	}
	for range 50 {
		f.mustProduce("t", 0, 3)
	}
	within(t, f.deleteRecords(time.Minute, DeleteRecordsPartition{TopicPartition: tpOf("t", 0), BeforeOffset: 4})) // within a batch
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				f.mustProduce("t", 0, 3)
			}
		}
	})
	if err := f.AlterLogDir(tpOf("t", 0), to); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the move is done", func() bool { return p.Log().ParentDir() == to })
	close(stop)
	wg.Wait()
	f.mustProduce("t", 0, 3)
	end := p.State().LogEndOffset
	if start := p.Log().LogStartOffset(); start != 4 {
		t.Errorf("the moved log starts at %d", start)
	}
	next := int64(4)
	for next < end {
		r := f.fetchOne(consumer(0, 1), at("t", 0, next))
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		for _, first := range firstOffsets(t, &r) {
			if first >= 0 && first != next && next != 4 {
				t.Fatalf("batch at %d, want %d", first, next)
			}
			if first >= 0 {
				next = first + 3
			}
		}
	}
	dirs := f.DescribeLogDirs(nil)
	for _, d := range dirs {
		if want := map[string]int{to: 1}[d.Path]; len(d.Replicas) != want || d.TotalBytes <= 0 {
			t.Errorf("%+v, want %d replicas", d, want)
		}
	}
}

func TestAlterLogDirErrors(t *testing.T) {
	f := newFixture(t, nil, 2)
	f.brokers(1, 2)
	f.topic("t", 1, 1)
	f.topic("elsewhere", 1, 2)
	for _, c := range []struct {
		topic, dir string
		want       error
	}{
		{"t", "/nowhere", kerr.LogDirNotFound},
		{"none", f.dirs[0], kerr.UnknownTopicOrPartition},
		{"elsewhere", f.dirs[0], kerr.ReplicaNotAvailable},
		{"t", f.partition("t", 0).Log().ParentDir(), nil},
	} {
		if err := f.AlterLogDir(tpOf(c.topic, 0), c.dir); !errors.Is(err, c.want) {
			t.Errorf("%s to %s: %v, want %v", c.topic, c.dir, err, c.want)
		}
	}
}

func TestFailedDirectoryTakesItsReplicasOffline(t *testing.T) {
	f := newFixture(t, nil, 2)
	f.brokers(1)
	f.topic("t", 2, 1)
	bad := f.partition("t", 0).Log().ParentDir()
	waiting := f.fetch(consumer(time.Minute, 1), at("t", 0, 0))
	f.DirFailed(bad, errors.New("disk on fire"))
	if r := within(t, waiting)[0]; !errors.Is(r.Err, kerr.KafkaStorageError) {
		t.Errorf("the waiting fetch: %+v", r)
	}
	if r := within(t, f.produce(AcksAll, time.Second, tpOf("t", 0), records(1))); !errors.Is(r.Err, kerr.KafkaStorageError) {
		t.Errorf("produce: %+v", r)
	}
	if other := f.partition("t", 1); other.Log().ParentDir() == bad {
		t.Fatal("both partitions lie in one directory")
	}
	f.mustProduce("t", 1, 1)
}

func TestControllerHearsWhereReplicasLie(t *testing.T) {
	c := &controllerStub{}
	f := newFixture(t, func(cfg *Config) { cfg.Controller = c }, 2)
	f.brokers(1)
	f.topic("t", 2, 1)
	ids := make(map[string]any)
	for _, d := range f.storage.Dirs() {
		ids[d.Path] = d.DirectoryID
	}
	told := func(p int32) bool {
		got, ok := c.dirs.Load(p)
		return ok && got == ids[f.partition("t", p).Log().ParentDir()]
	}
	eventually(t, "both are told", func() bool { return told(0) && told(1) })
	to := f.partition("t", 1).Log().ParentDir()
	if err := f.AlterLogDir(tpOf("t", 0), to); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the move is told", func() bool {
		got, _ := c.dirs.Load(int32(0))
		return got == ids[to] && told(0)
	})
}
