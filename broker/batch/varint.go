package batch

import "math/bits"

// Varints of format v2 are zigzag-coded, least significant group first: at most 5 bytes for an int32, 10 for an int64.

// readVarint reads an int32 from the front of buf. n is the bytes it took; 0 if buf ends too early or the number is too long.
func readVarint(buf []byte) (v int32, n int) {
	if len(buf) > 0 && buf[0] < 0x80 {
		u := uint32(buf[0])
		return int32(u>>1) ^ -int32(u&1), 1
	}
	var u uint32
	for i := 0; i < len(buf) && i < 5; i++ {
		u |= uint32(buf[i]&0x7f) << (7 * i)
		if buf[i] < 0x80 {
			return int32(u>>1) ^ -int32(u&1), i + 1
		}
	}
	return 0, 0
}

// readVarlong is readVarint for an int64.
func readVarlong(buf []byte) (v int64, n int) {
	var u uint64
	for i := 0; i < len(buf) && i < 10; i++ {
		u |= uint64(buf[i]&0x7f) << (7 * i)
		if buf[i] < 0x80 {
			return int64(u>>1) ^ -int64(u&1), i + 1
		}
	}
	return 0, 0
}

func appendVarint(dst []byte, v int32) []byte { return appendVarlong(dst, int64(v)) }

func appendVarlong(dst []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63)
	for u >= 0x80 {
		dst = append(dst, byte(u)|0x80)
		u >>= 7
	}
	return append(dst, byte(u))
}

func sizeOfVarint(v int32) int { return sizeOfVarlong(int64(v)) }

func sizeOfVarlong(v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	return (bits.Len64(u|1) + 6) / 7
}
