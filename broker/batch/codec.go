package batch

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// Codec is a compression of records, by the number it has in a batch's attributes.
type Codec int8

// The codecs of Kafka.
const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4
)

var codecNames = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

func (c Codec) known() bool { return c >= None && c <= Zstd }

// String is the codec's name in configurations and in Kafka's tools.
func (c Codec) String() string {
	if !c.known() {
		return fmt.Sprintf("unknown codec %d", int8(c))
	}
	return codecNames[c]
}

// ParseCodec reads a codec's name. "uncompressed", the broker's word in compression.type, is None; "producer" is no codec.
func ParseCodec(name string) (Codec, error) {
	if name == "uncompressed" {
		return None, nil
	}
	for c, n := range codecNames {
		if n == name {
			return Codec(c), nil
		}
	}
	return None, fmt.Errorf("unknown compression %q: one of none, gzip, snappy, lz4, zstd", name)
}

// Compression is a codec with its level. Level 0 is the codec's default; gzip knows 1 to 9, lz4 1 to 17, zstd -131072 to 22,
// and the levels of the others mean nothing.
type Compression struct {
	Codec Codec
	Level int
}

// Compress appends the compressed src to dst, in the framing that Java's clients write.
func (c Compression) Compress(dst, src []byte) ([]byte, error) {
	switch c.Codec {
	case None:
		return append(dst, src...), nil
	case Gzip:
		return compressGzip(dst, src, c.Level)
	case Snappy:
		return compressSnappy(dst, src), nil
	case LZ4:
		return compressLZ4(dst, src, c.Level, false)
	case Zstd:
		return compressZstd(dst, src, c.Level)
	default:
		return dst, fmt.Errorf("compress: %v", c.Codec)
	}
}

// errBadFrame is the cause where a codec's bytes are damaged and its library has no better word.
var errBadFrame = errors.New("damaged or incomplete compressed data")

// Decompress appends to dst what src unfolds to. More than limit bytes are ErrTooLarge, and no more than about that is ever allocated.
func (c Codec) Decompress(dst, src []byte, limit int) ([]byte, error) {
	limit = max(limit, 0)
	switch c {
	case None:
		if len(src) > limit {
			return dst, ErrTooLarge
		}
		return append(dst, src...), nil
	case Gzip:
		return decompressGzip(dst, src, limit)
	case Snappy:
		return decompressSnappy(dst, src, limit)
	case LZ4:
		return decompressLZ4(dst, src, limit, false)
	case Zstd:
		return decompressZstd(dst, src, limit)
	default:
		return dst, fmt.Errorf("decompress: %v", c)
	}
}

// readLimited appends all of r to dst, of which at most limit bytes, and sizes dst by the hint.
func readLimited(dst []byte, r io.Reader, hint, limit int) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, min(hint, limit)+1) // one more, to see the end without growing again
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, min(max(512, cap(dst)-start), limit+1))
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), start+limit+1)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst)-start > limit:
			return dst[:start], ErrTooLarge
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst[:start], err
		}
	}
}
