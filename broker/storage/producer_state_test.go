package storage

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

func appendErr(t *testing.T, l *Log, raw []byte, opts AppendOptions) error {
	t.Helper()
	_, err := l.AppendAsLeader(raw, 0, opts)
	return err
}

func TestDuplicatesAreAnsweredWithTheFirstOffset(t *testing.T) {
	l := openTestLog(t, testOptions(vfs.NewMem(), "data"))
	var first []AppendInfo
	for i := range int32(7) {
		first = append(first, mustAppend(t, l, recordsOf(t, 2, idempotent(5, 0, 2*i)), 0))
	}
	end := l.LogEndOffset()
	for i := range int32(7) {
		info, err := l.AppendAsLeader(recordsOf(t, 2, idempotent(5, 0, 2*i)), 0, AppendOptions{})
		if i < 2 { // only the last five are remembered
			if !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
				t.Fatalf("batch %d: %v", i, err)
			}
			continue
		}
		if err != nil || !info.Duplicate || info.FirstOffset != first[i].FirstOffset || info.LastOffset != first[i].LastOffset {
			t.Fatalf("batch %d: %+v, %v; it was %+v", i, info, err, first[i])
		}
	}
	if l.LogEndOffset() != end {
		t.Fatal("a duplicate was written")
	}
}

func TestSequencesAndEpochsAreChecked(t *testing.T) {
	l := openTestLog(t, testOptions(vfs.NewMem(), "data"))
	mustAppend(t, l, recordsOf(t, 3, idempotent(5, 1, 0)), 0)
	for _, c := range []struct {
		name     string
		epoch    int16
		sequence int32
		want     error
	}{
		{"a gap", 1, 4, kerr.OutOfOrderSequenceNumber},
		{"an old epoch", 0, 3, kerr.InvalidProducerEpoch},
		{"a new epoch that does not begin at 0", 2, 3, kerr.OutOfOrderSequenceNumber},
		{"the next", 1, 3, nil},
		{"a new epoch", 2, 0, nil},
		{"the old epoch after it", 1, 4, kerr.InvalidProducerEpoch},
	} {
		if err := appendErr(t, l, recordsOf(t, 1, idempotent(5, c.epoch, c.sequence)), AppendOptions{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	// A producer that is not known may begin anywhere; sequences wrap.
	mustAppend(t, l, recordsOf(t, 2, idempotent(6, 0, math.MaxInt32-1)), 0)
	mustAppend(t, l, recordsOf(t, 2, idempotent(6, 0, 0)), 0)
}

func marker(producerID int64, commit bool) []byte {
	return batch.AppendEndTxnMarker(nil, 0, 0, 1_700_000_000_000, producerID, 0, batch.EndTxnMarker{Commit: commit, CoordinatorEpoch: 3})
}

func TestLastStableOffsetStopsAtOpenTransactions(t *testing.T) {
	fsys := vfs.NewMem()
	l := openTestLog(t, testOptions(fsys, "data"))
	coordinator := AppendOptions{Origin: OriginCoordinator}
	expect := func(step string, stable int64) {
		t.Helper()
		l.SetHighWatermark(l.LogEndOffset())
		if got := l.LastStableOffset(); got != stable {
			t.Fatalf("%s: last stable offset %d, want %d", step, got, stable)
		}
	}
	mustAppend(t, l, recordsOf(t, 2, nil), 0)                    // 0, 1
	mustAppend(t, l, recordsOf(t, 2, transactional(1, 0, 0)), 0) // 2, 3
	expect("one open", 2)
	mustAppend(t, l, recordsOf(t, 1, transactional(2, 0, 0)), 0) // 4
	mustAppend(t, l, recordsOf(t, 1, nil), 0)                    // 5
	if err := appendErr(t, l, recordsOf(t, 1, idempotent(1, 0, 2)), AppendOptions{}); !errors.Is(err, kerr.InvalidTxnState) {
		t.Fatalf("a plain batch within a transaction: %v", err)
	}
	if !l.HasOngoingTransaction(1, 0) || l.HasOngoingTransaction(3, 0) {
		t.Fatal("ongoing transactions")
	}
	if _, err := l.AppendAsLeader(marker(1, false), 0, coordinator); err != nil { // 6
		t.Fatal(err)
	}
	if got := l.LastStableOffset(); got != 2 {
		t.Fatalf("the marker is not replicated yet: %d", got)
	}
	expect("the first aborted", 4)
	if _, err := l.AppendAsLeader(marker(2, true), 0, coordinator); err != nil { // 7
		t.Fatal(err)
	}
	expect("all decided", 8)
	aborted, err := l.AbortedTransactions(0, 8)
	want := []AbortedTxn{{ProducerID: 1, FirstOffset: 2, LastOffset: 6, LastStableOffset: 4}}
	if err != nil || !slices.Equal(aborted, want) {
		t.Fatalf("aborted: %+v, %v", aborted, err)
	}
	if aborted, _ := l.AbortedTransactions(7, 8); len(aborted) != 0 {
		t.Fatalf("aborted after 7: %+v", aborted)
	}
	// The same after a crash, when the index is built anew.
	l = openTestLog(t, testOptions(fsys.CrashClone(100, 1), "data"))
	if aborted, err := l.AbortedTransactions(0, 8); err != nil || !slices.Equal(aborted, want) {
		t.Fatalf("aborted after recovery: %+v, %v", aborted, err)
	}
	stale := batch.AppendEndTxnMarker(nil, 0, 0, 0, 1, 0, batch.EndTxnMarker{CoordinatorEpoch: 2})
	if err := appendErr(t, l, stale, coordinator); !errors.Is(err, kerr.TransactionCoordinatorFenced) {
		t.Fatalf("a marker of a replaced coordinator: %v", err)
	}
	if err := appendErr(t, l, recordsOf(t, 1, transactional(9, 0, 0)), AppendOptions{RequireVerified: true}); !errors.Is(err, kerr.InvalidTxnState) {
		t.Fatalf("a transaction that was not verified: %v", err)
	}
}

func TestProducersSurviveRestarts(t *testing.T) {
	for _, clean := range []bool{true, false} {
		fsys := vfs.NewMem()
		opts := testOptions(fsys, "data")
		opts.Config.SegmentBytes = 400
		l := openTestLog(t, opts)
		for i := range int32(20) {
			mustAppend(t, l, recordsOf(t, 1, idempotent(5, 2, i)), 0)
			mustAppend(t, l, recordsOf(t, 1, idempotent(int64(100+i), 0, 0)), 0)
		}
		mustAppend(t, l, recordsOf(t, 1, transactional(7, 0, 0)), 0)
		before := l.ActiveProducers()
		if clean {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			opts.FS = fsys.CrashClone(100, 1)
		}
		opts.CleanShutdown = clean
		l = openTestLog(t, opts)
		if after := l.ActiveProducers(); !slices.Equal(after, before) {
			t.Fatalf("clean %v:\n%v\n%v", clean, before, after)
		}
		info, err := l.AppendAsLeader(recordsOf(t, 1, idempotent(5, 2, 19)), 0, AppendOptions{})
		if err != nil || !info.Duplicate {
			t.Fatalf("clean %v: %+v, %v", clean, info, err)
		}
		l.SetHighWatermark(l.LogEndOffset())
		if l.LastStableOffset() != 40 {
			t.Fatalf("clean %v: last stable offset %d", clean, l.LastStableOffset())
		}
		l.ExpireProducers(math.MaxInt64)
		if rows := l.ActiveProducers(); len(rows) != 1 || rows[0].ProducerID != 7 {
			t.Fatalf("expiry keeps producers with an open transaction only: %v", rows)
		}
	}
}

func TestSnapshotsRoundTripAndRefuseDamage(t *testing.T) {
	p := newProducerState()
	p.mapEndOffset = 77
	for id := range int64(3) {
		e := p.entry(id)
		e.producerEpoch, e.lastTimestamp = 4, 99
		e.push(producerBatch{lastSequence: 10, lastOffset: 50 + id, offsetDelta: 2, timestamp: 99})
	}
	p.producers[2].txnFirstOffset = 48
	raw := p.encodeSnapshot()
	got, err := decodeSnapshot(raw, 77)
	if err != nil || !bytes.Equal(got.encodeSnapshot(), raw) || got.firstUnstableOffset() != 48 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range raw {
		damaged := bytes.Clone(raw)
		damaged[i] ^= 0x10
		if _, err := decodeSnapshot(damaged, 77); err == nil {
			t.Fatalf("byte %d: damage was not found", i)
		}
		if _, err := decodeSnapshot(raw[:i], 77); err == nil {
			t.Fatalf("a snapshot of %d bytes was accepted", i)
		}
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	p := newProducerState()
	p.entry(1).push(producerBatch{lastSequence: 1, lastOffset: 2})
	f.Add(p.encodeSnapshot())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := decodeSnapshot(raw, 1); err == nil {
			if again, err := decodeSnapshot(p.encodeSnapshot(), 1); err != nil || len(again.producers) != len(p.producers) {
				t.Fatalf("%v", err)
			}
		}
	})
}
