package clean

import (
	"container/heap"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
)

// txnTracker follows the transactions through a log as it is read from its start, and says what of them may go: the data of aborted
// ones at once, and a transaction's marker when no batch of the transaction was left before it.
type txnTracker struct {
	aborted   abortedQueue             // not begun yet, by first offset
	known     map[abortedKey]bool      // in aborted or taken from it, for segments' lists overlap
	ongoing   map[int64]*ongoingAbort  // aborted transactions that are open here, by producer id
	committed map[int64]struct{}       // producers with batches since their last marker that are not of an aborted transaction
	retained  func(storage.AbortedTxn) // told of aborted transactions of which something is left
}

type abortedKey struct{ producerID, firstOffset int64 }

type ongoingAbort struct {
	txn  storage.AbortedTxn
	seen bool // a batch of it was read
}

func newTxnTracker() *txnTracker {
	return &txnTracker{known: make(map[abortedKey]bool), ongoing: make(map[int64]*ongoingAbort), committed: make(map[int64]struct{})}
}

// add tells of aborted transactions in what is read next. One that is known already is ignored.
func (t *txnTracker) add(txns []storage.AbortedTxn) {
	for _, txn := range txns {
		key := abortedKey{txn.ProducerID, txn.FirstOffset}
		if !t.known[key] {
			t.known[key] = true
			heap.Push(&t.aborted, txn)
		}
	}
}

func (t *txnTracker) openUpTo(offset int64) {
	for len(t.aborted) > 0 && t.aborted[0].FirstOffset <= offset {
		txn := heap.Pop(&t.aborted).(storage.AbortedTxn)
		if t.ongoing[txn.ProducerID] == nil {
			t.ongoing[txn.ProducerID] = &ongoingAbort{txn: txn}
		}
	}
}

// onBatch notes a data batch and reports whether its transaction was aborted.
func (t *txnTracker) onBatch(b batch.Batch) (aborted bool) {
	t.openUpTo(b.LastOffset())
	if !b.IsTransactional() {
		return false
	}
	if txn := t.ongoing[b.ProducerID()]; txn != nil {
		txn.seen = true
		return true
	}
	t.committed[b.ProducerID()] = struct{}{}
	return false
}

// onControl notes a control batch, whose first record's key is given (nil for an empty batch), and reports whether it may go: its
// transaction has left nothing before it. Control batches that end no transaction stay.
func (t *txnTracker) onControl(b batch.Batch, key []byte) (discard bool, err error) {
	t.openUpTo(b.LastOffset())
	if key == nil {
		return true, nil // an earlier compaction emptied it
	}
	kind, err := batch.ParseControlKey(key)
	if err != nil {
		return false, err
	}
	producerID := b.ProducerID()
	switch kind {
	case batch.ControlAbort:
		txn := t.ongoing[producerID]
		delete(t.ongoing, producerID)
		if txn != nil && txn.seen {
			if t.retained != nil {
				t.retained(txn.txn)
			}
			return false, nil
		}
		return true, nil
	case batch.ControlCommit:
		_, left := t.committed[producerID]
		delete(t.committed, producerID)
		return !left, nil
	default:
		return false, nil
	}
}

// abortedQueue is a heap by first offset.
type abortedQueue []storage.AbortedTxn

func (q abortedQueue) Len() int           { return len(q) }
func (q abortedQueue) Less(i, j int) bool { return q[i].FirstOffset < q[j].FirstOffset }
func (q abortedQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *abortedQueue) Push(x any)        { *q = append(*q, x.(storage.AbortedTxn)) }
func (q *abortedQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
