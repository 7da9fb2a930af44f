package clean

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/storage/check"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

// filled is a flushed log of several segments with transactions and tombstones, and the model of what is in it.
func filled(t *testing.T, fsys vfs.FS) (*bench, *model) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	b := newBench(t, fsys, "data", testLogConfig(), nil)
	m := newModel()
	sequence := make(map[int64]int32)
	for i := range 40 {
		b.nowMs += 10
		m.append(b, rng, sequence)
		if i%8 == 7 {
			b.roll()
		}
	}
	for producerID := range int64(3) {
		if len(m.open[producerID]) > 0 {
			m.end(b, producerID, producerID == 1)
		}
	}
	b.roll()
	if err := b.log.Flush(b.log.LogEndOffset()); err != nil {
		t.Fatal(err)
	}
	return b, m
}

// expectSound reopens the log on another state of its disk and compares it with the model and the files with each other.
func expectSound(t *testing.T, fsys vfs.FS, m *model, what string) {
	t.Helper()
	b := &bench{t: t, fsys: fsys, dir: "data", cfg: testLogConfig()}
	if err := b.tryOpen(nil); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := m.check(b.log, 0); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	dir := b.log.Dir()
	b.close()
	problems, err := check.Log(fsys, dir)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%s: %v, %v", what, problems, err)
	}
}

// Power fails at any change of the disk during a compaction: every key's last value is still there, and the files agree with each other.
func TestCrashDuringCompactionLosesNothing(t *testing.T) {
	mem := vfs.NewMem()
	b, m := filled(t, mem)
	var mu sync.Mutex // deleted files go in the background
	var clones []*vfs.Mem
	mem.OnChange = func(string, string) {
		mu.Lock()
		defer mu.Unlock()
		n := uint64(len(clones))
		clones = append(clones, mem.CrashClone([]int{0, 50, 100}[n%3], n))
	}
	if r := b.clean(); r.RecordsWritten == r.RecordsRead {
		t.Fatal("nothing to compact")
	}
	mu.Lock()
	taken := clones
	mu.Unlock()
	if len(taken) < 20 {
		t.Fatalf("only %d changes of the disk", len(taken))
	}
	for i, clone := range taken {
		expectSound(t, clone, m, fmt.Sprint("crash at change ", i))
	}
}

// Each I/O of a compaction fails once: a clean error, the log is offline or whole, and opens again with all that it must hold.
func TestFailingIODuringCompaction(t *testing.T) {
	for i := 0; ; i++ {
		mem := vfs.NewMem()
		inject := errorfs.FailAt(i, errorfs.Writes|errorfs.OpRead)
		var armed atomic.Bool // deleted files go in the background
		fsys := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op, name string) error {
			if !armed.Load() {
				return nil
			}
			return inject.Before(op, name)
		}))
		b, m := filled(t, fsys)
		armed.Store(true)
		_, err := b.cleaner.CleanNow(t.Context(), b.log, b.nowMs)
		armed.Store(false)
		if !inject.Happened() {
			if i < 20 {
				t.Fatalf("only %d I/Os", i)
			}
			return
		}
		var offline *storage.OfflineError
		if err != nil && !errors.As(err, &offline) && !errors.Is(err, errorfs.ErrInjected) {
			t.Fatalf("I/O %d: %v", i, err)
		}
		b.close()
		expectSound(t, mem, m, fmt.Sprint("failed I/O ", i))
	}
}
