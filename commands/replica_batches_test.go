package commands

import (
	"encoding/binary"
	"testing"
)

func FuzzNextBatch(f *testing.F) {
	whole := make([]byte, 70)
	binary.BigEndian.PutUint64(whole, 7)
	binary.BigEndian.PutUint32(whole[batchLengthAt:], 70-batchLengthFrom)
	whole[batchMagicAt] = 2
	binary.BigEndian.PutUint32(whole[batchChecksumAt:], 99)
	binary.BigEndian.PutUint32(whole[batchLastDeltaAt:], 2)
	f.Add(whole)
	f.Add(whole[:69])
	f.Add([]byte{})
	if b, rest, ok := nextBatch(whole); !ok || b.last != 9 || b.checksum != 99 || len(rest) != 0 {
		f.Errorf("%+v, %d bytes left, %t", b, len(rest), ok)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for {
			_, rest, ok := nextBatch(raw)
			if !ok {
				return
			}
			if len(rest) >= len(raw) {
				t.Fatal("no progress")
			}
			raw = rest
		}
	})
}
