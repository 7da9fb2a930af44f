package coordinator

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
)

// shardState is where a shard is in its life. Kafka's CoordinatorState.
type shardState int8

const (
	stateInitial shardState = iota // not elected, or resigned
	stateLoading                   // reading the log
	stateActive
	stateFailed // reading failed; tried again after a pause
	stateClosed
)

func (s shardState) String() string {
	return [...]string{"initial", "loading", "active", "failed", "closed"}[s]
}

// The pause before a failed load is tried again doubles from the first to the last.
const (
	reloadPauseMin = 100 * time.Millisecond
	reloadPauseMax = 30 * time.Second
)

type eventKind int8

const (
	evOp eventKind = iota
	evElected
	evResigned
	evLoaded
	evAppended
	evTimer
	evClose
)

type event[S StateMachine] struct {
	kind        eventKind
	op          Op[S]
	leaderEpoch int32

	loaded   *loaded[S]
	appended *pendingBatch
}

type loaded[S StateMachine] struct {
	attempt   uint64
	state     S
	endOffset int64
	err       error
}

// shard is one partition's state machine with its queue. Whoever posts to an idle shard starts its goroutine, which ends when the queue is empty.
type shard[S StateMachine] struct {
	r   *Runtime[S]
	tp  ident.TopicPartition
	log *slog.Logger

	// mu guards the queue. It is never held while the state machine, the writer or a callback runs.
	mu struct {
		sync.Mutex
		queue   []event[S]
		pending int // operations in the queue or waiting for their commit
		running bool
		closed  bool // nothing is taken any more
	}

	// The rest belongs to the goroutine that runs the shard.

	state       shardState
	leaderEpoch int32
	machine     S
	spare       []event[S] // the queue's other half, reused

	attempt     uint64 // counts loads, so that a late result is recognized
	cancelLoad  context.CancelFunc
	reloadPause time.Duration
	reloadAt    time.Time // when state is failed

	appender appender
	timer    *time.Timer
	armed    time.Time // when timer fires; zero when it doesn't
}

func newShard[S StateMachine](r *Runtime[S], partition int32) *shard[S] {
	s := &shard[S]{r: r, tp: ident.TopicPartition{Topic: r.opts.Topic, Partition: partition}}
	s.log = r.opts.Logger.With("topic", r.opts.Topic, "partition", partition)
	return s
}

// submit queues an operation, or fails it at once when too many wait.
func (s *shard[S]) submit(op Op[S]) {
	s.mu.Lock()
	if s.mu.closed || s.mu.pending >= s.r.opts.MaxPending {
		err := kerr.CoordinatorNotAvailable
		if s.mu.closed {
			err = kerr.NotCoordinator
		}
		s.mu.Unlock()
		op.Fail(err)
		return
	}
	s.mu.pending++
	s.enqueueLocked(event[S]{kind: evOp, op: op})
}

func (s *shard[S]) post(e event[S]) {
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return
	}
	s.enqueueLocked(e)
}

// enqueueLocked adds an event and wakes the shard. REQUIRES: s.mu, which it releases.
func (s *shard[S]) enqueueLocked(e event[S]) {
	s.mu.queue = append(s.mu.queue, e)
	start := !s.mu.running
	if start {
		s.mu.running = true
		s.r.work.Add(1)
	}
	s.mu.Unlock()
	if start {
		go s.run()
	}
}

// answered takes n operations off the count of those that wait.
func (s *shard[S]) answered(n int) {
	s.mu.Lock()
	s.mu.pending -= n
	s.mu.Unlock()
}

// run handles events until there are none.
func (s *shard[S]) run() {
	defer s.r.work.Done()
	for {
		// Let the goroutines that are ready run first: under load they bring more operations, which then share an append.
		runtime.Gosched()
		s.mu.Lock()
		events := s.mu.queue
		s.mu.queue = s.spare[:0]
		s.mu.Unlock()

		now := time.Now()
		for i := range events {
			s.handle(&events[i], now)
			events[i] = event[S]{}
		}
		s.spare = events[:0]
		if cap(s.spare) > 4096 {
			s.spare = nil // a burst's memory is not kept
		}
		s.settle(now)

		s.mu.Lock()
		if len(s.mu.queue) == 0 {
			s.mu.running = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// settle is what a shard does when its queue ran empty: due timers, the open batch, the next deadline.
func (s *shard[S]) settle(now time.Time) {
	if s.state == stateActive {
		s.tick(now)
	}
	if s.state == stateActive && s.appender.due(now, s.r.opts.AppendLinger) {
		s.flush(now)
	}
	s.arm(now)
}

func (s *shard[S]) tick(now time.Time) {
	for s.state == stateActive {
		at, ok := s.machine.NextDeadline()
		if !ok || at.After(now) {
			break
		}
		s.apply(s.machine.Tick(now), now, 0)
	}
	for _, b := range s.appender.expired(now) {
		s.log.Warn("append not committed in time", "leader_epoch", s.leaderEpoch, "operations", b.operations)
		s.finish(b, kerr.RequestTimedOut)
	}
}

// arm makes the timer fire at the shard's next deadline. A timer that fires too early only finds nothing to do, so it is not moved back.
func (s *shard[S]) arm(now time.Time) {
	var next time.Time
	earlier := func(at time.Time, ok bool) {
		if ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	switch s.state {
	case stateActive:
		earlier(s.machine.NextDeadline())
		earlier(s.appender.nextDeadline(s.r.opts.AppendLinger))
	case stateFailed:
		next = s.reloadAt
	case stateInitial, stateLoading, stateClosed: // nothing is due
	}
	if next.IsZero() || (!s.armed.IsZero() && !next.Before(s.armed)) {
		return
	}
	s.armed = next
	wait := max(next.Sub(now), 0)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, func() { s.post(event[S]{kind: evTimer}) })
		return
	}
	s.timer.Reset(wait)
}

func (s *shard[S]) handle(e *event[S], now time.Time) {
	if s.state == stateClosed {
		s.refuse(e, kerr.NotCoordinator)
		return
	}
	switch e.kind {
	case evOp:
		s.operate(e, now)
	case evElected:
		s.elected(e.leaderEpoch)
	case evResigned:
		if e.leaderEpoch < 0 || e.leaderEpoch >= s.leaderEpoch {
			s.unload(stateInitial, kerr.NotCoordinator)
			s.leaderEpoch = max(s.leaderEpoch, e.leaderEpoch)
		}
	case evLoaded:
		s.finishLoad(e.loaded, now)
	case evAppended:
		s.appended(e.appended, now)
	case evTimer:
		s.armed = time.Time{}
		if s.state == stateFailed && !s.reloadAt.After(now) {
			s.startLoad()
		}
	case evClose:
		s.unload(stateClosed, kerr.NotCoordinator)
		if s.timer != nil {
			s.timer.Stop()
		}
		s.mu.Lock()
		s.mu.closed = true
		s.mu.Unlock()
	}
}

// refuse answers an event that came when the shard can't handle it.
func (s *shard[S]) refuse(e *event[S], err error) {
	if e.kind == evOp {
		s.answered(1)
		e.op.Fail(err)
	}
}

func (s *shard[S]) operate(e *event[S], now time.Time) {
	switch s.state {
	case stateActive:
		s.apply(e.op.Run(s.machine, now), now, 1)
	case stateLoading, stateFailed:
		s.refuse(e, errLoadInProgress)
	default:
		s.refuse(e, s.r.absent(s.tp.Partition))
	}
}
