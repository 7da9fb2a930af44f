package client

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestValuesAreRefusedAsJavaDoes goes through what ProducerConfig, ConsumerConfig and AdminClientConfig of Kafka 4.3.1 say to values of all their keys:
// the kinds of client, key=value (or keys and values with blanks between), and the exception.
func TestValuesAreRefusedAsJavaDoes(t *testing.T) {
	table, err := os.ReadFile("testdata/values.tsv")
	if err != nil {
		t.Fatal(err)
	}
	tried := make(map[string]bool)
	for line := range strings.Lines(string(table)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 {
			t.Fatalf("%q", line)
		}
		p := make(Properties)
		if key, value, one := strings.Cut(f[1], "="); one {
			p[key] = value
			tried[key] = true
		} else {
			for words := strings.Split(f[1], " "); len(words) > 1; words = words[2:] {
				p[words[0]] = words[1]
			}
		}
		for _, kind := range f[0] {
			got := ""
			if err := p.Check(Kind(kind)); err != nil {
				got = "ConfigException: " + err.Error()
				if at := errors.As(err, new(*ConfigError)); !at {
					t.Errorf("%s: %T", line, err)
				}
			}
			if got = strings.TrimSuffix(got, " (kgo runs no Java classes)"); got != f[2] {
				t.Errorf("%c %s:\ngot  %s\nwant %s", kind, f[1], got, f[2])
			}
		}
	}
	for name, key := range configKeys() {
		if !tried[name] && (key.bounds != "" || key.kind != "STRING" && key.kind != "PASSWORD" && key.kind != "LIST") && !strings.HasSuffix(name, "serializer") {
			t.Errorf("no value of %s is tried", name)
		}
	}
}

// TestEveryKeyHasTheEffectItIsSaidToHave finds each key in the code that honours it. A key of Java's clients is added to keys.tsv with what it does.
func TestEveryKeyHasTheEffectItIsSaidToHave(t *testing.T) {
	var code strings.Builder
	for _, pattern := range []string{"*.go", "../*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	counts := make(map[string]int)
	for name, key := range configKeys() {
		effect, reason, _ := strings.Cut(key.effect, ": ")
		counts[effect]++
		read := strings.Contains(code.String(), `"`+name+`"`) || strings.HasPrefix(name, "compression.") && strings.HasSuffix(name, ".level")
		switch {
		case effect == "yes" && key.kind == "CLASS" && strings.HasPrefix(key.bounds, "built in: "): // checked, and what is built in does it
		case effect == "yes" && !read:
			t.Errorf("%s is said to have an effect, but nothing reads it", name)
		case (effect == "-" || effect == "warn") && reason == "":
			t.Errorf("%s has no effect for no reason", name)
		case effect != "yes" && effect != "-" && effect != "warn":
			t.Errorf("%s: %q is no effect", name, key.effect)
		}
	}
	t.Logf("keys of Java's clients: %d have their effect, %d have none, %d more say so when they are set", counts["yes"], counts["-"], counts["warn"])
}

func TestRemarks(t *testing.T) {
	for key, want := range map[string]string{
		"ssl.trustore.location":     "ssl.trustore.location is not known to Kafka's clients: did you mean ssl.truststore.location?",
		"sasl.mechanisms":           "sasl.mechanisms is not known to Kafka's clients: did you mean sasl.mechanism?",
		"bootstrap.server":          "bootstrap.server is not known to Kafka's clients: did you mean bootstrap.servers?",
		"interceptor.classes":       "interceptor.classes has no effect: there is no JVM to run it",
		"confluent.metrics.address": "", "my.own.key": "", "config.providers.f.class": "", "batch.size": "", "linger.ms": "",
	} {
		got := strings.Join(Properties{key: "x"}.Remarks(), "\n")
		if got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if got := (Properties{"metric.reporters": "org.apache.kafka.common.metrics.JmxReporter", "interceptor.classes": ""}).Remarks(); got != nil {
		t.Errorf("%q", got)
	}
}

// optionsOf asks the client what came of a configuration.
func optionsOf(t *testing.T, p Properties, kind Kind) *kgo.Client {
	t.Helper()
	opts, _, err := options(p, []string{"127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	var more []kgo.Opt
	switch kind {
	case Producer:
		more, err = ProducerOptions(p)
	case Consumer:
		more, err = ConsumerOptions(p)
	case Admin:
		more, err = AdminOptions(p)
	}
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func TestKeysReachTheClient(t *testing.T) {
	cl := optionsOf(t, Properties{"retries": "0"}, Producer) // for records only
	if got := cl.OptValue("RequestRetries"); got == int64(0) {
		t.Errorf("a producer's requests are tried again %v times", got)
	}
	cl = optionsOf(t, Properties{"retries": "7", "request.timeout.ms": "1234", "connections.max.idle.ms": "60000", "metadata.max.age.ms": "5000", "client.rack": "r1", "enable.metrics.push": "true"}, Admin)
	for name, want := range map[string]any{"RequestRetries": int64(7), "RequestTimeoutOverhead": 1234 * time.Millisecond, "ConnIdleTimeout": time.Minute, "MetadataMaxAge": 5 * time.Second, "Rack": "r1", "DisableClientMetrics": false} {
		if got := cl.OptValue(name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	cl = optionsOf(t, Properties{"acks": " 1 ", "linger.ms": "12", "compression.type": "zstd", "compression.zstd.level": "7", "max.request.size": "2000000", "delivery.timeout.ms": "9000", "max.in.flight.requests.per.connection": "3"}, Producer)
	for name, want := range map[string]any{"ProducerLinger": 12 * time.Millisecond, "ProducerBatchMaxBytes": int32(2000000), "RecordDeliveryTimeout": 9 * time.Second, "DisableIdempotentWrite": true, "MaxProduceRequestsInflightPerBroker": 3, "RequiredAcks": kgo.LeaderAck(), "DisableClientMetrics": true} {
		if got := cl.OptValue(name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	for _, create := range []string{"", "true", "FALSE"} {
		p := Properties{"isolation.level": "read_committed", "allow.auto.create.topics": create, "fetch.min.bytes": "5"}
		if create == "" {
			delete(p, "allow.auto.create.topics")
		}
		cl = optionsOf(t, p, Consumer)
		if got := cl.OptValue("AllowAutoTopicCreation"); got != (create != "FALSE") {
			t.Errorf("allow.auto.create.topics=%s: %v", create, got)
		}
		if got := cl.OptValue("FetchMinBytes"); got != int32(5) {
			t.Errorf("FetchMinBytes is %v", got)
		}
	}
}

func TestAdminHasTimeForARequest(t *testing.T) {
	for _, c := range []struct {
		whole, request string
		fails          bool
	}{{"20000", "", true}, {"20000", "15000", false}, {"60000", "", false}} {
		p := Properties{"default.api.timeout.ms": c.whole, "request.timeout.ms": c.request}
		if c.request == "" {
			delete(p, "request.timeout.ms")
		}
		if _, err := AdminOptions(p); (err != nil) != c.fails {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestBackoffFollowsTheSettings(t *testing.T) {
	waits := func(p Properties) (out []time.Duration) {
		for tries := 1; tries <= 4; tries++ {
			out = append(out, p.backoff()(tries))
		}
		return out
	}
	ms := func(all ...int) (out []time.Duration) {
		for _, n := range all {
			out = append(out, time.Duration(n)*time.Millisecond)
		}
		return out
	}
	for _, c := range []struct {
		p    Properties
		want []time.Duration
	}{
		{Properties{}, ms(20, 40, 60, 80)},
		{Properties{"retry.backoff.ms": "300"}, ms(300, 600, 1000, 1000)},
		{Properties{"reconnect.backoff.ms": "10", "reconnect.backoff.max.ms": "25"}, ms(10, 20, 25, 25)},
		{Properties{"retry.backoff.max.ms": "150"}, ms(100, 150, 150, 150)},
	} {
		if got := waits(c.p); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, not %v", c.p, got, c.want)
		}
	}
}

func TestSetupTimeoutGrowsWithFailures(t *testing.T) {
	d := newDialer([]string{"a:1"}, nil, 100*time.Millisecond)
	d.timeoutMax = 300 * time.Millisecond
	var got []time.Duration
	for range 4 {
		got = append(got, d.setupTimeout("a:1"))
		d.missing(&UnreachableError{Address: "a:1", Step: stepConnect, Err: errors.New("no")})
	}
	d.reached("a:1")
	got = append(got, d.setupTimeout("a:1"))
	for i, want := range []int64{100, 200, 300, 300, 100} {
		if got[i].Milliseconds() != want {
			t.Errorf("try %d: %v, not %v ms", i+1, got[i], want)
		}
	}
}

func TestWhereToBegin(t *testing.T) {
	before := time.Now().Add(-time.Hour).UnixMilli()
	o, err := parseReset("by_duration:PT1H")
	if at := o.EpochOffset().Offset; err != nil || at < before || at > time.Now().UnixMilli() {
		t.Errorf("%v, %v", o, err)
	}
	for _, bad := range []string{"by_duration:", "by_duration:-PT1H", "by_duration:1h", "Earliest"} {
		if _, err := parseReset(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestCanonicalServers(t *testing.T) {
	got := canonicalServers(t.Context(), []string{"127.0.0.1:9092", "127.0.0.1:9092", "nobody.invalid:9093"})
	if len(got) != 2 || !strings.HasSuffix(got[0], ":9092") || got[1] != "nobody.invalid:9093" {
		t.Errorf("%v", got)
	}
}
