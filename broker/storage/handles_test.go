package storage

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

// needsHandle are the operations that fail when no more files can be opened.
const needsHandle = errorfs.OpOpen | errorfs.OpCreate | errorfs.OpList | errorfs.OpSyncDir

// shortage makes the next operations that open something fail, as many as left says.
type shortage struct{ left atomic.Int64 }

func (s *shortage) Before(op errorfs.Op, _ string) error {
	if op&needsHandle != 0 && s.left.Add(-1) >= 0 {
		return syscall.EMFILE
	}
	return nil
}

// TestNoMoreHandlesIsNoDiskFailure runs a log that again and again can't open a file. What fails says so and has done nothing; all else goes on; the
// directory stays online; and in the end the log holds what its appends acknowledged.
func TestNoMoreHandlesIsNoDiskFailure(t *testing.T) {
	var refused int
	for seed := range uint64(30) {
		refused += runShortOfHandles(t, seed)
	}
	if refused < 100 {
		t.Errorf("only %d operations met the shortage", refused)
	}
}

func runShortOfHandles(t *testing.T, seed uint64) (refused int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 0))
	mem, short := vfs.NewMem(), new(shortage)
	cfg := managerConfig(errorfs.Wrap(mem, short), "data")
	cfg.Defaults.SegmentBytes, cfg.Defaults.IndexIntervalBytes, cfg.Defaults.RetentionBytes = 1500, 1, 6000
	cfg.OnDirFailure = func(dir string, err error) { t.Errorf("seed %d: %s went offline: %v", seed, dir, err) }
	m := openTestManager(t, cfg)
	tp := tpOf(0)
	try := func(what string, do func() error) bool {
		if rnd.IntN(3) == 0 {
			short.left.Store(int64(1 + rnd.IntN(3)))
		}
		err := do()
		short.left.Store(0)
		var handles *HandlesError
		switch {
		case err == nil:
			return true
		case !errors.As(err, &handles) || !errors.Is(err, kerr.KafkaStorageError):
			t.Fatalf("seed %d: %s: %v", seed, what, err)
		}
		refused++
		return false
	}
	var l *Log
	for !try("make", func() (err error) { l, err = m.GetOrCreate(tp, ident.TopicID{1}, cfg.Defaults, ""); return err }) {
	}
	var want []batch.Batch
	sequence := int32(0)
	for step := range 150 {
		switch rnd.IntN(12) {
		default:
			raw := recordsOf(t, 1+rnd.IntN(3), func(b *batch.Builder) {
				if step%10 == 0 {
					b.SetProducer(3, 0, sequence)
				}
			})
			n := batch.Batch(raw).RecordCount()
			if try("append", func() error { _, err := l.AppendAsLeader(raw, int32(step/40), AppendOptions{}); return err }) {
				want = append(want, bytes.Clone(raw))
				if step%10 == 0 {
					sequence += n
				}
			}
		case 0:
			try("flush", func() error { return l.Flush(l.LogEndOffset()) })
		case 1:
			try("roll", l.Roll)
		case 2:
			l.SetHighWatermark(l.LogEndOffset())
			try("retention", func() error { _, err := l.DeleteOldSegments(nowMs()); return err })
		case 3:
			if len(want) > 4 && rnd.IntN(3) == 0 {
				cut := want[len(want)-1-rnd.IntN(3)].BaseOffset()
				if cut >= l.LogStartOffset() && try("truncate", func() error { _, err := l.TruncateTo(cut); return err }) {
					for len(want) > 0 && want[len(want)-1].BaseOffset() >= cut {
						want = want[:len(want)-1]
					}
					sequence = -1
				}
			}
		case 4:
			m.checkpointRecoveryPoints()
			try("read", func() error {
				r, err := l.Read(l.LogStartOffset(), 1000, l.LogEndOffset(), true)
				if err == nil {
					r.Release()
				}
				return err
			})
		}
		if sequence < 0 { // what the producer's last batch was is not known any more
			sequence = lastSequence(l, 3) + 1
		}
	}
	check := func(when string, l *Log) {
		t.Helper()
		got := readAll(t, l, 1<<20)
		kept := want[len(want)-min(len(got), len(want)):]
		if len(got) > len(want) || len(got) == 0 && l.LogStartOffset() != l.LogEndOffset() {
			t.Fatalf("seed %d, %s: %d batches, want %d at most", seed, when, len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], kept[i]) {
				t.Fatalf("seed %d, %s: batch %d at offset %d, want %d", seed, when, i, got[i].BaseOffset(), kept[i].BaseOffset())
			}
		}
	}
	check("in the end", l)
	start, end := l.LogStartOffset(), l.LogEndOffset()
	crashed := cfg
	crashed.FS = mem.CrashClone(100, seed) // killed
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for when, c := range map[string]ManagerConfig{"after a kill": crashed, "after a stop": cfg} {
		c.OnDirFailure = nil
		m := openTestManager(t, c)
		l, ok := m.Log(tp)
		if !ok || l.LogEndOffset() != end || l.LogStartOffset() > start {
			t.Fatalf("seed %d, %s: the log is there: %v; it goes to %d, want %d", seed, when, ok, l.LogEndOffset(), end)
		}
		if l.LogStartOffset() == start {
			check(when, l)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return refused
}

func lastSequence(l *Log, id int64) int32 {
	for _, p := range l.ActiveProducers() {
		if p.ProducerID == id {
			return p.LastSequence
		}
	}
	return -1
}

// TestTooFewHandlesToStart opens directories that need more files than may be open: the broker is told so, and no directory is taken for broken.
func TestTooFewHandlesToStart(t *testing.T) {
	mem := vfs.NewMem()
	cfg := managerConfig(mem, "data")
	m := openTestManager(t, cfg)
	for i := range int32(5) {
		if _, err := m.GetOrCreate(tpOf(i), ident.TopicID{1}, cfg.Defaults, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for skip := range 30 {
		count := 0
		cfg.FS = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op, _ string) error {
			if op&needsHandle == 0 {
				return nil
			}
			if count++; count > skip {
				return syscall.EMFILE
			}
			return nil
		}))
		cfg.RecoveryThreads = 1
		m, err := OpenManager(t.Context(), cfg)
		if err == nil {
			m.Close()
			continue
		}
		failed++
		if _, ok := errors.AsType[*HandlesError](err); !ok {
			t.Errorf("after %d operations: %v", skip, err)
		}
	}
	if failed < 10 {
		t.Errorf("%d openings failed", failed)
	}
}
