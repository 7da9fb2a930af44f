package batch

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/snappy"
)

// Java's clients frame snappy in their library's own way ("xerial"), librdkafka sends one bare block; Kafka reads both.
//
//	magic 82 'SNAPPY' 00, version int32 1, oldest compatible version int32 1
//	then for each block: int32 size, and a snappy block of at most 32 KiB of content
const (
	xerialBlock = 32 << 10
	xerialSize  = 16
	// snappyRatio is a little more than a snappy block can unfold one byte to (64 bytes by a copy of 3).
	snappyRatio = 22
)

var xerialHeader = []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")

func compressSnappy(dst, src []byte) []byte {
	dst = append(dst, xerialHeader...)
	for len(src) > 0 {
		n := min(len(src), xerialBlock)
		at := len(dst)
		dst = slices.Grow(dst, 4+snappy.MaxEncodedLen(n))
		block := snappy.Encode(dst[at+4:cap(dst)], src[:n])
		dst = dst[:at+4+len(block)]
		binary.BigEndian.PutUint32(dst[at:], uint32(len(block)))
		src = src[n:]
	}
	return dst
}

func decompressSnappy(dst, src []byte, limit int) ([]byte, error) {
	start := len(dst)
	if !bytes.HasPrefix(src, xerialHeader[:8]) {
		return decodeSnappyBlock(dst, src, limit)
	}
	if len(src) < xerialSize {
		return dst, errBadFrame
	}
	src = src[xerialSize:]
	for len(src) > 0 {
		if bytes.HasPrefix(src, xerialHeader[:8]) && len(src) >= xerialSize { // one stream after the other
			src = src[xerialSize:]
			continue
		}
		if len(src) < 4 {
			return dst[:start], errBadFrame
		}
		size := int32(binary.BigEndian.Uint32(src))
		if src = src[4:]; size < 0 || int(size) > len(src) {
			return dst[:start], errBadFrame
		}
		var err error
		if dst, err = decodeSnappyBlock(dst, src[:size], limit-(len(dst)-start)); err != nil {
			return dst[:start], err
		}
		src = src[size:]
	}
	return dst, nil
}

func decodeSnappyBlock(dst, block []byte, limit int) ([]byte, error) {
	size, err := snappy.DecodedLen(block)
	switch {
	case err != nil:
		return dst, err
	case size > len(block)*snappyRatio:
		return dst, errBadFrame
	case size > limit:
		return dst, ErrTooLarge
	}
	dst = slices.Grow(dst, size)
	out, err := snappy.Decode(dst[len(dst):cap(dst)], block)
	if err != nil {
		return dst, err
	}
	return dst[:len(dst)+len(out)], nil
}
