// Package clean compacts logs whose cleanup.policy has "compact": of all records with one key it keeps the last.
//
// Read candidate for what of a log is compacted when, and filter for what is kept. A Cleaner is the pool of threads
// that looks for the dirtiest log, again and again; pass is one compaction of one log:
//
//  1. index: read the keys of the dirty part into an offsetMap (bounded memory; what doesn't fit waits for the next round)
//  2. rewrite: copy the segments up to there, group by group, without the records that a later one supersedes
//  3. storage.Log.ReplaceSegments swaps the new segments in; a crash leaves the old or the new
//  4. note in cleaner-offset-checkpoint how far the log is clean
//
// Tombstones (null values) stay until delete.retention.ms after the compaction that first met them, which writes that time into the
// batch (the delete horizon of KIP-534); so do the markers of transactions that have no record left. Data of aborted transactions goes
// at once. An active producer's last batch stays, if only as an empty one, for its sequence number must survive a restart.
//
// A log whose compaction fails is left alone until restart, and counted as uncleanable; the others go on.
// Entries of message formats v0 and v1 are written as v2 by a compaction.
//
// What the package doesn't do: retention by time and size (storage.Manager does, also for compact,delete).
package clean

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Config is the log.cleaner.* part of a broker's configuration.
type Config struct {
	FS                  vfs.FS        // of the checkpoint files; nil: the operating system's
	Threads             int           // log.cleaner.threads
	DedupeBufferSize    int64         // log.cleaner.dedupe.buffer.size, for all threads together
	DedupeLoadFactor    float64       // log.cleaner.io.buffer.load.factor
	IOBufferSize        int           // log.cleaner.io.buffer.size, for one thread
	IOMaxBytesPerSecond float64       // log.cleaner.io.max.bytes.per.second; 0: no limit
	Backoff             time.Duration // log.cleaner.backoff.ms: how long to sleep when there is nothing to do
	DecompressLimit     int           // the most that one batch may unfold to
	Logger              *slog.Logger
	OnCleaned           func(Result) // told of each compaction; may be nil. No locks are held
}

// DefaultConfig is Apache Kafka's defaults.
func DefaultConfig() Config {
	return Config{
		Threads: 1, DedupeBufferSize: 128 << 20, DedupeLoadFactor: 0.9, IOBufferSize: 512 << 10, Backoff: 15 * time.Second, DecompressLimit: 1 << 30,
	}
}

// Result is what one compaction did.
type Result struct {
	TopicPartition              ident.TopicPartition
	From, To                    int64 // the offsets that were dirty; clean up to To now
	BytesRead, BytesWritten     int64
	RecordsRead, RecordsWritten int64
	InvalidRecords              int64 // without a key, dropped
	BufferUtilization           float64
	Elapsed                     time.Duration
}

// Stats are the cleaner's figures for metrics, named after Kafka's.
type Stats struct {
	MaxDirtyPercent             float64          // of the logs last looked at
	CleanerRecopyPercent        float64          // bytes written for 100 read, in the last compactions
	MaxCleanTime                time.Duration    // of the last compactions
	MaxBufferUtilizationPercent float64          // of the last compactions
	TimeSinceLastRun            time.Duration    // since all logs were last looked at
	UncleanablePartitions       map[string]int   // by log dir
	UncleanableBytes            map[string]int64 // by log dir
	DeadThreads                 int              // threads that ended while the cleaner runs
}

// Cleaner is the pool of threads that compacts the logs of a Manager.
type Cleaner struct {
	cfg      Config
	manager  *storage.Manager
	logger   *slog.Logger
	throttle throttle
	running  sync.WaitGroup
	wake     chan struct{}

	// changing is held while the threads are started or stopped; cfg, ctx and stop change only then.
	changing sync.Mutex
	ctx      context.Context
	stop     context.CancelFunc
	started  bool

	mu sync.Mutex
	// Guarded by mu. Never held across I/O but that of the checkpoint files.
	checkpoints map[string]map[ident.TopicPartition]int64 // by log dir, as on disk
	busy        map[*storage.Log]context.CancelFunc
	paused      map[ident.TopicPartition]int
	uncleanable map[*storage.Log]error
	recent      []Result
	lastRun     time.Time
	maxDirty    float64
	idle        *sync.Cond // a log is no longer busy
}

// recentResults is how many compactions the figures in Stats look back on.
const recentResults = 10

// New makes a cleaner; Start sets it to work.
func New(cfg Config, manager *storage.Manager) *Cleaner {
	cfg = cfg.withDefaults()
	c := &Cleaner{
		cfg: cfg, manager: manager, logger: cfg.Logger, throttle: throttle{bytesPerSecond: cfg.IOMaxBytesPerSecond}, wake: make(chan struct{}, 1),
		checkpoints: make(map[string]map[ident.TopicPartition]int64), busy: make(map[*storage.Log]context.CancelFunc),
		paused: make(map[ident.TopicPartition]int), uncleanable: make(map[*storage.Log]error), lastRun: time.Now(),
	}
	c.idle = sync.NewCond(&c.mu)
	c.ctx, c.stop = context.WithCancel(context.Background())
	manager.SetCompactor(c)
	return c
}

func (cfg Config) withDefaults() Config {
	def := DefaultConfig()
	if cfg.FS == nil {
		cfg.FS = vfs.OS()
	}
	if cfg.Threads <= 0 {
		cfg.Threads = def.Threads
	}
	if cfg.DedupeBufferSize <= 0 {
		cfg.DedupeBufferSize = def.DedupeBufferSize
	}
	if cfg.DedupeLoadFactor <= 0 || cfg.DedupeLoadFactor > 1 {
		cfg.DedupeLoadFactor = def.DedupeLoadFactor
	}
	if cfg.IOBufferSize < minIOBuffer {
		cfg.IOBufferSize = max(minIOBuffer, min(def.IOBufferSize, max(cfg.IOBufferSize, def.IOBufferSize)))
	}
	if cfg.Backoff <= 0 {
		cfg.Backoff = def.Backoff
	}
	if cfg.DecompressLimit <= 0 {
		cfg.DecompressLimit = def.DecompressLimit
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

const minIOBuffer = 4 << 10

// Start starts the threads.
func (c *Cleaner) Start() {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.startThreads()
}

func (c *Cleaner) startThreads() {
	c.started = true
	for range c.cfg.Threads {
		c.running.Go(c.work)
	}
}

// Reconfigure changes the cleaner's configuration. Compactions under way are given up, as by Close, and begun again with what is new.
func (c *Cleaner) Reconfigure(cfg Config) {
	c.changing.Lock()
	defer c.changing.Unlock()
	cfg = cfg.withDefaults()
	cfg.FS, cfg.Logger, cfg.OnCleaned = c.cfg.FS, c.cfg.Logger, c.cfg.OnCleaned
	if !c.started || c.ctx.Err() != nil || cfg.sameNumbers(c.cfg) {
		return
	}
	c.stop()
	c.running.Wait()
	c.mu.Lock()
	for len(c.busy) > 0 { // by CleanNow
		c.idle.Wait()
	}
	c.cfg = cfg
	c.throttle.setRate(cfg.IOMaxBytesPerSecond)
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.mu.Unlock()
	c.logger.Info("cleaner reconfigured", "threads", cfg.Threads, "dedupe_buffer_bytes", cfg.DedupeBufferSize, "io_buffer_bytes", cfg.IOBufferSize,
		"io_max_bytes_per_second", cfg.IOMaxBytesPerSecond, "backoff", cfg.Backoff)
	c.startThreads()
}

// sameNumbers reports whether two configurations ask for the same.
func (cfg Config) sameNumbers(o Config) bool {
	return cfg.Threads == o.Threads && cfg.DedupeBufferSize == o.DedupeBufferSize && cfg.DedupeLoadFactor == o.DedupeLoadFactor &&
		cfg.IOBufferSize == o.IOBufferSize && cfg.IOMaxBytesPerSecond == o.IOMaxBytesPerSecond && cfg.Backoff == o.Backoff && cfg.DecompressLimit == o.DecompressLimit
}

// Close stops the threads, in the middle of a compaction if need be: it leaves the log as it was.
func (c *Cleaner) Close() error {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.stop()
	c.running.Wait()
	return nil
}

// Wake makes a sleeping thread look for work now, after a change of configuration.
func (c *Cleaner) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Cleaner) work() {
	for c.ctx.Err() == nil {
		if l, run := c.claimDirtiest(c.manager.ExpiryMs()); run != nil {
			if _, err := run(c.ctx); err != nil && c.ctx.Err() == nil {
				c.failed(l, err)
			}
			continue
		}
		timer := time.NewTimer(c.cfg.Backoff)
		select {
		case <-c.ctx.Done():
		case <-c.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

type runFunc func(ctx context.Context) (Result, error)

// claimDirtiest finds the log with the largest dirty share that is due, and marks it busy.
func (c *Cleaner) claimDirtiest(nowMs int64) (*storage.Log, runFunc) {
	var best candidate
	maxDirty := 0.0
	for l := range c.manager.Logs() {
		if !l.Config().Compact || l.IsFuture() || c.skips(l) {
			continue
		}
		found, err := c.inspect(l, nowMs)
		if err != nil {
			c.failed(l, err)
			continue
		}
		maxDirty = max(maxDirty, found.ratio())
		if found.due() && (best.log == nil || found.ratio() > best.ratio()) {
			best = found
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastRun, c.maxDirty = time.Now(), maxDirty
	if best.log == nil || c.busy[best.log] != nil || c.paused[best.log.TopicPartition()] > 0 {
		return nil, nil
	}
	return best.log, c.claimLocked(best, nowMs)
}

func (c *Cleaner) skips(l *storage.Log) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy[l] != nil || c.paused[l.TopicPartition()] > 0 || c.uncleanable[l] != nil
}

// claimLocked marks a log busy and returns what compacts it and frees it again. REQUIRES: c.mu.
func (c *Cleaner) claimLocked(found candidate, nowMs int64) runFunc {
	ctx, cancel := context.WithCancel(c.ctx)
	c.busy[found.log] = cancel
	return func(caller context.Context) (Result, error) {
		stop := context.AfterFunc(caller, cancel)
		defer func() {
			stop()
			cancel()
			c.mu.Lock()
			delete(c.busy, found.log)
			c.idle.Broadcast()
			c.mu.Unlock()
		}()
		return c.clean(ctx, found, nowMs)
	}
}

func (c *Cleaner) clean(ctx context.Context, found candidate, nowMs int64) (Result, error) {
	began := time.Now()
	l := found.log
	p := &pass{cfg: &c.cfg, candidate: found, nowMs: nowMs, throttle: &c.throttle}
	p.alive = func() bool {
		current, ok := c.manager.Log(l.TopicPartition())
		return ok && current == l
	}
	end, err := p.run(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("compact %s: %w", l.TopicPartition(), err)
	}
	if err := c.setCheckpoint(l, end); err != nil {
		return Result{}, fmt.Errorf("compact %s: %w", l.TopicPartition(), err)
	}
	r := Result{
		TopicPartition: l.TopicPartition(), From: found.firstDirty, To: end, BytesRead: p.stats.bytesRead, BytesWritten: p.stats.bytesWritten,
		RecordsRead: p.stats.recordsRead, RecordsWritten: p.stats.recordsWritten, InvalidRecords: p.stats.invalidRecords,
		BufferUtilization: p.keys.utilization(), Elapsed: time.Since(began),
	}
	c.logger.Info("log compacted", "topic", r.TopicPartition.Topic, "partition", r.TopicPartition.Partition, "from_offset", r.From, "to_offset", r.To,
		"bytes_read", r.BytesRead, "bytes_written", r.BytesWritten, "records_read", r.RecordsRead, "records_written", r.RecordsWritten, "elapsed", r.Elapsed)
	c.mu.Lock()
	if c.recent = append(c.recent, r); len(c.recent) > recentResults {
		c.recent = c.recent[1:]
	}
	c.mu.Unlock()
	if c.cfg.OnCleaned != nil {
		c.cfg.OnCleaned(r)
	}
	return r, nil
}

// failed marks a log uncleanable, unless the error means no more than "try again" or that the log is gone.
func (c *Cleaner) failed(l *storage.Log, err error) {
	var offline *storage.OfflineError
	var handles *storage.HandlesError
	if errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrSegmentsChanged) || errors.Is(err, storage.ErrClosed) || errors.As(err, &offline) || errors.As(err, &handles) {
		c.logger.Debug("compaction given up", "topic", l.TopicPartition().Topic, "partition", l.TopicPartition().Partition, "err", err)
		return
	}
	c.logger.Error("log is uncleanable until restart", "topic", l.TopicPartition().Topic, "partition", l.TopicPartition().Partition, "err", err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uncleanable[l] = err
}

// CleanNow compacts everything of a log that may be compacted at nowMs, be it due or not. It waits for a compaction that is under way.
func (c *Cleaner) CleanNow(ctx context.Context, l *storage.Log, nowMs int64) (Result, error) {
	c.mu.Lock()
	for c.busy[l] != nil {
		c.idle.Wait()
	}
	c.mu.Unlock()
	found, err := c.inspect(l, nowMs)
	if err != nil {
		return Result{}, err
	}
	if found.dirtyBytes == 0 {
		return Result{TopicPartition: l.TopicPartition(), From: found.firstDirty, To: found.firstDirty}, nil
	}
	c.mu.Lock()
	run := c.claimLocked(found, nowMs) //nolint:contextcheck // run joins ctx to the cleaner's own
	c.mu.Unlock()
	return run(ctx)
}

// Pause keeps the cleaner away from a partition until Resume, and waits until it has left: before a log is truncated, deleted or moved.
func (c *Cleaner) Pause(tp ident.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused[tp]++
	for {
		waiting := false
		for l, cancel := range c.busy {
			if l.TopicPartition() == tp {
				cancel()
				waiting = true
			}
		}
		if !waiting {
			return
		}
		c.idle.Wait()
	}
}

// Resume undoes one Pause.
func (c *Cleaner) Resume(tp ident.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused[tp]--; c.paused[tp] <= 0 {
		delete(c.paused, tp)
	}
}

// Stats returns the figures of now.
func (c *Cleaner) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{
		MaxDirtyPercent: 100 * c.maxDirty, TimeSinceLastRun: time.Since(c.lastRun),
		UncleanablePartitions: make(map[string]int), UncleanableBytes: make(map[string]int64),
	}
	var read, written int64
	for _, r := range c.recent {
		read, written = read+r.BytesRead, written+r.BytesWritten
		s.MaxCleanTime = max(s.MaxCleanTime, r.Elapsed)
		s.MaxBufferUtilizationPercent = max(s.MaxBufferUtilizationPercent, 100*r.BufferUtilization)
	}
	if read > 0 {
		s.CleanerRecopyPercent = 100 * float64(written) / float64(read)
	}
	for l := range maps.Keys(c.uncleanable) {
		s.UncleanablePartitions[l.ParentDir()]++
		s.UncleanableBytes[l.ParentDir()] += l.Size()
	}
	return s
}
