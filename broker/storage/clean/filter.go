package clean

import (
	"fmt"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
)

// filter decides batch by batch what a log keeps. It is the pure core of a compaction: bytes in, bytes out.
//
// A record stays if it has a key, no later record has that key, and it is no tombstone whose time is over. Whatever stays keeps its
// offset, timestamp and sequence; a batch that keeps some of its records keeps its range of offsets.
type filter struct {
	keys              *offsetMap
	txns              *txnTracker
	producers         map[int64]storage.ProducerInfo // the log's active producers
	nowMs             int64
	deleteRetentionMs int64
	upperBound        int64 // where this round of compaction ends: the batch before it stays, if only as an empty one
	limit             int   // of decompressed bytes

	reader  batch.Reader
	builder batch.Builder
	kept    []batch.Record
	stats   passStats
}

// passStats counts what one compaction read and wrote.
type passStats struct {
	bytesRead, bytesWritten     int64
	recordsRead, recordsWritten int64
	invalidRecords              int64 // without a key
}

// apply appends to dst what is left of b.
func (f *filter) apply(dst []byte, b batch.Batch) ([]byte, error) {
	f.stats.bytesRead += int64(len(b))
	f.stats.recordsRead += int64(b.RecordCount())
	f.reader.SkipHeaders = true
	if err := f.reader.Reset(b, f.limit); err != nil {
		return dst, err
	}
	horizon, hasHorizon := b.DeleteHorizon()
	overdue := hasHorizon && horizon <= f.nowMs

	// discard: nothing of the batch is of use. A marker waits for its horizon, so that a consumer that is behind sees it.
	var discard, emptyTxnMarker bool
	if b.IsControl() {
		gone, err := f.controlGone(b)
		if err != nil {
			return dst, err
		}
		discard, emptyTxnMarker = gone && overdue, gone
		if err := f.reader.Reset(b, f.limit); err != nil {
			return dst, err
		}
	} else {
		discard = f.txns.onBatch(b)
	}
	retainEmpty := (b.HasProducerID() && f.isLastOfProducer(b)) || b.NextOffset() == f.upperBound

	tombstones := false
	f.kept = f.kept[:0]
	for !discard && f.reader.Next() {
		r := f.reader.Record()
		if !b.IsControl() && !f.keeps(&r, overdue) {
			continue
		}
		tombstones = tombstones || r.Value == nil
		f.kept = append(f.kept, r)
	}
	if err := f.reader.Err(); err != nil {
		return dst, err
	}
	before := len(dst)
	var err error
	switch {
	case len(f.kept) > 0:
		newHorizon := (tombstones || emptyTxnMarker) && !hasHorizon
		if len(f.kept) == int(b.RecordCount()) && !newHorizon {
			dst = append(dst, b...)
			break
		}
		if newHorizon {
			horizon, hasHorizon = f.nowMs+f.deleteRetentionMs, true
		}
		dst, err = f.rebuild(dst, b, horizon, hasHorizon)
	case retainEmpty:
		dst = batch.AppendEmpty(dst, b)
	}
	f.stats.recordsWritten += int64(len(f.kept))
	f.stats.bytesWritten += int64(len(dst) - before)
	return dst, err
}

func (f *filter) controlGone(b batch.Batch) (bool, error) {
	var key []byte
	if f.reader.Next() {
		if key = f.reader.Record().Key; key == nil {
			return false, fmt.Errorf("control batch at offset %d has a record without a key", b.BaseOffset())
		}
	}
	if err := f.reader.Err(); err != nil {
		return false, err
	}
	return f.txns.onControl(b, key)
}

// isLastOfProducer reports whether b carries what the broker must know of an active producer after a restart: its last sequence, or
// if it has none its epoch.
func (f *filter) isLastOfProducer(b batch.Batch) bool {
	p, active := f.producers[b.ProducerID()]
	if !active || b.ProducerEpoch() != p.ProducerEpoch {
		return false
	}
	if p.LastSequence == batch.NoSequence {
		return b.IsControl()
	}
	return !b.IsControl() && b.LastSequence() == p.LastSequence
}

func (f *filter) keeps(r *batch.Record, overdue bool) bool {
	if r.Offset > f.keys.latestOffset {
		return true // beyond what was indexed: the next round's
	}
	if r.Key == nil {
		f.stats.invalidRecords++
		return false
	}
	return r.Offset >= f.keys.get(r.Key) && (r.Value != nil || !overdue)
}

func (f *filter) rebuild(dst []byte, b batch.Batch, horizon int64, hasHorizon bool) ([]byte, error) {
	f.builder.ResetLike(b, batch.Compression{Codec: b.Codec()})
	if hasHorizon {
		f.builder.SetDeleteHorizon(horizon)
	}
	for _, r := range f.kept {
		f.builder.AppendCopy(r.Offset, r.Timestamp, r)
	}
	return f.builder.AppendTo(dst)
}
