package storage

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

func TestUnacceptableBatchesAreRefused(t *testing.T) {
	const now = 1_700_000_000_500
	for _, c := range []struct {
		name    string
		cfg     func(cfg *LogConfig)
		raw     func() []byte
		want    error
		message string
		records int
	}{
		{
			name: "too large", cfg: func(cfg *LogConfig) { cfg.MaxMessageBytes = 100 }, raw: func() []byte { return recordsOf(t, 5, nil) },
			want: kerr.MessageTooLarge, message: "exceeds the maximum configured value of 100",
		},
		{
			name: "larger than a segment", cfg: func(cfg *LogConfig) { cfg.SegmentBytes = 100 }, raw: func() []byte { return recordsOf(t, 5, nil) },
			want: kerr.RecordListTooLarge, message: "segment size of 100",
		},
		{name: "a wrong checksum", raw: func() []byte { b := recordsOf(t, 1, nil); b[len(b)-1] ^= 1; return b }, want: kerr.CorruptMessage},
		{name: "half a batch", raw: func() []byte { b := recordsOf(t, 1, nil); return b[:len(b)-1] }, want: kerr.CorruptMessage},
		{name: "nothing", raw: func() []byte { return nil }, want: kerr.CorruptMessage},
		{
			name: "two batches", raw: func() []byte { return append(recordsOf(t, 1, nil), recordsOf(t, 1, nil)...) },
			want: kerr.InvalidRecord, message: "more than one batch",
		},
		{
			name: "an offset", raw: func() []byte { b := batch.Batch(recordsOf(t, 1, nil)); b.SetBaseOffset(7); return b },
			want: kerr.InvalidRecord, message: "should be 0, but it is 7",
		},
		{name: "a control batch", raw: func() []byte { return marker(1, true) }, want: kerr.InvalidRecord, message: "control records"},
		{
			name: "a producer without sequence", raw: func() []byte { return recordsOf(t, 1, idempotent(5, 0, -1)) },
			want: kerr.InvalidRecord, message: "Invalid sequence number -1",
		},
		{
			name: "no key in a compacted topic", cfg: func(cfg *LogConfig) { cfg.Compact = true },
			raw: func() []byte {
				var b batch.Builder
				b.Reset(0, batch.Compression{})
				b.Append(now, []byte("k"), nil)
				b.Append(now, nil, []byte("v"))
				raw, _ := b.Finish(nil)
				return raw
			}, want: kerr.InvalidRecord, message: "record errors in total", records: 1,
		},
		{
			name: "too old", cfg: func(cfg *LogConfig) { cfg.TimestampBeforeMaxMs = 499 }, raw: func() []byte { return recordsOf(t, 3, nil) },
			want: kerr.InvalidTimestamp, message: "invalid timestamp", records: 1,
		},
		{
			name: "too new", cfg: func(cfg *LogConfig) { cfg.TimestampAfterMaxMs = 10 },
			raw: func() []byte {
				return recordsOf(t, 1, func(b *batch.Builder) { b.Append(now+11, nil, nil) })
			}, want: kerr.InvalidTimestamp, message: "invalid timestamp", records: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := testOptions(vfs.NewMem(), "data")
			if c.cfg != nil {
				c.cfg(&opts.Config)
			}
			l := openTestLog(t, opts)
			_, err := l.AppendAsLeader(c.raw(), 0, AppendOptions{NowMs: now})
			var v *ValidationError
			if !errors.Is(err, c.want) || !errors.As(err, &v) || !strings.Contains(v.Message, c.message) || len(v.Records) != c.records {
				t.Fatalf("%v (%+v), want %v", err, v, c.want)
			}
			if l.LogEndOffset() != 0 {
				t.Fatal("it was appended")
			}
		})
	}
}

func TestBatchesAreAdaptedToTheTopic(t *testing.T) {
	const now = 1_700_000_000_500
	opts := testOptions(vfs.NewMem(), "data")
	opts.Config.CompressionProducer, opts.Config.Compression = false, batch.Compression{Codec: batch.Zstd}
	opts.Config.TimestampType = batch.LogAppendTime
	l := openTestLog(t, opts)
	info, err := l.AppendAsLeader(recordsOf(t, 50, idempotent(5, 1, 0)), 3, AppendOptions{NowMs: now})
	if err != nil || info.LogAppendTime != now || info.MaxTimestamp != now {
		t.Fatalf("%+v, %v", info, err)
	}
	all := readAll(t, l, 1<<20)
	if len(all) != 1 {
		t.Fatalf("%d batches", len(all))
	}
	b := all[0]
	if b.Codec() != batch.Zstd || b.TimestampType() != batch.LogAppendTime || b.MaxTimestamp() != now || b.PartitionLeaderEpoch() != 3 ||
		b.ProducerID() != 5 || b.ProducerEpoch() != 1 || b.BaseSequence() != 0 || b.RecordCount() != 50 {
		t.Fatalf("%v %v %d %d", b.Codec(), b.TimestampType(), b.MaxTimestamp(), b.RecordCount())
	}
	if found, err := l.OffsetForTimestamp(now); err != nil || found != (TimestampOffset{now, 0, 3}) {
		t.Fatalf("%+v, %v", found, err)
	}
}

func TestLegacyMessagesAreConverted(t *testing.T) {
	v2 := batch.Batch(recordsOf(t, 4, nil))
	for _, magic := range []int8{batch.MagicV0, batch.MagicV1} {
		old, err := batch.DownConvert(nil, v2, magic, 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		l := openTestLog(t, testOptions(vfs.NewMem(), "data"))
		mustAppend(t, l, recordsOf(t, 1, nil), 0)
		info := mustAppend(t, l, old, 0)
		if info.FirstOffset != 1 || info.LastOffset != 4 || info.Records != 4 {
			t.Fatalf("magic %d: %+v", magic, info)
		}
		if all := readAll(t, l, 1<<20); len(all) != 2 || all[1].RecordCount() != 4 || all[1].BaseOffset() != 1 {
			t.Fatalf("magic %d: %d batches", magic, len(all))
		}
	}
}

func FuzzAppend(f *testing.F) {
	l := openTestLog(f, testOptions(vfs.NewMem(), "data"))
	f.Add(recordsOf(f, 3, nil))
	f.Add(marker(3, true))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := l.LogEndOffset()
		info, err := l.AppendAsLeader(raw, 0, AppendOptions{})
		if err == nil && !info.Duplicate && l.LogEndOffset() != before+int64(info.Records) {
			t.Fatalf("%+v after %d", info, before)
		}
		if err != nil && l.LogEndOffset() != before {
			t.Fatal("a refused append moved the log end")
		}
		if l.usable() != nil {
			t.Fatal(l.usable())
		}
	})
}
