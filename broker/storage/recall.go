package storage

import (
	"io"

	"github.com/kgo-project/kgo/broker/batch"
)

// recallOffsets is how far before a producer's last batch its earlier ones are looked for: as far as others may have written in between
// while a client had five batches in flight.
const recallOffsets = 100_000

// recall completes what is known of a producer's last batches from the log itself. Kafka's snapshots keep one batch of each producer, so that
// after a restart, or a truncation, a client that repeats the earlier of several batches in flight would be told OUT_OF_ORDER_SEQUENCE_NUMBER
// of records that are in the log. It costs a look at the headers of the log's end, once for each producer that needs it.
//
// DEVIATION(kafka): Apache Kafka refuses the repetition.
func (e *producerEntry) recall(l *Log, producerID int64) error {
	if e.recalled || e.batchCount == 0 || e.batchCount == cachedBatches {
		return nil
	}
	e.recalled = true
	oldest := e.batches[cachedBatches-e.batchCount]
	found, err := l.batchesOf(producerID, e.producerEpoch, oldest.firstOffset()-recallOffsets, oldest.firstOffset())
	if err != nil {
		return err
	}
	for i := len(found) - 1; i >= 0 && e.batchCount < cachedBatches; i-- {
		e.batchCount++
		e.batches[cachedBatches-e.batchCount] = found[i]
	}
	return nil
}

// batchesOf lists the newest batches of a producer in [from, to), oldest first, as many as are remembered.
func (l *Log) batchesOf(producerID int64, producerEpoch int16, from, to int64) ([]producerBatch, error) {
	all := *l.segments.Load()
	from = max(from, all[0].baseOffset, l.logStartOffset.Load())
	if from >= to {
		return nil, nil
	}
	var found []producerBatch
	for _, seg := range all[floorSegment(all, from):] {
		if seg.baseOffset >= to {
			break
		}
		at, err := seg.locate(max(from, seg.baseOffset))
		if err != nil {
			return nil, err
		}
		r := newEntryReader(seg, at.position)
		for {
			entry, _, err := r.next()
			if err == io.EOF || err != nil && isDamage(err) { //nolint:errorlint // next returns EOF as it is
				break
			}
			if err != nil {
				return nil, err
			}
			b, _, err := batch.Next(entry)
			if err != nil || b.BaseOffset() >= to {
				break
			}
			if b.ProducerID() != producerID || b.ProducerEpoch() != producerEpoch || b.IsControl() {
				continue
			}
			if len(found) == cachedBatches {
				found = append(found[:0], found[1:]...)
			}
			found = append(found, producerBatch{lastSequence: b.LastSequence(), lastOffset: b.LastOffset(), offsetDelta: b.LastOffsetDelta(), timestamp: b.MaxTimestamp()})
		}
	}
	return found, nil
}

// repeats reports whether b comes before what its producer wrote last, and so may repeat a batch that is not remembered.
func (e *producerEntry) repeats(b batch.Batch) bool {
	return b.ProducerEpoch() == e.producerEpoch && e.batchCount > 0 && !follows(e.lastSequence(), b.BaseSequence())
}

// findDuplicate finds the batch that b repeats, in the log if need be.
func (e *producerEntry) findDuplicate(l *Log, b batch.Batch) (producerBatch, bool, error) {
	if d, ok := e.duplicateOf(b); ok {
		return d, true, nil
	}
	if !e.repeats(b) {
		return producerBatch{}, false, nil
	}
	if err := e.recall(l, b.ProducerID()); err != nil {
		return producerBatch{}, false, l.fail(err)
	}
	d, ok := e.duplicateOf(b)
	return d, ok, nil
}
