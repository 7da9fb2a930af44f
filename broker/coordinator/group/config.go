package group

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/clock"
)

// OffsetsTopic is the topic that the coordinator keeps its log in.
const OffsetsTopic = "__consumer_offsets"

// newMemberJoinTimeout is how long a member that joins for the first time may wait in JoinGroup. It can't heartbeat yet, and a client that
// went away during a long rebalance is not seen otherwise.
const newMemberJoinTimeout = 5 * time.Minute

// Config holds the broker's group.* and offset* configs, under their names.
type Config struct {
	OffsetsTopicPartitions int32 // offsets.topic.num.partitions, as the topic has it

	MinSessionTimeout     time.Duration // group.min.session.timeout.ms
	MaxSessionTimeout     time.Duration // group.max.session.timeout.ms
	InitialRebalanceDelay time.Duration // group.initial.rebalance.delay.ms
	MaxSize               int           // group.max.size

	OffsetMetadataMaxBytes        int               // offset.metadata.max.bytes
	OffsetsRetention              time.Duration     // offsets.retention.minutes
	OffsetsRetentionCheckInterval time.Duration     // offsets.retention.check.interval.ms
	OffsetCommitTimeout           time.Duration     // offsets.commit.timeout.ms
	Compression                   batch.Compression // offsets.topic.compression.codec
	AppendLinger                  time.Duration     // group.coordinator.append.linger.ms; negative: see coordinator.Options

	ConsumerProtocol           bool          // group.coordinator.rebalance.protocols names "consumer"
	ConsumerSessionTimeout     time.Duration // group.consumer.session.timeout.ms
	ConsumerHeartbeatInterval  time.Duration // group.consumer.heartbeat.interval.ms
	ConsumerMaxSize            int           // group.consumer.max.size
	ConsumerAssignors          []string      // group.consumer.assignors; the first is the default
	ConsumerAssignmentInterval time.Duration // group.consumer.assignment.interval.ms

	// group.consumer.migration.policy: whether a group with members may change to the consumer protocol, and back.
	OnlineUpgrade, OnlineDowngrade bool

	// AssignmentInterval is ConsumerAssignmentInterval where that can change while the broker runs; may be nil.
	AssignmentInterval func() time.Duration

	// GroupConfig is the group's own configuration (resource type GROUP), by key; nil when groups have none.
	GroupConfig func(groupID string) map[string]string

	// Expiry is the clock by which offsets expire; nil: the wall clock as it is.
	Expiry *clock.Expiry

	// NewID makes the random part of member ids. nil means random UUIDs.
	NewID  func() string
	Logger *slog.Logger // nil discards
}

// expiryNow is the time by which offsets expire.
func (c *Config) expiryNow(now time.Time) time.Time {
	if c.Expiry == nil {
		return now
	}
	return c.Expiry.Believed(now)
}

// DefaultConfig is Kafka's defaults.
func DefaultConfig() Config {
	return Config{
		OffsetsTopicPartitions:        50,
		MinSessionTimeout:             6 * time.Second,
		MaxSessionTimeout:             30 * time.Minute,
		InitialRebalanceDelay:         3 * time.Second,
		MaxSize:                       1<<31 - 1,
		OffsetMetadataMaxBytes:        4096,
		OffsetsRetention:              7 * 24 * time.Hour,
		OffsetsRetentionCheckInterval: 10 * time.Minute,
		OffsetCommitTimeout:           5 * time.Second,
		AppendLinger:                  -1,
		ConsumerProtocol:              true,
		ConsumerSessionTimeout:        45 * time.Second,
		ConsumerHeartbeatInterval:     5 * time.Second,
		ConsumerMaxSize:               1<<31 - 1,
		ConsumerAssignors:             []string{"uniform", "range"},
		ConsumerAssignmentInterval:    time.Second,
		OnlineUpgrade:                 true,
		OnlineDowngrade:               true,
	}
}

// consumerDuration is a setting of a consumer group: its own if it has one, else the broker's. Own values have been checked when they were set.
func (c *Config) consumerDuration(groupID, key string, otherwise time.Duration) time.Duration {
	if c.GroupConfig == nil {
		return otherwise
	}
	ms, err := strconv.ParseInt(c.GroupConfig(groupID)[key], 10, 64)
	if err != nil {
		return otherwise
	}
	return time.Duration(ms) * time.Millisecond
}

func (c *Config) consumerSession(groupID string) time.Duration {
	return c.consumerDuration(groupID, "consumer.session.timeout.ms", c.ConsumerSessionTimeout)
}

func (c *Config) consumerHeartbeat(groupID string) time.Duration {
	return c.consumerDuration(groupID, "consumer.heartbeat.interval.ms", c.ConsumerHeartbeatInterval)
}

func (c *Config) consumerAssignment(groupID string) time.Duration {
	interval := c.ConsumerAssignmentInterval
	if c.AssignmentInterval != nil {
		interval = c.AssignmentInterval()
	}
	return c.consumerDuration(groupID, "consumer.assignment.interval.ms", interval)
}

// randomUUID is a version 4 UUID in the form of Java's UUID.toString, which member ids end in.
func randomUUID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// PartitionFor says which of the offsets topic's partitions holds a group: Java's String.hashCode, made positive, modulo the partitions.
func PartitionFor(group string, partitions int32) int32 {
	return (javaHash(group) & 0x7fffffff) % partitions
}

// javaHash is String.hashCode, which counts in UTF-16 units.
func javaHash(s string) int32 {
	var h int32
	for _, r := range s {
		if r >= 0x10000 {
			r -= 0x10000
			h = 31*h + 0xd800 + r>>10
			r = 0xdc00 + r&0x3ff
		}
		h = 31*h + r
	}
	return h
}
