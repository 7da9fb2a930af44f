package coordinator

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
)

// Options configure a Runtime.
type Options[S StateMachine] struct {
	Topic  string
	Writer PartitionWriter
	Loader Loader
	// NewState makes the empty state of a partition's shard.
	NewState func(partition int32) S
	// Absent says what to answer for a partition that has no shard at work, where that is more than NOT_COORDINATOR: this broker leads it, and can't open
	// its log. It may be nil, and return nil.
	Absent func(partition int32) error
	// AppendLinger is how long a batch stays open for more operations. Negative (Kafka's default) means: as long as operations are
	// waiting in the queue, which adds no delay to a quiet shard and batches a busy one.
	AppendLinger time.Duration
	// WriteTimeout is how long an operation waits for its records to be committed before it is answered with REQUEST_TIMED_OUT.
	// The records stay in the log and may still be committed.
	WriteTimeout time.Duration
	Compression  batch.Compression
	// MaxPending is how many operations may wait in one shard; more are answered COORDINATOR_NOT_AVAILABLE. 0 means DefaultMaxPending.
	MaxPending int
	// LoadThreads is how many partitions are loaded at a time. 0 means DefaultLoadThreads.
	LoadThreads int
	Logger      *slog.Logger
}

// Limits where Options leave them open.
const (
	DefaultMaxPending  = 100_000
	DefaultLoadThreads = 4
)

// Op is an operation on a shard's state.
type Op[S any] struct {
	// Run is called by the shard, one operation at a time. It must not block.
	Run func(state S, now time.Time) Outcome
	// Fail is called instead of Run when the shard can't run it: NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE.
	Fail func(err error)
}

// Runtime runs the shards of one coordinator on this broker.
type Runtime[S StateMachine] struct {
	opts    Options[S]
	loadSem chan struct{}
	work    sync.WaitGroup // shards that run, loads, everything that must end before Close returns

	// mu guards the rest. It is not held while a shard is called.
	mu     sync.RWMutex
	shards map[int32]*shard[S]
	closed bool
}

// NewRuntime makes a runtime without shards: they come with Elected.
func NewRuntime[S StateMachine](opts Options[S]) *Runtime[S] {
	if opts.MaxPending == 0 {
		opts.MaxPending = DefaultMaxPending
	}
	if opts.LoadThreads == 0 {
		opts.LoadThreads = DefaultLoadThreads
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Runtime[S]{opts: opts, loadSem: make(chan struct{}, opts.LoadThreads), shards: make(map[int32]*shard[S])}
}

// Elected starts the partition's shard: this broker leads the partition in leaderEpoch.
func (r *Runtime[S]) Elected(partition, leaderEpoch int32) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	s, ok := r.shards[partition]
	if !ok {
		s = newShard(r, partition)
		r.shards[partition] = s
	}
	r.mu.Unlock()
	s.post(event[S]{kind: evElected, leaderEpoch: leaderEpoch})
}

// Resigned stops the partition's shard unless it has been elected again in a later epoch; -1 stops it in any epoch.
func (r *Runtime[S]) Resigned(partition, leaderEpoch int32) {
	if s := r.shard(partition); s != nil {
		s.post(event[S]{kind: evResigned, leaderEpoch: leaderEpoch})
	}
}

// Submit runs an operation on the partition's shard. It does not wait.
func (r *Runtime[S]) Submit(partition int32, op Op[S]) {
	s := r.shard(partition)
	if s == nil {
		op.Fail(r.absent(partition))
		return
	}
	s.submit(op)
}

// absent is the answer for a partition that isn't coordinated here now.
func (r *Runtime[S]) absent(partition int32) error {
	if r.opts.Absent != nil {
		if err := r.opts.Absent(partition); err != nil {
			return err
		}
	}
	return kerr.NotCoordinator
}

// Partitions lists the partitions that have a shard, in order.
func (r *Runtime[S]) Partitions() []int32 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]int32, 0, len(r.shards))
	for p := range r.shards {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// Close stops all shards, fails what waits with NOT_COORDINATOR, and waits until nothing runs any more.
func (r *Runtime[S]) Close() {
	r.mu.Lock()
	r.closed = true
	shards := make([]*shard[S], 0, len(r.shards))
	for _, s := range r.shards {
		shards = append(shards, s)
	}
	r.mu.Unlock()
	for _, s := range shards {
		s.post(event[S]{kind: evClose})
	}
	r.work.Wait()
}

func (r *Runtime[S]) shard(partition int32) *shard[S] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.shards[partition]
}

// load reads a partition's log into a new state. It runs in a goroutine of its own, at most LoadThreads at a time.
func (r *Runtime[S]) load(ctx context.Context, tp ident.TopicPartition, leaderEpoch int32) (state S, endOffset int64, err error) {
	select {
	case r.loadSem <- struct{}{}:
		defer func() { <-r.loadSem }()
	case <-ctx.Done():
		return state, 0, ctx.Err()
	}
	state = r.opts.NewState(tp.Partition)
	endOffset, err = r.opts.Loader.Load(ctx, tp, leaderEpoch, func(raw []byte) error { return replayBatch(state, raw) })
	return state, endOffset, err
}
