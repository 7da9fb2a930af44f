package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

// allocatedBytes is what f allocates.
func allocatedBytes(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func sample(t testing.TB, compression Compression, n int) Batch {
	t.Helper()
	var b Builder
	b.Reset(100, compression)
	for i := range n {
		b.Append(1000+int64(i%7), []byte("key"), bytes.Repeat([]byte("v"), 90), Header{Key: "h", Value: []byte("x")})
	}
	out, err := b.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// damaged is a copy with one change and a CRC that fits.
func damaged(b Batch, change func(Batch)) Batch {
	out := Batch(bytes.Clone(b))
	change(out)
	out.updateCRC()
	return out
}

func put16(at int, v int16) func(Batch) {
	return func(b Batch) { binary.BigEndian.PutUint16(b[at:], uint16(v)) }
}

func put32(at int, v int32) func(Batch) {
	return func(b Batch) { binary.BigEndian.PutUint32(b[at:], uint32(v)) }
}

func TestValidateFindsEveryFlippedBit(t *testing.T) {
	b := sample(t, Compression{}, 3)
	for i := magicAt; i < len(b); i++ {
		for bit := range 8 {
			bad := Batch(bytes.Clone(b))
			bad[i] ^= 1 << bit
			if err := bad.Validate(); !errors.Is(err, kerr.CorruptMessage) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
}

func TestValidateRefusesHeadersThatContradictThemselves(t *testing.T) {
	b := sample(t, Compression{}, 3)
	for name, change := range map[string]func(Batch){
		"negative count":             put32(recordCountAt, -1),
		"negative last offset delta": put32(lastOffsetDeltaAt, -1),
		"more records than offsets":  put32(recordCountAt, 4),
		"unknown codec":              put16(attributesAt, 5),
	} {
		if err := damaged(b, change).Validate(); !errors.Is(err, kerr.InvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := Batch(bytes.Clone(b))
	bad.SetBaseOffset(-1)
	if err := bad.Validate(); !errors.Is(err, kerr.InvalidRecord) {
		t.Errorf("negative base offset: %v", err)
	}
	if err := b[:40].Validate(); !errors.Is(err, kerr.CorruptMessage) {
		t.Errorf("40 bytes: %v", err)
	}
	if err := b[:len(b)-1].Validate(); !errors.Is(err, kerr.CorruptMessage) {
		t.Errorf("a byte short: %v", err)
	}
}

func TestValidateRecordsRefusesBrokenStructure(t *testing.T) {
	b := sample(t, Compression{}, 3)
	size := (len(b) - HeaderSize) / 3
	record := func(at int, v byte) func(Batch) { return func(b Batch) { b[HeaderSize+at] = v } }
	for name, bad := range map[string]Batch{
		"count too small":             damaged(b, put32(recordCountAt, 2)),
		"offset delta beyond last":    damaged(b, put32(lastOffsetDeltaAt, 1)),
		"offset delta repeated":       damaged(b, record(size+4, 0)),
		"key longer than the record":  damaged(b, record(5, 0xfe)),
		"negative header count":       damaged(b, record(size-5, 1)),
		"too many headers":            damaged(b, record(size-5, 4)),
		"null header key":             damaged(b, record(size-4, 1)),
		"record longer than the rest": damaged(b, record(2*size, 0x7e)),
		"endless varint":              damaged(b, func(b Batch) { copy(b[HeaderSize:], bytes.Repeat([]byte{0xff}, 20)) }),
	} {
		_, err := bad.ValidateRecords(testLimit)
		if !errors.Is(err, kerr.InvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
		if name != "offset delta beyond last" && name != "offset delta repeated" { // which only the validator looks at
			var err error
			for _, err = range bad.Records(testLimit) {
			}
			if !errors.Is(err, kerr.InvalidRecord) {
				t.Errorf("%s: Records says %v", name, err)
			}
		}
	}
}

func TestSummary(t *testing.T) {
	for _, codec := range codecs {
		s, err := sample(t, Compression{Codec: codec}, 10).ValidateRecords(testLimit)
		if err != nil {
			t.Fatal(err)
		}
		want := Summary{Count: 10, MinTimestamp: 1000, MaxTimestamp: 1006, OffsetOfMaxTimestamp: 106, DecompressedSize: s.DecompressedSize, SequentialOffsets: true}
		if s != want {
			t.Errorf("%v: %+v, want %+v", codec, s, want)
		}
	}
	var b Builder
	b.Reset(5, Compression{})
	b.SetLogAppendTime(77)
	b.Append(1, nil, nil)
	b.AppendAt(9, 2, nil, nil)
	gap, err := b.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := gap.ValidateRecords(testLimit)
	if want := (Summary{Count: 2, MinTimestamp: 77, MaxTimestamp: 77, OffsetOfMaxTimestamp: 9, NullKeys: 2, DecompressedSize: s.DecompressedSize}); err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestValidateAllocatesNothing(t *testing.T) {
	b := sample(t, Compression{}, 100)
	if n := testing.AllocsPerRun(100, func() {
		if err := b.Validate(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.ValidateRecords(testLimit); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations to validate a batch", n)
	}
}

func TestSetTimestampTypeKeepsTheBatchValid(t *testing.T) {
	b := sample(t, Compression{Codec: LZ4}, 3)
	b.SetTimestampType(LogAppendTime, 5555)
	b.SetBaseOffset(1 << 40)
	b.SetPartitionLeaderEpoch(9)
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, r := range collect(t, b) {
		if r.Timestamp != 5555 || r.Offset != 1<<40+int64(r.OffsetDelta) {
			t.Errorf("record %+v", r)
		}
	}
}

func TestNextSplitsAndFindsTornTails(t *testing.T) {
	one, two := sample(t, Compression{}, 1), sample(t, Compression{Codec: Gzip}, 2)
	all := append(bytes.Clone(one), two...)
	b, rest, err := Next(all)
	if err != nil || !bytes.Equal(b, one) || !bytes.Equal(rest, two) {
		t.Fatalf("%v, %d, %v", b, len(rest), err)
	}
	if cap(b) != len(b) {
		t.Error("appending to a batch would overwrite the next")
	}
	for n := range two {
		if _, _, err := Next(two[:n]); !errors.Is(err, ErrTruncated) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	for _, length := range []int32{-1, 0, HeaderSize - LogOverhead - 1, -1 << 31} {
		bad := bytes.Clone(two)
		binary.BigEndian.PutUint32(bad[lengthAt:], uint32(length))
		if _, _, err := Next(bad); !errors.Is(err, kerr.CorruptMessage) {
			t.Errorf("length %d: %v", length, err)
		}
	}
	bad := bytes.Clone(two)
	bad[magicAt] = 3
	if _, _, err := Next(bad); !errors.Is(err, kerr.CorruptMessage) {
		t.Errorf("magic 3: %v", err)
	}
	if _, _, err := Next(fixture(t, "v1-none.bin")); !errors.Is(err, ErrLegacy) {
		t.Errorf("magic 1: %v", err)
	}
}

// The validator and the iterator, which share only the record parser, agree on every input.
func FuzzBatch(f *testing.F) {
	for _, name := range []string{"v2-none.bin", "v2-gzip-logappendtime.bin", "v2-transactional.bin", "v2-empty.bin", "v2-endtxn-abort.bin", "v1-none.bin", "v2-zstd.bin"} {
		data := fixture(f, name)
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 20
		b, rest, err := Next(data)
		if err != nil {
			return
		}
		if len(b)+len(rest) != len(data) {
			t.Fatalf("%d bytes split into %d and %d", len(data), len(b), len(rest))
		}
		b.updateCRC() // a fuzzer finds no CRCs
		if b.Validate() != nil {
			return
		}
		s, verr := b.ValidateRecords(limit)
		count := 0
		var rerr error
		var out Builder
		out.ResetLike(b, Compression{})
		for r, err := range b.Records(limit) {
			if rerr = err; err == nil {
				count++
				out.AppendAt(r.Offset, r.Timestamp, r.Key, r.Value, r.Headers...)
			}
		}
		if verr != nil {
			return // the validator looks at offsets, too
		}
		if rerr != nil || s.Count != count {
			t.Fatalf("the validator found %d records, the iterator %d and %v", s.Count, count, rerr)
		}
		again, err := out.Finish(nil)
		if err != nil {
			t.Fatal(err)
		}
		s2, err := again.ValidateRecords(limit)
		if s.DecompressedSize, s2.DecompressedSize = 0, 0; err != nil || (s != s2 && s.Count > 0 && s.MinTimestamp >= 0) {
			t.Fatalf("rebuilt: %+v became %+v, %v", s, s2, err)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	for name, batch := range map[string]Batch{"one": sample(b, Compression{}, 1), "160": sample(b, Compression{}, 160), "160-lz4": sample(b, Compression{Codec: LZ4}, 160)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(batch)))
			for b.Loop() {
				_ = batch.Validate()
				_, _ = batch.ValidateRecords(testLimit)
			}
		})
	}
}
