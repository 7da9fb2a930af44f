// Package connect is Kafka Connect without a JVM: the interface that connectors are written against, and the data they exchange.
//
// A connector is a [Plugin]: a class name, its [ConfigDef], and a function that makes its tasks. A source's task is a
// [SourceTask], which is asked for records; a sink's is a [SinkTask], which is given them. Both work on [Record], whose key and
// value are Go values described by a [Schema] (or by none). connect/connectors/file is the example to read first.
//
//	config ── herder.Herder ── worker.Worker ──┬── source task: Poll → transforms → converter → producer → offsets
//	             │                             └── sink task:   consumer → converter → transforms → Put → commit
//	           rest (port 8083)
//
// The package and those below it are clients of any Kafka cluster and import nothing of kgo's broker.
package connect

import (
	"context"
	"log/slog"
)

// Version is the release of Kafka Connect whose behaviour is followed; Apache's own connectors report it as theirs.
const Version = "4.3.1"

// Kind tells sources from sinks.
type Kind string

// The kinds of connectors, spelled as the REST API has them.
const (
	Source Kind = "source"
	Sink   Kind = "sink"
)

// Plugin is a kind of connector that a worker can run.
type Plugin struct {
	Class   string // connector.class, in full
	Kind    Kind
	Version string
	Config  *ConfigDef
	// Validate looks at a whole configuration that is good key by key. Optional.
	Validate func(config Config) error
	// TaskConfigs divides the work among at most maxTasks tasks. Nil means one task with the connector's own configuration.
	TaskConfigs func(config Config, maxTasks int) ([]Config, error)
	// TaskClass is the task's class name in the REST API.
	TaskClass string
	// NewSource or NewSink makes a task, according to Kind.
	NewSource func() SourceTask
	NewSink   func() SinkTask
	// CheckOffset judges a source offset that a person wants to set; nil accepts any.
	CheckOffset func(config Config, partition, offset map[string]any) error
}

// SourceTask produces records. Its methods are called by one goroutine.
type SourceTask interface {
	Start(sc SourceContext, config Config) error
	// Poll returns the next records. It may return none after a short while, and returns soon when ctx ends.
	// The slice belongs to the task and is used until the next call.
	Poll(ctx context.Context) ([]*Record, error)
	Stop() error
}

// SourceContext is what a worker gives a source task.
type SourceContext interface {
	// Offset returns the last offset committed for a source partition, nil if there is none.
	Offset(partition map[string]any) (map[string]any, error)
	Logger() *slog.Logger
}

// TopicPartition names a partition that a sink reads.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// SinkTask consumes records. Its methods are called by one goroutine at a time.
type SinkTask interface {
	Start(sc SinkContext, config Config) error
	// Put takes records in the order of each partition. It is called about once a second even when there are none, for what the
	// task does by time. An error wrapping [ErrRetriable] makes the worker offer the same records again.
	Put(ctx context.Context, records []*Record) error
	// Flush makes everything put so far durable. The offsets, each the next one to read, may be committed when it returns.
	Flush(ctx context.Context, offsets map[TopicPartition]int64) error
	Stop() error
}

// SinkOpener is a sink task that wants to know which partitions it gets and loses.
type SinkOpener interface {
	// Open tells of new partitions. A returned offset is where reading goes on, instead of the committed one.
	Open(partitions []TopicPartition) (map[TopicPartition]int64, error)
	Close(partitions []TopicPartition) error
}

// SinkPreCommitter is a sink task that says itself how far it has come.
type SinkPreCommitter interface {
	// PreCommit is called instead of Flush and returns the offsets that may be committed; it may be less than what was put.
	PreCommit(ctx context.Context, offsets map[TopicPartition]int64) (map[TopicPartition]int64, error)
}

// SinkContext is what a worker gives a sink task.
type SinkContext interface {
	// Report sends a record that the sink cannot take to the dead letter queue, or fails as errors.tolerance says.
	Report(record *Record, err error) error
	Logger() *slog.Logger
}
