package storage

import (
	"bytes"
	"sync"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// TestCrashDuringAMove stops the world after each change of the disk while a log is moved to another directory, and at each of a clean stop after it.
// The log is in one of the two directories, whole.
func TestCrashDuringAMove(t *testing.T) {
	mem := vfs.NewMem()
	cfg := managerConfig(mem, "one", "two")
	cfg.Defaults.SegmentBytes, cfg.Defaults.SegmentJitterMs = 600, 0
	tp, id := tpOf(0), ident.TopicID{7}
	m := openTestManager(t, cfg)
	l, err := m.GetOrCreate(tp, id, cfg.Defaults, "one")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		mustAppend(t, l, recordsOf(t, 2, idempotent(5, 0, int32(2*i))), int32(i/4))
	}
	if err := l.Flush(l.LogEndOffset()); err != nil {
		t.Fatal(err)
	}
	l.background.Wait()
	m.checkpointRecoveryPoints()
	want := readAll(t, l, 1<<20)
	changes, seed := 0, uint64(0)
	var mu sync.Mutex // files are removed in the background
	var done bool
	mem.OnChange = func(op, name string) {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return
		}
		changes++
		for _, percent := range []int{0, 50, 100} {
			seed++
			clone := mem.CrashClone(percent, seed)
			crashed := cfg
			crashed.FS = clone
			m, err := OpenManager(t.Context(), crashed)
			if err != nil {
				t.Errorf("change %d (%s %s), %d percent: %v", changes, op, name, percent, err)
				continue
			}
			l, ok := m.Log(tp)
			if !ok {
				_, err := m.GetOrCreate(tp, id, cfg.Defaults, "")
				t.Errorf("change %d (%s %s), %d percent, seed %d: there is no log; making one: %v", changes, op, name, percent, seed, err)
			} else if got := readAll(t, l, 1<<20); len(got) < len(want) || !equalBatches(got[:len(want)], want) || l.TopicID() != id {
				t.Errorf("change %d (%s %s), %d percent, seed %d: %d batches in %s, want %d", changes, op, name, percent, seed, len(got), l.Dir(), len(want))
			}
			m.Close()
		}
	}
	future, err := m.CreateFuture(tp, "two")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range want {
		if _, err := future.AppendAsFollower(bytes.Clone(b), b.PartitionLeaderEpoch()); err != nil {
			t.Fatal(err)
		}
	}
	promoted, err := m.PromoteFuture(tp)
	if err != nil {
		t.Fatal(err)
	}
	if promoted.ParentDir() != "two" {
		t.Errorf("it is in %s", promoted.Dir())
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	done = true
	mu.Unlock()
	if changes < 30 {
		t.Errorf("only %d changes", changes)
	}
}

func equalBatches(a, b []batch.Batch) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
