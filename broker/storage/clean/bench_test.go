package clean

import (
	"fmt"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
)

// BenchmarkCompaction compacts a log of 100-byte records of which nine in ten are superseded.
func BenchmarkCompaction(b *testing.B) {
	for _, codec := range []batch.Codec{batch.None, batch.LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			const batches, records = 400, 160
			for b.Loop() {
				b.StopTimer()
				cfg := testLogConfig()
				cfg.SegmentBytes = 4 << 20
				w := newBench(b, vfs.OS(), b.TempDir(), cfg, func(c *Config) { c.IOBufferSize = 512 << 10 })
				value := make([]byte, 90)
				for i := range batches {
					w.builder.Reset(0, batch.Compression{Codec: codec})
					for j := range records {
						w.builder.Append(w.nowMs, fmt.Appendf(nil, "key-%d", (i*records+j)%(batches*records/10)), value)
					}
					raw, err := w.builder.Finish(nil)
					if err != nil {
						b.Fatal(err)
					}
					w.append(raw, storage.OriginClient)
				}
				w.roll()
				b.StartTimer()
				r := w.clean()
				b.StopTimer()
				b.SetBytes(r.BytesRead)
				b.ReportMetric(float64(r.RecordsRead)/r.Elapsed.Seconds(), "records/s")
				w.close()
				b.StartTimer()
			}
		})
	}
}
