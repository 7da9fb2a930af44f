package worker

import (
	"maps"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/connect"
)

func good(more ...string) connect.Config {
	c := connect.Config{"key.converter": "JsonConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter", "offset.storage.file.filename": "offsets"}
	for i := 0; i < len(more); i += 2 {
		c[more[i]] = more[i+1]
	}
	return c
}

// TestWorkerSettingsAreCheckedAsByApache has the messages of Apache Kafka's worker.
func TestWorkerSettingsAreCheckedAsByApache(t *testing.T) {
	for _, c := range []struct {
		config connect.Config
		want   string
	}{
		{good(), ""},
		{good("producer.acks", "1", "value.converter.schemas.enable", "false", "plugin.path", "/a,/b", "topic.creation.enable", "FALSE", "ssl.truststore.location", "x"), ""},
		{connect.Config{}, `Missing required configuration "key.converter" which has no default value.`},
		{good("offset.storage.file.filename", ""), "String must be non-empty"},
		{good("offset.flush.interval.ms", "abc"), "Invalid value abc for configuration offset.flush.interval.ms: Not a number of type LONG"},
		{good("rest.advertised.port", "x"), "Invalid value x for configuration rest.advertised.port: Not a number of type INT"},
		{good("topic.creation.enable", "maybe"), "Invalid value maybe for configuration topic.creation.enable: Expected value to be either true or false"},
		{good("metrics.num.samples", "0"), "Invalid value 0 for configuration metrics.num.samples: Value must be at least 1"},
		{good("value.converter", "Nope"), "Invalid value Nope for configuration value.converter: Class Nope could not be found."},
		{good("connector.client.config.override.policy", "Nope"), "give All, None, Principal or Allowlist"},
		{good("rest.extension.classes", "x.Y"), "REST extensions are Java classes"},
		{good("key.converter.schemas.enable", "perhaps"), "schemas.enable"},
	} {
		_, err := Check(c.config)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %s", c.config, err, c.want)
		}
	}
	config := good("zebra", "1", "flush", "2", "consumer.max.poll.records", "3", "config.providers.x.class", "y")
	unknown, err := Check(config)
	if err != nil || strings.Join(unknown, " ") != "flush zebra" {
		t.Errorf("unknown: %v, %v", unknown, err)
	}
	if config["bootstrap.servers"] != "localhost:9092" {
		t.Errorf("the cluster is looked for at %q", config["bootstrap.servers"])
	}
}

// TestWhoseSettingsAClientHas: the connector's overrides before the worker's prefixed ones, those before what Connect sets, and the worker's own
// security where nobody says otherwise.
func TestWhoseSettingsAClientHas(t *testing.T) {
	w := &Worker{Config: connect.Config{
		"bootstrap.servers": "a:1", "security.protocol": "SSL", "ssl.truststore.location": "trust", "sasl.mechanism": "PLAIN", "offset.flush.interval.ms": "1",
		"producer.linger.ms": "5", "producer.acks": "1", "producer.client.id": "mine", "producer.security.protocol": "PLAINTEXT", "consumer.max.poll.records": "7",
	}}
	connector := connect.Config{"producer.override.acks": "all", "producer.override.bootstrap.servers": "b:2", "consumer.override.max.poll.records": "9", "topic": "t"}
	for kind, want := range map[string]map[string]string{
		"producer": {"bootstrap.servers": "b:2", "acks": "all", "linger.ms": "5", "client.id": "mine", "security.protocol": "PLAINTEXT", "ssl.truststore.location": "trust", "sasl.mechanism": "PLAIN"},
		"consumer": {"bootstrap.servers": "a:1", "max.poll.records": "9", "client.id": "theirs", "security.protocol": "SSL", "ssl.truststore.location": "trust", "sasl.mechanism": "PLAIN"},
		"admin":    {"bootstrap.servers": "a:1", "client.id": "theirs", "security.protocol": "SSL", "ssl.truststore.location": "trust", "sasl.mechanism": "PLAIN"},
	} {
		if got := w.ClientProperties(kind, connector, map[string]string{"client.id": "theirs"}); !maps.Equal(got, want) {
			t.Errorf("%s: %v\nwant %v", kind, got, want)
		}
	}
}

func TestTopicsAreCreatedByTheirGroup(t *testing.T) {
	settings := connect.Config{
		"topic.creation.groups": "logs,compacted", "topic.creation.default.partitions": "3", "topic.creation.default.replication.factor": "-1",
		"topic.creation.logs.include": "log-.*,audit", "topic.creation.logs.exclude": "log-private", "topic.creation.logs.partitions": "9", "topic.creation.logs.retention.ms": "1000",
		"topic.creation.compacted.include": ".*-table", "topic.creation.compacted.cleanup.policy": "compact", "topic.creation.default.compression.type": "lz4",
	}
	c, err := newTopicCreation(connect.Config{}, settings)
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]struct {
		group      string
		partitions int32
		config     string
	}{
		"log-a": {"logs", 9, "retention.ms"}, "audit": {"logs", 9, "retention.ms"}, "log-private": {"default", 3, "compression.type"}, "users-table": {"compacted", 3, "cleanup.policy"}, "else": {"default", 3, "compression.type"},
	} {
		g := c.group(topic)
		if g.name != want.group || g.partitions != want.partitions || g.replicas != -1 || g.configs[want.config] == nil || *g.configs["compression.type"] != "lz4" {
			t.Errorf("%s: %+v", topic, g)
		}
	}
	for _, bad := range []struct{ key, value, want string }{
		{"topic.creation.default.partitions", "0", "Number of partitions must be positive"},
		{"topic.creation.default.replication.factor", "many", "Not a number of type SHORT"},
		{"topic.creation.logs.include", "(", "Syntax error in regular expression"},
		{"topic.creation.logs.include", "", `Missing required configuration "topic.creation.logs.include"`},
	} {
		changed := settings.Clone()
		changed[bad.key] = bad.value
		if _, err := newTopicCreation(connect.Config{}, changed); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s=%s: %v", bad.key, bad.value, err)
		}
	}
	for _, none := range []connect.Config{{"topic.creation.enable": "false"}, {}} {
		given := settings
		if len(none) == 0 {
			given = connect.Config{"topic": "t"}
		}
		if c, err := newTopicCreation(none, given); c != nil || err != nil {
			t.Errorf("creates topics unasked: %v, %v", c, err)
		}
	}
}
