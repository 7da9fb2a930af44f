package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestConvertToV2KeepsRecords(t *testing.T) {
	for _, name := range []string{"v0-none.bin", "v0-gzip.bin", "v0-snappy.bin", "v0-lz4.bin", "v1-none.bin", "v1-gzip.bin", "v1-snappy.bin", "v1-lz4.bin"} {
		for _, codec := range codecs {
			src := fixture(t, name)
			got, err := ConvertToV2(nil, src, 42, Compression{Codec: codec}, testLimit)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := got.Validate(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if s, err := got.ValidateRecords(testLimit); err != nil || !s.SequentialOffsets {
				t.Errorf("%s: %+v, %v", name, s, err)
			}
			if a, b := recordLines(describe(src)), recordLines(describe(got)); a != b {
				t.Errorf("%s: records\n%sbecame\n%s", name, a, b)
			}
		}
	}
	if got, err := ConvertToV2(nil, nil, 0, Compression{}, testLimit); got != nil || err != nil {
		t.Errorf("nothing became %v, %v", got, err)
	}
}

func TestEntryToV2KeepsOffsets(t *testing.T) {
	for _, name := range []string{"v0-gzip.bin", "v1-lz4.bin", "v1-gzip-logappendtime.bin"} {
		e, _, err := NextLegacy(fixture(t, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.ToV2(nil, testLimit)
		if err != nil || got.Validate() != nil || got.LastOffset() != e.Offset() || got.Codec() != e.Codec() {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		if a, b := recordLines(describe(e)), recordLines(describe(got)); a != b {
			t.Errorf("%s: records\n%sbecame\n%s", name, a, b)
		}
	}
}

func recordLines(s string) string {
	var out strings.Builder
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "record") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestDownConvertWritesTheBytesKafkaWrites(t *testing.T) {
	for _, magic := range []int8{MagicV0, MagicV1} {
		name := "v" + string('0'+rune(magic))
		got, err := DownConvert([]byte("before"), fixture(t, "v2-none.bin"), magic, 0, testLimit)
		if err != nil || !bytes.Equal(got[6:], fixture(t, name+"-none.bin")) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
		for _, codec := range []string{"gzip", "snappy", "lz4"} {
			set, err := DownConvert(nil, fixture(t, "v2-"+codec+".bin"), magic, 0, testLimit)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := describe(set), describe(fixture(t, name+"-"+codec+".bin")); got != want {
				t.Errorf("%s %s: converted\n%sApache Kafka's\n%s", name, codec, got, want)
			}
		}
	}
	got, err := DownConvert(nil, fixture(t, "v2-gzip-logappendtime.bin"), MagicV1, 0, testLimit)
	if want := describe(fixture(t, "v1-gzip-logappendtime.bin")); err != nil || describe(got) != want {
		t.Errorf("log append time: %s, %v; want %s", describe(got), err, want)
	}
}

func TestDownConvertLeavesOut(t *testing.T) {
	for _, codec := range []string{"none", "gzip"} {
		set, err := DownConvert(nil, fixture(t, "v2-"+codec+".bin"), MagicV1, 44, testLimit)
		if err != nil {
			t.Fatal(err)
		}
		if lines := recordLines(describe(set)); !strings.HasPrefix(lines, "record 44 ") {
			t.Errorf("%s from offset 44: %s", codec, lines)
		}
		if set, err := DownConvert(nil, fixture(t, "v2-"+codec+".bin"), MagicV1, 99, testLimit); len(set) > 0 || err != nil {
			t.Errorf("%s from offset 99: %d bytes, %v", codec, len(set), err)
		}
	}
	if set, err := DownConvert(nil, fixture(t, "v2-endtxn-commit.bin"), MagicV1, 0, testLimit); len(set) > 0 || err != nil {
		t.Errorf("control batch: %d bytes, %v", len(set), err)
	}
	if _, err := DownConvert(nil, fixture(t, "v2-zstd.bin"), MagicV1, 0, testLimit); !errors.Is(err, kerr.UnsupportedCompressionType) {
		t.Errorf("zstd: %v", err)
	}
}

// wrap puts messages into a compressed wrapper with a valid CRC, whatever they are.
func wrap(t testing.TB, magic int8, offset int64, inner []byte) []byte {
	t.Helper()
	value, err := compressGzip(nil, inner, 0)
	if err != nil {
		t.Fatal(err)
	}
	return appendLegacy(nil, magic, byte(Gzip), offset, 5, nil, value)
}

func TestLegacyRefusesWhatKafkaRefuses(t *testing.T) {
	plain := fixture(t, "v1-none.bin")
	flipped := bytes.Clone(plain)
	flipped[20] ^= 1
	long := bytes.Clone(plain)
	binary.BigEndian.PutUint32(long[26:], 1<<30)
	for name, src := range map[string][]byte{
		"wrong CRC":             flipped,
		"key beyond the entry":  long,
		"wrapper of another":    wrap(t, MagicV1, 9, fixture(t, "v0-none.bin")),
		"wrapper in a wrapper":  wrap(t, MagicV1, 9, wrap(t, MagicV1, 1, plain)),
		"wrapper around damage": wrap(t, MagicV1, 9, flipped),
		"empty wrapper":         wrap(t, MagicV1, 9, nil),
		"torn inside":           wrap(t, MagicV1, 9, plain[:len(plain)-1]),
		"null wrapper":          appendLegacy(nil, MagicV1, byte(Gzip), 0, 0, nil, nil),
		"zstd":                  appendLegacy(nil, MagicV1, byte(Zstd), 0, 0, nil, []byte("x")),
		"v2":                    fixture(t, "v2-none.bin"),
		"v1 shorter than v1":    func() []byte { e := appendLegacy(nil, MagicV0, 0, 0, 0, nil, nil); e[magicAt] = 1; return e }(),
	} {
		if _, err := ConvertToV2(nil, src, 0, Compression{}, testLimit); !errors.Is(err, kerr.CorruptMessage) && !errors.Is(err, kerr.InvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ConvertToV2(nil, wrap(t, MagicV1, 9, appendLegacy(nil, MagicV1, 0, 0, 0, nil, make([]byte, 1<<20))), 0, Compression{}, 1<<16); !errors.Is(err, ErrTooLarge) {
		t.Errorf("bomb: %v", err)
	}
}

func FuzzLegacy(f *testing.F) {
	for _, name := range []string{"v0-none.bin", "v0-lz4.bin", "v1-none.bin", "v1-gzip.bin", "v1-gzip-logappendtime.bin", "v1-snappy.bin"} {
		data := fixture(f, name)
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 20
		fixed := bytes.Clone(data)
		for rest := fixed; len(rest) > 0; { // a fuzzer finds no CRCs
			e, next, err := NextLegacy(rest)
			if err != nil {
				break
			}
			binary.BigEndian.PutUint32(e[legacyCRCAt:], e.ComputeCRC())
			rest = next
		}
		for _, src := range [][]byte{data, fixed} {
			got, err := ConvertToV2(nil, src, 7, Compression{}, limit)
			if err != nil || got == nil {
				continue
			}
			if err := got.Validate(); err != nil {
				t.Fatal(err)
			}
			if _, err := got.ValidateRecords(testLimit); err != nil {
				t.Fatal(err)
			}
			set, err := DownConvert(nil, got, MagicV1, 0, testLimit)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ConvertToV2(nil, set, 7, Compression{}, testLimit)
			if err != nil || !bytes.Equal(got.RecordBytes(), again.RecordBytes()) {
				t.Fatalf("down and up again: %v", err)
			}
		}
	})
}
