package storage

import (
	"cmp"
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
)

// noUnstable is the first unstable offset when every record is decided.
const noUnstable = math.MaxInt64

// openTxn is a transaction that is not known to be decided everywhere: still open, or with its marker not yet below the high watermark.
type openTxn struct {
	producerID  int64
	firstOffset int64
	lastOffset  int64 // of the marker; noTxn while open
}

// producerState knows the producers of a log: enough to recognise a repeated batch, to fence an old incarnation, and to tell
// readers of committed records how far they may read. It is a function of the log's batches, saved now and then as a .snapshot so
// that a start need not read the whole log.
//
// The log's append lock guards it.
type producerState struct {
	producers    map[int64]*producerEntry
	ongoing      []openTxn // by first offset
	unreplicated []openTxn // decided, by first offset, until the high watermark passes the marker
	mapEndOffset int64     // the state covers the log up to here
}

func newProducerState() *producerState {
	return &producerState{producers: make(map[int64]*producerEntry)}
}

func (p *producerState) entry(producerID int64) *producerEntry {
	e := p.producers[producerID]
	if e == nil {
		e = newProducerEntry()
		p.producers[producerID] = e
	}
	return e
}

// checkLeaderBatch tells whether a leader may append b, or whether it repeats a batch that it answers.
// A marker's content comes with it.
func (p *producerState) checkLeaderBatch(l *Log, b batch.Batch, marker *batch.EndTxnMarker, opts *AppendOptions) (duplicate producerBatch, isDuplicate bool, err error) {
	if !b.HasProducerID() {
		return duplicate, false, nil
	}
	e := p.producers[b.ProducerID()]
	if e == nil {
		if b.IsTransactional() && !b.IsControl() && opts.RequireVerified && !opts.Verified {
			return duplicate, false, unverified(l)
		}
		return duplicate, false, nil
	}
	if marker != nil {
		err := e.checkEpoch(l, b, true, opts.TransactionVersion)
		if err == nil {
			err = e.checkCoordinator(l, b, *marker)
		}
		return duplicate, false, err
	}
	if b.IsControl() {
		return duplicate, false, nil
	}
	if opts.Origin == OriginClient {
		if d, ok, err := e.findDuplicate(l, b); ok || err != nil {
			return d, ok, err
		}
	}
	if b.IsTransactional() && e.txnFirstOffset == noTxn && opts.RequireVerified && !opts.Verified {
		return duplicate, false, unverified(l)
	}
	if err := e.checkEpoch(l, b, false, 0); err != nil {
		return duplicate, false, err
	}
	if opts.Origin == OriginClient {
		if err := e.checkSequence(l, b); err != nil {
			return duplicate, false, err
		}
	}
	return duplicate, false, e.checkTransactional(l, b)
}

// apply takes a batch into account that lies in the log. It returns the transaction that a marker ended.
func (p *producerState) apply(b batch.Batch, marker *batch.EndTxnMarker) (ended AbortedTxn, aborted bool) {
	p.mapEndOffset = b.NextOffset()
	if !b.HasProducerID() || (b.IsControl() && marker == nil) {
		return ended, false
	}
	e := p.entry(b.ProducerID())
	if marker != nil {
		return p.applyMarker(e, b, *marker)
	}
	e.setEpoch(b.ProducerEpoch())
	e.push(producerBatch{
		lastSequence: b.LastSequence(), lastOffset: b.LastOffset(), offsetDelta: b.LastOffsetDelta(), timestamp: b.MaxTimestamp(),
	})
	e.lastTimestamp = b.MaxTimestamp()
	if b.IsTransactional() && e.txnFirstOffset == noTxn {
		e.txnFirstOffset = b.BaseOffset()
		p.ongoing = append(p.ongoing, openTxn{b.ProducerID(), b.BaseOffset(), noTxn})
	}
	return ended, false
}

func (p *producerState) applyMarker(e *producerEntry, b batch.Batch, m batch.EndTxnMarker) (ended AbortedTxn, aborted bool) {
	e.setEpoch(b.ProducerEpoch())
	e.coordinatorEpoch = max(e.coordinatorEpoch, m.CoordinatorEpoch)
	e.lastTimestamp = b.MaxTimestamp()
	if e.txnFirstOffset == noTxn {
		return ended, false // the second marker of a coordinator that was not sure of the first
	}
	first := e.txnFirstOffset
	e.txnFirstOffset = noTxn
	p.ongoing = slices.DeleteFunc(p.ongoing, func(t openTxn) bool { return t.firstOffset == first })
	done := openTxn{b.ProducerID(), first, b.LastOffset()}
	at, _ := slices.BinarySearchFunc(p.unreplicated, first, func(t openTxn, f int64) int { return cmp.Compare(t.firstOffset, f) })
	p.unreplicated = slices.Insert(p.unreplicated, at, done)

	ended = AbortedTxn{ProducerID: b.ProducerID(), FirstOffset: first, LastOffset: b.LastOffset(), LastStableOffset: b.NextOffset()}
	if len(p.ongoing) > 0 {
		ended.LastStableOffset = p.ongoing[0].firstOffset
	}
	return ended, !m.Commit
}

// firstUnstableOffset is the first offset of a transaction that is open, or decided by a marker at or above the high watermark.
func (p *producerState) firstUnstableOffset() int64 {
	first := int64(noUnstable)
	if len(p.ongoing) > 0 {
		first = p.ongoing[0].firstOffset
	}
	if len(p.unreplicated) > 0 {
		first = min(first, p.unreplicated[0].firstOffset)
	}
	return first
}

// onHighWatermark forgets decided transactions whose markers have been replicated.
func (p *producerState) onHighWatermark(highWatermark int64) {
	p.unreplicated = slices.DeleteFunc(p.unreplicated, func(t openTxn) bool { return t.lastOffset < highWatermark })
}

// expire forgets producers that have been quiet since before, unless they have a transaction open.
func (p *producerState) expire(before int64) {
	for id, e := range p.producers {
		if e.txnFirstOffset == noTxn && e.lastTimestamp < before {
			delete(p.producers, id)
		}
	}
}

// dropBefore forgets transactions that lie before the log's new start.
func (p *producerState) dropBefore(logStartOffset int64) {
	gone := func(t openTxn) bool { return t.lastOffset != noTxn && t.lastOffset < logStartOffset }
	p.unreplicated = slices.DeleteFunc(p.unreplicated, gone)
	p.mapEndOffset = max(p.mapEndOffset, logStartOffset)
}

func (p *producerState) rows() []ProducerInfo {
	rows := make([]ProducerInfo, 0, len(p.producers))
	for id, e := range p.producers {
		rows = append(rows, e.row(id))
	}
	slices.SortFunc(rows, func(a, b ProducerInfo) int { return cmp.Compare(a.ProducerID, b.ProducerID) })
	return rows
}

// unverified refuses a transaction that the coordinator doesn't know to include this partition.
func unverified(l *Log) error {
	return refuse(kerr.InvalidTxnState, "Record was not part of an ongoing transaction in partition %s", l.tp)
}
