package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/wire"
)

// loop is the controller's goroutine and what it alone may touch.
type loop struct {
	*Controller
	ctx      context.Context //nolint:containedctx // the controller's lifetime
	core     *Core
	epoch    int32    // the leader epoch in which this node is active; -1: it isn't
	pending  []*batch // not proposed yet, the oldest first
	inFlight *batch   // being proposed
	waiting  int      // waiters of all batches
}

// batch is records that go to the quorum together, and who waits for them.
type batch struct {
	records [][]byte
	size    int
	waiters []waiter
}

type waiter struct {
	s      *submission
	answer answer
}

// maxBatchBytes bounds the records of a batch, so that with the framing of 10,000 records it stays below the 8 MB that the metadata log's batches may
// have. Atomic records that exceed it are refused.
const maxBatchBytes = 7 << 20

func (l *loop) run() {
	defer close(l.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		events, closed := l.dequeueAll()
		if closed {
			l.deactivate()
			for _, e := range events {
				if s, ok := e.(*submission); ok {
					s.answer <- answer{err: ErrNotController}
				}
			}
			return
		}
		for _, e := range events {
			l.handle(e)
		}
		timer.Reset(l.tick())
		l.propose()
		select {
		case <-l.wake:
		case <-timer.C:
		}
	}
}

func (l *loop) handle(event any) {
	switch e := event.(type) {
	case *submission:
		l.submit(e)
	case leadership:
		if l.epoch >= 0 && (e.leader != l.cfg.NodeID || e.epoch != l.epoch) {
			l.log.Info("no longer the active controller", "leader_epoch", l.epoch, "new_leader", e.leader)
			l.deactivate()
		}
		if e.leader == l.cfg.NodeID && e.epoch != l.epoch {
			l.activate(e.epoch)
		}
	case committed:
		switch {
		case l.epoch >= 0:
			l.core.Committed(e.delta, e.image)
		default:
			l.core.Follow(e.delta, e.image)
		}
	case proposed:
		l.proposalDone(e)
	}
}

func (l *loop) activate(epoch int32) {
	l.epoch = epoch
	l.active.Store(true)
	records := l.core.Activate(l.store.Current(), l.store.InTransaction(), time.Now())
	l.log.Info("active controller", "leader_epoch", epoch, "offset", l.core.Image().Provenance.LastOffset)
	if err := l.write(records, true, waiter{}); err != nil {
		l.log.Error("cannot write the records of a new controller; resigning", "error", err)
		l.quorum.Resign(epoch)
		l.deactivate()
	}
}

// deactivate fails all that wait and gives up what isn't committed.
func (l *loop) deactivate() {
	if l.epoch < 0 {
		return
	}
	l.epoch = -1
	l.active.Store(false)
	l.core.indexed = nil // it went with what may never be committed
	batches := l.pending
	if l.inFlight != nil {
		batches = append([]*batch{l.inFlight}, batches...)
	}
	l.pending, l.inFlight, l.waiting = nil, nil, 0
	for _, b := range batches {
		for _, w := range b.waiters {
			w.s.answer <- answer{err: ErrNotController}
		}
	}
}

func (l *loop) submit(s *submission) {
	if l.epoch < 0 {
		s.answer <- answer{err: ErrNotController}
		return
	}
	if s.ctx.Err() != nil {
		return // nobody waits for the answer any more
	}
	if l.waiting >= maxWaiting {
		s.answer <- answer{err: errBusy}
		return
	}
	res, err := l.core.Handle(s.caller, s.req, time.Now())
	if err != nil {
		res = Result{}
	}
	w := waiter{s, answer{res.Response, err}}
	if err := l.write(res.Records, res.Atomic, w); err != nil {
		l.logUnwritten(kmsg.NameForKey(s.req.Key()), err)
		s.answer <- answer{err: err}
	}
}

// logUnwritten reports records that came to nothing. A refusal is the client's to know; anything else is a bug.
func (l *loop) logUnwritten(what string, err error) {
	if _, ok := errors.AsType[*wire.Refusal](err); !ok {
		l.log.Error("the controller wrote what it can't replay", "request", what, "error", err)
	}
}

// write replays records and puts them into batches, with w waiting for the last of them. Without records w waits for what it may have seen.
func (l *loop) write(records []Record, atomic bool, w waiter) error {
	encoded, size := make([][]byte, len(records)), 0
	for i, r := range records {
		raw, err := record.AppendMetadata(nil, r.Message, r.Version)
		if err != nil {
			return fmt.Errorf("encoding a %T: %w", r.Message, err)
		}
		encoded[i], size = raw, size+len(raw)
	}
	if atomic && size > maxBatchBytes {
		return failf(kerr.PolicyViolation, "Unable to perform excessively large batch operation.")
	}
	if len(records) > 0 {
		if err := l.core.Replay(records); err != nil {
			return err
		}
		l.logChanges(records)
	}
	l.addToBatches(encoded, atomic)
	if w.s == nil {
		return nil
	}
	last := l.inFlight
	if n := len(l.pending); n > 0 {
		last = l.pending[n-1]
	}
	if last == nil {
		w.s.answer <- w.answer
		return nil
	}
	last.waiters = append(last.waiters, w)
	l.waiting++
	return nil
}

// addToBatches appends records to the pending batches: atomic ones all to one, others cut where a batch is full.
func (l *loop) addToBatches(records [][]byte, atomic bool) {
	for len(records) > 0 {
		n, size := 0, 0
		for n < len(records) && (atomic || n < maxRecordsPerBatch && size+len(records[n]) <= maxBatchBytes || n == 0) {
			size += len(records[n])
			n++
		}
		b := l.openBatch(n, size)
		b.records, b.size = append(b.records, records[:n]...), b.size+size
		records = records[n:]
	}
}

// openBatch returns a batch that has room for so much more: the last pending one, or a new one.
func (l *loop) openBatch(records, size int) *batch {
	if n := len(l.pending); n > 0 {
		if b := l.pending[n-1]; len(b.records)+records <= maxRecordsPerBatch && b.size+size <= maxBatchBytes {
			return b
		}
	}
	b := &batch{}
	l.pending = append(l.pending, b)
	return b
}

// propose sends the oldest pending batch to the quorum, if no other is on its way.
func (l *loop) propose() {
	if l.inFlight != nil || len(l.pending) == 0 {
		return
	}
	l.inFlight, l.pending = l.pending[0], l.pending[1:]
	records, epoch := l.inFlight.records, l.epoch
	l.proposals.Go(func() {
		_, err := l.quorum.Propose(l.ctx, epoch, records)
		_ = l.enqueue(proposed{epoch, err}) // the error says that the controller is closed
	})
}

func (l *loop) proposalDone(e proposed) {
	if e.epoch != l.epoch || l.inFlight == nil {
		return // of an earlier leadership
	}
	if e.err != nil {
		// The speculative image may be ahead of the log for good: start over from the committed one, as the next leader.
		if !errors.Is(e.err, context.Canceled) {
			l.log.Warn("the quorum did not commit a batch; resigning", "leader_epoch", l.epoch, "error", e.err)
		}
		l.quorum.Resign(l.epoch)
		l.deactivate()
		return
	}
	waiters := l.inFlight.waiters
	l.inFlight, l.waiting = nil, l.waiting-len(waiters)
	for _, w := range waiters {
		w.s.answer <- w.answer
	}
}

// tick lets the core do what is due and returns how long until there is more.
func (l *loop) tick() time.Duration {
	if l.epoch < 0 {
		return time.Hour
	}
	now := time.Now()
	next := l.core.NextTick()
	if !next.IsZero() && !next.After(now) {
		records, more := l.core.Tick(now)
		if err := l.write(records, false, waiter{}); err != nil {
			l.logUnwritten("tick", err)
		}
		if more {
			return 0
		}
		next = l.core.NextTick()
	}
	if next.IsZero() {
		return time.Hour
	}
	return max(next.Sub(now), time.Millisecond)
}
