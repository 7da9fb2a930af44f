package controller

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
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
	unclean   atomic.Int64       // elections of leaders that may lack records; written by the loop
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
	caller.KRaftVersion = c.store.KRaftVersion()
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
