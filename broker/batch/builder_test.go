package batch

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// rebuild makes the batch anew with the Builder.
func rebuild(t testing.TB, data []byte, compression Compression) Batch {
	t.Helper()
	old := Batch(data)
	var b Builder
	b.ResetLike(old, compression)
	for r, err := range old.Records(testLimit) {
		if err != nil {
			t.Fatal(err)
		}
		b.AppendAt(r.Offset, old.BaseTimestamp()+r.TimestampDelta, r.Key, r.Value, r.Headers...)
	}
	out, err := b.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBuilderWritesTheBytesKafkaWrites(t *testing.T) {
	for _, name := range []string{"v2-none.bin", "v2-none-logappendtime.bin", "v2-transactional.bin", "v2-endtxn-commit.bin"} {
		want := fixture(t, name)
		if got := rebuild(t, want, Compression{}); !bytes.Equal(got, want) {
			t.Errorf("%s: built\n%x\nApache Kafka's\n%x", name, got, want)
		}
	}
}

// The empty batch of the fixtures has other offsets and sequences than this one; the rest must agree.
func TestEmptyBatchIsKafkas(t *testing.T) {
	want := Batch(fixture(t, "v2-empty.bin"))
	got := Batch(AppendEmpty(nil, fixture(t, "v2-transactional.bin")))
	if err := got.Validate(); err != nil {
		t.Fatal(err)
	}
	if got.Attributes() != want.Attributes() || got.RecordCount() != 0 || got.BaseTimestamp() != want.BaseTimestamp() || len(got) != len(want) {
		t.Errorf("built\n%x\nApache Kafka's\n%x", got, want)
	}
	if got.LastOffset() != 102 || got.LastSequence() != 0 { // sequences wrap: 2147483646, 2147483647, 0
		t.Errorf("last offset %d, last sequence %d", got.LastOffset(), got.LastSequence())
	}
	if s, err := got.ValidateRecords(testLimit); err != nil || s.Count != 0 || s.MaxTimestamp != NoTimestamp {
		t.Errorf("summary %+v, %v", s, err)
	}
}

func TestEndTxnMarkerIsKafkas(t *testing.T) {
	for name, commit := range map[string]bool{"v2-endtxn-commit.bin": true, "v2-endtxn-abort.bin": false} {
		want := Batch(fixture(t, name))
		m := EndTxnMarker{Commit: commit, CoordinatorEpoch: 12}
		got := AppendEndTxnMarker(nil, 7, 3, want.MaxTimestamp(), 1001, 5, m)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: built\n%x\nApache Kafka's\n%x", name, got, want)
		}
		for r, err := range want.Records(testLimit) {
			parsed, perr := ParseEndTxnMarker(r.Key, r.Value)
			if err != nil || perr != nil || parsed != m {
				t.Errorf("%s: parsed %v, %v, %v", name, parsed, err, perr)
			}
		}
	}
}

func TestControlRecordsRefuseShortKeysAndValues(t *testing.T) {
	if _, err := ParseControlKey([]byte{0, 0, 0}); err == nil {
		t.Error("a key of 3 bytes was accepted")
	}
	if _, err := ParseControlKey([]byte{0xff, 0xff, 0, 0}); err == nil {
		t.Error("a key of version -1 was accepted")
	}
	if _, err := ParseEndTxnMarker(ControlKey(ControlCommit), []byte{0, 0, 0}); err == nil {
		t.Error("a marker of 3 bytes was accepted")
	}
	if _, err := ParseEndTxnMarker(ControlKey(ControlLeaderChange), make([]byte, 6)); err == nil {
		t.Error("a leader change was taken for a transaction's end")
	}
}

func TestDeleteHorizonIsTheBaseTimestamp(t *testing.T) {
	old := Batch(fixture(t, "v2-none.bin"))
	var b Builder
	b.ResetLike(old, Compression{})
	b.SetDeleteHorizon(12345)
	for r, err := range old.Records(testLimit) {
		if err != nil {
			t.Fatal(err)
		}
		b.AppendCopy(r.Offset, r.Timestamp, r)
	}
	got, err := b.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	if horizon, ok := got.DeleteHorizon(); !ok || horizon != 12345 {
		t.Errorf("delete horizon %d, %t", horizon, ok)
	}
	if _, ok := old.DeleteHorizon(); ok {
		t.Error("a batch without a delete horizon has one")
	}
	if a, b := collect(t, old), collect(t, got); !slices.EqualFunc(a, b, sameRecord) {
		t.Errorf("records %v became %v", a, b)
	}
}

func collect(t testing.TB, b Batch) []Record {
	t.Helper()
	var all []Record
	for r, err := range b.Records(testLimit) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func sameRecord(a, b Record) bool {
	return a.Offset == b.Offset && a.Timestamp == b.Timestamp && sameBytes(a.Key, b.Key) && sameBytes(a.Value, b.Value) &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y Header) bool { return x.Key == y.Key && sameBytes(x.Value, y.Value) })
}

func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func TestBuilderRefusesOffsetsThatDoNotRise(t *testing.T) {
	for _, offsets := range [][]int64{{5, 5}, {6, 5}, {4}, {5, 5 + math.MaxInt32 + 1}} {
		var b Builder
		b.Reset(5, Compression{})
		for _, offset := range offsets {
			b.AppendAt(offset, 0, nil, nil)
		}
		if _, err := b.Finish(nil); err == nil {
			t.Errorf("offsets %v were accepted in a batch from 5 on", offsets)
		}
	}
}

func genBytes(t *rapid.T, name string) []byte {
	if rapid.Bool().Draw(t, name+" null") {
		return nil
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, name)
}

// Whatever is built is read back the same, by the iterator and the validator alike, through every codec.
func TestBuildThenReadIsIdentity(t *testing.T) {
	var b Builder // one for all, to see that it forgets
	rapid.Check(t, func(t *rapid.T) {
		codec := Codec(rapid.IntRange(0, 4).Draw(t, "codec"))
		offset := rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "base offset")
		b.Reset(offset, Compression{Codec: codec})
		var want []Record
		nulls := 0
		for range rapid.IntRange(1, 20).Draw(t, "count") {
			offset += rapid.Int64Range(0, 3).Draw(t, "gap")
			r := Record{Offset: offset, Timestamp: rapid.Int64Range(0, math.MaxInt64).Draw(t, "timestamp"), Key: genBytes(t, "key"), Value: genBytes(t, "value")}
			for range rapid.IntRange(0, 3).Draw(t, "headers") {
				r.Headers = append(r.Headers, Header{Key: rapid.String().Draw(t, "header"), Value: genBytes(t, "header value")})
			}
			before := b.Size()
			b.AppendAt(r.Offset, r.Timestamp, r.Key, r.Value, r.Headers...)
			if grown := b.Size() - before; grown > RecordSize(r.Key, r.Value, r.Headers...) {
				t.Fatalf("record took %d bytes, RecordSize says at most %d", grown, RecordSize(r.Key, r.Value, r.Headers...))
			}
			if r.Key == nil {
				nulls++
			}
			want = append(want, r)
			offset++
		}
		data, err := b.AppendTo([]byte("prefix"))
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := Next(data[len("prefix"):])
		if err != nil || len(rest) > 0 {
			t.Fatalf("Next: %v, %d bytes left", err, len(rest))
		}
		if err := got.Validate(); err != nil {
			t.Fatal(err)
		}
		var all []Record
		for r, err := range got.Records(testLimit) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		if !slices.EqualFunc(all, want, sameRecord) {
			t.Fatalf("wrote %v, read %v", want, all)
		}
		s, err := got.ValidateRecords(testLimit)
		if err != nil || s.Count != len(want) || s.NullKeys != nulls || s.MaxTimestamp != got.MaxTimestamp() || got.LastOffset() != want[len(want)-1].Offset {
			t.Fatalf("summary %+v, %v", s, err)
		}
	})
}
