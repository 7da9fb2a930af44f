package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

var testTP = ident.TopicPartition{Topic: "orders", Partition: 3}

// recordsOf builds a batch of n records as a producer sends it.
func recordsOf(t testing.TB, n int, change func(b *batch.Builder)) []byte {
	t.Helper()
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	if change != nil {
		change(&b)
	}
	for i := range n {
		b.Append(1_700_000_000_000+int64(i), fmt.Appendf(nil, "key-%d", i), fmt.Appendf(nil, "value-%d", i))
	}
	raw, err := b.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func idempotent(producerID int64, producerEpoch int16, sequence int32) func(b *batch.Builder) {
	return func(b *batch.Builder) { b.SetProducer(producerID, producerEpoch, sequence) }
}

func transactional(producerID int64, producerEpoch int16, sequence int32) func(b *batch.Builder) {
	return func(b *batch.Builder) { b.SetProducer(producerID, producerEpoch, sequence); b.SetTransactional() }
}

func testOptions(fsys vfs.FS, dir string) LogOptions {
	cfg := DefaultLogConfig()
	cfg.FileDeleteDelayMs = 0
	cfg.TimestampAfterMaxMs = 1 << 60
	return LogOptions{
		FS: fsys, Dir: vfs.Join(dir, testTP.String()), TopicPartition: testTP, Config: cfg, Logger: slog.New(slog.DiscardHandler),
	}
}

func openTestLog(t testing.TB, opts LogOptions) *Log {
	t.Helper()
	l, err := OpenLog(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.abandon()
		l.trash.close()
	})
	return l
}

func mustAppend(t testing.TB, l *Log, raw []byte, leaderEpoch int32) AppendInfo {
	t.Helper()
	info, err := l.AppendAsLeader(bytes.Clone(raw), leaderEpoch, AppendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// readBytes is a whole log in one piece, however many segments it has: a roll may come early where assertions are on.
func readBytes(t testing.TB, l *Log) []byte {
	t.Helper()
	var raw []byte
	for _, b := range readAll(t, l, 1<<20) {
		raw = append(raw, b...)
	}
	return raw
}

// readAll reads a log from start to end in small bites and returns the batches.
func readAll(t testing.TB, l *Log, maxBytes int) []batch.Batch {
	t.Helper()
	var all []batch.Batch
	offset, end := l.LogStartOffset(), l.LogEndOffset()
	for offset < end {
		r, err := l.Read(offset, maxBytes, end, true)
		if err != nil {
			t.Fatalf("read at %d: %v", offset, err)
		}
		raw, err := r.Bytes(nil)
		r.Release()
		if err != nil {
			t.Fatal(err)
		}
		before := offset
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			if errors.Is(err, batch.ErrTruncated) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Validate(); err != nil {
				t.Fatal(err)
			}
			if b.LastOffset() >= offset {
				all = append(all, bytes.Clone(b))
				offset = b.NextOffset()
			}
			raw = rest
		}
		if offset == before {
			break
		}
	}
	return all
}
