package storage

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/vfs"
)

// noLuck keeps segments from rolling at random where a test counts them.
func noLuck(t testing.TB) {
	t.Helper()
	invariants.SetLuck(invariants.NoLuck)
	t.Cleanup(func() { invariants.SetLuck(nil) })
}

func baseOffsets(l *Log) []int64 {
	var bases []int64
	for _, s := range l.Segments() {
		bases = append(bases, s.BaseOffset())
		s.Release()
	}
	return bases
}

// oneAt is a batch of one record, of an idempotent producer if one is given.
func oneAt(t testing.TB, timestamp int64, producerID ...int64) batch.Batch {
	t.Helper()
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	if len(producerID) > 0 {
		b.SetProducer(producerID[0], 0, 0)
	}
	b.Append(timestamp, nil, []byte("value"))
	raw, err := b.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestSegmentsRoll gives a log ten batches of one record each, under a configuration that lets a segment hold so many and no more.
func TestSegmentsRoll(t *testing.T) {
	noLuck(t)
	const start = 1_700_000_000_000
	size := len(oneAt(t, start))
	constant := func(int) int64 { return start }
	for name, c := range map[string]struct {
		change    func(cfg *LogConfig)
		timestamp func(i int) int64
		want      []int64
	}{
		"none":                {func(*LogConfig) {}, constant, []int64{0}},
		"size":                {func(cfg *LogConfig) { cfg.SegmentBytes = 3 * size }, constant, []int64{0, 3, 6, 9}},
		"a byte less":         {func(cfg *LogConfig) { cfg.SegmentBytes = 3*size - 1 }, constant, []int64{0, 2, 4, 6, 8}},
		"the records' age":    {func(cfg *LogConfig) { cfg.SegmentMs = 1000 }, func(i int) int64 { return start + 250*int64(i) }, []int64{0, 5}},
		"a full offset index": {func(cfg *LogConfig) { cfg.IndexIntervalBytes, cfg.IndexBytes = 0, 6*offsetEntrySize }, constant, []int64{0, 7}},
		"a full time index": {
			func(cfg *LogConfig) { cfg.IndexIntervalBytes, cfg.IndexBytes = 0, 4*timeEntrySize },
			func(i int) int64 { return start + int64(i) },
			[]int64{0, 4, 8},
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := testOptions(vfs.NewMem(), "data")
			c.change(&opts.Config)
			l := openTestLog(t, opts)
			for i := range 10 {
				mustAppend(t, l, oneAt(t, c.timestamp(i)), 0)
			}
			if got := baseOffsets(l); !slices.Equal(got, c.want) {
				t.Errorf("segments begin at %v, want %v", got, c.want)
			}
			if got := len(readAll(t, l, 1<<20)); got != 10 {
				t.Errorf("%d batches are read", got)
			}
		})
	}
}

// TestSegmentsOfRecordsWithoutTimestampsRollByTheClock: their segment's age is counted from when it was made.
func TestSegmentsOfRecordsWithoutTimestampsRollByTheClock(t *testing.T) {
	noLuck(t)
	synctest.Test(t, func(t *testing.T) {
		opts := testOptions(vfs.NewMem(), "data")
		opts.Config.SegmentMs = 60_000
		l := openTestLog(t, opts)
		for range 3 {
			mustAppend(t, l, oneAt(t, batch.NoTimestamp), 0)
			time.Sleep(30 * time.Second)
		}
		time.Sleep(time.Millisecond)
		mustAppend(t, l, oneAt(t, batch.NoTimestamp), 0)
		if got := baseOffsets(l); !slices.Equal(got, []int64{0, 3}) {
			t.Errorf("segments begin at %v", got)
		}
	})
}

// TestJitterRollsEarlier: segment.jitter.ms shortens segment.ms, by another amount for each segment.
func TestJitterRollsEarlier(t *testing.T) {
	cfg := LogConfig{SegmentMs: 1000, SegmentJitterMs: 400}
	seen := make(map[int64]bool)
	for range 1000 {
		jitter := newJitter(&cfg)
		if jitter < 0 || jitter >= 400 {
			t.Fatalf("jitter of %d ms", jitter)
		}
		seen[jitter] = true
	}
	if len(seen) < 100 {
		t.Errorf("%d different jitters", len(seen))
	}
	noLuck(t)
	l := openTestLog(t, testOptions(vfs.NewMem(), "data"))
	cfg = *l.Config()
	cfg.SegmentMs = 1000
	l.UpdateConfig(cfg)
	mustAppend(t, l, oneAt(t, 5000), 0)
	l.mu.Lock()
	l.mu.jitterMs = 400
	l.mu.Unlock()
	mustAppend(t, l, oneAt(t, 5600), 0)
	mustAppend(t, l, oneAt(t, 5601), 0)
	if got := baseOffsets(l); !slices.Equal(got, []int64{0, 2}) {
		t.Errorf("segments begin at %v", got)
	}
}

// TestOffsetsFarFromTheBaseRoll: an index entry has four bytes for an offset relative to its segment's base.
func TestOffsetsFarFromTheBaseRoll(t *testing.T) {
	noLuck(t)
	l := openTestLog(t, testOptions(vfs.NewMem(), "data"))
	for _, offset := range []int64{5, 5 + 1<<31 - 1, 5 + 1<<31, 10 << 31} {
		b := oneAt(t, 1_700_000_000_000)
		b.SetBaseOffset(offset)
		b.SetPartitionLeaderEpoch(0)
		if _, err := l.AppendAsFollower(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := baseOffsets(l); !slices.Equal(got, []int64{0, 5 + 1<<31 - 1, 10 << 31}) {
		t.Errorf("segments begin at %v", got)
	}
	for _, b := range readAll(t, l, 1<<20) {
		if at, err := l.OffsetForTimestamp(b.MaxTimestamp()); err != nil || at.Offset != 5 {
			t.Errorf("%+v, %v", at, err)
		}
	}
}

// TestFlushMessages: the record that makes it so many waits until all are on the disk, the ones before it don't.
func TestFlushMessages(t *testing.T) {
	noLuck(t)
	opts := testOptions(vfs.NewMem(), "data")
	opts.Config.FlushMessages = 4
	l := openTestLog(t, opts)
	for i := range int64(10) {
		mustAppend(t, l, oneAt(t, 1_700_000_000_000), 0)
		if got, want := l.RecoveryPoint(), (i+1)/4*4; got != want {
			t.Errorf("after %d records %d are on the disk, want %d", i+1, got, want)
		}
	}
}
