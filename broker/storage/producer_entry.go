package storage

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
)

// cachedBatches is how many batches of a producer are remembered to answer duplicates: as many as a client may have in flight.
const cachedBatches = 5

// noTxn is a transaction's first offset when there is none.
const noTxn int64 = -1

// producerBatch is a batch that was appended, as far as a repetition of it must be recognised.
type producerBatch struct {
	lastSequence int32
	lastOffset   int64
	offsetDelta  int32
	timestamp    int64
}

func (b producerBatch) firstOffset() int64   { return b.lastOffset - int64(b.offsetDelta) }
func (b producerBatch) firstSequence() int32 { return decrementSequence(b.lastSequence, b.offsetDelta) }

// decrementSequence goes back in the sequence numbers, which run from 0 to the largest int32 and round again.
func decrementSequence(sequence, by int32) int32 {
	if sequence < by {
		return int32(int64(sequence) - int64(by) + (1 << 31))
	}
	return sequence - by
}

// producerEntry is what a log knows about one producer.
type producerEntry struct {
	producerEpoch    int16
	coordinatorEpoch int32
	lastTimestamp    int64
	txnFirstOffset   int64 // of the ongoing transaction, or noTxn
	batches          [cachedBatches]producerBatch
	batchCount       int  // the last batchCount of batches are meaningful, the newest at the end
	recalled         bool // the log was searched for earlier ones
}

func newProducerEntry() *producerEntry {
	return &producerEntry{producerEpoch: batch.NoProducerEpoch, coordinatorEpoch: -1, lastTimestamp: batch.NoTimestamp, txnFirstOffset: noTxn}
}

func (e *producerEntry) lastBatch() (producerBatch, bool) {
	return e.batches[cachedBatches-1], e.batchCount > 0
}

func (e *producerEntry) lastSequence() int32 {
	if b, ok := e.lastBatch(); ok {
		return b.lastSequence
	}
	return batch.NoSequence
}

// push remembers a batch and forgets the oldest.
func (e *producerEntry) push(b producerBatch) {
	copy(e.batches[:], e.batches[1:])
	e.batches[cachedBatches-1] = b
	e.batchCount = min(e.batchCount+1, cachedBatches)
}

func (e *producerEntry) setEpoch(producerEpoch int16) {
	if e.producerEpoch != producerEpoch {
		e.recalled = e.producerEpoch != batch.NoProducerEpoch // the first batch of a new epoch is seen here
		e.producerEpoch, e.batchCount = producerEpoch, 0
	}
}

// duplicateOf finds the batch that b repeats.
func (e *producerEntry) duplicateOf(b batch.Batch) (producerBatch, bool) {
	if b.ProducerEpoch() != e.producerEpoch {
		return producerBatch{}, false
	}
	for _, seen := range e.batches[cachedBatches-e.batchCount:] {
		if seen.lastSequence == b.LastSequence() && seen.firstSequence() == b.BaseSequence() {
			return seen, true
		}
	}
	return producerBatch{}, false
}

// checkEpoch refuses a batch or marker from an older incarnation of the producer.
func (e *producerEntry) checkEpoch(l *Log, b batch.Batch, marker bool, transactionVersion int16) error {
	epoch := b.ProducerEpoch()
	stale := epoch < e.producerEpoch
	if marker && transactionVersion >= 2 {
		stale = epoch <= e.producerEpoch // KIP-890: the coordinator raises the epoch before it writes the marker
	}
	if !stale {
		return nil
	}
	return refuse(kerr.InvalidProducerEpoch, "Epoch of producer %d at offset %d in %s is %d, which is smaller than the last seen epoch %d",
		b.ProducerID(), l.LogEndOffset(), l.tp, epoch, e.producerEpoch)
}

// checkSequence refuses a batch that doesn't follow the producer's last one. A producer that the log doesn't know, perhaps any more,
// may begin anywhere.
func (e *producerEntry) checkSequence(l *Log, b batch.Batch) error {
	first := b.BaseSequence()
	if b.ProducerEpoch() != e.producerEpoch {
		if first != 0 && e.producerEpoch != batch.NoProducerEpoch {
			return refuse(kerr.OutOfOrderSequenceNumber,
				"Invalid sequence number for new epoch of producer %d at offset %d in partition %s: %d (request epoch), %d (seq. number), %d (current producer epoch)",
				b.ProducerID(), l.LogEndOffset(), l.tp, b.ProducerEpoch(), first, e.producerEpoch)
		}
		return nil
	}
	last := e.lastSequence()
	if e.producerEpoch == batch.NoProducerEpoch || follows(last, first) {
		return nil
	}
	return refuse(kerr.OutOfOrderSequenceNumber,
		"Out of order sequence number for producer %d at offset %d in partition %s: %d (incoming seq. number), %d (current end sequence number)",
		b.ProducerID(), l.LogEndOffset(), l.tp, first, last)
}

func follows(last, next int32) bool {
	return int64(next) == int64(last)+1 || (next == 0 && last == 1<<31-1)
}

// checkTransactional refuses a plain batch within a transaction.
func (e *producerEntry) checkTransactional(l *Log, b batch.Batch) error {
	if e.txnFirstOffset != noTxn && !b.IsTransactional() {
		return refuse(kerr.InvalidTxnState, "Expected transactional write from producer %d at offset %d in partition %s",
			b.ProducerID(), l.LogEndOffset(), l.tp)
	}
	return nil
}

// checkCoordinator refuses a marker from a coordinator that has been replaced.
func (e *producerEntry) checkCoordinator(l *Log, b batch.Batch, m batch.EndTxnMarker) error {
	if e.coordinatorEpoch <= m.CoordinatorEpoch {
		return nil
	}
	return refuse(kerr.TransactionCoordinatorFenced,
		"Invalid coordinator epoch for producerId %d at offset %d in partition %s: %d (zombie), %d (current)",
		b.ProducerID(), l.LogEndOffset(), l.tp, m.CoordinatorEpoch, e.coordinatorEpoch)
}

// row is the producer as DescribeProducers shows it.
func (e *producerEntry) row(producerID int64) ProducerInfo {
	return ProducerInfo{
		ProducerID:            producerID,
		ProducerEpoch:         e.producerEpoch,
		LastSequence:          e.lastSequence(),
		LastTimestamp:         e.lastTimestamp,
		CoordinatorEpoch:      e.coordinatorEpoch,
		CurrentTxnStartOffset: e.txnFirstOffset,
	}
}

// ProducerInfo is a row of DescribeProducers.
type ProducerInfo struct {
	ProducerID            int64
	ProducerEpoch         int16
	LastSequence          int32
	LastTimestamp         int64
	CoordinatorEpoch      int32 // -1: no marker was seen
	CurrentTxnStartOffset int64 // -1: no transaction is open
}

func (p ProducerInfo) String() string {
	return fmt.Sprintf("producer %d epoch %d last sequence %d", p.ProducerID, p.ProducerEpoch, p.LastSequence)
}
