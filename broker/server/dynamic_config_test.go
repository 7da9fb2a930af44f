package server

import (
	"context"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/storage"
)

// probe shows what a key has come to where it is acted upon.
type probe func(s *Server) any

// A dynamic key of brokers or topics has an effect at once, and then it is in one of these tables with a value to set and a probe that shows it; or it
// has none, and then noEffect says why and docs/kafka.md says so too.
type dynamicKey struct {
	value string
	probe probe
}

func logOfT(s *Server) any {
	for l := range s.storage.Logs() {
		if l.TopicPartition().Topic == "t" {
			return *l.Config()
		}
	}
	return "there is no log"
}

func cleaning(s *Server) any     { return cleanerConfig(s.state.config(), nil) }
func connections(s *Server) any  { return s.wire.Limits() }
func fetcherCount(s *Server) any { return s.fetchers.PerLeader() }

// holds reports whether copying is held up after a gigabyte.
func (q *replicationQuotas) holds() [3]bool {
	var out [3]bool
	for i, one := range []interface {
		Record(topic string, partition int32, bytes int, now time.Time)
		Holds(topic string, partition int32, now time.Time) bool
	}{q.leader, q.follower, q.dirs} {
		one.Record("t", 0, 1<<30, time.Now())
		out[i] = one.Holds("t", 0, time.Now())
	}
	return out
}

func copying(s *Server) any { return s.copying.holds() }

var dynamicBrokerKeys = map[string]dynamicKey{
	"compression.gzip.level":                         {"3", logOfT},
	"compression.lz4.level":                          {"3", logOfT},
	"compression.type":                               {"snappy", logOfT},
	"compression.zstd.level":                         {"7", logOfT},
	"follower.replication.throttled.rate":            {"1", copying},
	"group.consumer.assignment.interval.ms":          {"5", func(s *Server) any { return s.state.config().Groups.ConsumerAssignmentInterval }},
	"leader.replication.throttled.rate":              {"1", copying},
	"listener.security.protocol.map":                 {"PLAINTEXT:PLAINTEXT,X:PLAINTEXT", func(s *Server) any { return s.state.config().String("listener.security.protocol.map") }},
	"listeners":                                      {"PLAINTEXT://127.0.0.1:0,SECOND://127.0.0.1:0", func(s *Server) any { return s.Addr("SECOND") != nil }},
	"log.cleaner.backoff.ms":                         {"7", cleaning},
	"log.cleaner.dedupe.buffer.size":                 {"2097152", cleaning},
	"log.cleaner.delete.retention.ms":                {"7", logOfT},
	"log.cleaner.io.buffer.load.factor":              {"0.5", cleaning},
	"log.cleaner.io.buffer.size":                     {"1000000", cleaning},
	"log.cleaner.io.max.bytes.per.second":            {"7", cleaning},
	"log.cleaner.max.compaction.lag.ms":              {"7", logOfT},
	"log.cleaner.min.cleanable.ratio":                {"0.7", logOfT},
	"log.cleaner.min.compaction.lag.ms":              {"7", logOfT},
	"log.cleaner.threads":                            {"2", cleaning},
	"log.cleanup.policy":                             {"compact", logOfT},
	"log.flush.interval.messages":                    {"7", logOfT},
	"log.flush.interval.ms":                          {"7", logOfT},
	"log.index.interval.bytes":                       {"7", logOfT},
	"log.index.size.max.bytes":                       {"4096", logOfT},
	"log.message.timestamp.after.max.ms":             {"7", logOfT},
	"log.message.timestamp.before.max.ms":            {"7", logOfT},
	"log.message.timestamp.type":                     {"LogAppendTime", logOfT},
	"log.retention.bytes":                            {"7", logOfT},
	"log.retention.ms":                               {"7", logOfT},
	"log.roll.jitter.ms":                             {"7", logOfT},
	"log.roll.ms":                                    {"7", logOfT},
	"log.segment.bytes":                              {"1048577", logOfT},
	"log.segment.delete.delay.ms":                    {"7", logOfT},
	"max.connection.creation.rate":                   {"100000", func(s *Server) any { return s.incoming.Limits() }},
	"max.connections":                                {"1000", connections},
	"max.connections.per.ip":                         {"1000", connections},
	"max.connections.per.ip.overrides":               {"127.0.0.1:1000", connections},
	"message.max.bytes":                              {"1000", logOfT},
	"min.insync.replicas":                            {"2", logOfT},
	"num.replica.fetchers":                           {"2", fetcherCount},
	"producer.id.expiration.ms":                      {"7", func(s *Server) any { return s.storage.ProducerIDExpiration() }},
	"replica.alter.log.dirs.io.max.bytes.per.second": {"1", copying},
	"unclean.leader.election.enable":                 {"true", logOfT},
}

var dynamicTopicKeys = map[string]dynamicKey{
	"cleanup.policy":                          {"compact", logOfT},
	"compression.gzip.level":                  {"3", logOfT},
	"compression.lz4.level":                   {"3", logOfT},
	"compression.type":                        {"snappy", logOfT},
	"compression.zstd.level":                  {"7", logOfT},
	"delete.retention.ms":                     {"7", logOfT},
	"file.delete.delay.ms":                    {"7", logOfT},
	"flush.messages":                          {"7", logOfT},
	"flush.ms":                                {"7", logOfT},
	"follower.replication.throttled.replicas": {"0:1", copying},
	"index.interval.bytes":                    {"7", logOfT},
	"internal.segment.bytes":                  {"1000", logOfT},
	"leader.replication.throttled.replicas":   {"0:1", copying},
	"max.compaction.lag.ms":                   {"7", logOfT},
	"max.message.bytes":                       {"1000", logOfT},
	"message.timestamp.after.max.ms":          {"7", logOfT},
	"message.timestamp.before.max.ms":         {"7", logOfT},
	"message.timestamp.type":                  {"LogAppendTime", logOfT},
	"min.cleanable.dirty.ratio":               {"0.7", logOfT},
	"min.compaction.lag.ms":                   {"7", logOfT},
	"min.insync.replicas":                     {"2", logOfT},
	"retention.bytes":                         {"7", logOfT},
	"retention.ms":                            {"7", logOfT},
	"segment.bytes":                           {"1048577", logOfT},
	"segment.index.bytes":                     {"4096", logOfT},
	"segment.jitter.ms":                       {"7", logOfT},
	"segment.ms":                              {"7", logOfT},
	"unclean.leader.election.enable":          {"true", logOfT},
}

// first is set beforehand where a key has a meaning together with another only: what a level is of, whom a rate is for.
var first = map[string][2]string{
	"compression.gzip.level":                  {"compression.type", "gzip"},
	"compression.lz4.level":                   {"compression.type", "lz4"},
	"compression.zstd.level":                  {"compression.type", "zstd"},
	"leader.replication.throttled.replicas":   {"leader.replication.throttled.rate", "1"},
	"follower.replication.throttled.replicas": {"follower.replication.throttled.rate", "1"},
}

// noEffect are the dynamic keys that change nothing, by their beginning, with what docs/kafka.md calls them.
var noEffect = map[string]string{
	"background.threads":                       "`background.threads`",
	"config.providers":                         "`config.providers`",
	"cordoned.log.dirs":                        "`cordoned.log.dirs`",
	"follower.fetch.last.tiered.offset.enable": "tiered storage",
	"group.coordinator.cached.buffer.max":      "`group.coordinator.cached.buffer.max.bytes`",
	"group.share.":                             "share groups",
	"group.streams.":                           "streams groups",
	"local.retention.":                         "tiered storage",
	"log.local.retention.":                     "tiered storage",
	"log.preallocate":                          "`preallocate`",
	"metric.reporters":                         "`metric.reporters`",
	"num.io.threads":                           "`num.io.threads`",
	"num.network.threads":                      "`num.network.threads`",
	"num.recovery.threads.per.data.dir":        "`num.recovery.threads.per.data.dir`",
	"preallocate":                              "`preallocate`",
	"principal.builder.class":                  "TLS and SASL",
	"remote.":                                  "tiered storage",
	"sasl.":                                    "TLS and SASL",
	"share.coordinator.":                       "share groups",
	"ssl.":                                     "TLS and SASL",
	"transaction.partition.verification":       "transactions",
}

func reasonFor(key string) string {
	for beginning, reason := range noEffect {
		if strings.HasPrefix(key, beginning) {
			return reason
		}
	}
	return ""
}

func TestEveryDynamicKeyIsAccountedFor(t *testing.T) {
	docs, err := os.ReadFile("../../docs/kafka.md")
	if err != nil {
		t.Fatal(err)
	}
	for scope, table := range map[config.Scope]map[string]dynamicKey{config.ScopeBroker: dynamicBrokerKeys, config.ScopeTopic: dynamicTopicKeys} {
		for _, k := range config.Keys(scope) {
			if k.Mode == config.ReadOnly {
				continue
			}
			_, tested := table[k.Name]
			reason := reasonFor(k.Name)
			switch {
			case tested && reason != "":
				t.Errorf("%s is said to have an effect, and none", k.Name)
			case !tested && reason == "":
				t.Errorf("%s: nothing shows that it has an effect while the broker runs", k.Name)
			case !tested && !strings.Contains(string(docs), reason):
				t.Errorf("%s has no effect, and docs/kafka.md doesn't say so: %s", k.Name, reason)
			}
		}
		for name := range table {
			if k, ok := config.Lookup(scope, name); !ok || k.Mode == config.ReadOnly {
				t.Errorf("%s is no dynamic key", name)
			}
		}
	}
}

// keyTester changes keys of a running node and looks at what comes of it.
type keyTester struct {
	t     *testing.T
	ctx   context.Context //nolint:containedctx // the test's
	node  *Server
	admin *kadm.Client
}

// Every dynamic key takes effect while the broker runs, and loses it when it is taken away.
func TestDynamicKeysTakeEffect(t *testing.T) {
	at := freeAddress(t)
	layers, cfg, _, err := config.Load(config.LoadOptions{Overrides: []string{
		"listeners=PLAINTEXT://" + at, "advertised.listeners=PLAINTEXT://" + at, "log.dirs=" + t.TempDir(), "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT",
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := Start(ctx, Options{Layers: layers, Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	client, err := kgo.NewClient(kgo.SeedBrokers(at))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	k := &keyTester{t, ctx, s, kadm.NewClient(client)}
	if _, err := k.admin.CreateTopic(ctx, 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	for key, d := range dynamicBrokerKeys {
		if key != minInsync {
			k.try(config.ScopeBroker, key, d.value, d.probe)
		}
	}
	for key, d := range dynamicTopicKeys {
		k.try(config.ScopeTopic, key, d.value, d.probe)
	}
	// This one can be set for all brokers only, and not be taken away again (KIP-966).
	d := dynamicBrokerKeys[minInsync]
	before := d.probe(s)
	if _, err := k.admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: minInsync, Value: &d.value}}); err != nil {
		t.Fatal(err)
	}
	k.await(minInsync+" has no effect", func() bool { return !reflect.DeepEqual(d.probe(s), before) })
}

const minInsync = "min.insync.replicas"

func freeAddress(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// try sets a key and takes it away again.
func (k *keyTester) try(scope config.Scope, key, value string, shows probe) {
	k.t.Helper()
	if with, ok := first[key]; ok {
		in := scope
		if strings.HasSuffix(with[0], ".rate") {
			in = config.ScopeBroker
		}
		k.alter(in, with[0], &with[1])
		defer k.alter(in, with[0], nil)
	}
	if of, ok := strings.CutSuffix(key, "throttled.rate"); ok {
		everything := "*"
		k.alter(config.ScopeTopic, of+"throttled.replicas", &everything)
		defer k.alter(config.ScopeTopic, of+"throttled.replicas", nil)
	}
	k.settled()
	before := shows(k.node)
	k.alter(scope, key, &value)
	k.await(key+" has no effect", func() bool { return !reflect.DeepEqual(shows(k.node), before) })
	k.alter(scope, key, nil)
	k.await(key+" was taken away and is still in effect", func() bool { return reflect.DeepEqual(shows(k.node), before) })
}

// settled waits until the node has acted on everything that was changed so far.
func (k *keyTester) settled() {
	mark := "7"
	before := logOfT(k.node)
	k.alter(config.ScopeTopic, "file.delete.delay.ms", &mark)
	k.await("a mark", func() bool { return !reflect.DeepEqual(logOfT(k.node), before) })
	k.alter(config.ScopeTopic, "file.delete.delay.ms", nil)
	k.await("a mark taken away", func() bool {
		now, ok := logOfT(k.node).(storage.LogConfig)
		return ok && now.FileDeleteDelayMs != 7
	})
}

func (k *keyTester) await(what string, done func() bool) {
	k.t.Helper()
	for !done() {
		if k.ctx.Err() != nil {
			k.t.Fatal(what)
		}
	}
}

func (k *keyTester) alter(scope config.Scope, key string, value *string) {
	k.t.Helper()
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: value}
	if value == nil {
		change.Op = kadm.DeleteConfig
	}
	var err error
	var resp kadm.AlterConfigsResponses
	if scope == config.ScopeTopic {
		resp, err = k.admin.AlterTopicConfigs(k.ctx, []kadm.AlterConfig{change}, "t")
	} else {
		resp, err = k.admin.AlterBrokerConfigs(k.ctx, []kadm.AlterConfig{change}, 1)
	}
	if err == nil {
		err = resp[0].Err
	}
	if err != nil {
		k.t.Fatalf("%s: %v", key, err)
	}
}
