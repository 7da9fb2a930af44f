package storage

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/clock"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/syncx"
	"github.com/kgo-project/kgo/broker/vfs"
)

// ManagerConfig says where the logs lie and how often what is done. An interval of zero switches its job off.
type ManagerConfig struct {
	FS              vfs.FS // nil: the operating system's
	Dirs            []string
	ClusterID       string // "": take what meta.properties has
	NodeID          ident.BrokerID
	Defaults        LogConfig                            // for topics that ConfigFor doesn't know
	ConfigFor       func(topic string) (LogConfig, bool) // for logs found on disk; may be nil
	Exclude         func(tp ident.TopicPartition) bool   // logs that are someone else's, as __cluster_metadata-0 is; may be nil
	RecoveryThreads int                                  // per directory; num.recovery.threads.per.data.dir

	InitialTaskDelay      time.Duration // log.initial.task.delay.ms
	RetentionCheck        time.Duration // log.retention.check.interval.ms
	FlushCheck            time.Duration // log.flush.scheduler.interval.ms; checked at least every second
	CheckpointInterval    time.Duration // log.flush.offset.checkpoint.interval.ms
	StartOffsetCheckpoint time.Duration // log.flush.start.offset.checkpoint.interval.ms
	ProducerIDExpiration  time.Duration // producer.id.expiration.ms
	ProducerIDCheck       time.Duration // producer.id.expiration.check.interval.ms
	Expiry                *clock.Expiry // the clock by which records expire; nil: one of its own

	Logger       *slog.Logger
	OnDirFailure func(dir string, err error) // called once for each directory that fails, from any goroutine, no locks held
}

// Manager holds the logs of a broker, in several directories.
//
// A directory fails as a whole: the first I/O error in any of its logs takes all of them offline, and the other directories go on.
type Manager struct {
	cfg    ManagerConfig
	fsys   vfs.FS
	logger *slog.Logger
	dirs   []*logDir
	trash  *trash

	compaction compaction

	stop    context.CancelFunc // of the background work
	running sync.WaitGroup
	// producerIDExpiration is producer.id.expiration.ms, in nanoseconds; it can be changed while the broker runs.
	producerIDExpiration atomic.Int64

	// changing is held while a log is deleted or moved, which does I/O, and for reading while one is made: many at a time, each under the one of making
	// that its partition has. Before making, choosing and mu, in this order.
	changing syncx.RWMutex
	making   [makers]syncx.Mutex
	choosing syncx.Mutex // held while a directory is chosen for a new log, until that counts
	// mu guards the maps; nothing slow happens under it.
	mu struct {
		syncx.RWMutex
		logs        map[ident.TopicPartition]*Log
		futures     map[ident.TopicPartition]*Log
		unreadable  map[ident.TopicPartition]error // logs that could not be opened, though their directory works
		brokerEpoch int64
		closed      bool
	}
}

// OpenManager locks the directories and opens all logs in them, several at a time. A directory that can't be read is taken offline;
// one that is locked or belongs to another broker is an error, and so is it if no directory is left.
func OpenManager(ctx context.Context, cfg ManagerConfig) (*Manager, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.OS()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Expiry == nil {
		cfg.Expiry = clock.NewExpiry(cfg.Logger)
	}
	m := &Manager{cfg: cfg, fsys: cfg.FS, logger: cfg.Logger, trash: newTrash()}
	m.producerIDExpiration.Store(int64(cfg.ProducerIDExpiration))
	m.mu.logs = make(map[ident.TopicPartition]*Log)
	m.mu.futures = make(map[ident.TopicPartition]*Log)
	m.mu.unreadable = make(map[ident.TopicPartition]error)
	m.mu.brokerEpoch = noBrokerEpoch
	if err := m.openDirs(ctx); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

// release gives everything back after a failed opening.
func (m *Manager) release() {
	for _, l := range m.all() {
		l.abandon()
	}
	m.trash.close()
	for _, d := range m.dirs {
		if d.lock != nil {
			d.lock.Close() // nothing was written through it
		}
	}
}

// ClusterID is the cluster's id, as configured or as meta.properties has it.
func (m *Manager) ClusterID() string { return m.cfg.ClusterID }

// Log finds a log.
func (m *Manager) Log(tp ident.TopicPartition) (*Log, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	l, ok := m.mu.logs[tp]
	return l, ok
}

// FutureLog finds the copy of a log that is on its way to another directory.
func (m *Manager) FutureLog(tp ident.TopicPartition) (*Log, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	l, ok := m.mu.futures[tp]
	return l, ok
}

// Logs iterates over all logs, the futures left out, in no order. What is made or deleted meanwhile may or may not turn up.
func (m *Manager) Logs() iter.Seq[*Log] {
	m.mu.RLock()
	logs := slices.Collect(maps.Values(m.mu.logs))
	m.mu.RUnlock()
	return slices.Values(logs)
}

// FutureLogs iterates over the logs on their way to another directory.
func (m *Manager) FutureLogs() iter.Seq[*Log] {
	m.mu.RLock()
	logs := slices.Collect(maps.Values(m.mu.futures))
	m.mu.RUnlock()
	return slices.Values(logs)
}

func (m *Manager) all() []*Log {
	return slices.AppendSeq(slices.Collect(m.Logs()), m.FutureLogs())
}

// Dirs describes the log directories, in the order of the configuration.
func (m *Manager) Dirs() []DirInfo {
	infos := make([]DirInfo, len(m.dirs))
	for i, d := range m.dirs {
		infos[i] = d.info(m.fsys)
	}
	return infos
}

// OnlineDir is the path of the directory with that id; false if none has it, or it has failed.
func (m *Manager) OnlineDir(id ident.UUID) (string, bool) {
	for _, d := range m.dirs {
		if d.id == id && d.online() {
			return d.path, true
		}
	}
	return "", false
}

// Checkpoint is a checkpoint file of a directory: the replica manager keeps its high watermarks in one.
func (m *Manager) Checkpoint(dir, name string) OffsetCheckpoint {
	return OffsetCheckpoint{FS: m.fsys, Dir: dir, Name: name}
}

// PreviousBrokerEpoch is the broker epoch that the last clean stop noted in every directory; -1 if the last stop was not clean.
func (m *Manager) PreviousBrokerEpoch() int64 {
	epoch := noBrokerEpoch
	for i, d := range m.dirs {
		if !d.wasClean || (i > 0 && d.brokerEpoch != epoch) {
			return noBrokerEpoch
		}
		epoch = d.brokerEpoch
	}
	return epoch
}

// SetBrokerEpoch notes the epoch of the broker's registration for the clean-shutdown marker.
func (m *Manager) SetBrokerEpoch(brokerEpoch int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.brokerEpoch = brokerEpoch
}

// UpdateConfig gives the logs of a topic a new configuration.
func (m *Manager) UpdateConfig(topic string, cfg LogConfig) {
	for _, l := range m.all() {
		if l.tp.Topic == topic {
			l.UpdateConfig(cfg)
		}
	}
}

// GetOrCreate returns the log. It makes one if there is none: in dirHint, or if that is "" in the online directory with the fewest logs.
// A log that exists with another topic id is an error (kerr.InconsistentTopicID); a zero topicID matches any.
func (m *Manager) GetOrCreate(tp ident.TopicPartition, topicID ident.TopicID, cfg LogConfig, dirHint string) (*Log, error) {
	if l, ok := m.Log(tp); ok {
		return l, l.taken(topicID, cfg)
	}
	m.changing.RLock()
	defer m.changing.RUnlock()
	maker := m.maker(tp)
	maker.Lock()
	defer maker.Unlock()
	if l, ok := m.Log(tp); ok {
		return l, l.taken(topicID, cfg)
	}
	m.mu.RLock()
	err, closed := m.mu.unreadable[tp], m.mu.closed
	m.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	if err != nil {
		return nil, err
	}
	m.choosing.Lock()
	d, err := m.chooseDir(dirHint)
	if err == nil {
		d.logs.Add(1)
	}
	m.choosing.Unlock()
	if err != nil {
		return nil, fmt.Errorf("make log %s: %w", tp, err)
	}
	l, err := m.makeLog(d, tp, topicID, cfg, tp.String())
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.mu.logs[tp] = l
	m.mu.Unlock()
	if f := d.failure.Load(); f != nil { // it failed meanwhile, and did not know of this log
		l.setOffline(f)
		return l, f
	}
	return l, nil
}

// taken prepares a log that was found on the disk for its first use: its topic is known now.
func (l *Log) taken(topicID ident.TopicID, cfg LogConfig) error {
	if f := l.failure.Load(); f != nil {
		return f
	}
	if err := l.AssignTopicID(topicID); err != nil {
		return err
	}
	l.UpdateConfig(cfg)
	return l.settleGap(cfg)
}

// makers is how many logs can be made at a time, at most.
const makers = 64

// maker is the lock under which a partition's log is made.
func (m *Manager) maker(tp ident.TopicPartition) *syncx.Mutex {
	h := fnv.New32a()
	h.Write([]byte(tp.Topic)) // never fails
	return &m.making[(h.Sum32()+uint32(tp.Partition))%makers]
}

// makeLog makes a log in d, which counts it already: not any more if there is an error.
func (m *Manager) makeLog(d *logDir, tp ident.TopicPartition, topicID ident.TopicID, cfg LogConfig, name string) (*Log, error) {
	l, err := OpenLog(context.Background(), LogOptions{
		FS: m.fsys, Dir: vfs.Join(d.path, name), TopicPartition: tp, TopicID: topicID, Config: cfg,
		Logger: m.logger, OnFailure: func(err error) { m.failDir(d, err) }, trash: m.trash, compaction: &m.compaction,
	})
	if err == nil {
		return l, nil
	}
	d.logs.Add(-1)
	var damaged *CorruptionError
	switch {
	case vfs.OutOfHandles(err):
		reportHandles(m.logger, err)
		return nil, &HandlesError{err}
	case !errors.As(err, &damaged) && !errors.Is(err, kerr.InconsistentTopicID):
		m.failDir(d, err)
		return nil, fmt.Errorf("%w", d.failure.Load())
	}
	return nil, err
}

// chooseDir picks the directory for a new log.
func (m *Manager) chooseDir(hint string) (*logDir, error) {
	var best *logDir
	for _, d := range m.dirs {
		if hint != "" && d.path != hint {
			continue
		}
		if f := d.failure.Load(); f != nil {
			if hint != "" {
				return nil, f
			}
			continue
		}
		if best == nil || d.logs.Load() < best.logs.Load() {
			best = d
		}
	}
	switch {
	case best != nil:
		return best, nil
	case hint != "":
		return nil, fmt.Errorf("%s is not one of the broker's log directories: %w", hint, kerr.LogDirNotFound)
	default:
		return nil, fmt.Errorf("no log directory is online: %w", kerr.KafkaStorageError)
	}
}

func (m *Manager) dirOf(l *Log) *logDir {
	for _, d := range m.dirs {
		if d.path == l.ParentDir() {
			return d
		}
	}
	return nil
}

// failDir takes a directory offline with all its logs.
func (m *Manager) failDir(d *logDir, err error) {
	f := &OfflineError{Dir: d.path, Err: err}
	var already *OfflineError
	if errors.As(err, &already) && already.Dir == d.path {
		f = already
	}
	if !d.failure.CompareAndSwap(nil, f) {
		return
	}
	m.logger.Error("log directory is offline", "dir", d.path, "err", f.Err)
	for _, l := range m.all() {
		if l.ParentDir() == d.path {
			l.setOffline(f)
		}
	}
	if m.cfg.OnDirFailure != nil {
		m.cfg.OnDirFailure(d.path, f.Err)
	}
}
