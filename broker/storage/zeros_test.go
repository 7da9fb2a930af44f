package storage

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
)

// TestZerosAfterTheLastBatchAreCut opens logs whose file a crash has left longer than what was written, with zeros at its end.
func TestZerosAfterTheLastBatchAreCut(t *testing.T) {
	for _, clean := range []bool{false, true} {
		for _, zeros := range []int{1, 8, 11, 12, 13, 16, 17, 26, 27, 60, 61, 62, 100, 4096, 300_000} {
			t.Run(fmt.Sprintf("clean=%v/%d", clean, zeros), func(t *testing.T) {
				opts := testOptions(vfs.NewMem(), "data")
				l := openTestLog(t, opts)
				for range 50 {
					mustAppend(t, l, recordsOf(t, 2, nil), 0)
				}
				end := l.LogEndOffset()
				segs := l.Segments()
				path := segs[len(segs)-1].Path()
				for _, s := range segs {
					s.Release()
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				f, err := opts.FS.OpenReadWrite(path)
				if err != nil {
					t.Fatal(err)
				}
				size, err := f.Size()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteAt(make([]byte, zeros), size); err != nil {
					t.Fatal(err)
				}
				f.Close()
				opts.CleanShutdown, opts.RecoveryPoint = clean, end
				l = openTestLog(t, opts)
				if l.LogEndOffset() != end {
					t.Fatalf("the log ends at %d, not at %d", l.LogEndOffset(), end)
				}
				if got := len(readAll(t, l, 1<<20)); got != 50 {
					t.Fatalf("%d batches", got)
				}
				raw := readBytes(t, l)
				if int64(len(raw)) != l.Size() {
					t.Fatalf("the log holds %d bytes of batches in %d bytes of files", len(raw), l.Size())
				}
				mustAppend(t, l, recordsOf(t, 2, nil), 0)
				if got := len(readAll(t, l, 1<<20)); got != 51 {
					t.Fatalf("%d batches after another append", got)
				}
			})
		}
	}
}

// TestWhatFollowsASegmentCostsNoRecord puts zeros and garbage behind each segment of a log, closed (the recovery point is its end) or not: no record is
// missing, so that the later segments have to stay.
func TestWhatFollowsASegmentCostsNoRecord(t *testing.T) {
	d := newDamageFixture(t)
	segments := d.files(t, logSuffix)
	if len(segments) < 3 {
		t.Fatalf("%d segments", len(segments))
	}
	for _, name := range segments {
		for _, size := range []int{1, 12, 17, 61, 100, 5000} {
			for what, tail := range map[string][]byte{"zeros": make([]byte, size), "garbage": bytes.Repeat([]byte{0, 0, 0, 7, 0xa5}, size)[:size]} {
				fsys := d.fsys.CrashClone(100, 0)
				rewrite(t, fsys, vfs.Join(d.opts.Dir, name), func(b []byte) []byte { return append(b, tail...) })
				opts := d.opts
				for _, recoveryPoint := range []int64{-1, 0, 20, d.end} {
					d.opts.RecoveryPoint = recoveryPoint
					if err := d.expectWhole(fsys.CrashClone(100, 0), recoveryPoint == d.end); err != nil {
						t.Errorf("%d bytes of %s after %s, recovery point %d: %v", size, what, name, recoveryPoint, err)
					}
				}
				d.opts = opts
			}
		}
	}
}
