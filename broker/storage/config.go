package storage

import (
	"math"

	"github.com/kgo-project/kgo/broker/batch"
)

// LogConfig is what a topic's configuration says about its logs, in Kafka's units. A Log reads it through one atomic pointer, so
// that a change takes effect with the next operation. Start from DefaultLogConfig.
type LogConfig struct {
	SegmentBytes       int   // segment.bytes: roll before a segment grows beyond
	SegmentMs          int64 // segment.ms: roll when the segment's first record is that old
	SegmentJitterMs    int64 // segment.jitter.ms: up to so much less, at random, lest all segments roll at once
	IndexBytes         int   // segment.index.bytes: roll when an index is full
	IndexIntervalBytes int   // index.interval.bytes: an index entry for every so many bytes of log
	FlushMessages      int64 // flush.messages: fsync when so many records are unflushed
	FlushMs            int64 // flush.ms: fsync when the last one is so long ago
	RetentionBytes     int64 // retention.bytes; -1: no limit
	RetentionMs        int64 // retention.ms; -1: no limit
	MaxMessageBytes    int   // max.message.bytes: the largest batch
	FileDeleteDelayMs  int64 // file.delete.delay.ms: how long a deleted file lives on as .deleted
	Preallocate        bool  // preallocate: accepted; files grow as they are written, which current file systems do as fast

	Compact               bool    // cleanup.policy has compact
	Delete                bool    // cleanup.policy has delete
	MinCleanableRatio     float64 // min.cleanable.dirty.ratio
	MinCompactionLagMs    int64   // min.compaction.lag.ms
	MaxCompactionLagMs    int64   // max.compaction.lag.ms
	DeleteRetentionMs     int64   // delete.retention.ms
	CompressionProducer   bool    // compression.type=producer: keep what came
	Compression           batch.Compression
	TimestampType         batch.TimestampType // message.timestamp.type
	TimestampBeforeMaxMs  int64               // message.timestamp.before.max.ms
	TimestampAfterMaxMs   int64               // message.timestamp.after.max.ms
	UncleanLeaderElection bool                // unclean.leader.election.enable; for the layers above
	MinInsyncReplicas     int                 // min.insync.replicas; for the layers above
}

// DefaultLogConfig is Apache Kafka 4.3's defaults.
func DefaultLogConfig() LogConfig {
	const day = 24 * 60 * 60 * 1000
	return LogConfig{
		SegmentBytes:         1 << 30,
		SegmentMs:            7 * day,
		IndexBytes:           10 << 20,
		IndexIntervalBytes:   4096,
		FlushMessages:        math.MaxInt64,
		FlushMs:              math.MaxInt64,
		RetentionBytes:       -1,
		RetentionMs:          7 * day,
		MaxMessageBytes:      1048588,
		FileDeleteDelayMs:    60_000,
		Delete:               true,
		MinCleanableRatio:    0.5,
		MaxCompactionLagMs:   math.MaxInt64,
		DeleteRetentionMs:    day,
		CompressionProducer:  true,
		TimestampBeforeMaxMs: math.MaxInt64,
		TimestampAfterMaxMs:  3_600_000,
		MinInsyncReplicas:    1,
	}
}
