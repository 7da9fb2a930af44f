package replica

import (
	"context"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/syncx"
)

// FetcherConfig is what followers need to copy from leaders.
type FetcherConfig struct {
	BrokerID    ident.BrokerID
	BrokerEpoch func() int64 // nil: -1
	AwaitEpoch  bool         // fetch nothing while the epoch is negative: the broker is not registered
	// Connect returns a client of another broker; *wire.Client is one. It resolves the address when it dials, so that a broker
	// that came back elsewhere is found.
	Connect func(leader ident.BrokerID) Requester

	Fetchers          int           // num.replica.fetchers: connections to each leader; SetFetchers changes it
	MaxWait           time.Duration // replica.fetch.wait.max.ms
	MinBytes          int           // replica.fetch.min.bytes
	MaxBytes          int           // replica.fetch.response.max.bytes
	PartitionMaxBytes int           // replica.fetch.max.bytes
	Backoff           time.Duration // replica.fetch.backoff.ms

	Throttle *quota.Replication // what followers that are not in sync may fetch of throttled partitions; nil: everything

	Logger *slog.Logger
}

// Requester sends requests to one broker. A Fetch response need only be valid until the next one.
type Requester interface {
	Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
	Close() error
}

// Fetchers copies partitions from their leaders. For each leader there are up to FetcherConfig.Fetchers loops, each with its own
// connection and one fetch session; a partition always has the same one, so that its answers come in order. A loop lives
// as long as it has partitions.
type Fetchers struct {
	cfg    FetcherConfig
	logger *slog.Logger
	ctx    context.Context //nolint:containedctx // it is the loops' lifetime, which begins and ends with the Fetchers
	cancel context.CancelFunc
	wg     sync.WaitGroup

	// mu guards who copies what. Before a fetcher's own lock.
	mu struct {
		syncx.Mutex
		loops     map[fetcherKey]*fetcher
		where     map[*Partition]fetcherKey
		perLeader int                   // loops for each leader; at least 1
		parked    map[*Partition]parked // to be followed again when SetFetchers has ended the loops there were
	}
}

// parked is a partition between two loops.
type parked struct {
	leader      ident.BrokerID
	leaderEpoch int32
}

type fetcherKey struct {
	leader ident.BrokerID
	index  int
}

// NewFetchers returns a Fetcher that has nothing to copy yet.
func NewFetchers(cfg FetcherConfig) *Fetchers {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.BrokerEpoch == nil {
		cfg.BrokerEpoch = func() int64 { return -1 }
	}
	f := &Fetchers{cfg: cfg, logger: cfg.Logger}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.mu.loops = make(map[fetcherKey]*fetcher)
	f.mu.where = make(map[*Partition]fetcherKey)
	f.mu.perLeader = max(1, cfg.Fetchers)
	f.mu.parked = make(map[*Partition]parked)
	return f
}

// Follow starts copying p from leader, or goes on in a new epoch.
func (f *Fetchers) Follow(p *Partition, leader ident.BrokerID, leaderEpoch int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followLocked(p, leader, leaderEpoch)
}

func (f *Fetchers) followLocked(p *Partition, leader ident.BrokerID, leaderEpoch int32) {
	f.mu.AssertHeld()
	delete(f.mu.parked, p)
	key := fetcherKey{leader: leader, index: fetcherIndex(p.tp, f.mu.perLeader)}
	if old, ok := f.mu.where[p]; ok && old != key {
		f.removeLocked(p, old)
	}
	if f.ctx.Err() != nil {
		return
	}
	l := f.mu.loops[key]
	if l == nil {
		l = newFetcher(f, key)
		f.mu.loops[key] = l
		f.wg.Go(func() {
			defer close(l.done)
			l.run()
		})
	}
	f.mu.where[p] = key
	l.add(p, leaderEpoch)
}

// Unfollow stops copying p. An answer that is being worked on finds p in another role and is dropped.
func (f *Fetchers) Unfollow(p *Partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.parked, p)
	if key, ok := f.mu.where[p]; ok {
		f.removeLocked(p, key)
	}
}

// removeLocked takes p from its loop, and ends the loop if that was its last. REQUIRES: f.mu.
func (f *Fetchers) removeLocked(p *Partition, key fetcherKey) {
	f.mu.AssertHeld()
	delete(f.mu.where, p)
	if l := f.mu.loops[key]; l != nil && l.remove(p) == 0 {
		delete(f.mu.loops, key)
		l.cancel()
	}
}

// SetFetchers changes how many loops there are for each leader (num.replica.fetchers). Partitions are handed over when no loop is at work on them: two of
// them would get in each other's way. It must not be called with the lock of a partition held.
func (f *Fetchers) SetFetchers(n int) {
	f.mu.Lock()
	n = max(1, n)
	if n == f.mu.perLeader {
		f.mu.Unlock()
		return
	}
	f.logger.Info("number of fetchers for each leader changed", "before", f.mu.perLeader, "now", n)
	f.mu.perLeader = n
	var ending []*fetcher
	for _, l := range f.mu.loops {
		ending = append(ending, l)
	}
	for p, key := range f.mu.where {
		f.mu.parked[p] = parked{key.leader, f.mu.loops[key].epochOf(p)}
	}
	for p := range f.mu.parked {
		if key, ok := f.mu.where[p]; ok {
			f.removeLocked(p, key)
		}
	}
	f.mu.Unlock()
	for _, l := range ending {
		<-l.done
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, at := range f.mu.parked { // without those that were followed anew, or no longer, meanwhile
		f.followLocked(p, at.leader, at.leaderEpoch)
	}
}

// PerLeader is how many loops there are at most for each leader.
func (f *Fetchers) PerLeader() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.perLeader
}

// Close stops all copying and waits for it.
func (f *Fetchers) Close() {
	f.cancel()
	f.wg.Wait()
}

// fetcherIndex spreads partitions over a leader's loops.
func fetcherIndex(tp ident.TopicPartition, n int) int {
	h := fnv.New32a()
	h.Write([]byte(tp.Topic)) // never fails
	return int((h.Sum32() + uint32(tp.Partition)) % uint32(n))
}
