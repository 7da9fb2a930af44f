package storage

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Log is one partition's records on disk. Its methods are safe for concurrent use.
type Log struct{}

// AppendAsLeader checks records (one batch of format v2, or a legacy message set), assigns offsets and leaderEpoch and appends them with one write.
// It changes records in place. The high watermark stays where it is. Errors: *ValidationError (with the protocol's error), *OfflineError.
func (l *Log) AppendAsLeader(records []byte, leaderEpoch int32, opts AppendOptions) (AppendInfo, error) {
	panic("draft")
}

// AppendAsFollower appends batches as the leader made them: offsets and epochs are theirs, and must follow the log's end.
// Gaps in offsets are allowed (a compacted leader); going back is not. Records before the log's end are an error.
// A torn batch at the end of records is left out.
func (l *Log) AppendAsFollower(records []byte, leaderEpoch int32) (AppendInfo, error) { panic("draft") }

// Read returns the batches from the one that holds offset on: at most maxBytes, whole or cut (the last batch may be partial, as in
// Kafka), none that begin at or after upTo (pass the high watermark, last stable offset or log end). With minOneBatch the first batch
// comes whole even when it is larger than maxBytes. The result is empty, not nil, when there is nothing yet; kerr.OffsetOutOfRange
// outside [LogStartOffset, LogEndOffset]. Never blocks on an append. Release the result.
func (l *Log) Read(offset int64, maxBytes int, upTo int64, minOneBatch bool) (*Records, error) {
	panic("draft")
}

// Records is a range of a segment file that stays readable until Release.
type Records struct{}

// Size is the number of bytes.
func (r *Records) Size() int { panic("draft") }

// WriteTo writes all bytes to w; by sendfile when w is a *net.TCPConn and the log lies in real files.
func (r *Records) WriteTo(w io.Writer) (int64, error) { panic("draft") }

// ReadAt reads from the range.
func (r *Records) ReadAt(p []byte, off int64) (int, error) { panic("draft") }

// Bytes copies the range into dst's capacity, growing it if need be.
func (r *Records) Bytes(dst []byte) ([]byte, error) { panic("draft") }

// File tells where the range lies, for a sender with its own sendfile: nil for a memory file system.
func (r *Records) File() (f *os.File, position int64, size int) { panic("draft") }

// Release gives the file back. The Records must not be used after it.
func (r *Records) Release() { panic("draft") }

// AbortedTxn is one aborted transaction of a fetch response.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
	LastOffset  int64
}

// AbortedTransactions lists the aborted transactions that overlap [from, upTo), for a read_committed fetch.
func (l *Log) AbortedTransactions(from, upTo int64) ([]AbortedTxn, error) { panic("draft") }

// TimestampOffset is a record's timestamp and offset and the leader epoch of its batch. Offset -1: there is none.
type TimestampOffset struct {
	Timestamp   int64
	Offset      int64
	LeaderEpoch int32
}

// OffsetForTimestamp finds the first record with that timestamp or a later one.
func (l *Log) OffsetForTimestamp(timestamp int64) (TimestampOffset, error) { panic("draft") }

// MaxTimestampOffset finds the record with the largest timestamp (ListOffsets' -3).
func (l *Log) MaxTimestampOffset() (TimestampOffset, error) { panic("draft") }

// EndOffsetForEpoch answers OffsetForLeaderEpoch: the largest known epoch at or below leaderEpoch, and where it ends. -1, -1: unknown.
func (l *Log) EndOffsetForEpoch(leaderEpoch int32) (epoch int32, endOffset int64) { panic("draft") }

// LatestEpoch is the last leader epoch in the log, -1 if none; EarliestEpoch the first.
func (l *Log) LatestEpoch() int32 { panic("draft") }

// EpochForOffset is the leader epoch under which offset was appended; -1 if unknown.
func (l *Log) EpochForOffset(offset int64) int32 { panic("draft") }

// AssignEpochStart records that leaderEpoch begins at offset, when a replica becomes leader.
func (l *Log) AssignEpochStart(leaderEpoch int32, offset int64) error { panic("draft") }

func (l *Log) LogStartOffset() int64   { panic("draft") }
func (l *Log) HighWatermark() int64    { panic("draft") }
func (l *Log) LastStableOffset() int64 { panic("draft") }
func (l *Log) LogEndOffset() int64     { panic("draft") }

// RecoveryPoint is the offset before which everything is on the disk.
func (l *Log) RecoveryPoint() int64 { panic("draft") }

// SetHighWatermark moves the high watermark, kept within [log start, log end], and returns where it is.
func (l *Log) SetHighWatermark(offset int64) int64 { panic("draft") }

func (l *Log) Size() int64                          { panic("draft") }
func (l *Log) Dir() string                          { panic("draft") } // the log's own directory
func (l *Log) ParentDir() string                    { panic("draft") } // the log dir it lies in
func (l *Log) TopicPartition() ident.TopicPartition { panic("draft") }
func (l *Log) TopicID() ident.TopicID               { panic("draft") }
func (l *Log) AssignTopicID(id ident.TopicID) error { panic("draft") } // writes partition.metadata
func (l *Log) IsFuture() bool                       { panic("draft") }
func (l *Log) Config() *LogConfig                   { panic("draft") }
func (l *Log) UpdateConfig(cfg LogConfig)           { panic("draft") }

// TruncateTo drops everything from offset on. It tells whether there was anything to drop.
func (l *Log) TruncateTo(offset int64) (bool, error) { panic("draft") }

// TruncateFullyAndStartAt empties the log; the next append gets offset.
func (l *Log) TruncateFullyAndStartAt(offset int64) error { panic("draft") }

// IncrementLogStartOffset moves the log start forward (DeleteRecords); kerr.OffsetOutOfRange beyond the high watermark.
func (l *Log) IncrementLogStartOffset(offset int64) error { panic("draft") }

// DeleteOldSegments applies retention and returns the number of segments it dropped.
func (l *Log) DeleteOldSegments(nowMs int64) (int, error) { panic("draft") }

// Flush makes everything before upTo durable; concurrent callers share one fsync.
func (l *Log) Flush(upTo int64) error { panic("draft") }

// Roll starts a new segment.
func (l *Log) Roll() error { panic("draft") }

// Close flushes and closes the log.
func (l *Log) Close() error { panic("draft") }

// ProducerInfo is a row of DescribeProducers.
type ProducerInfo struct {
	ProducerID            int64
	ProducerEpoch         int16
	LastSequence          int32
	LastTimestamp         int64
	CoordinatorEpoch      int32
	CurrentTxnStartOffset int64 // -1: none
}

// ActiveProducers lists the producers the log knows.
func (l *Log) ActiveProducers() []ProducerInfo { panic("draft") }

// HasOngoingTransaction tells whether the producer has an open transaction in this log.
func (l *Log) HasOngoingTransaction(producerID int64, producerEpoch int16) bool { panic("draft") }

// Segment is one stretch of a log: a .log file with its indexes.
type Segment struct{}

func (s *Segment) BaseOffset() int64                       { panic("draft") }
func (s *Segment) Size() int                               { panic("draft") }
func (s *Segment) LargestTimestamp() (int64, error)        { panic("draft") } // of its records; the file's time if it has none
func (s *Segment) ReadAt(p []byte, off int64) (int, error) { panic("draft") }
func (s *Segment) AbortedTxns() ([]AbortedTxn, error)      { panic("draft") }
func (s *Segment) Release()                                { panic("draft") }

// Segments returns the log's segments in order, the active one last, each kept open until its Release.
func (l *Log) Segments() []*Segment { panic("draft") }

// SegmentWriter writes a compacted segment under the suffix .cleaned.
type SegmentWriter struct{}

// NewCleanedSegment starts a replacement for segments that begin at baseOffset.
func (l *Log) NewCleanedSegment(baseOffset int64) (*SegmentWriter, error) { panic("draft") }

// Append adds whole batches, already in their final form; offsets must rise.
func (w *SegmentWriter) Append(batches []byte) error { panic("draft") }

// AppendAborted adds an entry to its transaction index.
func (w *SegmentWriter) AppendAborted(t AbortedTxn, lastStableOffset int64) error { panic("draft") }

func (w *SegmentWriter) Size() int    { panic("draft") }
func (w *SegmentWriter) Abort() error { panic("draft") } // removes the files

// ReplaceSegments swaps old for cleaned (.cleaned -> .swap -> in place), so that a crash at any step leaves one of the two.
func (l *Log) ReplaceSegments(cleaned []*SegmentWriter, old []*Segment) error { panic("draft") }

// ManagerConfig says where the logs lie and how often what is done.
type ManagerConfig struct {
	FS              vfs.FS // nil: the operating system's
	Dirs            []string
	ClusterID       string // "" takes what meta.properties has
	NodeID          ident.BrokerID
	Defaults        LogConfig                    // for topics that ConfigFor does not know
	ConfigFor       func(topic string) LogConfig // for logs found on disk; may be nil
	RecoveryThreads int                          // per directory; num.recovery.threads.per.data.dir

	InitialTaskDelay      time.Duration // log.initial.task.delay.ms
	RetentionCheck        time.Duration // log.retention.check.interval.ms
	FlushCheck            time.Duration // log.flush.scheduler.interval.ms
	CheckpointInterval    time.Duration // log.flush.offset.checkpoint.interval.ms
	StartOffsetCheckpoint time.Duration // log.flush.start.offset.checkpoint.interval.ms
	ProducerIDExpiration  time.Duration // producer.id.expiration.ms
	ProducerIDCheck       time.Duration // producer.id.expiration.check.interval.ms

	Logger       *slog.Logger
	OnDirFailure func(dir string, err error) // called once per failed directory, from any goroutine, no locks held
}

// Manager holds the logs of a broker.
type Manager struct{}

func OpenManager(ctx context.Context, cfg ManagerConfig) (*Manager, error) { panic("draft") }

func (m *Manager) Start()       { panic("draft") } // starts the background work
func (m *Manager) Close() error { panic("draft") } // stops it, flushes, writes checkpoints and the clean-shutdown marker

func (m *Manager) Log(tp ident.TopicPartition) (*Log, bool) { panic("draft") }

// GetOrCreate returns the log, making it in dirHint, or in the directory with the fewest logs if that is "".
func (m *Manager) GetOrCreate(tp ident.TopicPartition, topicID ident.TopicID, cfg LogConfig, dirHint string) (*Log, error) {
	panic("draft")
}

// Delete removes the log from the broker at once and from the disk after file.delete.delay.ms.
func (m *Manager) Delete(tp ident.TopicPartition) error { panic("draft") }

func (m *Manager) UpdateConfig(topic string, cfg LogConfig) { panic("draft") }
func (m *Manager) Logs() iter.Seq[*Log]                     { panic("draft") }
func (m *Manager) Dirs() []DirInfo                          { panic("draft") }

// DirInfo describes a log directory.
type DirInfo struct {
	Path        string
	DirectoryID ident.UUID
	Err         error // why it is offline; nil online
	TotalBytes  int64
	UsableBytes int64
}

func (m *Manager) ClusterID() string { panic("draft") }

// CreateFuture makes the log's copy-to-be in another directory (AlterReplicaLogDirs); FutureLog finds it; PromoteFuture puts it in the place of the current one.
func (m *Manager) CreateFuture(tp ident.TopicPartition, dir string) (*Log, error) { panic("draft") }
func (m *Manager) FutureLog(tp ident.TopicPartition) (*Log, bool)                { panic("draft") }
func (m *Manager) PromoteFuture(tp ident.TopicPartition) (*Log, error)           { panic("draft") }
func (m *Manager) AbandonFuture(tp ident.TopicPartition) error                   { panic("draft") }

// OffsetCheckpoint is a file of offsets per partition, in Kafka's text form.
type OffsetCheckpoint struct {
	FS  vfs.FS
	Dir string
	// Name is the file's: ReplicationOffsetCheckpoint and its siblings.
	Name string
}

// The checkpoint files of a log directory.
const (
	RecoveryPointCheckpoint     = "recovery-point-offset-checkpoint"
	LogStartOffsetCheckpoint    = "log-start-offset-checkpoint"
	ReplicationOffsetCheckpoint = "replication-offset-checkpoint"
	CleanerOffsetCheckpoint     = "cleaner-offset-checkpoint"
)

func (c OffsetCheckpoint) Read() (map[ident.TopicPartition]int64, error)     { panic("draft") } // a missing file is empty
func (c OffsetCheckpoint) Write(offsets map[ident.TopicPartition]int64) error { panic("draft") }

// LogOptions open a Log on its own, outside a Manager: the metadata quorum's.
type LogOptions struct {
	FS             vfs.FS // nil: the operating system's
	Dir            string // the log's own directory, made if missing
	TopicPartition ident.TopicPartition
	TopicID        ident.TopicID
	Config         LogConfig
	LogStartOffset int64 // from the checkpoint; 0 else
	RecoveryPoint  int64 // from the checkpoint; 0 checks everything
	CleanShutdown  bool  // the tail needs no check
	Logger         *slog.Logger
	OnFailure      func(err error) // the first I/O error; may be nil
}

// OpenLog opens or makes a log and recovers it.
func OpenLog(ctx context.Context, opts LogOptions) (*Log, error) { panic("draft") }
