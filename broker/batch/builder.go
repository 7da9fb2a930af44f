package batch

// Builder makes one batch after the other and reuses its memory. Set what differs from the defaults after Reset, then Append, then Finish.
type Builder struct {
	baseOffset int64
}

// Reset begins a batch whose first offset is baseOffset: CreateTime, no producer, no leader epoch, not transactional.
func (b *Builder) Reset(baseOffset int64, compression Compression) { b.baseOffset = baseOffset }

// SetProducer names the idempotent producer and the first record's sequence.
func (b *Builder) SetProducer(producerID int64, producerEpoch int16, baseSequence int32) {}

// SetPartitionLeaderEpoch stamps the batch with its leader's epoch.
func (b *Builder) SetPartitionLeaderEpoch(epoch int32) {}

// SetTransactional makes the batch part of its producer's transaction.
func (b *Builder) SetTransactional() {}

// SetControl makes it a batch of control records.
func (b *Builder) SetControl() {}

// SetLogAppendTime gives all records the broker's time.
func (b *Builder) SetLogAppendTime(timestamp int64) {}

// SetDeleteHorizon stamps the time from which compaction may remove tombstones (KIP-534).
func (b *Builder) SetDeleteHorizon(timestamp int64) {}

// SetLastOffset makes the batch reach to offset even if its last records are gone, as compaction wants it.
func (b *Builder) SetLastOffset(offset int64) {}

// Append adds a record at the next offset. It copies key, value and headers.
func (b *Builder) Append(timestamp int64, key, value []byte, headers ...Header) {}

// AppendAt adds a record at an offset of its own, larger than all before.
func (b *Builder) AppendAt(offset, timestamp int64, key, value []byte, headers ...Header) {}

// AppendCopy adds a record that a Reader returned, as it is but for its place, without looking into its headers again.
func (b *Builder) AppendCopy(offset, timestamp int64, r Record) {}

// Count is the number of records so far.
func (b *Builder) Count() int { return 0 }

// Size is the size of the batch so far, before compression.
func (b *Builder) Size() int { return 0 }

// Finish appends the batch to dst.
func (b *Builder) Finish(dst []byte) (Batch, error) { return nil, errIncomplete }
