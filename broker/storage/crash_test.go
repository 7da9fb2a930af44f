package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

// workload appends, rolls, flushes, deletes, truncates, closes and opens again, and keeps account of what must be in the log and what may.
type workload struct {
	fsys vfs.FS
	opts LogOptions
	log  *Log

	mu      sync.Mutex         // guards what follows: the log flushes in the background too
	sent    map[int64][][]byte // every batch that was ever appended, by base offset
	durable int64              // below it everything was flushed, or the process only was killed
	acked   int64              // the log's end as the last append saw it
	start   int64              // the log may begin here at most
}

func newWorkload(fsys vfs.FS, flushMessages int64) *workload {
	opts := testOptions(fsys, "data")
	opts.Config.SegmentBytes = 600
	opts.Config.IndexIntervalBytes = 100
	opts.Config.FlushMessages = flushMessages
	opts.Config.RetentionBytes = 1500
	return &workload{fsys: fsys, opts: opts, sent: make(map[int64][][]byte)}
}

func (w *workload) append(t testing.TB, n int, leaderEpoch int32, change func(*batch.Builder)) error {
	raw := recordsOf(t, n, change)
	end := w.log.LogEndOffset()
	b := batch.Batch(raw)
	sent := batch.Batch(bytes.Clone(raw))
	sent.SetBaseOffset(end)
	sent.SetPartitionLeaderEpoch(leaderEpoch)
	w.send(end, sent) // before the call: a crash within it may leave the batch
	info, err := w.log.AppendAsLeader(b, leaderEpoch, AppendOptions{})
	if err != nil {
		return err
	}
	w.note(info.LastOffset+1, w.log.RecoveryPoint())
	return nil
}

func (w *workload) send(offset int64, b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[offset] = append(w.sent[offset], b)
}

func (w *workload) note(acked, durable int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked, w.durable = acked, max(w.durable, durable)
}

// marker ends a transaction of producer 9.
func (w *workload) marker(commit bool) error {
	end := w.log.LogEndOffset()
	raw := batch.AppendEndTxnMarker(nil, 0, 0, 1_700_000_000_000, 9, 0, batch.EndTxnMarker{Commit: commit, CoordinatorEpoch: 1})
	sent := batch.Batch(bytes.Clone(raw))
	sent.SetBaseOffset(end)
	sent.SetPartitionLeaderEpoch(2)
	w.send(end, sent)
	_, err := w.log.AppendAsLeader(raw, 2, AppendOptions{Origin: OriginCoordinator})
	if err == nil {
		w.note(w.log.LogEndOffset(), w.log.RecoveryPoint())
	}
	return err
}

func (w *workload) reopen(clean bool) error {
	opts := w.opts
	opts.CleanShutdown = clean
	opts.RecoveryPoint = 0
	l, err := OpenLog(context.Background(), opts)
	if err == nil {
		w.mu.Lock()
		w.log = l
		w.mu.Unlock()
		l.SetHighWatermark(l.LogEndOffset())
	}
	return err
}

// run does everything once; it stops at the first error.
func (w *workload) run(t testing.TB) error {
	if err := errors.Join(w.fsys.MkdirAll("data"), w.fsys.SyncDir("")); err != nil {
		return err
	}
	if err := w.reopen(false); err != nil {
		return err
	}
	sequence := int32(0)
	for i := range 12 {
		if err := w.append(t, 1+i%3, int32(i/5), idempotent(7, 0, sequence)); err != nil {
			return err
		}
		sequence += int32(1 + i%3)
	}
	if err := w.append(t, 2, 2, transactional(9, 0, 0)); err != nil {
		return err
	}
	if err := w.marker(false); err != nil {
		return err
	}
	w.log.background.Wait()
	if err := w.log.Flush(w.log.LogEndOffset()); err != nil {
		return err
	}
	w.note(w.acked, w.log.RecoveryPoint())
	// Truncation: from now on only what lies before is certain.
	cut := w.log.LogEndOffset() - 9
	w.mu.Lock()
	w.durable, w.acked = cut, cut
	w.mu.Unlock()
	if _, err := w.log.TruncateTo(cut); err != nil {
		return err
	}
	for i := range 6 {
		if err := w.append(t, 2, 3, idempotent(8, 0, int32(2*i))); err != nil {
			return err
		}
	}
	w.log.SetHighWatermark(w.log.LogEndOffset())
	w.mu.Lock()
	w.start = w.log.LogEndOffset() // retention may take all
	w.mu.Unlock()
	if _, err := w.log.DeleteOldSegments(nowMs()); err != nil {
		return err
	}
	w.mu.Lock()
	w.start = w.log.LogStartOffset()
	w.opts.LogStartOffset = w.start
	w.mu.Unlock()
	if err := w.log.Close(); err != nil {
		return err
	}
	w.note(w.acked, w.log.LogEndOffset())
	if err := w.reopen(true); err != nil {
		return err
	}
	for range 3 {
		if err := w.append(t, 1, 4, nil); err != nil {
			return err
		}
	}
	return w.log.Close()
}

// check opens the log as it lies on fsys and compares it with the account. certain is the offset below which everything must be there.
func (w *workload) check(fsys vfs.FS, certain, recoveryPoint int64) error {
	opts := w.opts
	opts.FS, opts.RecoveryPoint, opts.LogStartOffset = fsys, recoveryPoint, 0
	l, err := OpenLog(context.Background(), opts)
	if err != nil {
		return fmt.Errorf("reopen: %w", err)
	}
	defer l.trash.close()
	defer l.abandon()
	if l.LogEndOffset() < certain {
		return fmt.Errorf("the log ends at %d, %d was durable", l.LogEndOffset(), certain)
	}
	if l.LogStartOffset() > max(w.start, 0) && l.LogStartOffset() > certain {
		return fmt.Errorf("the log begins at %d, expected at most %d", l.LogStartOffset(), w.start)
	}
	next := l.LogStartOffset()
	for next < l.LogEndOffset() {
		r, err := l.Read(next, 1, l.LogEndOffset(), true)
		if err != nil {
			return err
		}
		raw, err := r.Bytes(nil)
		r.Release()
		if err != nil {
			return err
		}
		b, _, err := batch.Next(raw)
		if err != nil {
			return fmt.Errorf("at %d: %w", next, err)
		}
		if b.BaseOffset() != next {
			return fmt.Errorf("read at %d found a batch at %d", next, b.BaseOffset())
		}
		known := false
		for _, s := range w.sent[next] {
			known = known || bytes.Equal(s, b)
		}
		if !known {
			return fmt.Errorf("the batch at %d is none that was sent there", next)
		}
		if e := l.EpochForOffset(next); e != b.PartitionLeaderEpoch() {
			return fmt.Errorf("offset %d has leader epoch %d, the cache says %d", next, b.PartitionLeaderEpoch(), e)
		}
		next = b.NextOffset()
	}
	// The log is in order and takes what comes.
	if _, err := l.AppendAsLeader(recordsOf(nil2{}, 1, nil), 9, AppendOptions{}); err != nil {
		return fmt.Errorf("append after recovery: %w", err)
	}
	return l.Close()
}

// TestCrashAtEveryChange stops the world after each single change of the disk and looks at what recovery makes of it.
func TestCrashAtEveryChange(t *testing.T) {
	for _, flush := range []int64{1, 1 << 40} {
		t.Run(fmt.Sprintf("flush.messages=%d", flush), func(t *testing.T) {
			mem := vfs.NewMem()
			w := newWorkload(mem, flush)
			changes, seed := 0, uint64(0)
			mem.OnChange = func(op, name string) {
				w.mu.Lock()
				defer w.mu.Unlock()
				changes++
				recoveryPoint := int64(0)
				if w.log != nil && changes%2 == 0 {
					recoveryPoint = w.log.checkpointableRecoveryPoint()
				}
				for _, percent := range []int{0, 40, 100} {
					certain := w.durable
					if percent == 100 {
						certain = w.acked
					}
					seed++
					clone := mem.CrashClone(percent, seed)
					if _, err := clone.Stat(w.opts.Dir); err != nil && certain == 0 {
						continue
					}
					if err := w.check(clone, certain, min(recoveryPoint, certain)); err != nil {
						t.Errorf("change %d (%s %s), %d percent, seed %d: %v", changes, op, name, percent, seed, err)
					}
				}
			}
			if err := w.run(t); err != nil {
				t.Fatal(err)
			}
			if changes < 100 {
				t.Fatalf("only %d changes", changes)
			}
		})
	}
}

// TestEveryFailingOperationIsReported lets each operation fail in turn: the workload must end in an error that says so, and what was
// acknowledged must be there after a restart.
func TestEveryFailingOperationIsReported(t *testing.T) {
	reported := 0
	for i := 0; ; i++ {
		mem := vfs.NewMem()
		inject := errorfs.FailAt(i, errorfs.Writes|errorfs.OpOpen|errorfs.OpRead|errorfs.OpList)
		w := newWorkload(errorfs.Wrap(mem, inject), 1)
		err := w.run(t)
		if w.log != nil {
			w.log.abandon()
		}
		if !inject.Happened() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		var offline *OfflineError
		switch {
		case err == nil:
			// The error hit what runs beside the workload (a deletion) or a read that has another way: allowed.
		case !errors.Is(err, errorfs.ErrInjected):
			t.Errorf("operation %d: %v", i, err)
		case w.log != nil && errors.As(err, &offline):
			reported++
			if err := w.append(t, 1, 9, nil); !errors.As(err, &offline) {
				t.Errorf("operation %d: an append to the failed log: %v", i, err)
			}
		}
		if err := w.check(mem, w.acked, 0); err != nil && (w.acked > 0 || w.log != nil) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if reported < 50 {
		t.Fatalf("only %d failures were reported by a log that went offline", reported)
	}
}

// nil2 lets recordsOf be used where a failure can't happen.
type nil2 struct{ testing.TB }

func (nil2) Helper() {}

// TestTornTailOfEveryLength cuts the file at every byte: recovery keeps the whole batches and nothing else.
func TestTornTailOfEveryLength(t *testing.T) {
	noLuck(t) // one segment
	mem := vfs.NewMem()
	opts := testOptions(mem, "data")
	l := openTestLog(t, opts)
	var ends []int64
	for i := range 4 {
		mustAppend(t, l, recordsOf(t, i+1, nil), 0)
		ends = append(ends, l.Size())
	}
	full := l.Size()
	for size := int64(0); size <= full; size++ {
		clone := mem.CrashClone(100, 1)
		f, err := clone.OpenReadWrite(l.active().Path())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		want := 0
		for want < len(ends) && ends[want] <= size {
			want++
		}
		for _, garbage := range []string{"", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "garbage that is no batch at all, certainly"} {
			if _, err := f.WriteAt([]byte(garbage), size); err != nil {
				t.Fatal(err)
			}
			o := opts
			o.FS = clone
			torn, err := OpenLog(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, torn, 1<<20); len(got) != want {
				t.Fatalf("cut at %d with %q: %d batches, want %d", size, garbage, len(got), want)
			}
			torn.abandon()
		}
	}
}
