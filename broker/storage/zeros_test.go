package storage

import (
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
