package coordinator

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
)

var errLoadInProgress = kerr.CoordinatorLoadInProgress

// pendingBatch is an append that is open or on its way, with the answers that wait for it.
type pendingBatch struct {
	opened     time.Time
	deadline   time.Time // when its answers are given up
	operations int       // how many of those answers count against the shard's limit
	dones      []func(error)

	// Set by the writer's callback before the batch is posted back to the shard.
	appended   bool
	baseOffset int64
	err        error
	records    int
}

// appender collects the records of several operations into one batch, and keeps the batches on their way in order.
type appender struct {
	builder    batch.Builder
	open       *pendingBatch   // nil when no record waits
	inFlight   []*pendingBatch // in log order
	nextOffset int64           // the offset that the next record is expected to get
}

func newAppender(endOffset int64) appender { return appender{nextOffset: endOffset} }

// last is the batch whose commit a new answer has to wait for; nil when everything is committed.
func (a *appender) last() *pendingBatch {
	if a.open != nil {
		return a.open
	}
	if n := len(a.inFlight); n > 0 {
		return a.inFlight[n-1]
	}
	return nil
}

// due says whether the open batch should be written now that no operation waits.
func (a *appender) due(now time.Time, linger time.Duration) bool {
	return a.open != nil && (linger <= 0 || !a.open.opened.Add(linger).After(now))
}

func (a *appender) nextDeadline(linger time.Duration) (at time.Time, ok bool) {
	if a.open != nil {
		at, ok = a.open.opened.Add(max(linger, 0)), true
	}
	for _, b := range a.inFlight {
		if len(b.dones) > 0 {
			if !ok || b.deadline.Before(at) {
				at, ok = b.deadline, true
			}
			break
		}
	}
	return at, ok
}

// expired returns the batches on their way whose answers have waited too long.
func (a *appender) expired(now time.Time) (late []*pendingBatch) {
	for _, b := range a.inFlight {
		if b.deadline.After(now) {
			break
		}
		if len(b.dones) > 0 {
			late = append(late, b)
		}
	}
	return late
}

// takeAll empties the appender and returns what waited.
func (a *appender) takeAll() []*pendingBatch {
	all := a.inFlight
	if a.open != nil {
		all = append(all, a.open)
	}
	a.inFlight, a.open = nil, nil
	return all
}

// apply takes an operation's outcome: replay, put into the open batch, remember the answer.
func (s *shard[S]) apply(o Outcome, now time.Time, operations int) {
	a := &s.appender
	if o.EndTxn != nil {
		s.appendMarker(o, now, operations)
		return
	}
	if len(o.Records) == 0 {
		if b := a.last(); b != nil {
			b.add(o.Done, operations)
		} else {
			s.answer(o.Done, nil, operations)
		}
		return
	}
	size, limit := BatchSize(o.Records...), s.r.opts.Writer.MaxBatchBytes(s.tp)
	if size > limit && o.Divisible {
		s.applyParts(o, now, operations, limit)
		return
	}
	if size > limit {
		s.log.Warn("operation refused: its records don't fit into one batch", "bytes", size, "limit", limit)
		s.answer(o.Done, kerr.MessageTooLarge, operations)
		if anyApplied(o.Records) {
			s.reload(kerr.MessageTooLarge, now)
		}
		return
	}
	if a.open != nil && (o.Producer != nil || a.builder.Size()+size > limit) {
		s.flush(now)
		if s.state != stateActive {
			s.answer(o.Done, errLoadInProgress, operations)
			return
		}
	}
	if a.open == nil {
		a.open = &pendingBatch{opened: now, deadline: now.Add(s.r.opts.WriteTimeout)}
		a.builder.Reset(a.nextOffset, s.r.opts.Compression)
		if p := o.Producer; p != nil {
			a.builder.SetProducer(p.ID, p.Epoch, p.Sequence)
			a.builder.SetTransactional()
		}
	}
	a.open.add(o.Done, operations)
	if err := s.replay(o, now); err != nil {
		s.reload(err, now)
		return
	}
	if o.Producer != nil || s.r.opts.AppendLinger == 0 {
		s.flush(now)
	}
}

// appendMarker writes a transaction marker, a batch of its own, and applies it.
func (s *shard[S]) appendMarker(o Outcome, now time.Time, operations int) {
	a := &s.appender
	if a.open != nil {
		s.flush(now)
		if s.state != stateActive {
			s.answer(o.Done, errLoadInProgress, operations)
			return
		}
	}
	b := &pendingBatch{opened: now, deadline: now.Add(s.r.opts.WriteTimeout), records: 1}
	b.add(o.Done, operations)
	marker := batch.EndTxnMarker{Commit: o.EndTxn.Commit, CoordinatorEpoch: o.EndTxn.CoordinatorEpoch}
	raw := batch.AppendEndTxnMarker(nil, a.nextOffset, s.leaderEpoch, now.UnixMilli(), o.EndTxn.ProducerID, o.EndTxn.ProducerEpoch, marker)
	a.nextOffset++
	a.inFlight = append(a.inFlight, b)
	if err := s.machine.ReplayEndTxn(o.EndTxn.ProducerID, o.EndTxn.ProducerEpoch, o.EndTxn.Commit); err != nil {
		s.reload(err, now)
		return
	}
	s.write(b, raw)
}

// write hands a batch to the log.
func (s *shard[S]) write(b *pendingBatch, raw []byte) {
	s.r.opts.Writer.Append(s.tp, s.leaderEpoch, raw, func(baseOffset int64, err error) {
		b.baseOffset, b.err = baseOffset, err
		s.post(event[S]{kind: evAppended, appended: b})
	})
}

// applyParts appends an outcome in batches that are as large as they may be; the last one carries the answer.
func (s *shard[S]) applyParts(o Outcome, now time.Time, operations, limit int) {
	rest := o.Records
	for len(rest) > 0 && s.state == stateActive {
		n, size := 1, BatchSize(rest[0])
		for n < len(rest) && size+BatchSize(rest[n]) <= limit {
			size += BatchSize(rest[n])
			n++
		}
		part := Outcome{Records: rest[:n], Producer: o.Producer}
		if rest = rest[n:]; len(rest) == 0 {
			part.Done = o.Done
			s.apply(part, now, operations)
			return
		}
		s.apply(part, now, 0)
	}
	s.answer(o.Done, errLoadInProgress, operations)
}

// replay applies an operation's records to the state and adds them to the open batch.
func (s *shard[S]) replay(o Outcome, now time.Time) error {
	a := &s.appender
	r := Replayed{ProducerID: -1, ProducerEpoch: -1}
	if o.Producer != nil {
		r.ProducerID, r.ProducerEpoch = o.Producer.ID, o.Producer.Epoch
	}
	timestamp := now.UnixMilli()
	for _, rec := range o.Records {
		a.builder.Append(timestamp, rec.Key, rec.Value)
		a.open.records++
		r.Offset, r.Key, r.Value = a.nextOffset, rec.Key, rec.Value
		a.nextOffset++
		if rec.Applied {
			continue
		}
		if err := s.machine.Replay(r); err != nil {
			return fmt.Errorf("replay at offset %d: %w", r.Offset, err)
		}
	}
	return nil
}

// flush writes the open batch.
func (s *shard[S]) flush(now time.Time) {
	a := &s.appender
	b := a.open
	a.open = nil
	raw, err := a.builder.Finish(nil)
	a.inFlight = append(a.inFlight, b)
	if err != nil {
		s.reload(err, now)
		return
	}
	s.write(b, raw)
}

// appended handles the writer's answer. Answers leave in log order, whatever order the writer answers in.
func (s *shard[S]) appended(b *pendingBatch, now time.Time) {
	a := &s.appender
	b.appended = true
	for s.state == stateActive && len(a.inFlight) > 0 && a.inFlight[0].appended {
		first := a.inFlight[0]
		if first.err != nil {
			s.reload(first.err, now)
			return
		}
		// Transaction markers reach the log by another way, so it may be longer than expected; never shorter.
		a.nextOffset = max(a.nextOffset, first.baseOffset+int64(first.records))
		a.inFlight[0] = nil
		a.inFlight = a.inFlight[1:]
		s.finish(first, nil)
	}
}

// reload throws away a state that the log does not have: see the package comment.
func (s *shard[S]) reload(err error, now time.Time) {
	s.unload(stateFailed, err)
	s.fail(err, now)
}

// finish releases a batch's answers.
func (s *shard[S]) finish(b *pendingBatch, err error) {
	dones, operations := b.dones, b.operations
	b.dones, b.operations = nil, 0
	s.answered(operations)
	for _, done := range dones {
		done(err)
	}
}

func (s *shard[S]) answer(done func(error), err error, operations int) {
	if operations > 0 {
		s.answered(operations)
	}
	if done != nil {
		done(err)
	}
}

func (b *pendingBatch) add(done func(error), operations int) {
	b.operations += operations
	if done != nil {
		b.dones = append(b.dones, done)
	}
}

// BatchSize is an upper bound of the size of a batch with these records.
func BatchSize(records ...Record) int {
	size := batch.HeaderSize
	for _, r := range records {
		size += recordOverhead + len(r.Key) + len(r.Value)
	}
	return size
}

// recordOverhead is the most that a record takes besides key and value: length, attributes, timestamp and offset deltas, two lengths, headers.
const recordOverhead = 5 + 1 + 10 + 5 + 5 + 5 + 1

func anyApplied(records []Record) bool {
	for _, r := range records {
		if r.Applied {
			return true
		}
	}
	return false
}
