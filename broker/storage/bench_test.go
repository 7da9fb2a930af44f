package storage

import (
	"io"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

func benchBatch(b *testing.B, records, size int) []byte {
	var builder batch.Builder
	builder.Reset(0, batch.Compression{})
	for range records {
		builder.Append(1_700_000_000_000, nil, make([]byte, size))
	}
	raw, err := builder.Finish(nil)
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

func benchLog(b *testing.B) *Log {
	opts := testOptions(vfs.OS(), b.TempDir())
	opts.Config.FileDeleteDelayMs = 0
	opts.Config.RetentionBytes = 1 << 30
	opts.Config.SegmentBytes = 1 << 28
	return openTestLog(b, opts)
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name          string
		records, size int
	}{{"1x100B", 1, 100}, {"1x1KB", 1, 1000}, {"16x1KB", 16, 1000}, {"160x100B", 160, 100}} {
		b.Run(c.name, func(b *testing.B) {
			l := benchLog(b)
			raw := benchBatch(b, c.records, c.size)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				batch.Batch(raw).SetBaseOffset(0)
				if _, err := l.AppendAsLeader(raw, 0, AppendOptions{}); err != nil {
					b.Fatal(err)
				}
				if n++; n%(1<<14) == 0 {
					b.StopTimer()
					l.SetHighWatermark(l.LogEndOffset())
					if _, err := l.DeleteOldSegments(nowMs()); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	l := benchLog(b)
	raw := benchBatch(b, 16, 1000)
	for range 20_000 {
		batch.Batch(raw).SetBaseOffset(0)
		if _, err := l.AppendAsLeader(raw, 0, AppendOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	end := l.LogEndOffset()
	read := func(b *testing.B, offset func(i int) int64, w io.Writer) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			r, err := l.Read(offset(i), 1<<20, end, true)
			if err != nil {
				b.Fatal(err)
			}
			if w != nil {
				if _, err := r.WriteTo(w); err != nil {
					b.Fatal(err)
				}
			}
			r.Release()
			i++
		}
	}
	b.Run("locate/tail", func(b *testing.B) { read(b, func(int) int64 { return end - 16 }, nil) })
	b.Run("locate/random", func(b *testing.B) {
		read(b, func(i int) int64 { return int64(i*7919*16) % (end / 2) }, nil)
	})
	b.Run("copy/1MB", func(b *testing.B) {
		b.SetBytes(1 << 20)
		read(b, func(i int) int64 { return int64(i*7919*16) % (end / 2) }, io.Discard)
	})
}
