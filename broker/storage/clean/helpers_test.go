package clean

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
)

const (
	testStart = int64(1_700_000_000_000)
	testLimit = 1 << 20
)

var testTP = ident.TopicPartition{Topic: "compacted", Partition: 0}

func testLogConfig() storage.LogConfig {
	cfg := storage.DefaultLogConfig()
	cfg.Compact, cfg.Delete = true, false
	cfg.SegmentBytes = 2000
	cfg.SegmentMs = 1 << 60
	cfg.IndexIntervalBytes = 200
	cfg.FileDeleteDelayMs = 0
	cfg.TimestampAfterMaxMs = 1 << 60
	cfg.DeleteRetentionMs = 1000
	cfg.MinCleanableRatio = 0.01
	return cfg
}

// bench is a manager with one compacted log and a cleaner for it.
type bench struct {
	t       testing.TB
	fsys    vfs.FS
	dir     string
	cfg     storage.LogConfig
	manager *storage.Manager
	log     *storage.Log
	cleaner *Cleaner
	builder batch.Builder
	nowMs   int64
}

func newBench(t testing.TB, fsys vfs.FS, dir string, cfg storage.LogConfig, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, fsys: fsys, dir: dir, cfg: cfg, nowMs: testStart}
	b.open(change)
	t.Cleanup(b.close)
	return b
}

func (b *bench) open(change func(*Config)) {
	b.t.Helper()
	if err := b.tryOpen(change); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) tryOpen(change func(*Config)) error {
	m, err := storage.OpenManager(b.t.Context(), storage.ManagerConfig{
		FS: b.fsys, Dirs: []string{b.dir}, ClusterID: "cluster", NodeID: 1, RecoveryThreads: 1, Defaults: b.cfg,
		ConfigFor: func(string) (storage.LogConfig, bool) { return b.cfg, true },
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	b.manager = m
	b.log, err = m.GetOrCreate(testTP, ident.TopicID{1}, b.cfg, "")
	if err != nil {
		return err
	}
	cfg := DefaultConfig()
	cfg.FS, cfg.IOBufferSize, cfg.DedupeBufferSize = b.fsys, 4096, 1<<20
	if change != nil {
		change(&cfg)
	}
	b.cleaner = New(cfg, m)
	return nil
}

func (b *bench) close() {
	if b.manager != nil {
		_ = b.cleaner.Close()
		_ = b.manager.Close()
		b.manager = nil
	}
}

func (b *bench) append(raw []byte, origin storage.Origin) storage.AppendInfo {
	b.t.Helper()
	info, err := b.log.AppendAsLeader(bytes.Clone(raw), 0, storage.AppendOptions{Origin: origin, NowMs: b.nowMs})
	if err != nil {
		b.t.Fatal(err)
	}
	b.log.SetHighWatermark(b.log.LogEndOffset())
	return info
}

// put appends one batch of key=value pairs; "key=" is an empty value and "key" alone a tombstone.
func (b *bench) put(pairs ...string) {
	b.t.Helper()
	b.putAs(nil, batch.None, pairs...)
}

func (b *bench) putAs(change func(*batch.Builder), codec batch.Codec, pairs ...string) {
	b.t.Helper()
	b.builder.Reset(0, batch.Compression{Codec: codec})
	if change != nil {
		change(&b.builder)
	}
	for _, pair := range pairs {
		key, value, ok := bytes.Cut([]byte(pair), []byte("="))
		if !ok {
			value = nil
		}
		b.builder.Append(b.nowMs, key, value, batch.Header{Key: "h", Value: []byte("x")})
	}
	raw, err := b.builder.Finish(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.append(raw, storage.OriginClient)
}

func (b *bench) endTxn(producerID int64, epoch int16, commit bool) {
	b.t.Helper()
	b.append(batch.AppendEndTxnMarker(nil, 0, 0, b.nowMs, producerID, epoch, batch.EndTxnMarker{Commit: commit}), storage.OriginCoordinator)
}

func (b *bench) roll() {
	b.t.Helper()
	if err := b.log.Roll(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) clean() Result {
	b.t.Helper()
	r, err := b.cleaner.CleanNow(b.t.Context(), b.log, b.nowMs)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// readBatches returns the whole log.
func readBatches(t testing.TB, l *storage.Log) []batch.Batch {
	t.Helper()
	all, err := tryReadBatches(l)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func tryReadBatches(l *storage.Log) ([]batch.Batch, error) {
	var all []batch.Batch
	for offset := l.LogStartOffset(); offset < l.LogEndOffset(); {
		r, err := l.Read(offset, 1<<20, l.LogEndOffset(), true)
		if err != nil {
			return nil, err
		}
		raw, err := r.Bytes(nil)
		r.Release()
		if err != nil {
			return nil, err
		}
		if len(raw) == 0 {
			break
		}
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			if err != nil {
				return nil, err
			}
			if err := b.Validate(); err != nil {
				return nil, err
			}
			all, raw, offset = append(all, b), rest, b.NextOffset()
		}
	}
	return all, nil
}

// contents prints what is in the log, one word a record, with | around batches.
func contents(t testing.TB, l *storage.Log) string {
	t.Helper()
	var out bytes.Buffer
	for _, b := range readBatches(t, l) {
		out.WriteByte('[')
		n := 0
		for r, err := range b.Records(testLimit) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n > 1 {
				out.WriteByte(' ')
			}
			switch {
			case b.IsControl():
				m, err := batch.ParseEndTxnMarker(r.Key, r.Value)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&out, "%d:commit=%t", r.Offset, m.Commit)
			case r.Value == nil:
				fmt.Fprintf(&out, "%d:%s", r.Offset, r.Key)
			default:
				fmt.Fprintf(&out, "%d:%s=%s", r.Offset, r.Key, r.Value)
			}
		}
		out.WriteByte(']')
	}
	return out.String()
}
