package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/syncx"
)

// Quorum is what the controller needs of the metadata quorum.
type Quorum interface {
	// Propose appends the records as one atomic batch, provided that this node still leads in leaderEpoch. It returns once they are committed
	// and applied to the Store on this node, its publishers included. After an error they may or may not be in the log.
	Propose(ctx context.Context, leaderEpoch int32, records [][]byte) (baseOffset int64, err error)
	// Resign gives up leadership of leaderEpoch, if this node still has it.
	Resign(leaderEpoch int32)
}

// maxWaiting bounds the requests that wait for the controller, and again those that wait for a commit. Beyond it a request is refused with
// REQUEST_TIMED_OUT, which clients retry.
const maxWaiting = 20_000

// ErrNotController says that this node isn't the active controller, or ceased to be before the request's records were committed: they
// may or may not have taken effect.
var ErrNotController = fmt.Errorf("this node is not the active controller: %w", kerr.NotController)

var errBusy = failf(kerr.RequestTimedOut, "The controller has %d requests waiting already.", maxWaiting)

// Controller is a quorum member's controller: one goroutine that feeds Core. It is active while this node leads the quorum; otherwise it
// answers ErrNotController to all.
//
// Requests are handled one after another against the speculative image, without waiting for the commit of the one before. What they wrote
// meanwhile goes to the quorum as one batch when the batch before is committed, so that the cost of a commit is shared.
type Controller struct {
	cfg    Config
	quorum Quorum
	store  *metadata.Store
	log    *slog.Logger

	// queue is what happened and has not been looked at. mu is never held while something is handled.
	mu struct {
		syncx.Mutex
		queue    []any // *submission, leadership, committed, proposed
		requests int   // how many of them are submissions
		closed   bool
	}
	wake chan struct{} // has room for one: the queue isn't empty
	done chan struct{} // closed when the loop has ended

	active    atomic.Bool        // written by the loop
	stop      context.CancelFunc // ends proposals in flight
	proposals sync.WaitGroup
	loop      loop
}

// submission is a request and its answer's way back.
type submission struct {
	ctx    context.Context //nolint:containedctx // the request's scope; it travels with it through the queue
	caller *Context
	req    kmsg.Request
	answer chan answer // has room for one
}

type answer struct {
	resp kmsg.Response
	err  error
}

// leadership, committed and proposed are the events that come from below.
type leadership struct {
	leader ident.BrokerID
	epoch  int32
}
type committed struct {
	delta *metadata.Delta
	image *metadata.Image
}
type proposed struct {
	epoch int32
	err   error
}

// New starts a controller that is not active until LeaderChanged says so. It follows store by subscribing to it.
func New(cfg Config, quorum Quorum, store *metadata.Store, log *slog.Logger) *Controller {
	ctx, stop := context.WithCancel(context.Background())
	c := &Controller{
		cfg: cfg, quorum: quorum, store: store, log: log, stop: stop,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	c.loop = loop{Controller: c, ctx: ctx, core: NewCore(cfg, store.Current()), epoch: -1}
	go c.loop.run()
	store.Subscribe(c)
	return c
}

// Submit has the active controller handle a request, and returns the response when its records are committed. The error wraps a *kerr.Error where the
// request as a whole is refused; ErrorResponse makes a response of it.
func (c *Controller) Submit(ctx context.Context, caller *Context, req kmsg.Request) (kmsg.Response, error) {
	if caller == nil {
		caller = &Context{}
	}
	s := &submission{ctx: ctx, caller: caller, req: req, answer: make(chan answer, 1)}
	if err := c.enqueue(s); err != nil {
		return nil, err
	}
	select {
	case a := <-s.answer:
		return a.resp, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the controller: %w (%w)", kerr.RequestTimedOut, context.Cause(ctx))
	}
}

// Request is Submit for the requests of the node that runs this controller: its broker's own, and those that it forwards for clients.
// Registrations that came over the network must not go this way.
func (c *Controller) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	return c.Submit(ctx, &Context{InProcess: true, Forwarded: true}, req)
}

// LeaderChanged tells who leads the quorum from this epoch on. For this node itself it must be called only after everything in the log of earlier
// epochs is applied to the store. It does not block.
func (c *Controller) LeaderChanged(leader ident.BrokerID, epoch int32) {
	_ = c.enqueue(leadership{leader, epoch}) // the error says that the controller is closed, which needs no leader
}

// OnMetadata implements metadata.Publisher.
func (c *Controller) OnMetadata(delta *metadata.Delta, image *metadata.Image) {
	_ = c.enqueue(committed{delta, image}) // as above
}

// Close ends the controller. Requests in progress get ErrNotController.
func (c *Controller) Close() {
	c.mu.Lock()
	c.mu.closed = true
	c.mu.Unlock()
	c.stop()
	c.signal()
	<-c.done
	c.proposals.Wait()
}

func (c *Controller) enqueue(event any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return fmt.Errorf("the controller is closed: %w", ErrNotController)
	}
	if _, ok := event.(*submission); ok {
		if c.mu.requests >= maxWaiting {
			return errBusy
		}
		c.mu.requests++
	}
	c.mu.queue = append(c.mu.queue, event)
	c.signal()
	return nil
}

func (c *Controller) signal() {
	select {
	case c.wake <- struct{}{}:
	default: // the loop knows already
	}
}

func (c *Controller) dequeueAll() (events []any, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	events, c.mu.queue, c.mu.requests = c.mu.queue, nil, 0
	return events, c.mu.closed
}

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
		if l.epoch >= 0 {
			l.core.Committed(e.delta, e.image)
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
	var refused *apiError
	if !errors.As(err, &refused) {
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
