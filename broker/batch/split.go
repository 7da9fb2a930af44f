package batch

import (
	"encoding/binary"
)

// minLegacySize is the smallest legacy entry: offset, size, crc, magic, attributes, and two null byte strings.
const minLegacySize = LogOverhead + 4 + 1 + 1 + 4 + 4

// Peek reads the fields that stand at the same place in every format: the size of the whole entry, which may exceed what buf
// holds, and its magic. It returns ErrTruncated if buf holds less than them, and a *CorruptError if the size or magic can't be.
func Peek(buf []byte) (size int, magic int8, err error) {
	if len(buf) <= magicAt {
		return 0, 0, ErrTruncated
	}
	length := int32(binary.BigEndian.Uint32(buf[lengthAt:]))
	magic = int8(buf[magicAt])
	least := HeaderSize
	switch {
	case magic < MagicV0 || magic > MagicV2:
		return 0, magic, corrupt(Batch(buf).BaseOffset(), "unknown magic %d", magic)
	case magic < MagicV2:
		least = minLegacySize
	}
	if int64(length)+LogOverhead < int64(least) {
		return 0, magic, corrupt(Batch(buf).BaseOffset(), "its length field is %d, less than its header needs (%d)", length, least-LogOverhead)
	}
	return LogOverhead + int(length), magic, nil
}

// Next splits the first batch off buf, whose rest may be nil. It checks bounds and format only; see Validate.
// It returns ErrTruncated if buf ends within the batch, a *CorruptError for a length that can't be, and ErrLegacy for an entry
// of format v0 or v1.
func Next(buf []byte) (b Batch, rest []byte, err error) {
	size, magic, err := Peek(buf)
	if err != nil {
		return nil, buf, err
	}
	if magic != MagicV2 {
		return nil, buf, ErrLegacy
	}
	if size > len(buf) {
		return nil, buf, ErrTruncated
	}
	return Batch(buf[:size:size]), buf[size:], nil
}

// Validate checks the header's fields against each other and the bytes against the CRC, in one pass and without looking into the records.
// It returns a *CorruptError, or an *InvalidError for a batch that is whole but breaks a rule.
func (b Batch) Validate() error {
	if len(b) < HeaderSize {
		return corrupt(NoOffset, "it has %d bytes, fewer than a header (%d)", len(b), HeaderSize)
	}
	if b.Length() != len(b) {
		return corrupt(b.BaseOffset(), "its length field says %d bytes, it has %d", b.Length(), len(b))
	}
	if b.Magic() != MagicV2 {
		return corrupt(b.BaseOffset(), "its magic is %d, not 2", b.Magic())
	}
	if crc := b.ComputeCRC(); crc != b.CRC() {
		return corrupt(b.BaseOffset(), "its CRC-32C is %d, the stored one is %d", crc, b.CRC())
	}
	return b.validateHeader()
}

// NoOffset stands where an offset isn't known.
const NoOffset int64 = -1

func (b Batch) validateHeader() error {
	count, delta := b.RecordCount(), b.LastOffsetDelta()
	switch {
	case !b.Codec().known():
		return invalid(b.BaseOffset(), "unknown compression codec %d", int8(b.Codec()))
	case count < 0:
		return invalid(b.BaseOffset(), "its record count is negative: %d", count)
	case delta < 0:
		return invalid(b.BaseOffset(), "its last offset delta is negative: %d", delta)
	case int64(count) > int64(delta)+1:
		return invalid(b.BaseOffset(), "it counts %d records in %d offsets", count, int64(delta)+1)
	case b.BaseOffset() < 0:
		return invalid(b.BaseOffset(), "its base offset is negative")
	case b.LastOffset() < 0:
		return invalid(b.BaseOffset(), "its last offset overflows")
	}
	return nil
}
