package client

import (
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// commonOptions translates the keys every kind of client has. Check has seen their values.
func (p Properties) commonOptions() []kgo.Opt {
	var opts []kgo.Opt
	for _, key := range []struct {
		name  string
		apply func(time.Duration) kgo.Opt
	}{
		{"request.timeout.ms", func(d time.Duration) kgo.Opt { return kgo.RequestTimeoutOverhead(max(d, 100*time.Millisecond)) }},
		{"connections.max.idle.ms", func(d time.Duration) kgo.Opt { return kgo.ConnIdleTimeout(max(d, time.Second)) }},
		{"metadata.max.age.ms", func(d time.Duration) kgo.Opt { return kgo.MetadataMaxAge(max(d, 100*time.Millisecond)) }},
	} {
		if n, set := p.integer(key.name); set && n > 0 {
			opts = append(opts, key.apply(time.Duration(n)*time.Millisecond))
		}
	}
	if r := p["client.rack"]; r != "" {
		opts = append(opts, kgo.Rack(r))
	}
	if push, _ := p.boolean("enable.metrics.push"); !push {
		opts = append(opts, kgo.DisableClientMetrics())
	}
	return append(opts, kgo.RetryBackoffFn(p.backoff()))
}

// AdminOptions translates the keys of an administrative client.
func AdminOptions(p Properties) ([]kgo.Opt, error) {
	if err := p.Check(Admin); err != nil {
		return nil, err
	}
	const defaultRequestTimeout = 30_000
	request, set := p.integer("request.timeout.ms")
	if !set {
		request = defaultRequestTimeout
	}
	if whole, set := p.integer("default.api.timeout.ms"); set && whole < request {
		return nil, &ConfigError{Text: "The specified value of default.api.timeout.ms must be no smaller than the value of request.timeout.ms."}
	}
	if n, set := p.integer("retries"); set {
		return []kgo.Opt{kgo.RequestRetries(int(n))}, nil
	}
	return nil, nil
}

// backoff tells how long to wait before the next try. Where the settings say nothing a tool hurries.
func (p Properties) backoff() func(tries int) time.Duration {
	for _, names := range [][2]string{{"retry.backoff.ms", "retry.backoff.max.ms"}, {"reconnect.backoff.ms", "reconnect.backoff.max.ms"}} {
		_, least := p.integer(names[0])
		_, most := p.integer(names[1])
		if !least && !most {
			continue
		}
		first, limit := p.Duration(names[0], 100*time.Millisecond), p.Duration(names[1], time.Second)
		return func(tries int) time.Duration { return min(first<<min(tries-1, 20), limit) }
	}
	return func(tries int) time.Duration {
		return min(time.Duration(tries)*20*time.Millisecond, 500*time.Millisecond)
	}
}

// ProducerOptions translates a producer's configuration. Keys without a counterpart are left out.
func ProducerOptions(p Properties) ([]kgo.Opt, error) {
	if err := p.Check(Producer); err != nil {
		return nil, err
	}
	var opts []kgo.Opt
	acks := strings.TrimSpace(p["acks"])
	switch acks {
	case "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()))
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()))
	default:
		opts = append(opts, kgo.RequiredAcks(kgo.AllISRAcks()))
	}
	if idempotent, set := p.boolean("enable.idempotence"); acks == "0" || acks == "1" || set && !idempotent {
		inFlight, set := p.integer("max.in.flight.requests.per.connection")
		if !set {
			inFlight = 5
		}
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(int(inFlight)))
	}
	opts = append(opts, kgo.ProducerBatchCompression(p.codec()))
	if id := p["transactional.id"]; id != "" {
		opts = append(opts, kgo.TransactionalID(id), kgo.TransactionTimeout(p.Duration("transaction.timeout.ms", time.Minute)))
	}
	if ignored, _ := p.boolean("partitioner.ignore.keys"); ignored {
		const sticky = 64 << 10 // bytes for a partition before the next one, as with keys
		opts = append(opts, kgo.RecordPartitioner(kgo.UniformBytesPartitioner(sticky, true, false, nil)))
	}
	if p["partitioner.class"] != "" { // there is one
		opts = append(opts, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	}
	for _, key := range []struct {
		name  string
		apply func(int64) kgo.Opt
	}{
		{"linger.ms", func(n int64) kgo.Opt { return kgo.ProducerLinger(time.Duration(n) * time.Millisecond) }},
		{"retries", func(n int64) kgo.Opt { return kgo.RecordRetries(int(n)) }},
		{"delivery.timeout.ms", func(n int64) kgo.Opt {
			return kgo.RecordDeliveryTimeout(time.Duration(max(n, 1000)) * time.Millisecond)
		}},
		{"max.request.size", func(n int64) kgo.Opt { return kgo.ProducerBatchMaxBytes(int32(n)) }},
		{"buffer.memory", func(n int64) kgo.Opt { return kgo.MaxBufferedBytes(int(n)) }},
	} {
		if n, set := p.integer(key.name); set {
			opts = append(opts, key.apply(n))
		}
	}
	return opts, nil
}

// codec follows compression.type and the level that goes with it.
func (p Properties) codec() kgo.CompressionCodec {
	name := strings.TrimSpace(p["compression.type"])
	codec := kgo.NoCompression()
	switch name {
	case "gzip":
		codec = kgo.GzipCompression()
	case "snappy":
		codec = kgo.SnappyCompression()
	case "lz4":
		codec = kgo.Lz4Compression()
	case "zstd":
		codec = kgo.ZstdCompression()
	}
	if level, set := p.integer("compression." + name + ".level"); set {
		codec = codec.WithLevel(int(level))
	}
	return codec
}

// parseReset reads auto.offset.reset: where to begin without a committed offset.
func parseReset(value string) (kgo.Offset, error) {
	switch value {
	case "latest":
		return kgo.NewOffset().AtEnd(), nil
	case "earliest":
		return kgo.NewOffset().AtStart(), nil
	case "none":
		return kgo.NoResetOffset(), nil
	}
	text, ok := strings.CutPrefix(value, "by_duration:")
	if !ok {
		return kgo.Offset{}, errors.New("not one of earliest, latest, none and by_duration:")
	}
	ago, err := ParseDuration(text)
	if err == nil && ago < 0 {
		err = errors.New("in the future")
	}
	return kgo.NewOffset().AfterMilli(time.Now().Add(-ago).UnixMilli()), err
}

// maxPollInterval is the default of max.poll.interval.ms: a Java consumer has so long to come back in a rebalance.
const maxPollInterval = 5 * time.Minute

// ConsumerOptions translates a consumer's configuration, group settings included when group.id is set. Where to begin without
// a committed offset follows auto.offset.reset (latest).
func ConsumerOptions(p Properties) ([]kgo.Opt, error) {
	if err := p.Check(Consumer); err != nil {
		return nil, err
	}
	reset, err := parseReset(first(strings.TrimSpace(p["auto.offset.reset"]), "latest"))
	if err != nil {
		return nil, err
	}
	isolation := kgo.ReadUncommitted()
	if strings.TrimSpace(p["isolation.level"]) == "read_committed" {
		isolation = kgo.ReadCommitted()
	}
	opts := []kgo.Opt{kgo.ConsumeResetOffset(reset), kgo.FetchIsolationLevel(isolation)}
	if create, set := p.boolean("allow.auto.create.topics"); create || !set {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	grouped := p["group.id"] != ""
	if grouped {
		opts = append(opts, kgo.RebalanceTimeout(maxPollInterval))
	}
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
		if n, set := p.integer(key.name); set && (grouped || !key.group) {
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
	if commit, set := p.boolean("enable.auto.commit"); set && !commit {
		opts = append(opts, kgo.DisableAutoCommit())
	}
	if !strings.EqualFold(strings.TrimSpace(p["group.protocol"]), "consumer") {
		balancers, err := p.balancers()
		return append(opts, kgo.Balancers(balancers...)), err
	}
	// KIP-848: the group's coordinator assigns, by the assignor that franz-go derives from the balancer.
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
