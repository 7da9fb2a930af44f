package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/syncx"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Log is one partition's records on disk. Its methods are safe for concurrent use.
//
// An append holds mu from the assignment of offsets to the publication of the new log end; checksums and conversion come before it
// and fsync after it. A reader takes no lock: it loads logEndOffset first and the list of segments second, so that every record
// below that end is in a segment of the list.
type Log struct {
	tp     ident.TopicPartition
	fsys   vfs.FS
	logger *slog.Logger
	epochs *leaderEpochCache

	cfg      atomic.Pointer[LogConfig]
	dir      atomic.Pointer[string]
	topicID  atomic.Pointer[ident.TopicID]
	segments atomic.Pointer[[]*Segment] // never empty; the last is the active one; replaced, never changed
	future   atomic.Bool
	gap      atomic.Int64 // where records may be missing before the next segment (settleGap); -1: nowhere

	metadataUnsynced atomic.Bool // partition.metadata, and perhaps the directory's own name

	logStartOffset      atomic.Int64
	highWatermark       atomic.Int64
	logEndOffset        atomic.Int64
	recoveryPoint       atomic.Int64 // everything before it is on the disk
	firstUnstableOffset atomic.Int64 // noUnstable: everything is decided
	lastFlushMs         atomic.Int64 // on the monotonic clock

	failure        atomic.Pointer[OfflineError]
	gone           atomic.Bool // closed: for readers, which do not take mu
	onFailure      func(error)
	flushedByOwner bool           // see LogOptions
	background     sync.WaitGroup // flushes after a roll, and reports of a failure; Close waits for them
	trash          *trash
	compaction     *compaction
	epochsLost     bool // the checkpoint was damaged; while opening only

	// mu guards the order of changes to the log. Never held across fsync of data.
	mu struct {
		syncx.Mutex
		producers    *producerState
		jitterMs     int64 // of the active segment's age limit
		closed       bool
		lastSnapshot int64 // offset of the newest .snapshot
		dirUnsynced  bool  // a segment was created since the directory was synced
	}
	// flushMu is held during fsync: who comes meanwhile waits, and finds that the next fsync serves all of them. Before mu.
	flushMu syncx.Mutex
}

// TopicPartition names the log.
func (l *Log) TopicPartition() ident.TopicPartition { return l.tp }

// TopicID is the topic's id, zero if none was assigned.
func (l *Log) TopicID() ident.TopicID { return *l.topicID.Load() }

// AssignTopicID writes the topic's id to partition.metadata. An id that is there already stays: a different one is an error, kerr.InconsistentTopicID.
// Ids are random: one that differs in a single character is the same one, with a damaged bit in the file, and is corrected.
func (l *Log) AssignTopicID(id ident.TopicID) error {
	current := l.TopicID()
	if id.IsZero() || current == id {
		return nil
	}
	if !current.IsZero() {
		path := vfs.Join(l.Dir(), partitionMetadataName)
		if !differInOneCharacter(current.String(), id.String()) {
			return fmt.Errorf("assign topic id %s to %s, which has %s in %s: %w", id, l.tp, current, path, kerr.InconsistentTopicID)
		}
		l.logger.Warn("a damaged topic id is corrected", "topic", l.tp.Topic, "partition", l.tp.Partition, "path", path, "found", current.String(), "topic_id", id.String())
	}
	if err := writePartitionMetadata(l.fsys, l.Dir(), id); err != nil {
		return l.fail(err)
	}
	l.topicID.Store(&id)
	l.metadataUnsynced.Store(true)
	return nil
}

func differInOneCharacter(a, b string) bool {
	differences := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			differences++
		}
	}
	return len(a) == len(b) && differences == 1
}

// Dir is the log's own directory, ParentDir the log dir that it lies in.
func (l *Log) Dir() string { return *l.dir.Load() }

// ParentDir is the log directory.
func (l *Log) ParentDir() string { return vfs.Dir(l.Dir()) }

// IsFuture tells whether this is a copy on its way to another log dir.
func (l *Log) IsFuture() bool { return l.future.Load() }

// Config is the configuration in force; it must not be changed.
func (l *Log) Config() *LogConfig { return l.cfg.Load() }

// UpdateConfig replaces the configuration.
func (l *Log) UpdateConfig(cfg LogConfig) { l.cfg.Store(&cfg) }

// LogStartOffset is the first offset that may be read.
func (l *Log) LogStartOffset() int64 { return l.logStartOffset.Load() }

// HighWatermark is the offset before which records are replicated, as SetHighWatermark was told.
func (l *Log) HighWatermark() int64 { return l.highWatermark.Load() }

// LogEndOffset is the offset that the next record gets.
func (l *Log) LogEndOffset() int64 { return l.logEndOffset.Load() }

// RecoveryPoint is the offset before which everything is on the disk.
func (l *Log) RecoveryPoint() int64 { return l.recoveryPoint.Load() }

// LastStableOffset is where a reader of committed records stops: at the first transaction that is not decided, or the high watermark.
func (l *Log) LastStableOffset() int64 {
	return min(l.firstUnstableOffset.Load(), l.highWatermark.Load())
}

// SetHighWatermark moves the high watermark, kept between log start and log end, and returns where it is now.
func (l *Log) SetHighWatermark(offset int64) int64 {
	offset = max(min(offset, l.logEndOffset.Load()), l.logStartOffset.Load())
	l.highWatermark.Store(offset)
	if l.firstUnstableOffset.Load() != noUnstable {
		l.mu.Lock()
		l.mu.producers.onHighWatermark(offset)
		l.publishUnstableLocked()
		l.mu.Unlock()
	}
	return offset
}

func (l *Log) publishUnstableLocked() {
	l.mu.AssertHeld()
	l.firstUnstableOffset.Store(l.mu.producers.firstUnstableOffset())
}

// Size is the number of bytes in all segments.
func (l *Log) Size() int64 {
	var size int64
	for _, s := range *l.segments.Load() {
		size += s.size.Load()
	}
	return size
}

// ActiveProducers lists the producers the log knows.
func (l *Log) ActiveProducers() []ProducerInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.producers.rows()
}

// HasOngoingTransaction tells whether the producer has an open transaction in this log.
func (l *Log) HasOngoingTransaction(producerID int64, producerEpoch int16) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.mu.producers.producers[producerID]
	return e != nil && e.producerEpoch == producerEpoch && e.txnFirstOffset != noTxn
}

// ExpireProducers forgets producers that were quiet since beforeMs.
func (l *Log) ExpireProducers(beforeMs int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.producers.expire(beforeMs)
}

// Segments returns the segments in order, the active one last. Each stays open until its Release; one that is being deleted is left out.
func (l *Log) Segments() []*Segment {
	all := *l.segments.Load()
	held := make([]*Segment, 0, len(all))
	for _, s := range all {
		if s.acquire() {
			held = append(held, s)
		}
	}
	return held
}

// ActiveSegmentBaseOffset is where the segment begins that appends go to: compaction stays below it.
func (l *Log) ActiveSegmentBaseOffset() int64 { return l.active().baseOffset }

func (l *Log) active() *Segment {
	all := *l.segments.Load()
	return all[len(all)-1]
}

func (l *Log) setSegments(all []*Segment) {
	invariants.Must(len(all) > 0, "LogHasActiveSegment: %s has none", l.tp)
	for i, s := range all {
		if s.logger == nil { // else others see it already
			s.logger = l.logger
		}
		if i == 0 {
			continue
		}
		invariants.Assert(all[i-1].baseOffset < all[i].baseOffset, "SegmentsInOrder: %s", l.tp)
	}
	l.segments.Store(&all)
}

// floorSegment is the index of the last segment that begins at or before offset; -1 if all begin later.
func floorSegment(all []*Segment, offset int64) int {
	if n := len(all); all[n-1].baseOffset <= offset { // nearly every read and append
		return n - 1
	}
	return sort.Search(len(all), func(i int) bool { return all[i].baseOffset > offset }) - 1
}

// usable is the error of a log that can't be used any more.
func (l *Log) usable() error {
	if err := l.offline(); err != nil {
		return err
	}
	if l.gone.Load() {
		return ErrClosed
	}
	return nil
}

// offline is the error of a log whose directory failed.
func (l *Log) offline() error {
	if f := l.failure.Load(); f != nil {
		return f
	}
	return nil
}

// ErrClosed is the answer of a log after Close. It matches kerr.NotLeaderForPartition: whoever asks has to look for it elsewhere.
var ErrClosed = fmt.Errorf("log is closed: %w", kerr.NotLeaderForPartition)

// fail takes the log offline after an I/O error and tells the manager, which does so with all logs of the directory. An error that says
// that the log is offline already passes. Having no more file handles is no such error, see HandlesError: the caller has to leave everything as it was.
func (l *Log) fail(err error) error {
	if _, ok := errors.AsType[*OfflineError](err); ok {
		return err
	}
	if vfs.OutOfHandles(err) {
		reportHandles(l.logger, err)
		return &HandlesError{err}
	}
	if l.gone.Load() { // its files went from under whoever still worked on them: compaction of a log that is being deleted
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	f := &OfflineError{Dir: l.ParentDir(), Err: err}
	if !l.failure.CompareAndSwap(nil, f) {
		return l.failure.Load()
	}
	if l.onFailure != nil {
		l.background.Go(func() { l.onFailure(err) }) // not here: our caller holds locks
	}
	return f
}

// Offline is why the log can't be used any more: its directory has failed. nil: it can.
func (l *Log) Offline() error {
	if f := l.failure.Load(); f != nil {
		return f
	}
	return nil
}

// setOffline is fail without the report, for the manager.
func (l *Log) setOffline(f *OfflineError) { l.failure.CompareAndSwap(nil, f) }

// newJitter picks how much earlier than segment.ms the next segment is rolled.
func newJitter(cfg *LogConfig) int64 {
	limit := min(cfg.SegmentJitterMs, cfg.SegmentMs)
	if limit <= 0 {
		return 0
	}
	return rand.Int64N(limit)
}

func nowMs() int64 { return time.Now().UnixMilli() }

// canHold tells whether offset can be written as an offset relative to base.
func canHold(base, offset int64) bool { return offset >= base && offset-base <= math.MaxInt32 }

// EndOffsetForEpoch answers OffsetForLeaderEpoch: the largest known epoch at or below leaderEpoch, and where it ends. -1, -1: unknown.
func (l *Log) EndOffsetForEpoch(leaderEpoch int32) (epoch int32, endOffset int64) {
	return l.epochs.endOffsetFor(leaderEpoch, l.LogEndOffset())
}

// LatestEpoch is the last leader epoch in the log, -1 if there is none.
func (l *Log) LatestEpoch() int32 {
	if e, ok := l.epochs.latest(); ok {
		return e.LeaderEpoch
	}
	return batch.NoLeaderEpoch
}

// EpochForOffset is the leader epoch under which offset was appended; -1 if unknown.
func (l *Log) EpochForOffset(offset int64) int32 { return l.epochs.epochFor(offset) }

// EpochEntries lists where each leader epoch began.
func (l *Log) EpochEntries() []EpochEntry { return l.epochs.all() }

// AssignEpochStart records that leaderEpoch begins at offset, when a replica becomes leader.
func (l *Log) AssignEpochStart(leaderEpoch int32, offset int64) error {
	if err := l.usable(); err != nil {
		return err
	}
	if err := l.epochs.assign(leaderEpoch, offset); err != nil {
		return l.fail(err)
	}
	return nil
}
