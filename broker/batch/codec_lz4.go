package batch

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// Kafka compresses with lz4 frames of independent blocks, which this file reads and writes itself: it must bound memory, and
// write and read the wrong header checksum that message format v0 is stuck with (KAFKA-3160).
//
//	magic 04 22 4D 18
//	FLG: version 01, block independence, block checksum, content size, content checksum, 0, dictionary
//	BD:  0, largest block (4: 64 KiB, 5: 256 KiB, 6: 1 MiB, 7: 4 MiB), 0000
//	[content size int64]  header checksum
//	for each block: size int32, the top bit set for a block stored as it is; the block; [block checksum int32]
//	end mark int32 0; [content checksum int32]
const (
	lz4Magic           = 0x184D2204
	lz4FlagVersion     = 0x40
	lz4FlagMask        = 0xC0
	lz4FlagIndependent = 0x20
	lz4FlagBlockSum    = 0x10
	lz4FlagSize        = 0x08
	lz4FlagContentSum  = 0x04
	lz4FlagReserved    = 0x03
	lz4Stored          = 1 << 31
	lz4Block           = 64 << 10
	lz4BlockCode       = 4 << 4
	lz4Ratio           = 255 // the most that a block can unfold one byte to
	lz4DefaultLevel    = 9   // Kafka's default, which stands for the fast compressor
	lz4MaxLevel        = 17
)

var errLZ4Frame = errors.New("not an lz4 frame of independent blocks")

var (
	lz4Fast = sync.Pool{New: func() any { return new(lz4.Compressor) }}
	lz4High = sync.Pool{New: func() any { return new(lz4.CompressorHC) }}
)

// lz4SearchDepth turns Kafka's levels (those of the C library) into the search depth that the Go library counts in.
func lz4SearchDepth(level int) lz4.CompressionLevel {
	return lz4.CompressionLevel(1) << (8 + min(max(level, 1), 9))
}

func compressLZ4(dst, src []byte, level int, brokenChecksum bool) ([]byte, error) {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, lz4Magic)
	dst = append(dst, lz4FlagVersion|lz4FlagIndependent, lz4BlockCode)
	summed := dst[at+4:]
	if brokenChecksum {
		summed = dst[at:]
	}
	dst = append(dst, byte(xxh32(summed)>>8))
	var compress func(src, dst []byte) (int, error)
	if level == 0 || level == lz4DefaultLevel {
		c := lz4Fast.Get().(*lz4.Compressor)
		defer lz4Fast.Put(c)
		compress = c.CompressBlock
	} else {
		c := lz4High.Get().(*lz4.CompressorHC)
		defer lz4High.Put(c)
		c.Level = lz4SearchDepth(level)
		compress = c.CompressBlock
	}
	for len(src) > 0 {
		n := min(len(src), lz4Block)
		head := len(dst)
		dst = slices.Grow(dst, 4+lz4.CompressBlockBound(n))[:head+4]
		size, err := compress(src[:n], dst[head+4:head+4+lz4.CompressBlockBound(n)])
		if err != nil {
			return dst[:at], err
		}
		if size == 0 || size >= n {
			binary.LittleEndian.PutUint32(dst[head:], uint32(n)|lz4Stored)
			dst = append(dst, src[:n]...)
		} else {
			binary.LittleEndian.PutUint32(dst[head:], uint32(size))
			dst = dst[:head+4+size]
		}
		src = src[n:]
	}
	return binary.LittleEndian.AppendUint32(dst, 0), nil
}

// decompressLZ4 reads one frame and ignores what follows it, as Kafka does.
func decompressLZ4(dst, src []byte, limit int, ignoreHeaderChecksum bool) ([]byte, error) {
	flags, largest, src, err := parseLZ4Header(src, ignoreHeaderChecksum)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	for {
		if len(src) < 4 {
			return dst[:start], errBadFrame
		}
		word := binary.LittleEndian.Uint32(src)
		size := int(word &^ lz4Stored)
		if src = src[4:]; size == 0 {
			break
		}
		if size > largest || size > len(src) {
			return dst[:start], errBadFrame
		}
		block := src[:size]
		if src = src[size:]; flags&lz4FlagBlockSum != 0 {
			if len(src) < 4 || xxh32(block) != binary.LittleEndian.Uint32(src) {
				return dst[:start], errBadFrame
			}
			src = src[4:]
		}
		if word&lz4Stored != 0 {
			dst = append(dst, block...)
		} else {
			room := min(largest, size*lz4Ratio+16)
			dst = slices.Grow(dst, room)
			n, err := lz4.UncompressBlock(block, dst[len(dst):len(dst)+room])
			if err != nil {
				return dst[:start], err
			}
			dst = dst[:len(dst)+n]
		}
		if len(dst)-start > limit {
			return dst[:start], ErrTooLarge
		}
	}
	if flags&lz4FlagContentSum != 0 && (len(src) < 4 || xxh32(dst[start:]) != binary.LittleEndian.Uint32(src)) {
		return dst[:start], errBadFrame
	}
	return dst, nil
}

func parseLZ4Header(src []byte, ignoreChecksum bool) (flags byte, largest int, rest []byte, err error) {
	if len(src) < 7 || binary.LittleEndian.Uint32(src) != lz4Magic {
		return 0, 0, nil, errLZ4Frame
	}
	flags = src[4]
	if flags&lz4FlagMask != lz4FlagVersion || flags&lz4FlagIndependent == 0 || flags&lz4FlagReserved != 0 {
		return 0, 0, nil, errLZ4Frame
	}
	code := src[5] >> 4
	if code < 4 || code > 7 || src[5]&0x0f != 0 {
		return 0, 0, nil, errLZ4Frame
	}
	end := 6
	if flags&lz4FlagSize != 0 {
		end += 8
	}
	if len(src) <= end {
		return 0, 0, nil, errBadFrame
	}
	if !ignoreChecksum && src[end] != byte(xxh32(src[4:end])>>8) {
		return 0, 0, nil, errBadFrame
	}
	return flags, 1 << (8 + 2*code), src[end+1:], nil
}

// xxh32 is the checksum of lz4 frames, with seed 0.
func xxh32(b []byte) uint32 {
	const (
		p1 uint32 = 2654435761
		p2 uint32 = 2246822519
		p3 uint32 = 3266489917
		p4 uint32 = 668265263
		p5 uint32 = 374761393
	)
	h := p5 + uint32(len(b))
	if len(b) >= 16 {
		total := uint32(len(b))
		var zero uint32
		v1, v2, v3, v4 := p1+zero, p2+zero, zero, zero-p1
		v1 += p2
		for len(b) >= 16 {
			v1 = bits.RotateLeft32(v1+binary.LittleEndian.Uint32(b)*p2, 13) * p1
			v2 = bits.RotateLeft32(v2+binary.LittleEndian.Uint32(b[4:])*p2, 13) * p1
			v3 = bits.RotateLeft32(v3+binary.LittleEndian.Uint32(b[8:])*p2, 13) * p1
			v4 = bits.RotateLeft32(v4+binary.LittleEndian.Uint32(b[12:])*p2, 13) * p1
			b = b[16:]
		}
		h = bits.RotateLeft32(v1, 1) + bits.RotateLeft32(v2, 7) + bits.RotateLeft32(v3, 12) + bits.RotateLeft32(v4, 18) + total
	}
	for len(b) >= 4 {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*p3, 17) * p4
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*p5, 11) * p1
	}
	h ^= h >> 15
	h *= p2
	h ^= h >> 13
	h *= p3
	return h ^ h>>16
}
