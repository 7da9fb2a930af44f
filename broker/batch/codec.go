package batch

import (
	"errors"
	"fmt"
)

var errIncomplete = errors.New("not in this build yet")

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
func (c Compression) Compress(dst, src []byte) ([]byte, error) { return dst, errIncomplete }

// Decompress appends to dst what src unfolds to. More than limit bytes are ErrTooLarge, and no more than about that is ever allocated.
func (c Codec) Decompress(dst, src []byte, limit int) ([]byte, error) { return dst, errIncomplete }
