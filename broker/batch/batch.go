// Package batch reads, checks and builds record batches: the unit in which records travel from a producer over the wire
// to the log, and from the log to a consumer.
//
// Read Batch first. It is the bytes of one batch of message format v2, seen in place: nothing is decoded on the hot path.
//
//	offset size
//	     0    8  baseOffset             set by the broker, outside the CRC
//	     8    4  batchLength            bytes that follow this field
//	    12    4  partitionLeaderEpoch   set by the broker, outside the CRC
//	    16    1  magic                  2; 0 and 1 are the legacy message sets of legacy.go
//	    17    4  crc                    CRC-32C of everything that follows
//	    21    2  attributes             0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 has a delete horizon
//	    23    4  lastOffsetDelta
//	    27    8  baseTimestamp          the delete horizon, if attribute 6 is set (KIP-534)
//	    35    8  maxTimestamp
//	    43    8  producerId             -1: none
//	    51    2  producerEpoch
//	    53    4  baseSequence
//	    57    4  recordCount
//	    61    …  records, compressed as a whole
//
// Every byte may come from a stranger: what reads them checks bounds, returns *CorruptError or *InvalidError, and decompresses
// no more than the limit it is given. What the package doesn't do: files (storage), and the meaning of keys and values (record).
package batch

import (
	"encoding/binary"
	"hash/crc32"
)

// The layout of a batch. LogOverhead bytes, offset and length, stand before every batch and legacy message set alike;
// the magic is the same byte in all formats.
const (
	LogOverhead = 12
	HeaderSize  = 61

	lengthAt          = 8
	leaderEpochAt     = 12
	magicAt           = 16
	crcAt             = 17
	attributesAt      = 21
	lastOffsetDeltaAt = 23
	baseTimestampAt   = 27
	maxTimestampAt    = 35
	producerIDAt      = 43
	producerEpochAt   = 51
	baseSequenceAt    = 53
	recordCountAt     = 57
)

// The values that mean "none" in a batch's header.
const (
	NoProducerID    int64 = -1
	NoProducerEpoch int16 = -1
	NoSequence      int32 = -1
	NoTimestamp     int64 = -1
	NoLeaderEpoch   int32 = -1
)

// The message formats ("magic"). Kafka writes MagicV2 since 0.11; the others live on in old logs and old clients.
const (
	MagicV0 int8 = 0
	MagicV1 int8 = 1
	MagicV2 int8 = 2
)

const (
	codecMask         = 0x07
	timestampTypeBit  = 0x08
	transactionalBit  = 0x10
	controlBit        = 0x20
	deleteHorizonBit  = 0x40
	knownAttributesV2 = codecMask | timestampTypeBit | transactionalBit | controlBit | deleteHorizonBit
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch is one whole batch of format v2, as Next returns it. The accessors read in place and trust that it is at least
// HeaderSize long, which Next has checked; they are meaningful after Validate.
type Batch []byte

// TimestampType says who set a batch's timestamps.
type TimestampType int8

// CreateTime is the producer's clock, LogAppendTime the broker's; NoTimestampType is that of format v0, which has none.
const (
	NoTimestampType TimestampType = -1
	CreateTime      TimestampType = 0
	LogAppendTime   TimestampType = 1
)

// String is the name in Kafka's tools and in message.timestamp.type.
func (t TimestampType) String() string {
	switch t {
	case CreateTime:
		return "CreateTime"
	case LogAppendTime:
		return "LogAppendTime"
	default:
		return "NoTimestampType"
	}
}

// BaseOffset is the offset of the batch's first record, also if compaction has since removed that record.
func (b Batch) BaseOffset() int64 { return int64(binary.BigEndian.Uint64(b)) }

// Length is the size of the whole batch in bytes, the offset and length fields included.
func (b Batch) Length() int { return LogOverhead + int(binary.BigEndian.Uint32(b[lengthAt:])) }

// PartitionLeaderEpoch is the epoch of the leader that appended the batch.
func (b Batch) PartitionLeaderEpoch() int32 { return int32(binary.BigEndian.Uint32(b[leaderEpochAt:])) }

// Magic is the message format.
func (b Batch) Magic() int8 { return int8(b[magicAt]) }

// CRC is the checksum that the batch carries.
func (b Batch) CRC() uint32 { return binary.BigEndian.Uint32(b[crcAt:]) }

// ComputeCRC is the checksum of the batch's bytes.
func (b Batch) ComputeCRC() uint32 { return crc32.Checksum(b[attributesAt:], castagnoli) }

// Attributes are the flag bits; use the methods below.
func (b Batch) Attributes() int16 { return int16(binary.BigEndian.Uint16(b[attributesAt:])) }

// LastOffsetDelta is the last record's offset less the first's; compaction keeps it when it removes that last record.
func (b Batch) LastOffsetDelta() int32 { return int32(binary.BigEndian.Uint32(b[lastOffsetDeltaAt:])) }

// LastOffset is the offset of the batch's last record, NextOffset the one after.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset is the offset that follows the batch.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// BaseTimestamp is what the records' timestamp deltas count from: the first record's timestamp, or the delete horizon.
func (b Batch) BaseTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[baseTimestampAt:])) }

// MaxTimestamp is the largest of the records' timestamps; with LogAppendTime, that of all records.
func (b Batch) MaxTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[maxTimestampAt:])) }

// ProducerID is the idempotent producer's id, or NoProducerID.
func (b Batch) ProducerID() int64 { return int64(binary.BigEndian.Uint64(b[producerIDAt:])) }

// ProducerEpoch is the producer's epoch, or NoProducerEpoch.
func (b Batch) ProducerEpoch() int16 { return int16(binary.BigEndian.Uint16(b[producerEpochAt:])) }

// BaseSequence is the first record's sequence number, or NoSequence.
func (b Batch) BaseSequence() int32 { return int32(binary.BigEndian.Uint32(b[baseSequenceAt:])) }

// LastSequence is the last record's sequence number. Sequences wrap from the largest int32 to 0.
func (b Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base == NoSequence {
		return NoSequence
	}
	return IncrementSequence(base, b.LastOffsetDelta())
}

// IncrementSequence adds to a sequence number, wrapping from the largest int32 to 0 as producers do.
func IncrementSequence(sequence, by int32) int32 {
	return int32((int64(sequence) + int64(by)) & 0x7fffffff)
}

// RecordCount is how many records the batch says it holds; 0 after compaction removed all of an active producer's.
func (b Batch) RecordCount() int32 { return int32(binary.BigEndian.Uint32(b[recordCountAt:])) }

// RecordBytes are the records as they lie in the batch, compressed if Codec is not None.
func (b Batch) RecordBytes() []byte { return b[HeaderSize:] }

// Codec is the compression of the records. Validate refuses the unknown ones.
func (b Batch) Codec() Codec { return Codec(b.Attributes() & codecMask) }

// TimestampType says whose clock the timestamps come from.
func (b Batch) TimestampType() TimestampType {
	if b.Attributes()&timestampTypeBit != 0 {
		return LogAppendTime
	}
	return CreateTime
}

// IsTransactional reports whether the batch is part of a transaction (its end marker included).
func (b Batch) IsTransactional() bool { return b.Attributes()&transactionalBit != 0 }

// IsControl reports whether the batch holds control records, which brokers write and consumers skip.
func (b Batch) IsControl() bool { return b.Attributes()&controlBit != 0 }

// HasProducerID reports whether an idempotent producer wrote the batch.
func (b Batch) HasProducerID() bool { return b.ProducerID() > NoProducerID }

// DeleteHorizon is the time from which compaction may remove the batch's tombstones or its transaction marker (KIP-534).
func (b Batch) DeleteHorizon() (timestamp int64, ok bool) {
	if b.Attributes()&deleteHorizonBit == 0 {
		return NoTimestamp, false
	}
	return b.BaseTimestamp(), true
}

// SetBaseOffset moves the whole batch to begin at offset. It lies outside the CRC.
func (b Batch) SetBaseOffset(offset int64) { binary.BigEndian.PutUint64(b, uint64(offset)) }

// SetPartitionLeaderEpoch stamps the batch with the epoch of the leader that appends it. It lies outside the CRC.
func (b Batch) SetPartitionLeaderEpoch(epoch int32) {
	binary.BigEndian.PutUint32(b[leaderEpochAt:], uint32(epoch))
}

// SetTimestampType sets whose clock the timestamps come from and the largest of them, and recomputes the CRC where either changes.
func (b Batch) SetTimestampType(t TimestampType, maxTimestamp int64) {
	if b.TimestampType() == t && b.MaxTimestamp() == maxTimestamp {
		return
	}
	attributes := b.Attributes() &^ timestampTypeBit
	if t == LogAppendTime {
		attributes |= timestampTypeBit
	}
	binary.BigEndian.PutUint16(b[attributesAt:], uint16(attributes))
	binary.BigEndian.PutUint64(b[maxTimestampAt:], uint64(maxTimestamp))
	b.updateCRC()
}

func (b Batch) updateCRC() { binary.BigEndian.PutUint32(b[crcAt:], b.ComputeCRC()) }
