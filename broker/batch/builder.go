package batch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Builder makes one batch after the other and reuses its memory. Call Reset or ResetLike, set what differs from the defaults,
// Append, then Finish. The zero Builder is not ready: it needs the Reset.
type Builder struct {
	compression          Compression
	baseOffset           int64
	nextOffset           int64
	lastOffset           int64 // NoOffset: that of the last record
	partitionLeaderEpoch int32
	attributes           int16
	producerID           int64
	producerEpoch        int16
	baseSequence         int32
	baseTimestamp        int64
	maxTimestamp         int64
	count                int32
	records              []byte
	compressed           []byte
	err                  error
}

// Reset begins a batch whose first offset is baseOffset: CreateTime, no producer, no leader epoch, not transactional.
func (b *Builder) Reset(baseOffset int64, compression Compression) {
	*b = Builder{
		compression: compression, baseOffset: baseOffset, nextOffset: baseOffset, lastOffset: NoOffset,
		partitionLeaderEpoch: NoLeaderEpoch, producerID: NoProducerID, producerEpoch: NoProducerEpoch, baseSequence: NoSequence,
		baseTimestamp: NoTimestamp, maxTimestamp: NoTimestamp,
		records: reuse(b.records), compressed: reuse(b.compressed),
	}
}

func reuse(buf []byte) []byte {
	if cap(buf) > keepBuffer {
		return nil
	}
	return buf[:0]
}

// ResetLike begins a batch that takes the place of another with some of its records: same offsets from first to last, producer,
// leader epoch, timestamp type and flags, but no delete horizon.
func (b *Builder) ResetLike(old Batch, compression Compression) {
	b.Reset(old.BaseOffset(), compression)
	b.lastOffset = old.LastOffset()
	b.partitionLeaderEpoch = old.PartitionLeaderEpoch()
	b.producerID, b.producerEpoch, b.baseSequence = old.ProducerID(), old.ProducerEpoch(), old.BaseSequence()
	b.attributes = old.Attributes() & (transactionalBit | controlBit)
	if old.TimestampType() == LogAppendTime {
		b.SetLogAppendTime(old.MaxTimestamp())
	}
}

// SetProducer names the idempotent producer and the first record's sequence.
func (b *Builder) SetProducer(producerID int64, producerEpoch int16, baseSequence int32) {
	b.producerID, b.producerEpoch, b.baseSequence = producerID, producerEpoch, baseSequence
}

// SetPartitionLeaderEpoch stamps the batch with its leader's epoch.
func (b *Builder) SetPartitionLeaderEpoch(epoch int32) { b.partitionLeaderEpoch = epoch }

// SetTransactional makes the batch part of its producer's transaction.
func (b *Builder) SetTransactional() { b.attributes |= transactionalBit }

// SetControl makes it a batch of control records.
func (b *Builder) SetControl() { b.attributes |= controlBit }

// SetLogAppendTime gives all records the broker's time. What their producer set stays in the bytes, but nobody reads it.
func (b *Builder) SetLogAppendTime(timestamp int64) {
	b.attributes |= timestampTypeBit
	b.maxTimestamp = timestamp
}

// SetDeleteHorizon stamps the time from which compaction may remove tombstones (KIP-534). It must come before the first record.
func (b *Builder) SetDeleteHorizon(timestamp int64) {
	b.attributes |= deleteHorizonBit
	b.baseTimestamp = timestamp
}

// SetLastOffset makes the batch reach to offset even if its last records are gone, as compaction wants it.
func (b *Builder) SetLastOffset(offset int64) { b.lastOffset = offset }

// Append adds a record at the next offset. It copies key, value and headers.
func (b *Builder) Append(timestamp int64, key, value []byte, headers ...Header) {
	b.AppendAt(b.nextOffset, timestamp, key, value, headers...)
}

// AppendAt adds a record at an offset of its own, larger than all before.
func (b *Builder) AppendAt(offset, timestamp int64, key, value []byte, headers ...Header) {
	body := sizeOfBytes(key) + sizeOfBytes(value) + sizeOfVarint(int32(len(headers)))
	for i := range headers {
		body += sizeOfVarint(int32(len(headers[i].Key))) + len(headers[i].Key) + sizeOfBytes(headers[i].Value)
	}
	b.begin(offset, timestamp, body)
	buf := appendBytes(b.records, key)
	buf = appendBytes(buf, value)
	buf = appendVarint(buf, int32(len(headers)))
	for i := range headers {
		buf = appendVarint(buf, int32(len(headers[i].Key)))
		buf = append(buf, headers[i].Key...)
		buf = appendBytes(buf, headers[i].Value)
	}
	b.records = buf
}

// AppendCopy adds a record that a Reader returned, as it is but for its place, without looking into its headers again.
func (b *Builder) AppendCopy(offset, timestamp int64, r Record) {
	b.begin(offset, timestamp, len(r.tail))
	b.records = append(b.records, r.tail...)
}

// begin writes a record's fields up to its key; body is the size of what the caller appends.
func (b *Builder) begin(offset, timestamp int64, body int) {
	delta := offset - b.baseOffset
	if offset < b.nextOffset || delta > math.MaxInt32 {
		b.err = fmt.Errorf("record at offset %d can't follow in a batch from %d on whose next offset is %d", offset, b.baseOffset, b.nextOffset)
		return
	}
	if b.count == 0 && b.attributes&deleteHorizonBit == 0 {
		b.baseTimestamp = timestamp
	}
	if b.attributes&timestampTypeBit == 0 {
		b.maxTimestamp = max(b.maxTimestamp, timestamp)
	}
	b.nextOffset = offset + 1
	b.count++
	timestampDelta := timestamp - b.baseTimestamp
	size := 1 + sizeOfVarlong(timestampDelta) + sizeOfVarlong(delta) + body
	b.records = appendVarint(b.records, int32(size))
	b.records = append(b.records, 0)
	b.records = appendVarlong(b.records, timestampDelta)
	b.records = appendVarlong(b.records, delta)
}

func sizeOfBytes(v []byte) int {
	if v == nil {
		return 1
	}
	return sizeOfVarint(int32(len(v))) + len(v)
}

func appendBytes(dst, v []byte) []byte {
	if v == nil {
		return append(dst, 1) // -1
	}
	return append(appendVarint(dst, int32(len(v))), v...)
}

// Count is the number of records so far.
func (b *Builder) Count() int { return int(b.count) }

// NextOffset is the offset that Append gives to the next record.
func (b *Builder) NextOffset() int64 { return b.nextOffset }

// Size is the size of the batch so far, before compression.
func (b *Builder) Size() int { return HeaderSize + len(b.records) }

// RecordSize is the most that a record adds to a batch's size.
func RecordSize(key, value []byte, headers ...Header) int {
	const most = 5 + 1 + 10 + 5 // length, attributes, deltas
	size := most + sizeOfBytes(key) + sizeOfBytes(value) + sizeOfVarint(int32(len(headers)))
	for i := range headers {
		size += sizeOfVarint(int32(len(headers[i].Key))) + len(headers[i].Key) + sizeOfBytes(headers[i].Value)
	}
	return size
}

// Finish appends the batch to dst and returns the batch alone, which shares dst's memory if that had room. Use AppendTo to build
// several batches in one buffer.
func (b *Builder) Finish(dst []byte) (Batch, error) {
	at := len(dst)
	out, err := b.AppendTo(dst)
	if err != nil {
		return nil, err
	}
	return Batch(out[at:]), nil
}

// AppendTo appends the batch to dst and returns the whole.
func (b *Builder) AppendTo(dst []byte) ([]byte, error) {
	if b.err != nil {
		return dst, b.err
	}
	records, codec := b.records, b.compression.Codec
	if b.count == 0 {
		codec = None
	}
	if codec != None {
		var err error
		if b.compressed, err = b.compression.Compress(b.compressed[:0], records); err != nil {
			return dst, err
		}
		records = b.compressed
	}
	if len(records) > math.MaxInt32-HeaderSize {
		return dst, fmt.Errorf("batch of %d bytes exceeds what its length field can say", len(records))
	}
	lastOffset := b.lastOffset
	if lastOffset == NoOffset {
		lastOffset = max(b.nextOffset-1, b.baseOffset)
	}
	dst = slices.Grow(dst, HeaderSize+len(records))
	at := len(dst)
	dst = append(dst[:at+HeaderSize], records...)
	out := Batch(dst[at:])
	binary.BigEndian.PutUint32(out[lengthAt:], uint32(len(out)-LogOverhead))
	out[magicAt] = byte(MagicV2)
	binary.BigEndian.PutUint16(out[attributesAt:], uint16(b.attributes|int16(codec)))
	binary.BigEndian.PutUint32(out[lastOffsetDeltaAt:], uint32(lastOffset-b.baseOffset))
	binary.BigEndian.PutUint64(out[baseTimestampAt:], uint64(b.baseTimestamp))
	binary.BigEndian.PutUint64(out[maxTimestampAt:], uint64(b.maxTimestamp))
	binary.BigEndian.PutUint64(out[producerIDAt:], uint64(b.producerID))
	binary.BigEndian.PutUint16(out[producerEpochAt:], uint16(b.producerEpoch))
	binary.BigEndian.PutUint32(out[baseSequenceAt:], uint32(b.baseSequence))
	binary.BigEndian.PutUint32(out[recordCountAt:], uint32(b.count))
	out.SetBaseOffset(b.baseOffset)
	out.SetPartitionLeaderEpoch(b.partitionLeaderEpoch)
	out.updateCRC()
	return dst, nil
}

// AppendEmpty appends to dst the batch old without its records, which compaction keeps for an active producer's last batch: the
// broker needs its sequence to know duplicates after a restart.
func AppendEmpty(dst []byte, old Batch) []byte {
	at := len(dst)
	dst = append(dst, old[:HeaderSize]...)
	out := Batch(dst[at:])
	binary.BigEndian.PutUint32(out[lengthAt:], HeaderSize-LogOverhead)
	binary.BigEndian.PutUint16(out[attributesAt:], uint16(old.Attributes()&(timestampTypeBit|transactionalBit|controlBit)))
	noTimestamp := NoTimestamp
	binary.BigEndian.PutUint64(out[baseTimestampAt:], uint64(noTimestamp))
	binary.BigEndian.PutUint32(out[recordCountAt:], 0)
	out.updateCRC()
	return dst
}
