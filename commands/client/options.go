package client

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// commonOptions translates the keys every kind of client has.
func (p Properties) commonOptions() ([]kgo.Opt, error) {
	var opts []kgo.Opt
	var err error
	ms := func(key string, apply func(time.Duration) kgo.Opt) {
		if v, ok := p[key]; ok && err == nil {
			n, bad := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			if bad != nil {
				err = &ConfigError{Key: key, Value: v, Text: "Not a number of type LONG"}
				return
			}
			if n > 0 {
				opts = append(opts, apply(time.Duration(n)*time.Millisecond))
			}
		}
	}
	ms("request.timeout.ms", func(d time.Duration) kgo.Opt { return kgo.RequestTimeoutOverhead(max(d, 100*time.Millisecond)) })
	ms("connections.max.idle.ms", func(d time.Duration) kgo.Opt { return kgo.ConnIdleTimeout(max(d, time.Second)) })
	ms("metadata.max.age.ms", func(d time.Duration) kgo.Opt { return kgo.MetadataMaxAge(max(d, 100*time.Millisecond)) })
	if r := p["client.rack"]; r != "" {
		opts = append(opts, kgo.Rack(r))
	}
	return opts, err
}

// number reads an integer key that has to lie within bounds.
func (p Properties) number(key string, least, most int64) (value int64, set bool, err error) {
	v, ok := p[key]
	if !ok || v == "" {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	switch {
	case err != nil:
		kind := "LONG"
		if most <= 1<<31-1 {
			kind = "INT"
		}
		return 0, false, &ConfigError{Key: key, Value: v, Text: "Not a number of type " + kind}
	case n < least:
		return 0, false, &ConfigError{Key: key, Value: v, Text: fmt.Sprintf("Value must be at least %d", least)}
	case n > most:
		return 0, false, &ConfigError{Key: key, Value: v, Text: fmt.Sprintf("Value must be no more than %d", most)}
	}
	return n, true, nil
}

// ProducerOptions translates a producer's configuration. Keys without a counterpart are left out.
func ProducerOptions(p Properties) ([]kgo.Opt, error) {
	const maxInt = 1<<31 - 1
	var opts []kgo.Opt
	acks := strings.ToLower(p["acks"])
	if _, set := p["acks"]; !set {
		acks = "all"
	}
	switch acks {
	case "all", "-1":
		opts = append(opts, kgo.RequiredAcks(kgo.AllISRAcks()))
	case "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()))
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()))
	default:
		return nil, &ConfigError{Key: "acks", Value: p["acks"], Text: "String must be one of: all, -1, 0, 1"}
	}
	if weak := acks == "0" || acks == "1"; weak || p["enable.idempotence"] == "false" {
		if weak && p["enable.idempotence"] == "true" {
			return nil, &ConfigError{Text: "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence."}
		}
		opts = append(opts, kgo.DisableIdempotentWrite())
		inFlight, set, err := p.number("max.in.flight.requests.per.connection", 1, maxInt)
		if err != nil {
			return nil, err
		}
		if !set {
			inFlight = 5
		}
		opts = append(opts, kgo.MaxProduceRequestsInflightPerBroker(int(inFlight)))
	}
	if c, set := p["compression.type"]; set {
		codec, err := p.codec(c)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.ProducerBatchCompression(codec))
	} else {
		opts = append(opts, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	if id := p["transactional.id"]; id != "" {
		opts = append(opts, kgo.TransactionalID(id), kgo.TransactionTimeout(p.Duration("transaction.timeout.ms", time.Minute)))
	}
	for _, key := range []struct {
		name  string
		least int64
		apply func(int64) kgo.Opt
	}{
		{"linger.ms", 0, func(n int64) kgo.Opt { return kgo.ProducerLinger(time.Duration(n) * time.Millisecond) }},
		{"retries", 0, func(n int64) kgo.Opt { return kgo.RecordRetries(int(n)) }},
		{"batch.size", 0, nil},
		{"send.buffer.bytes", -1, nil},
		{"receive.buffer.bytes", -1, nil}, // only checked
		{"delivery.timeout.ms", 0, func(n int64) kgo.Opt {
			return kgo.RecordDeliveryTimeout(time.Duration(max(n, 1000)) * time.Millisecond)
		}},
		{"max.request.size", 0, func(n int64) kgo.Opt { return kgo.ProducerBatchMaxBytes(int32(n)) }},
		{"buffer.memory", 0, func(n int64) kgo.Opt { return kgo.MaxBufferedBytes(int(n)) }},
	} {
		most := int64(maxInt)
		if key.name == "buffer.memory" || key.name == "linger.ms" {
			most = 1 << 40
		}
		n, set, err := p.number(key.name, key.least, most)
		if err != nil {
			return nil, err
		}
		if set && key.apply != nil {
			opts = append(opts, key.apply(n))
		}
	}
	return opts, nil
}

func (p Properties) codec(name string) (kgo.CompressionCodec, error) {
	var codec kgo.CompressionCodec
	switch name {
	case "none":
		codec = kgo.NoCompression()
	case "gzip":
		codec = kgo.GzipCompression()
	case "snappy":
		codec = kgo.SnappyCompression()
	case "lz4":
		codec = kgo.Lz4Compression()
	case "zstd":
		codec = kgo.ZstdCompression()
	default:
		return codec, &ConfigError{Key: "compression.type", Value: name, Text: "String must be one of: none, gzip, snappy, lz4, zstd"}
	}
	level, set, err := p.number("compression."+name+".level", -131072, 22)
	if set {
		codec = codec.WithLevel(int(level))
	}
	return codec, err
}

// ConsumerOptions translates a consumer's configuration, group settings included when group.id is set. Where to begin without
// a committed offset follows auto.offset.reset (latest).
func ConsumerOptions(p Properties) ([]kgo.Opt, error) {
	const maxInt = 1<<31 - 1
	var opts []kgo.Opt
	reset := kgo.NewOffset().AtEnd()
	switch v := strings.ToLower(p["auto.offset.reset"]); v {
	case "", "latest":
	case "earliest":
		reset = kgo.NewOffset().AtStart()
	case "none":
		reset = kgo.NoResetOffset()
	default:
		return nil, &ConfigError{Key: "auto.offset.reset", Value: v, Text: "Invalid value `" + v + "` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."}
	}
	opts = append(opts, kgo.ConsumeResetOffset(reset))
	switch v := p["isolation.level"]; v {
	case "", "read_uncommitted":
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadUncommitted()))
	case "read_committed":
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	default:
		return nil, &ConfigError{Key: "isolation.level", Value: v, Text: "String must be one of: read_committed, read_uncommitted"}
	}
	grouped := p["group.id"] != ""
	for _, key := range []struct {
		name  string
		group bool
		apply func(int64) kgo.Opt
	}{
		{"fetch.min.bytes", false, func(n int64) kgo.Opt { return kgo.FetchMinBytes(int32(n)) }},
		{"fetch.max.bytes", false, func(n int64) kgo.Opt { return kgo.FetchMaxBytes(int32(n)) }},
		{"max.partition.fetch.bytes", false, func(n int64) kgo.Opt { return kgo.FetchMaxPartitionBytes(int32(n)) }},
		{"fetch.max.wait.ms", false, func(n int64) kgo.Opt { return kgo.FetchMaxWait(time.Duration(n) * time.Millisecond) }},
		{"session.timeout.ms", true, func(n int64) kgo.Opt { return kgo.SessionTimeout(time.Duration(n) * time.Millisecond) }},
		{"heartbeat.interval.ms", true, func(n int64) kgo.Opt { return kgo.HeartbeatInterval(time.Duration(n) * time.Millisecond) }},
		{"max.poll.interval.ms", true, func(n int64) kgo.Opt { return kgo.RebalanceTimeout(time.Duration(n) * time.Millisecond) }},
		{"auto.commit.interval.ms", true, func(n int64) kgo.Opt {
			return kgo.AutoCommitInterval(max(time.Duration(n)*time.Millisecond, 100*time.Millisecond))
		}},
	} {
		n, set, err := p.number(key.name, 0, maxInt)
		if err != nil {
			return nil, err
		}
		if set && (grouped || !key.group) {
			opts = append(opts, key.apply(n))
		}
	}
	if !grouped {
		return opts, nil
	}
	opts = append(opts, kgo.ConsumerGroup(p["group.id"]))
	if id := p["group.instance.id"]; id != "" {
		opts = append(opts, kgo.InstanceID(id))
	}
	if p["enable.auto.commit"] == "false" {
		opts = append(opts, kgo.DisableAutoCommit())
	}
	switch v := strings.ToLower(p["group.protocol"]); v {
	case "", "classic":
		balancers, err := p.balancers()
		return append(opts, kgo.Balancers(balancers...)), err
	case "consumer": // KIP-848: the group's coordinator assigns, by the assignor that franz-go derives from the balancer
		opts = append(opts, kgo.ServerSideBalancer())
		switch assignor := p["group.remote.assignor"]; assignor {
		case "range":
			return append(opts, kgo.Balancers(kgo.RangeBalancer())), nil
		case "", "uniform":
			return append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer())), nil
		default:
			return nil, &ConfigError{Key: "group.remote.assignor", Value: assignor, Text: "brokers know uniform and range"}
		}
	}
	return nil, &ConfigError{Key: "group.protocol", Value: p["group.protocol"], Text: "String must be one of (case insensitive): CONSUMER, CLASSIC"}
}

// balancers follows partition.assignment.strategy; the Java consumer's default is range, with cooperative-sticky to move to.
func (p Properties) balancers() ([]kgo.GroupBalancer, error) {
	strategy := p["partition.assignment.strategy"]
	if strategy == "" {
		return []kgo.GroupBalancer{kgo.RangeBalancer()}, nil
	}
	var out []kgo.GroupBalancer
	for class := range strings.SplitSeq(strategy, ",") {
		switch class = strings.TrimSpace(class); class[strings.LastIndexByte(class, '.')+1:] {
		case "RangeAssignor":
			out = append(out, kgo.RangeBalancer())
		case "RoundRobinAssignor":
			out = append(out, kgo.RoundRobinBalancer())
		case "StickyAssignor":
			out = append(out, kgo.StickyBalancer())
		case "CooperativeStickyAssignor":
			out = append(out, kgo.CooperativeStickyBalancer())
		default:
			return nil, &ConfigError{Key: "partition.assignment.strategy", Value: class, Text: "kgo runs no Java classes: RangeAssignor, RoundRobinAssignor, StickyAssignor and CooperativeStickyAssignor are built in"}
		}
	}
	return out, nil
}
