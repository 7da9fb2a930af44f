package storage

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

// compact replaces the log's first segments by two with every second batch of theirs, as compaction might.
func compact(l *Log, count int) (removed []int64, err error) {
	all := l.Segments()
	defer func() {
		for _, s := range all {
			s.Release()
		}
	}()
	old := all[:count]
	var cleaned []*SegmentWriter
	for i, s := range old {
		if i == 0 || i == count/2 {
			w, err := l.NewCleanedSegment(s.BaseOffset())
			if err != nil {
				return removed, err
			}
			cleaned = append(cleaned, w)
		}
		raw := make([]byte, s.Size())
		if _, err := s.ReadAt(raw, 0); err != nil {
			return removed, err
		}
		for n := 0; len(raw) > 0; n++ {
			b, rest, err := batch.Next(raw)
			if err != nil {
				return removed, err
			}
			if n%2 == 1 && len(rest) > 0 {
				removed = append(removed, b.BaseOffset())
			} else if err := cleaned[len(cleaned)-1].Append(b); err != nil {
				return removed, err
			}
			raw = rest
		}
	}
	return removed, l.ReplaceSegments(cleaned, old)
}

func compactible(t testing.TB, fsys vfs.FS) (*Log, LogOptions) {
	opts := testOptions(fsys, "data")
	opts.Config.SegmentBytes = 500
	opts.Config.IndexIntervalBytes = 100
	opts.Config.Compact = true
	l := openTestLog(t, opts)
	for range 40 {
		mustAppend(t, l, recordsOf(t, 1, nil), 0)
	}
	l.background.Wait()
	if err := errors.Join(fsys.SyncDir(""), fsys.SyncDir("data"), l.Flush(l.LogEndOffset())); err != nil {
		t.Fatal(err)
	}
	return l, opts
}

func TestReplacedSegmentsAreReadAsReplaced(t *testing.T) {
	l, opts := compactible(t, vfs.NewMem())
	held, err := l.Read(0, 1<<20, l.LogEndOffset(), true) // a reader of the old segment goes on
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	removed, err := compact(l, 6)
	if err != nil || len(removed) == 0 {
		t.Fatal(removed, err)
	}
	for reopened := range 2 {
		all := readAll(t, l, 200)
		if len(all) != 40-len(removed) {
			t.Fatalf("reopened %d: %d batches, %d were removed", reopened, len(all), len(removed))
		}
		for _, b := range all {
			if slices.Contains(removed, b.BaseOffset()) {
				t.Fatalf("batch %d was removed", b.BaseOffset())
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = openTestLog(t, opts) // unclean: indexes are built anew
	}
	if raw, err := held.Bytes(nil); err != nil || len(raw) == 0 {
		t.Fatalf("the reader of the old segment: %d bytes, %v", len(raw), err)
	}
}

// TestCrashDuringReplacement stops at each change of the disk during a replacement: the log has the old records or the new, and nothing is lost
// that compaction kept.
func TestCrashDuringReplacement(t *testing.T) {
	mem := vfs.NewMem()
	l, opts := compactible(t, mem)
	before := readAll(t, l, 1<<20)
	var mu sync.Mutex // the trash works in the background
	var clones []*vfs.Mem
	mem.OnChange = func(string, string) {
		mu.Lock()
		defer mu.Unlock()
		for _, percent := range []int{0, 50, 100} {
			clones = append(clones, mem.CrashClone(percent, uint64(len(clones))))
		}
	}
	removed, err := compact(l, 6)
	if err != nil {
		t.Fatal(err)
	}
	l.trash.close()
	for i, clone := range clones {
		opts.FS, opts.RecoveryPoint = clone, int64(i%2*20)
		again, err := OpenLog(context.Background(), opts)
		if err != nil {
			t.Fatalf("clone %d: %v", i, err)
		}
		got := readAll(t, again, 1<<20)
		kept := 0
		for _, b := range before {
			found := slices.ContainsFunc(got, func(g batch.Batch) bool { return bytes.Equal(g, b) })
			if !found && !slices.Contains(removed, b.BaseOffset()) {
				t.Fatalf("clone %d: the batch at %d is lost", i, b.BaseOffset())
			}
			if found {
				kept++
			}
		}
		if kept != len(got) || again.LogEndOffset() != 40 {
			t.Fatalf("clone %d: %d batches, %d of them known, end %d", i, len(got), kept, again.LogEndOffset())
		}
		names, err := clone.List(again.Dir())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if _, suffix, ok := parseOffsetFileName(name); ok && !slices.Contains([]string{logSuffix, indexSuffix, timeIndexSuffix, snapshotSuffix}, suffix) {
				t.Fatalf("clone %d: %s is left over", i, name)
			}
		}
		again.abandon()
	}
	if len(clones) < 60 {
		t.Fatalf("%d clones", len(clones))
	}
}

func TestReplacementOfSegmentsThatAreGone(t *testing.T) {
	l, _ := compactible(t, vfs.NewMem())
	w, err := l.NewCleanedSegment(0)
	if err != nil {
		t.Fatal(err)
	}
	old := l.Segments()[:1]
	l.SetHighWatermark(20)
	if err := l.IncrementLogStartOffset(20); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DeleteOldSegments(nowMs()); err != nil {
		t.Fatal(err)
	}
	if err := l.ReplaceSegments([]*SegmentWriter{w}, old); !errors.Is(err, ErrSegmentsChanged) {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}
