package commands

import "encoding/binary"

// batchMark is what a record batch's header says of it.
type batchMark struct {
	last     int64 // offset of the last record
	checksum uint32
}

// Where the header's fields are (docs/format/log.md).
const (
	batchLengthAt    = 8
	batchMagicAt     = 16
	batchChecksumAt  = 17
	batchLastDeltaAt = 23
	batchHeaderBytes = 61
	batchLengthFrom  = 12 // the length counts from here
)

// nextBatch reads the header of the first batch in raw; ok is false where there is none, or not the whole of it, or it is of a format before version 2.
func nextBatch(raw []byte) (b batchMark, rest []byte, ok bool) {
	if len(raw) < batchHeaderBytes || raw[batchMagicAt] != 2 {
		return b, nil, false
	}
	size := int64(int32(binary.BigEndian.Uint32(raw[batchLengthAt:]))) + batchLengthFrom
	if size < batchHeaderBytes || size > int64(len(raw)) {
		return b, nil, false
	}
	b.last = int64(binary.BigEndian.Uint64(raw)) + int64(int32(binary.BigEndian.Uint32(raw[batchLastDeltaAt:])))
	b.checksum = binary.BigEndian.Uint32(raw[batchChecksumAt:])
	return b, raw[size:], true
}
