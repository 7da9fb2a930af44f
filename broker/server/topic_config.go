package server

import (
	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/storage"
)

// logConfig is what a topic's configuration means to its logs.
func logConfig(t config.Topic) storage.LogConfig {
	c := storage.LogConfig{
		SegmentBytes: t.SegmentBytes, SegmentMs: t.SegmentMs, SegmentJitterMs: t.SegmentJitterMs,
		IndexBytes: t.IndexBytes, IndexIntervalBytes: t.IndexInterval,
		FlushMessages: t.FlushMessages, FlushMs: t.FlushMs,
		RetentionBytes: t.RetentionBytes, RetentionMs: t.RetentionMs,
		MaxMessageBytes: t.MaxMessageBytes, FileDeleteDelayMs: t.FileDeleteDelayMs, Preallocate: t.Preallocate,
		Compact: t.Compact, Delete: t.Delete,
		MinCleanableRatio: t.MinCleanableRatio, MinCompactionLagMs: t.MinCompactionLag, MaxCompactionLagMs: t.MaxCompactionLag, DeleteRetentionMs: t.DeleteRetentionMs,
		TimestampBeforeMaxMs: t.TimestampBeforeMax, TimestampAfterMaxMs: t.TimestampAfterMax,
		UncleanLeaderElection: t.UncleanLeaderElection, MinInsyncReplicas: t.MinISR,
	}
	if t.LogAppendTime {
		c.TimestampType = batch.LogAppendTime
	}
	switch t.CompressionType {
	case "producer":
		c.CompressionProducer = true
	case "gzip":
		c.Compression = batch.Compression{Codec: batch.Gzip, Level: t.GzipLevel}
	case "snappy":
		c.Compression = batch.Compression{Codec: batch.Snappy}
	case "lz4":
		c.Compression = batch.Compression{Codec: batch.LZ4, Level: t.LZ4Level}
	case "zstd":
		c.Compression = batch.Compression{Codec: batch.Zstd, Level: t.ZstdLevel}
	}
	return c
}
