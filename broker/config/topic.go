package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// serverValue is the broker-side value of a topic key: the first of its server keys that is set, else the key's own default.
func (v values) serverValue(k *Key) string {
	for _, s := range k.Server {
		value, ok := v[s.name]
		if !ok || value == "" {
			continue
		}
		if s.factor == 1 {
			return value
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			if n < 0 { // log.retention.hours=-1: no limit
				return "-1"
			}
			return strconv.FormatInt(n*s.factor, 10)
		}
	}
	if k.Default == nil {
		return ""
	}
	return *k.Default
}

// topicReader reads one topic's values.
type topicReader struct {
	own    map[string]string
	broker values
}

func (r topicReader) text(name string) string {
	if value, ok := r.own[name]; ok {
		return strings.TrimSpace(value)
	}
	k, ok := Lookup(ScopeTopic, name)
	if !ok {
		panic("config: no such topic key: " + name)
	}
	return r.broker.serverValue(k)
}

func (r topicReader) long(name string) int64 {
	n, _ := strconv.ParseInt(r.text(name), 10, 64)
	return n
}

func (r topicReader) int(name string) int { return int(r.long(name)) }

func (r topicReader) bool(name string) bool { return strings.EqualFold(r.text(name), "true") }

// ResolveTopic resolves a topic's configuration: its own settings (nil for none) over the broker's. A setting that doesn't pass ValidateTopic is an
// error; the configuration that comes with it is complete all the same, with the broker's value in that setting's place.
func (b *Broker) ResolveTopic(own map[string]string) (Topic, error) {
	err := validateTopic(own)
	if err != nil {
		fitting := make(map[string]string, len(own))
		for name, value := range own {
			if k, ok := Lookup(ScopeTopic, name); ok && k.Check(value) == nil {
				fitting[name] = value
			}
		}
		own = fitting
	}
	return resolveTopic(own, b.values), err
}

func resolveTopic(own map[string]string, broker values) Topic {
	r := topicReader{own: own, broker: broker}
	policy := splitList(r.text("cleanup.policy"))
	ratio, _ := strconv.ParseFloat(r.text("min.cleanable.dirty.ratio"), 64)
	t := Topic{
		Compact: slices.Contains(policy, "compact"),
		Delete:  slices.Contains(policy, "delete"),

		SegmentBytes:      r.int("segment.bytes"),
		SegmentMs:         r.long("segment.ms"),
		SegmentJitterMs:   r.long("segment.jitter.ms"),
		IndexBytes:        r.int("segment.index.bytes"),
		IndexInterval:     r.int("index.interval.bytes"),
		FlushMessages:     r.long("flush.messages"),
		FlushMs:           r.long("flush.ms"),
		RetentionBytes:    r.long("retention.bytes"),
		RetentionMs:       r.long("retention.ms"),
		MaxMessageBytes:   r.int("max.message.bytes"),
		DeleteRetentionMs: r.long("delete.retention.ms"),
		MinCompactionLag:  r.long("min.compaction.lag.ms"),
		MaxCompactionLag:  r.long("max.compaction.lag.ms"),
		MinCleanableRatio: ratio,
		FileDeleteDelayMs: r.long("file.delete.delay.ms"),
		Preallocate:       r.bool("preallocate"),

		CompressionType: r.text("compression.type"),
		GzipLevel:       r.int("compression.gzip.level"),
		LZ4Level:        r.int("compression.lz4.level"),
		ZstdLevel:       r.int("compression.zstd.level"),

		LogAppendTime:      r.text("message.timestamp.type") == "LogAppendTime",
		TimestampBeforeMax: r.long("message.timestamp.before.max.ms"),
		TimestampAfterMax:  r.long("message.timestamp.after.max.ms"),

		MinISR:                r.int("min.insync.replicas"),
		UncleanLeaderElection: r.bool("unclean.leader.election.enable"),

		LeaderThrottled:   splitList(r.text("leader.replication.throttled.replicas")),
		FollowerThrottled: splitList(r.text("follower.replication.throttled.replicas")),
	}
	if n := r.int("internal.segment.bytes"); n > 0 { // tests of Kafka's own use segments below the minimum
		t.SegmentBytes = n
	}
	return t
}

// validateTopic checks a topic's own settings, each and together.
func validateTopic(own map[string]string) error {
	names := sortedKeys(own)
	for _, name := range names {
		if _, ok := Lookup(ScopeTopic, name); !ok {
			return &InvalidError{Text: "Unknown topic config name: " + name}
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return slices.Index(topicCheckOrder, a) - slices.Index(topicCheckOrder, b)
	})
	for _, name := range names {
		k, _ := Lookup(ScopeTopic, name)
		value := own[name]
		if name == "cleanup.policy" { // the only list in which Apache Kafka lets an entry come twice
			items := splitList(value)
			slices.Sort(items)
			value = strings.Join(slices.Compact(items), ",")
		}
		if err := k.Check(value); err != nil {
			return err
		}
	}
	if strings.EqualFold(strings.TrimSpace(own["remote.storage.enable"]), "true") {
		return &InvalidError{Text: "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."}
	}
	r := topicReader{own: own}
	if low, high := r.long("min.compaction.lag.ms"), r.long("max.compaction.lag.ms"); low > high {
		return &InvalidError{Text: fmt.Sprintf("conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)", low, high)}
	}
	return nil
}

// topicCheckOrder is the order in which Apache Kafka looks at a topic's settings: the first wrong one is what its client is told of.
var topicCheckOrder = []string{
	"segment.bytes", "segment.ms", "segment.jitter.ms", "segment.index.bytes", "flush.messages", "flush.ms", "retention.bytes", "retention.ms",
	"max.message.bytes", "index.interval.bytes", "delete.retention.ms", "min.compaction.lag.ms", "max.compaction.lag.ms", "file.delete.delay.ms",
	"min.cleanable.dirty.ratio", "cleanup.policy", "unclean.leader.election.enable", "min.insync.replicas", "compression.type",
	"compression.gzip.level", "compression.lz4.level", "compression.zstd.level", "preallocate", "message.timestamp.type",
	"message.timestamp.before.max.ms", "message.timestamp.after.max.ms", "leader.replication.throttled.replicas",
	"follower.replication.throttled.replicas", "remote.storage.enable",
}
