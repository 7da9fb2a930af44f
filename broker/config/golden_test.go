package config

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// testdata/values.tsv holds what Apache Kafka 4.3.1's ConfigDef says to many values of every key: scope, key, value, message.
func TestValuesAsApacheKafka(t *testing.T) {
	text, err := os.ReadFile(goldenValues())
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		scope := map[string]Scope{"topic": ScopeTopic, "broker": ScopeBroker, "group": ScopeGroup}[f[0]]
		k, ok := Lookup(scope, f[1])
		if !ok {
			t.Errorf("%s key %s is not in the table", f[0], f[1])
			continue
		}
		got := ""
		if err := k.Check(f[2]); err != nil {
			got = err.Error()
		}
		if got != f[3] {
			if failed++; failed > 40 {
				t.Fatal("and more")
			}
			t.Errorf("%s %s=%q\n got  %q\n want %q", f[0], f[1], f[2], got, f[3])
		}
	}
}

func goldenValues() string { return "testdata/values.tsv" }

// The describe files hold what Apache Kafka 4.3.1's kafka-configs --describe --all prints for a broker with these settings, and for a topic of it.
func TestDescribeAsApacheKafka(t *testing.T) {
	layers, _, _, err := Load(LoadOptions{File: "testdata/describe-server.properties"})
	if err != nil {
		t.Fatal(err)
	}
	layers = layers.WithDynamic(map[string]string{"min.insync.replicas": "1"}, nil)
	compareDescription(t, "testdata/describe-broker.txt", layers.DescribeBroker())
	compareDescription(t, "testdata/describe-topic.txt", layers.DescribeTopic(map[string]string{"retention.ms": "86400000", "cleanup.policy": "compact,delete"}))
}

func compareDescription(t *testing.T, file string, entries []Entry) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "\n")
	want := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	got := make([]string, len(entries))
	for i, e := range entries {
		synonyms := make([]string, len(e.Synonyms))
		for j, s := range e.Synonyms {
			synonyms[j] = sourceNames[s.Source] + ":" + s.Name + "=" + orNull(s.Value)
		}
		got[i] = "  " + e.Name + "=" + orNull(e.Value) + " sensitive=" + strconv.FormatBool(e.Sensitive) + " synonyms={" + strings.Join(synonyms, ", ") + "}"
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s: kgo alone has\n%s", file, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s: kgo lacks\n%s", file, line)
		}
	}
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

var sourceNames = map[Source]string{
	SourceDefault: "DEFAULT_CONFIG", SourceStaticBroker: "STATIC_BROKER_CONFIG", SourceDynamicTopic: "DYNAMIC_TOPIC_CONFIG",
	SourceDynamicDefaultBroker: "DYNAMIC_DEFAULT_BROKER_CONFIG",
}

func TestDynamicRulesAsApacheKafka(t *testing.T) {
	layers := &Layers{Static: []Setting{{Key: "broker.id", Value: "1"}}}
	for _, c := range []struct {
		own         map[string]string
		clusterWide bool
		want        string
	}{
		{map[string]string{"node.id": "1", "log.retention.hours": "1"}, false, "Cannot update these configs dynamically: [log.retention.hours, node.id]"},
		{map[string]string{"foo.bar": "x"}, true, ""},
		{map[string]string{"listeners": "PLAINTEXT://:1"}, false, ""},
		{map[string]string{"listeners": "PLAINTEXT://:1"}, true, "Cannot update these configs at default cluster level, broker id must be specified: [listeners]"},
		{map[string]string{"ssl.keystore.location": "/a"}, false, "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.location]"},
		{map[string]string{"listener.name.external.ssl.keystore.location": "x"}, false, ""},
		{map[string]string{"listener.name.external.ssl.keystore.location": "x"}, true, "Cannot update these configs at default cluster level, broker id must be specified: [listener.name.external.ssl.keystore.location]"},
		{map[string]string{"listener.name.external.num.io.threads": "x"}, true, "Invalid value x for configuration num.io.threads: Not a number of type INT"},
		{map[string]string{"num.io.threads": "0"}, false, "Invalid value 0 for configuration num.io.threads: Value must be at least 1"},
		{map[string]string{"leader.replication.throttled.rate": "10"}, false, ""},
	} {
		got := ""
		if err := layers.ValidateBroker(c.own, c.clusterWide); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v, cluster-wide %v:\n got  %s\n want %s", c.own, c.clusterWide, got, c.want)
		}
	}
	for want, own := range map[string]map[string]string{
		"Unknown topic config name: foo": {"foo": "1"},
		"conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)": {"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5"},
		"Invalid value 10 for configuration segment.bytes: Value must be at least 1048576":     {"segment.bytes": "10"},
	} {
		if err := layers.ValidateTopic(own); err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %s", own, err, want)
		}
	}
}
