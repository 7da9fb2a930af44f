package replica

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/syncx"
)

// Config is what a Manager needs to know and whom it talks to.
type Config struct {
	BrokerID ident.BrokerID
	Storage  *storage.Manager
	// Metadata is the newest image; *metadata.Store is one.
	Metadata interface{ Current() *metadata.Image }
	// LogConfig resolves a topic's configuration from its own settings (nil: none) over the broker's.
	LogConfig func(topic string, own map[string]string) storage.LogConfig

	ReplicaLagTimeMax  time.Duration // replica.lag.time.max.ms
	CheckpointInterval time.Duration // replica.high.watermark.checkpoint.interval.ms
	FetchSessionSlots  int           // max.incremental.fetch.session.cache.slots

	// Controller takes AlterPartition requests; nil on a broker that never has followers.
	Controller interface {
		Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
	}
	// BrokerEpoch is this broker's, from its registration; nil: -1.
	BrokerEpoch func() int64
	// IncarnationID is what this process registers with; zero: any. Until the metadata has this registration, it is the past that the broker sees, and nothing is done
	// about it: see Manager.OnMetadata.
	IncarnationID ident.UUID
	// MayLead reports whether nobody can have taken this broker's leaderships away without its knowing; nil: always. While it is false, records that this
	// broker alone would acknowledge (acks 0 and 1) are refused.
	MayLead func() bool
	// Leadership hears of partitions that this broker begins or ceases to lead; nil: nobody.
	Leadership LeadershipListener
	// Selector chooses a nearer replica for a consumer (replica.selector.class); nil: the leader always.
	Selector ReplicaSelector
	// LeaderThrottle limits what followers that are not in sync may fetch of throttled partitions, and DirThrottle what is copied between directories;
	// nil: nothing does.
	LeaderThrottle, DirThrottle *quota.Replication
	// Fetcher copies from leaders; nil: followers stay where they are.
	Fetcher Fetcher

	Logger *slog.Logger // nil: discarded
}

// LeadershipListener hears of leadership won and lost, in order, from the goroutine that applies metadata. It must not block.
type LeadershipListener interface {
	Elected(tp ident.TopicPartition, topicID ident.TopicID, leaderEpoch int32)
	// Resigned says that the leadership of leaderEpoch is over: another broker leads, the partition is deleted or its directory has failed.
	Resigned(tp ident.TopicPartition, topicID ident.TopicID, leaderEpoch int32)
}

// ReplicaSelector is KIP-392: it picks the replica a consumer should read from. ident.NoBroker: the leader.
type ReplicaSelector interface {
	Select(tp ident.TopicPartition, client *ClientMetadata, leader ident.BrokerID, replicas []ReplicaView) ident.BrokerID
}

// ReplicaView is what a selector sees of a replica.
type ReplicaView struct {
	Broker       *metadata.Broker
	LogEndOffset int64
	CaughtUp     time.Time
}

// Fetcher keeps followers in step with their leaders; *Fetchers is one.
type Fetcher interface {
	// Follow starts copying p from leader, or goes on in a new epoch. A log that has diverged is truncated first.
	Follow(p *Partition, leader ident.BrokerID, leaderEpoch int32)
	// Unfollow stops copying p: it leads now, has no leader, or is gone.
	Unfollow(p *Partition)
	// Close stops all copying, and returns when nothing is copied any more.
	Close()
}

// Manager holds this broker's replicas, and is the one entry to the data plane. It acts on the metadata it is told by OnMetadata.
type Manager struct {
	cfg      Config
	logger   *slog.Logger
	sessions *SessionCache
	isr      *isrChanges
	moves    *dirMoves
	dirs     *dirAssignments
	marks    *highWatermarks

	// applying is held while metadata is acted on. Before mu.
	applying syncx.Mutex
	current  bool // an image had this process's registration: see OnMetadata. Guarded by applying.

	// mu guards the table, not what is in it. Never held while a partition's lock is taken.
	mu struct {
		syncx.RWMutex
		partitions map[ident.TopicPartition]*Partition
		offline    map[ident.TopicPartition]error // assigned here, but the log can't be had
	}

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New returns a manager without partitions; they come with OnMetadata. Start begins its background work.
func New(cfg Config) *Manager {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.BrokerEpoch == nil {
		cfg.BrokerEpoch = func() int64 { return -1 }
	}
	if cfg.MayLead == nil {
		cfg.MayLead = func() bool { return true }
	}
	m := &Manager{cfg: cfg, logger: cfg.Logger, sessions: NewSessionCache(cfg.FetchSessionSlots)}
	m.mu.partitions = make(map[ident.TopicPartition]*Partition)
	m.mu.offline = make(map[ident.TopicPartition]error)
	m.isr = newISRChanges(m)
	m.moves = newDirMoves(m)
	m.dirs = newDirAssignments(m)
	m.marks = newHighWatermarks(m)
	return m
}

// Start begins the background work: ISR checks, high watermark checkpoints, moves between directories.
func (m *Manager) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	m.wg.Go(func() { m.isr.run(ctx) })
	m.wg.Go(func() { m.moves.run(ctx) })
	m.wg.Go(func() { m.dirs.run(ctx) })
	m.wg.Go(func() { m.every(ctx, m.cfg.CheckpointInterval, m.marks.write) })
	m.wg.Go(func() { m.every(ctx, m.cfg.ReplicaLagTimeMax/2, m.tick) })
	m.wg.Go(func() { m.every(ctx, handlesRetry, m.hostAgain) })
}

// Close stops the background work, fails what waits and writes the high watermarks. The storage manager is to be closed after it.
func (m *Manager) Close() error {
	if m.stop != nil {
		m.stop()
	}
	m.wg.Wait()
	if m.cfg.Fetcher != nil {
		m.cfg.Fetcher.Close()
	}
	err := m.marks.flush()
	for _, p := range m.Partitions() {
		_, w := p.close(fmt.Errorf("%w: the broker is shutting down", kerr.NotLeaderForPartition))
		w.run(m)
	}
	return err
}

// every calls fn at an interval until ctx ends; never, if the interval isn't positive.
func (m *Manager) every(ctx context.Context, interval time.Duration, fn func()) {
	if interval <= 0 {
		return
	}
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			fn()
		}
	}
}

// Sessions are the fetch sessions of this broker's clients.
func (m *Manager) Sessions() *SessionCache { return m.sessions }

// Partition returns a partition this broker has a replica of. The errors are those a client gets that asked for it here:
// NOT_LEADER_OR_FOLLOWER when it exists elsewhere, UNKNOWN_TOPIC_OR_PARTITION when it doesn't, KAFKA_STORAGE_ERROR when its directory failed.
func (m *Manager) Partition(tp ident.TopicPartition) (*Partition, error) {
	m.mu.RLock()
	p, offline := m.mu.partitions[tp], error(nil)
	if p == nil {
		offline = m.mu.offline[tp]
	}
	m.mu.RUnlock()
	switch {
	case p != nil:
		return p, nil
	case offline != nil:
		return nil, offline
	case m.cfg.Metadata.Current().Partition(tp.Topic, tp.Partition) != nil:
		return nil, kerr.NotLeaderForPartition
	default:
		return nil, kerr.UnknownTopicOrPartition
	}
}

// Partitions lists all replicas of this broker, by name.
func (m *Manager) Partitions() []*Partition {
	m.mu.RLock()
	all := slices.Collect(maps.Values(m.mu.partitions))
	m.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Partition) int { return compareTP(a.tp, b.tp) })
	return all
}

// MaxBatchBytes is the partition's max.message.bytes.
func (m *Manager) MaxBatchBytes(tp ident.TopicPartition) int {
	if p, err := m.Partition(tp); err == nil {
		if log := p.log.Load(); log != nil {
			return log.Config().MaxMessageBytes
		}
	}
	return storage.DefaultLogConfig().MaxMessageBytes
}

// tick has each partition look at its followers.
func (m *Manager) tick() {
	now := time.Now()
	for _, p := range m.Partitions() {
		w := p.tick(now)
		w.run(m)
	}
}

// eligible is the brokerView of the newest image: may this broker's replicas be in an ISR?
func (m *Manager) eligible(id ident.BrokerID, brokerEpoch int64) bool {
	b := m.cfg.Metadata.Current().Broker(id)
	return b.Active() && (brokerEpoch < 0 || brokerEpoch == b.Epoch)
}

// registered reports whether image knows this process's registration.
func (m *Manager) registered(image *metadata.Image) bool {
	if m.cfg.IncarnationID.IsZero() {
		return true
	}
	b := image.Broker(m.cfg.BrokerID)
	return b != nil && b.IncarnationID == m.cfg.IncarnationID
}

// hint says who leads a partition, for a client whose request failed with err because of that.
func (m *Manager) hint(tp ident.TopicPartition, p *Partition, err error) LeaderHint {
	if code := codeOf(err); code != kerr.NotLeaderForPartition.Code && code != kerr.FencedLeaderEpoch.Code {
		return NoHint
	}
	if mp := m.cfg.Metadata.Current().Partition(tp.Topic, tp.Partition); mp != nil {
		return LeaderHint{LeaderID: mp.Leader, LeaderEpoch: mp.LeaderEpoch}
	}
	if p == nil {
		return NoHint
	}
	s := p.State()
	return LeaderHint{LeaderID: s.Leader, LeaderEpoch: s.LeaderEpoch}
}

// preferredReadReplica asks the selector for the replica that a consumer had better read from: one that is in the ISR and has the offset.
func (m *Manager) preferredReadReplica(p *Partition, client *ClientMetadata, fetchOffset int64) ident.BrokerID {
	if m.cfg.Selector == nil {
		return ident.NoBroker
	}
	image := m.cfg.Metadata.Current()
	var views []ReplicaView
	p.mu.Lock()
	for _, f := range p.mu.machine.remotes {
		if slices.Contains(p.mu.machine.isr, f.id) && f.logEndOffset >= fetchOffset && f.logStartOffset <= fetchOffset {
			views = append(views, ReplicaView{Broker: image.Broker(f.id), LogEndOffset: f.logEndOffset, CaughtUp: f.lastCaughtUp})
		}
	}
	p.mu.Unlock()
	views = slices.DeleteFunc(views, func(v ReplicaView) bool { return !v.Broker.Active() })
	if self := image.Broker(m.cfg.BrokerID); self != nil {
		views = append(views, ReplicaView{Broker: self, LogEndOffset: p.State().LogEndOffset, CaughtUp: time.Now()})
	}
	id := m.cfg.Selector.Select(p.tp, client, m.cfg.BrokerID, views)
	if id == m.cfg.BrokerID {
		return ident.NoBroker
	}
	return id
}
