package batch

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/pierrec/lz4/v4"
)

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

// samples are contents of the kinds that compress well, badly and not at all, around the codecs' block sizes.
func samples() [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	all := [][]byte{{}, []byte("x"), bytes.Repeat([]byte("kafka "), 50_000)}
	for _, n := range []int{1, 100, 32 << 10, 32<<10 + 1, 64 << 10, 64<<10 + 1} {
		noise, digits := make([]byte, n), make([]byte, n)
		for i := range n {
			noise[i], digits[i] = byte(rng.Uint32()), byte('0'+rng.IntN(10))
		}
		all = append(all, noise, digits)
	}
	return all
}

func TestCompressThenDecompressIsIdentity(t *testing.T) {
	for _, codec := range codecs {
		for _, level := range []int{-5, 0, 1, 9, 17, 99} {
			for _, src := range samples() {
				prefix := []byte("prefix")
				packed, err := Compression{codec, level}.Compress(prefix, src)
				if err != nil || !bytes.HasPrefix(packed, prefix) {
					t.Fatalf("%v level %d, %d bytes: %v", codec, level, len(src), err)
				}
				got, err := codec.Decompress([]byte("before"), packed[len(prefix):], len(src))
				if err != nil || string(got[:6]) != "before" || !bytes.Equal(got[6:], src) {
					t.Fatalf("%v level %d, %d bytes: %d back, %v", codec, level, len(src), len(got), err)
				}
			}
		}
	}
}

func TestDecompressStopsAtTheLimit(t *testing.T) {
	bomb := make([]byte, 20<<20)
	for _, codec := range codecs[1:] {
		packed, err := Compression{Codec: codec}.Compress(nil, bomb)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{-1, 0, 1, 1000, 1 << 20, len(bomb) - 1} {
			got, err := codec.Decompress([]byte("before"), packed, limit)
			if !errors.Is(err, ErrTooLarge) || string(got) != "before" {
				t.Errorf("%v with limit %d: %d bytes, %v", codec, limit, len(got), err)
			}
		}
		if size := allocatedBytes(func() { _, _ = codec.Decompress(nil, packed, 1<<20) }); size > 16<<20 {
			t.Errorf("%v took %d bytes of memory to refuse a bomb at a limit of 1 MiB", codec, size)
		}
	}
}

// Whatever is cut off or flipped is an error or other content, never a panic, and never more than the limit.
func TestDecompressSurvivesDamage(t *testing.T) {
	src := samples()[2][:2000]
	rng := rand.New(rand.NewPCG(3, 4))
	for _, codec := range codecs[1:] {
		packed, err := Compression{Codec: codec}.Compress(nil, src)
		if err != nil {
			t.Fatal(err)
		}
		for n := range packed {
			if got, err := codec.Decompress(nil, packed[:n], 10_000); err == nil && bytes.Equal(got, src) && n < len(packed)-8 {
				t.Errorf("%v: %d of %d bytes were enough", codec, n, len(packed))
			}
		}
		for range 500 {
			bad := bytes.Clone(packed)
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
			if got, err := codec.Decompress(nil, bad, 10_000); err == nil && len(got) > 10_000 {
				t.Fatalf("%v put out %d bytes at a limit of 10,000", codec, len(got))
			}
		}
	}
}

func TestSnappyReadsTheBareForm(t *testing.T) {
	for _, src := range samples() {
		got, err := Snappy.Decompress(nil, snappy.Encode(nil, src), len(src))
		if err != nil || !bytes.Equal(got, src) {
			t.Errorf("%d bytes: %d back, %v", len(src), len(got), err)
		}
	}
}

func TestSnappyReadsOneStreamAfterTheOther(t *testing.T) {
	packed := compressSnappy(compressSnappy(nil, []byte("one ")), []byte("two"))
	got, err := Snappy.Decompress(nil, packed, 100)
	if err != nil || string(got) != "one two" {
		t.Errorf("%q, %v", got, err)
	}
}

// Other clients write frames by the reference library, with options that Kafka's own never sets.
func TestLZ4ReadsFramesOfTheReferenceLibrary(t *testing.T) {
	for _, src := range samples() {
		for _, size := range []lz4.BlockSize{lz4.Block64Kb, lz4.Block256Kb, lz4.Block1Mb, lz4.Block4Mb} {
			var out bytes.Buffer
			w := lz4.NewWriter(&out)
			if err := w.Apply(lz4.BlockSizeOption(size), lz4.BlockChecksumOption(true), lz4.ChecksumOption(true), lz4.SizeOption(uint64(len(src))), lz4.ConcurrencyOption(1)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(src); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := LZ4.Decompress(nil, out.Bytes(), len(src))
			if err != nil || !bytes.Equal(got, src) {
				t.Fatalf("%d bytes in blocks of %v: %d back, %v", len(src), size, len(got), err)
			}
			if len(src) > 0 {
				out.Bytes()[out.Len()-1] ^= 1
				if _, err := LZ4.Decompress(nil, out.Bytes(), len(src)); err == nil {
					t.Fatal("a wrong content checksum was accepted")
				}
			}
		}
	}
}

// KAFKA-3160: frames in messages of format v0 have a header checksum computed over too much, and Kafka must write and read them so.
func TestLZ4BrokenHeaderChecksum(t *testing.T) {
	broken, err := compressLZ4(nil, []byte("hello"), 0, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decompressLZ4(nil, broken, 100, false); err == nil {
		t.Error("the broken checksum was accepted where the right one is due")
	}
	for _, quirk := range []bool{true, false} {
		frame, err := compressLZ4(nil, []byte("hello"), 0, quirk)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decompressLZ4(nil, frame, 100, true); err != nil || string(got) != "hello" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestLZ4RefusesDependentBlocks(t *testing.T) {
	frame, err := compressLZ4(nil, []byte("hello"), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	frame[4] &^= lz4FlagIndependent
	if _, err := decompressLZ4(nil, frame, 100, true); !errors.Is(err, errLZ4Frame) {
		t.Error(err)
	}
}

func TestCodecNames(t *testing.T) {
	for _, c := range codecs {
		if got, err := ParseCodec(c.String()); got != c || err != nil {
			t.Errorf("%v parsed as %v, %v", c, got, err)
		}
	}
	if c, err := ParseCodec("uncompressed"); c != None || err != nil {
		t.Errorf("uncompressed parsed as %v, %v", c, err)
	}
	for _, name := range []string{"", "producer", "GZIP", "lzma"} {
		if _, err := ParseCodec(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	if got := Codec(7).String(); got != "unknown codec 7" {
		t.Error(got)
	}
}

func TestXXH32(t *testing.T) {
	if got := xxh32(nil); got != 0x02CC5D05 {
		t.Errorf("xxh32 of nothing is %#x", got)
	}
	if got := xxh32([]byte("Nobody inspects the spammish repetition")); got != 0xE2293B2F {
		t.Errorf("xxh32 is %#x", got)
	}
}

func FuzzDecompress(f *testing.F) {
	for _, codec := range codecs {
		packed, err := Compression{Codec: codec}.Compress(nil, []byte("some records, some records, some records"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(codec), packed)
	}
	for _, name := range []string{"v2-gzip.bin", "v2-snappy.bin", "v2-lz4.bin", "v2-zstd.bin"} {
		b := Batch(fixture(f, name))
		f.Add(byte(b.Codec()), b.RecordBytes())
	}
	f.Fuzz(func(t *testing.T, codec byte, src []byte) {
		const limit = 1 << 16
		got, err := Codec(codec%8).Decompress([]byte("before"), src, limit)
		if string(got[:6]) != "before" || len(got) > 6+limit || (err != nil && len(got) != 6) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}

func BenchmarkCodec(b *testing.B) {
	src := samples()[2][:16<<10]
	for i := range src {
		if i%7 == 0 {
			src[i] = byte(i * 31)
		}
	}
	for _, codec := range codecs[1:] {
		packed, _ := Compression{Codec: codec}.Compress(nil, src)
		b.Run(codec.String()+"/compress", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			var dst []byte
			for b.Loop() {
				dst, _ = Compression{Codec: codec}.Compress(dst[:0], src)
			}
		})
		b.Run(codec.String()+"/decompress", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			var dst []byte
			for b.Loop() {
				dst, _ = codec.Decompress(dst[:0], packed, 1<<20)
			}
		})
	}
}
