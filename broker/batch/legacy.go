package batch

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"iter"
)

// ErrLegacy is Next's answer to an entry of message format v0 or v1: read it with NextLegacy, or convert it with ConvertToV2.
var ErrLegacy = errors.New("entry of message format v0 or v1")

// LegacyEntry is one entry of a message set of format v0 or v1: a message, or a compressed wrapper around several.
//
//	offset size
//	     0    8  offset        of the message; of the last one inside, for a wrapper
//	     8    4  messageSize   bytes that follow
//	    12    4  crc           CRC-32 (IEEE) of everything that follows
//	    16    1  magic         0 or 1
//	    17    1  attributes    0-2 codec, 3 timestamp type (v1)
//	   [18    8  timestamp     v1 only]
//	     …    4  key length    -1: null, then the key
//	     …    4  value length  -1: null, then the value; in a wrapper, the compressed inner message set
//
// The messages inside a wrapper carry absolute offsets in v0, and in v1 offsets that count from the first to the last, whose
// own is the wrapper's.
type LegacyEntry []byte

const (
	legacyCRCAt        = 12
	legacyAttributesAt = 17
	legacyTimestampAt  = 18
)

// NextLegacy splits the first entry off buf; the errors are Next's, and a *CorruptError for a batch of format v2.
func NextLegacy(buf []byte) (e LegacyEntry, rest []byte, err error) {
	size, magic, err := Peek(buf)
	if err != nil {
		return nil, buf, err
	}
	if magic == MagicV2 {
		return nil, buf, corrupt(Batch(buf).BaseOffset(), "its magic is 2 in a message set of an older format")
	}
	if size > len(buf) {
		return nil, buf, ErrTruncated
	}
	if magic == MagicV1 && size < minLegacySize+8 {
		return nil, buf, corrupt(Batch(buf).BaseOffset(), "its length field is %d, less than its header needs", size-LogOverhead)
	}
	return LegacyEntry(buf[:size:size]), buf[size:], nil
}

// Offset is the message's offset, or that of the last message inside a wrapper.
func (e LegacyEntry) Offset() int64 { return int64(binary.BigEndian.Uint64(e)) }

// Magic is the message format, 0 or 1.
func (e LegacyEntry) Magic() int8 { return int8(e[magicAt]) }

// CRC is the checksum that the entry carries, ComputeCRC that of its bytes.
func (e LegacyEntry) CRC() uint32        { return binary.BigEndian.Uint32(e[legacyCRCAt:]) }
func (e LegacyEntry) ComputeCRC() uint32 { return crc32.ChecksumIEEE(e[magicAt:]) }

// Codec is the compression; None for a single message.
func (e LegacyEntry) Codec() Codec { return Codec(e[legacyAttributesAt] & codecMask) }

// TimestampType says whose clock the timestamp comes from; NoTimestampType in format v0.
func (e LegacyEntry) TimestampType() TimestampType {
	switch {
	case e.Magic() == MagicV0:
		return NoTimestampType
	case e[legacyAttributesAt]&timestampTypeBit != 0:
		return LogAppendTime
	default:
		return CreateTime
	}
}

// Timestamp is the message's timestamp, or the largest inside a wrapper; NoTimestamp in format v0.
func (e LegacyEntry) Timestamp() int64 {
	if e.Magic() == MagicV0 {
		return NoTimestamp
	}
	return int64(binary.BigEndian.Uint64(e[legacyTimestampAt:]))
}

// Validate checks lengths and the CRC.
func (e LegacyEntry) Validate() error {
	if crc := e.ComputeCRC(); crc != e.CRC() {
		return corrupt(e.Offset(), "its CRC-32 is %d, the stored one is %d", crc, e.CRC())
	}
	if c := e.Codec(); c > LZ4 { // zstd came with format v2
		return invalid(e.Offset(), "unknown compression codec %d in message format v%d", int8(c), e.Magic())
	}
	_, _, err := e.keyValue()
	return err
}

func (e LegacyEntry) keyValue() (key, value []byte, err error) {
	at := legacyTimestampAt
	if e.Magic() == MagicV1 {
		at += 8
	}
	rest := []byte(e[at:])
	if key, rest, err = e.field(rest); err != nil {
		return nil, nil, err
	}
	if value, rest, err = e.field(rest); err != nil {
		return nil, nil, err
	}
	if len(rest) > 0 {
		return nil, nil, invalid(e.Offset(), "bytes are left over after its value")
	}
	return key, value, nil
}

func (e LegacyEntry) field(buf []byte) (b, rest []byte, err error) {
	if len(buf) < 4 {
		return nil, nil, invalid(e.Offset(), "it ends before its key and value")
	}
	size := int32(binary.BigEndian.Uint32(buf))
	if buf = buf[4:]; size < 0 {
		return nil, buf, nil
	}
	if int(size) > len(buf) {
		return nil, nil, invalid(e.Offset(), "its key or value exceeds it")
	}
	return buf[:size:size], buf[size:], nil
}

// Records yields the messages of the entry, those inside a wrapper with the offsets and timestamps that they have in the log. It
// checks the CRC of the inner ones, too. An error is the last element.
func (e LegacyEntry) Records(limit int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if e.Codec() == None {
			r, err := e.record()
			yield(r, err)
			return
		}
		inner, err := e.inner(limit)
		if err != nil {
			yield(Record{}, err)
			return
		}
		shift, err := e.innerShift(inner)
		if err != nil {
			yield(Record{}, err)
			return
		}
		for len(inner) > 0 {
			var in LegacyEntry
			in, inner, _ = NextLegacy(inner) // innerShift has walked through them
			if err := in.Validate(); err != nil {
				yield(Record{}, invalid(e.Offset(), "inside its wrapper: %v", err))
				return
			}
			r, err := in.record()
			r.Offset += shift
			if e.TimestampType() == LogAppendTime {
				r.Timestamp = e.Timestamp()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (e LegacyEntry) record() (r Record, err error) {
	r.Offset, r.Timestamp, r.legacy = e.Offset(), e.Timestamp(), e
	r.Key, r.Value, err = e.keyValue()
	return r, err
}

// inner decompresses a wrapper's message set.
func (e LegacyEntry) inner(limit int) ([]byte, error) {
	_, value, err := e.keyValue()
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, invalid(e.Offset(), "it is a compressed wrapper without a value")
	}
	var inner []byte
	switch codec := e.Codec(); {
	case codec > LZ4:
		return nil, invalid(e.Offset(), "unknown compression codec %d in message format v%d", int8(codec), e.Magic())
	case codec == LZ4:
		inner, err = decompressLZ4(nil, value, limit, e.Magic() == MagicV0)
	default:
		inner, err = codec.Decompress(nil, value, limit)
	}
	if err != nil {
		return nil, decompressError(e.Offset(), e.Codec(), err)
	}
	return inner, nil
}

// innerShift checks a wrapper's message set and says what to add to its offsets.
func (e LegacyEntry) innerShift(inner []byte) (int64, error) {
	last := NoOffset
	for len(inner) > 0 {
		in, rest, err := NextLegacy(inner)
		switch {
		case err != nil:
			return 0, invalid(e.Offset(), "inside its wrapper: %v", err)
		case in.Magic() != e.Magic():
			return 0, invalid(e.Offset(), "it is a wrapper of format v%d around a message of v%d", e.Magic(), in.Magic())
		case in.Codec() != None:
			return 0, invalid(e.Offset(), "it is a wrapper around a compressed message")
		}
		last, inner = in.Offset(), rest
	}
	if last == NoOffset {
		return 0, invalid(e.Offset(), "it is a wrapper around no message")
	}
	if e.Magic() == MagicV0 {
		return 0, nil
	}
	return e.Offset() - last, nil
}
