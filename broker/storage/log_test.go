package storage

import (
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
)

func TestAppendedBatchesAreReadBack(t *testing.T) {
	opts := testOptions(vfs.OS(), t.TempDir())
	opts.Config.SegmentBytes = 4000
	opts.Config.IndexIntervalBytes = 200
	l := openTestLog(t, opts)
	for i := range 300 {
		info := mustAppend(t, l, recordsOf(t, 1+i%4, nil), int32(i/100))
		if info.LastOffset+1 != l.LogEndOffset() {
			t.Fatalf("append %d: %+v, end %d", i, info, l.LogEndOffset())
		}
	}
	for _, max := range []int{1, 100, 1000, 1 << 20} {
		if got := readAll(t, l, max); len(got) != 300 {
			t.Fatalf("max %d: %d batches", max, len(got))
		}
	}
	if n := len(*l.segments.Load()); n < 5 {
		t.Fatalf("%d segments", n)
	}
	end := l.LogEndOffset()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, clean := range []bool{true, false} {
		opts.CleanShutdown = clean
		l := openTestLog(t, opts)
		if l.LogEndOffset() != end || l.LatestEpoch() != 2 {
			t.Fatalf("reopened: end %d epoch %d", l.LogEndOffset(), l.LatestEpoch())
		}
		if got := readAll(t, l, 500); len(got) != 300 {
			t.Fatalf("%d batches", len(got))
		}
		l.Close()
	}
}
