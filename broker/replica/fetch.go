package replica

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// Fetch reads partitions and calls done, at once or when MinBytes have come together or MaxWait is over. done gets one result for each
// partition, in order, and owns their records. partitions must stay untouched until then.
//
// For a fetch that waits, hurry ends the wait; else it is nil.
func (m *Manager) Fetch(params FetchParams, partitions []FetchPartition, done func([]FetchResult)) (hurry func()) {
	results := make([]FetchResult, len(partitions))
	if params.MaxWait <= 0 || len(partitions) == 0 {
		w := m.readAll(&params, partitions, results, nil, true).wakeups
		m.recordThrottled(&params, partitions, results)
		done(results)
		w.run(m)
		return nil
	}
	reads := make([]readState, len(partitions))
	sum := m.readAll(&params, partitions, results, reads, true)
	if sum.immediate || sum.size >= params.MinBytes {
		m.recordThrottled(&params, partitions, results)
		done(results)
		sum.wakeups.run(m)
		return nil
	}
	if sum.throttled {
		params.MaxWait = min(params.MaxWait, throttlePoll) // there is no other news of the throttle's end
	}
	op := &delayedFetch{manager: m, params: params, partitions: partitions, done: done}
	op.start(results, reads)
	sum.wakeups.run(m)
	return op.complete
}

// bound says what limits this fetch.
func (p *FetchParams) bound() bound {
	switch {
	case p.ReplicaID != ident.NoBroker:
		return boundLogEnd
	case p.Isolation == ReadCommitted:
		return boundLastStable
	default:
		return boundHighWatermark
	}
}

// readState is what a read found besides the result: what a delayed fetch needs to wait for news.
type readState struct {
	partition     *Partition
	bound         int64 // where the bound was
	highWatermark int64
	immediate     bool // the client must hear of this at once
	throttled     bool // a follower gets nothing for now, whatever there is
}

// readSummary is what reading several partitions came to.
type readSummary struct {
	size      int
	immediate bool
	throttled bool
	wakeups   wakeups
}

// readAll reads partitions in order within the request's limit. With fresh the fetch positions of a follower are noted; a fetch that has
// waited has told them already.
func (m *Manager) readAll(params *FetchParams, partitions []FetchPartition, results []FetchResult, reads []readState, fresh bool) readSummary {
	var sum readSummary
	limit := params.MaxBytes
	minOneBatch := !params.HardMaxBytes
	for i := range partitions {
		p := &partitions[i]
		state := m.read(params, p, &results[i], min(p.MaxBytes, limit), minOneBatch, fresh, &sum.wakeups)
		size := results[i].size()
		if size > 0 {
			minOneBatch = false // one partition's first batch may exceed the limits, not every partition's
		}
		limit = max(0, limit-size)
		sum.size += size
		sum.throttled = sum.throttled || state.throttled
		sum.immediate = sum.immediate || state.immediate || results[i].Err != nil
		if reads != nil {
			reads[i] = state
		}
	}
	return sum
}

// read reads one partition. What a follower's fetch position wakes is added to w.
func (m *Manager) read(params *FetchParams, fp *FetchPartition, out *FetchResult, maxBytes int, minOneBatch, fresh bool, w *wakeups) (state readState) {
	*out = FetchResult{HighWatermark: noOffset, LastStableOffset: noOffset, LogStartOffset: noOffset, PreferredReadReplica: ident.NoBroker, Leader: NoHint}
	if fp.Err != nil {
		out.Err = fp.Err
		return state
	}
	p, err := m.find(fp, fresh)
	if err == nil {
		state, err = p.read(params, fp, out, maxBytes, minOneBatch, fresh, w)
	}
	if err != nil {
		leader := m.hint(fp.TopicPartition, p, err)
		*out = FetchResult{Err: err, HighWatermark: noOffset, LastStableOffset: noOffset, LogStartOffset: noOffset, PreferredReadReplica: ident.NoBroker, Leader: leader}
	}
	return state
}

// find returns the partition a fetch names. A fresh fetch remembers it in fp for the next time; one that has waited may be looked at by
// several goroutines and leaves fp alone.
func (m *Manager) find(fp *FetchPartition, fresh bool) (*Partition, error) {
	p := fp.partition
	if p == nil || p.log.Load() == nil {
		var err error
		if p, err = m.Partition(fp.TopicPartition); err != nil {
			return nil, err
		}
		if fresh {
			fp.partition = p
		}
	}
	if !fp.TopicID.IsZero() && fp.TopicID != p.topicID {
		return p, kerr.InconsistentTopicID
	}
	return p, nil
}

// read checks the fetcher's view of the partition's history, notes a follower's position and reads the log up to what it may see.
//
// A follower is read to with the gate held: between the check of its leader epoch and the read, this replica must not become a follower itself
// and have its log's end replaced, or the other would copy records of two histories as one.
func (p *Partition) read(params *FetchParams, fp *FetchPartition, out *FetchResult, maxBytes int, minOneBatch, fresh bool, w *wakeups) (state readState, err error) {
	state.partition = p
	if params.fromFollower() {
		p.gate.RLock()
		defer p.gate.RUnlock()
	}
	p.mu.Lock()
	if err := p.checkLocked(max(-1, fp.CurrentLeaderEpoch), params.leaderOnly()); err != nil {
		p.mu.Unlock()
		return state, err
	}
	leading := p.mu.machine.role == roleLeader
	p.mu.Unlock()
	log := p.log.Load()
	if log == nil {
		return state, kerr.KafkaStorageError
	}
	if diverging, err := p.diverges(log, fp); err != nil {
		return state, err
	} else if diverging != nil {
		out.DivergingEpoch = diverging
		state.immediate = true
	}
	noted, err := p.noteFollower(params, fp, fresh && out.DivergingEpoch == nil)
	w.add(noted)
	if err != nil {
		return state, err
	}
	p.mu.Lock()
	b := p.boundsLocked()
	p.mu.Unlock()
	state.bound, state.highWatermark = b.of(params.bound()), b.highWatermark
	out.HighWatermark, out.LastStableOffset, out.LogStartOffset = b.highWatermark, b.lastStableOffset, log.LogStartOffset()
	if out.DivergingEpoch != nil {
		return state, nil
	}
	if fp.FetchOffset < out.LogStartOffset || fp.FetchOffset > b.logEndOffset {
		return state, fmt.Errorf("%w: offset %d of %s, whose log has %d to %d", kerr.OffsetOutOfRange, fp.FetchOffset, p.tp, out.LogStartOffset, b.logEndOffset)
	}
	if leading && params.Client != nil {
		if id := p.manager.preferredReadReplica(p, params.Client, fp.FetchOffset); id != ident.NoBroker {
			out.PreferredReadReplica = id
			state.immediate = true
			return state, nil
		}
	}
	if p.throttles(params) {
		state.throttled = true
		return state, nil
	}
	if params.fromFollower() && fp.HighWatermark < b.highWatermark {
		state.immediate = true // KIP-1166: it needn't wait to learn of it
	}
	if params.bound() == boundLastStable {
		out.AbortedTransactions = []storage.AbortedTxn{} // asked for, and none so far
	}
	err = p.readRecords(log, params, fp, out, maxBytes, state.bound, minOneBatch)
	if active := log.ActiveSegmentBaseOffset(); out.Records != nil && out.Records.SegmentBaseOffset() < active && active < state.bound {
		state.immediate = true // a read ends with its segment, so waiting brings no more
	}
	return state, err
}

// throttles reports whether this is a follower that gets no records for now: it is not in sync, and replication is throttled.
func (p *Partition) throttles(params *FetchParams) bool {
	if !params.fromFollower() || !p.manager.cfg.LeaderThrottle.Holds(p.tp.Topic, p.tp.Partition, time.Now()) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !slices.Contains(p.mu.machine.isr, params.ReplicaID)
}

// recordThrottled accounts for what a follower gets of throttled partitions.
func (m *Manager) recordThrottled(params *FetchParams, partitions []FetchPartition, results []FetchResult) {
	if m.cfg.LeaderThrottle == nil || !params.fromFollower() {
		return
	}
	for i := range results {
		tp := partitions[i].TopicPartition
		m.cfg.LeaderThrottle.Record(tp.Topic, tp.Partition, results[i].size(), time.Now())
	}
}

// readRecords reads from the log up to upTo.
func (p *Partition) readRecords(log *storage.Log, params *FetchParams, fp *FetchPartition, out *FetchResult, maxBytes int, upTo int64, minOneBatch bool) error {
	if fp.FetchOffset >= upTo || maxBytes <= 0 && !minOneBatch {
		return nil // nothing new: the common case of a poll, and free
	}
	records, err := log.Read(fp.FetchOffset, maxBytes, upTo, minOneBatch)
	if err != nil {
		return fmt.Errorf("fetch offset %d of %s: %w", fp.FetchOffset, p.tp, err)
	}
	if records.Size() == 0 {
		records.Release()
		return nil
	}
	if params.bound() == boundLastStable {
		aborted, err := log.AbortedTransactions(fp.FetchOffset, upTo)
		if err != nil {
			records.Release()
			return fmt.Errorf("aborted transactions of %s from %d: %w", p.tp, fp.FetchOffset, err)
		}
		out.AbortedTransactions = append(out.AbortedTransactions, aborted...)
	}
	out.Records = records
	return nil
}

// diverges compares the epoch of the fetcher's last record with this log's history (KIP-595): if the fetcher's records were never here,
// it is told where the two histories part.
func (p *Partition) diverges(log *storage.Log, fp *FetchPartition) (*EpochEndOffset, error) {
	if fp.LastFetchedEpoch < 0 {
		return nil, nil
	}
	epoch, end := log.EndOffsetForEpoch(fp.LastFetchedEpoch)
	if epoch < 0 || end < 0 {
		return nil, fmt.Errorf("%w: %s has no epoch up to %d, of the record before offset %d", kerr.OffsetOutOfRange, p.tp, fp.LastFetchedEpoch, fp.FetchOffset)
	}
	if epoch < fp.LastFetchedEpoch || end < fp.FetchOffset {
		return &EpochEndOffset{LeaderEpoch: epoch, EndOffset: end}, nil
	}
	return nil, nil
}

// noteFollower takes a follower's fetch offset as the report that it is.
func (p *Partition) noteFollower(params *FetchParams, fp *FetchPartition, fresh bool) (wakeups, error) {
	if !params.fromFollower() || !fresh {
		return wakeups{}, nil
	}
	if log := p.log.Load(); log == nil || fp.FetchOffset < log.LogStartOffset() || fp.FetchOffset > log.LogEndOffset() {
		return wakeups{}, nil // out of range: says nothing of what it has
	}
	if b := p.manager.cfg.Metadata.Current().Broker(params.ReplicaID); params.ReplicaEpoch >= 0 && b != nil && params.ReplicaEpoch < b.Epoch {
		return wakeups{}, fmt.Errorf("%w: broker %d has restarted since it sent this fetch", kerr.NotLeaderForPartition, params.ReplicaID)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fx, ok := p.mu.machine.fetched(params.ReplicaID, fp.FetchOffset, fp.LogStartOffset, params.ReplicaEpoch, p.manager.eligible, time.Now())
	if !ok {
		return wakeups{}, fmt.Errorf("%w: broker %d is no replica of %s", kerr.NotLeaderForPartition, params.ReplicaID, p.tp)
	}
	return p.settleLocked(fx), nil
}
