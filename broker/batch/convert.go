package batch

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ConvertToV2 appends to dst the message set src (format v0 or v1) as one batch of format v2, with offsets from baseOffset on, and
// returns the batch. Messages of v0, which has no timestamps, get NoTimestamp. It returns nil for an empty message set.
func ConvertToV2(dst, src []byte, baseOffset int64, compression Compression, limit int) (Batch, error) {
	var b Builder
	b.Reset(baseOffset, compression)
	size := 0
	for len(src) > 0 {
		e, rest, err := NextLegacy(src)
		if err != nil {
			return nil, err
		}
		if err := e.Validate(); err != nil {
			return nil, err
		}
		for r, err := range e.Records(limit - size) {
			if err != nil {
				return nil, err
			}
			b.Append(r.Timestamp, r.Key, r.Value)
		}
		size, src = b.Size(), rest
	}
	if b.Count() == 0 {
		return nil, nil
	}
	return b.Finish(dst)
}

// ToV2 appends to dst the entry as a batch of format v2 with the same offsets, compression and timestamps, and returns the batch.
func (e LegacyEntry) ToV2(dst []byte, limit int) (Batch, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	var b Builder
	for r, err := range e.Records(limit) {
		if err != nil {
			return nil, err
		}
		if b.Count() == 0 {
			b.Reset(r.Offset, Compression{Codec: e.Codec()})
			if e.TimestampType() == LogAppendTime {
				b.SetLogAppendTime(e.Timestamp())
			}
		}
		b.AppendAt(r.Offset, r.Timestamp, r.Key, r.Value)
	}
	return b.Finish(dst)
}

// DownConvert appends to dst the batch as a message set of format magic (v0 or v1) for a fetcher that knows no newer one.
// Headers are dropped, and so are control batches, which give no bytes at all. Records before fromOffset are left out. Zstd, which the old formats
// don't have, is refused with kerr.UnsupportedCompressionType.
func DownConvert(dst []byte, b Batch, magic int8, fromOffset int64, limit int) ([]byte, error) {
	if b.IsControl() {
		return dst, nil
	}
	codec := b.Codec()
	if codec == Zstd {
		return dst, kerr.UnsupportedCompressionType
	}
	var set []byte
	at, first, last, maxTimestamp := len(dst), NoOffset, NoOffset, NoTimestamp
	out := &dst
	if codec != None {
		out = &set
	}
	attributes := byte(0)
	if magic == MagicV1 && b.TimestampType() == LogAppendTime {
		attributes = timestampTypeBit
	}
	r := Reader{SkipHeaders: true}
	if err := r.Reset(b, limit); err != nil {
		return dst, err
	}
	for r.Next() {
		rec := r.Record()
		if rec.Offset < fromOffset {
			continue
		}
		if first == NoOffset {
			first = rec.Offset
		}
		offset := rec.Offset
		if codec != None && magic == MagicV1 {
			offset -= first
		}
		*out = appendLegacy(*out, magic, attributes, offset, rec.Timestamp, rec.Key, rec.Value)
		last, maxTimestamp = rec.Offset, max(maxTimestamp, rec.Timestamp)
	}
	if err := r.Err(); err != nil {
		return dst[:at], err
	}
	if codec == None || first == NoOffset {
		return dst, nil
	}
	var value []byte
	var err error
	if codec == LZ4 {
		value, err = compressLZ4(nil, set, 0, magic == MagicV0)
	} else {
		value, err = Compression{Codec: codec}.Compress(nil, set)
	}
	if err != nil {
		return dst[:at], err
	}
	return appendLegacy(dst, magic, attributes|byte(codec), last, maxTimestamp, nil, value), nil
}

func appendLegacy(dst []byte, magic int8, attributes byte, offset, timestamp int64, key, value []byte) []byte {
	size := minLegacySize + len(key) + len(value)
	if magic == MagicV1 {
		size += 8
	}
	dst = slices.Grow(dst, size)
	at := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(offset))
	dst = binary.BigEndian.AppendUint32(dst, uint32(size-LogOverhead))
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = append(dst, byte(magic), attributes)
	if magic == MagicV1 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(timestamp))
	}
	dst = appendLegacyField(dst, key)
	dst = appendLegacyField(dst, value)
	binary.BigEndian.PutUint32(dst[at+legacyCRCAt:], crc32.ChecksumIEEE(dst[at+magicAt:]))
	return dst
}

func appendLegacyField(dst, b []byte) []byte {
	if b == nil {
		return binary.BigEndian.AppendUint32(dst, 0xffffffff)
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}
