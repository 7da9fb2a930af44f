package storage

import (
	"errors"
	"slices"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

func TestCheckpointsRoundTrip(t *testing.T) {
	c := OffsetCheckpoint{FS: vfs.NewMem(), Name: RecoveryPointCheckpoint}
	if got, err := c.Read(); len(got) != 0 || err != nil {
		t.Fatalf("a missing file: %v, %v", got, err)
	}
	want := map[ident.TopicPartition]int64{{Topic: "b", Partition: 2}: 7, {Topic: "a", Partition: 10}: 0}
	if err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	raw, err := vfs.ReadFile(c.FS, c.Name, 100)
	if err != nil || string(raw) != "0\n2\na 10 0\nb 2 7\n" {
		t.Fatalf("%q, %v", raw, err)
	}
	got, err := c.Read()
	if err != nil || len(got) != 2 || got[ident.TopicPartition{Topic: "b", Partition: 2}] != 7 {
		t.Fatalf("%v, %v", got, err)
	}
}

// FuzzSmallFiles feeds the parsers of the small files: none may panic, and what meta.properties says must survive a round trip.
func FuzzSmallFiles(f *testing.F) {
	f.Add([]byte("0\n1\nt 1 2\n"))
	f.Add([]byte("version: 0\ntopic_id: 8fEwhFOVRF6RuJZWvNvjOg"))
	f.Add([]byte("#\nversion=1\nnode.id=3\ncluster.id=x\ndirectory.id=xWfzfJyr3ucl9maTHp8_7w\n"))
	f.Add(appendAbortedTxn(nil, AbortedTxn{1, 2, 3, 4}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = parseCheckpoint(raw, func(line string) error { _, err := parseEpochEntry(line); return err })
		_, _ = parsePartitionMetadata(string(raw))
		if entries, err := parseTxnIndex(raw); err == nil && len(entries)*abortedTxnSize != len(raw) {
			t.Fatalf("%d entries in %d bytes", len(entries), len(raw))
		}
		if p, err := parseMetaProperties(string(raw)); err == nil && p.Version == 1 {
			fsys := vfs.NewMem()
			if err := WriteMetaProperties(fsys, "", p); err != nil {
				t.Fatal(err)
			}
			if again, _, err := ReadMetaProperties(fsys, ""); err != nil || again != p {
				t.Fatalf("%+v, %+v, %v", p, again, err)
			}
		}
	})
}

// FuzzRecovery opens a segment of any content: recovery keeps whole batches and the log takes appends.
func FuzzRecovery(f *testing.F) {
	good := recordsOf(f, 2, nil)
	f.Add(good)
	f.Add(append(slices.Clip(good), good[:30]...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fsys := vfs.NewMem()
		opts := testOptions(fsys, "data")
		if err := fsys.MkdirAll(opts.Dir); err != nil {
			t.Fatal(err)
		}
		file, err := fsys.Create(vfs.Join(opts.Dir, offsetFileName(0, logSuffix)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(raw); err != nil {
			t.Fatal(err)
		}
		l := openTestLog(t, opts)
		if l.Size() > int64(len(raw)) {
			t.Fatalf("%d bytes of %d", l.Size(), len(raw))
		}
		readAll(t, l, 1000)
		if _, err := l.AppendAsLeader(recordsOf(t, 1, nil), max(l.LatestEpoch(), 0), AppendOptions{}); err != nil && l.usable() != nil {
			t.Fatal(err)
		}
	})
}

// FuzzOpen opens a log whose files hold anything, after a clean stop or not. It says which file is damaged, or it reads: whole batches only, at rising
// offsets.
func FuzzOpen(f *testing.F) {
	fsys := vfs.NewMem()
	opts := testOptions(fsys, "data")
	opts.Config.IndexIntervalBytes = 100
	l := openTestLog(f, opts)
	for i := range 10 {
		mustAppend(f, l, recordsOf(f, 2, idempotent(1, 0, int32(2*i))), int32(i/5))
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	suffixes := []string{logSuffix, indexSuffix, timeIndexSuffix}
	var seeds [][]byte
	for _, suffix := range suffixes {
		raw, err := vfs.ReadFile(fsys, vfs.Join(opts.Dir, offsetFileName(0, suffix)), 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, raw)
	}
	epochs, err := vfs.ReadFile(fsys, vfs.Join(opts.Dir, epochCheckpointName), 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seeds[0], seeds[1], seeds[2], epochs, []byte{}, int64(20), true)
	f.Add(seeds[0], seeds[1], seeds[2], epochs, []byte{}, int64(-1), false)
	f.Fuzz(func(t *testing.T, log, index, timeIndex, epochs, txns []byte, recoveryPoint int64, clean bool) {
		fsys := vfs.NewMem()
		opts := opts
		opts.FS, opts.CleanShutdown, opts.RecoveryPoint = fsys, clean, max(recoveryPoint, -1)
		if err := fsys.MkdirAll(opts.Dir); err != nil {
			t.Fatal(err)
		}
		for name, raw := range map[string][]byte{
			offsetFileName(0, logSuffix): log, offsetFileName(0, indexSuffix): index, offsetFileName(0, timeIndexSuffix): timeIndex,
			epochCheckpointName: epochs, offsetFileName(0, txnIndexSuffix): txns,
		} {
			file, err := fsys.Create(vfs.Join(opts.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.Write(raw); err != nil {
				t.Fatal(err)
			}
		}
		l, err := OpenLog(t.Context(), opts)
		if err != nil {
			if _, ok := errors.AsType[*CorruptionError](err); !ok {
				t.Fatalf("no reason to take a directory offline: %v", err)
			}
			return
		}
		defer func() { l.abandon(); l.trash.close() }()
		for offset := l.LogStartOffset(); offset < l.LogEndOffset(); {
			r, err := l.Read(offset, 1<<20, l.LogEndOffset(), true)
			if err != nil {
				if _, ok := errors.AsType[*CorruptionError](err); !ok {
					t.Fatalf("read at %d: %v", offset, err)
				}
				break
			}
			raw, err := r.Bytes(nil)
			r.Release()
			if err != nil {
				t.Fatal(err)
			}
			if len(raw) == 0 {
				break
			}
			for len(raw) > 0 {
				b, rest, err := batch.Next(raw)
				if errors.Is(err, batch.ErrLegacy) {
					return // what is in those is checked elsewhere
				}
				if err == nil {
					err = b.Validate()
				}
				if err != nil || b.LastOffset() < offset {
					t.Fatalf("read at %d: a batch at %d, %v", offset, b.BaseOffset(), err)
				}
				offset, raw = b.NextOffset(), rest
			}
		}
		if _, err := l.OffsetForTimestamp(1_700_000_000_000); err != nil {
			if _, ok := errors.AsType[*CorruptionError](err); !ok && !isDamage(err) {
				t.Fatalf("search by time: %v", err)
			}
		}
		if _, err := l.TruncateTo(l.LogEndOffset() / 2); err != nil {
			t.Fatalf("truncate: %v", err)
		}
	})
}
