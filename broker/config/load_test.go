package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.properties")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string, overrides ...string) *Broker {
	t.Helper()
	_, b, warnings, err := Load(LoadOptions{File: write(t, text), Overrides: overrides})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Log(w)
	}
	return b
}

func TestStockFiles(t *testing.T) {
	for _, name := range []string{"kraft-4.properties", "zookeeper-2.properties", "zookeeper-3.properties"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		b := load(t, string(text))
		if b.IsBroker != true || b.Groups.ReplicationFactor != 1 || b.Network.MaxRequestBytes != 104857600 || b.NodeID < 0 {
			t.Errorf("%s: %+v", name, b)
		}
		if b.ZooKeeperStyle != strings.HasPrefix(name, "zoo") {
			t.Errorf("%s: ZooKeeperStyle is %v", name, b.ZooKeeperStyle)
		}
		if got := b.Network.Advertised[0].Port; got != 9092 {
			t.Errorf("%s: advertised port %d", name, got)
		}
	}
}

func TestTextbookFile(t *testing.T) {
	b := load(t, "broker.id=2\nlisteners=PLAINTEXT://localhost:9094\nlog.dirs=/tmp/kafka-logs2\n")
	if b.NodeID != 2 || !b.ZooKeeperStyle || b.Quorum.ZooKeeper[0].String() != "localhost:2181" || b.LogDirs[0] != filepath.Clean("/tmp/kafka-logs2") {
		t.Errorf("%+v", b)
	}
	b = load(t, "broker.id=2\nzookeeper.connect=a:1,b,[::1]:3/kafka/x/\n")
	if len(b.Quorum.ZooKeeper) != 3 || b.Quorum.ZooKeeper[1].Port != 2181 || b.Quorum.Chroot != "/kafka/x" {
		t.Errorf("%+v", b.Quorum)
	}
}

func TestWithoutFile(t *testing.T) {
	_, b, _, err := Load(LoadOptions{Overrides: []string{"num.partitions=3"}})
	if err != nil {
		t.Fatal(err)
	}
	if !b.IsBroker || !b.IsController || b.NodeID != 1 || b.Groups.ReplicationFactor != 1 || b.Topics.NumPartitions != 3 || b.Network.Advertised[0].Host != "localhost" {
		t.Errorf("%+v", b)
	}
}

func TestEverythingWrongIsNamed(t *testing.T) {
	path := write(t, "broker.id=1\n\nnum.partitions = abc\nlog.cleanup.policy=\\\n  compress\nnum.io.threads=0\nlisteners=PLAINTEXT://:9092\n")
	_, _, _, err := Load(LoadOptions{File: path, Overrides: []string{"min.insync.replicas=x"}})
	want := strings.ReplaceAll(`F:3: num.partitions=abc: must be an integer, at least 1
F:4: log.cleanup.policy=compress: must be a comma-separated list of compact, delete
F:6: num.io.threads=0: must be an integer, at least 1
--override: min.insync.replicas=x: must be an integer, at least 1`, "F:", path+":")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestSettingsThatDontGoTogether(t *testing.T) {
	for text, want := range map[string]string{
		"process.roles=broker\nnode.id=1":               "needs to know its quorum",
		"process.roles=broker,controller":               "needs a node.id",
		"node.id=1\nbroker.id=2":                        "must be the same",
		"listeners=FOO://:9092":                         "No security protocol defined for listener FOO",
		"listeners=PLAINTEXT://:9092,SSL://:9092":       "different port",
		"listeners=PLAINTEXT://:9092,PLAINTEXT://:9093": "different name",
		"listeners=PLAINTEXT:9092":                      "is no listener",
		"listeners=PLAINTEXT://h:99999":                 "port",
		"advertised.listeners=PLAINTEXT://0.0.0.0:9092": "a client can connect to",
		"listeners=PLAINTEXT://:1,SSL://:2":             "security protocol SSL",
		"inter.broker.listener.name=EXTERNAL":           "not among",
		"listeners=SSL://:9093":                         "brokers use among themselves",
		"zookeeper.connect=a:b:c":                       "is no address",
		"max.connections.per.ip.overrides=a":            "host:limit",
		"process.roles=controller\nnode.id=1":           "listener of its own",
		"process.roles=controller\nnode.id=1\ncontroller.quorum.voters=2@h:1\ncontroller.listener.names=PLAINTEXT":                                                                                            "one of the voters",
		"process.roles=broker\nnode.id=2\ncontroller.quorum.voters=2@h:1":                                                                                                                                     "add the role controller, or give it another node.id",
		"process.roles=broker\nnode.id=2\ncontroller.quorum.voters=1@h:1\ncontroller.listener.names=C\nlisteners=PLAINTEXT://:9092,C://:9093\nlistener.security.protocol.map=C:PLAINTEXT,PLAINTEXT:PLAINTEXT": "take it out of listeners",
		"controller.quorum.voters=1@h:1,1@h:2": "Node id 1 is given twice",
		"controller.quorum.voters=1@h:1,2@h:1": "Nodes 1 and 2 can't both be at h:1",
		"controller.quorum.voters=1@h":         "{id}@{host}:{port}",
		"group.min.session.timeout.ms=2000000": "group.max.session.timeout.ms",
	} {
		_, _, _, err := Load(LoadOptions{File: write(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want ...%s...", text, err, want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	s := Setting{Key: "listener.name.external.plain.sasl.jaas.config", Value: "secret"}
	if text := (Warning{s, "x"}).String(); strings.Contains(text, "secret") {
		t.Error(text)
	}
}

func TestWarnings(t *testing.T) {
	layers, _, warnings, err := Load(LoadOptions{File: write(t, "broker.id=0\nlog.retention.hour=5\nzookeeper.set.acl=true\nnum.network.threads=3\nconfluent.x=1\n")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.Setting.Key+": "+w.Text)
	}
	want := []string{"log.retention.hour: unknown key, ignored; did you mean log.retention.hours?", "zookeeper.set.acl: Kafka 4 has no such key any more; ignored"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for text, want := range map[string]string{
		"zookeeper.connect=a:1,b:2/kafka/x":                    "the path /kafka/x separates nothing",
		"zookeeper.connect=a:1,b:2":                            "",
		"authorizer.class.name=org.example.StandardAuthorizer": "nobody is refused anything",
	} {
		_, _, warnings, err := Load(LoadOptions{File: write(t, "broker.id=0\n"+text)})
		if err != nil {
			t.Fatal(err)
		}
		if found := len(warnings) == 1 && strings.Contains(warnings[0].Text, want); found != (want != "") || len(warnings) > 1 {
			t.Errorf("%q: %v", text, warnings)
		}
	}
	if u := layers.Unused(); len(u) != 1 || u[0].Key != "num.network.threads" {
		t.Errorf("unused: %v", u)
	}
}

func TestEnvironment(t *testing.T) {
	layers, b, _, err := Load(LoadOptions{
		File: write(t, "broker.id=0\nnum.partitions=2\nlog.retention.hours=1"),
		Environ: []string{
			"KAFKA_NUM_PARTITIONS=5", "KAFKA_HEAP_OPTS=-Xmx1G", "KAFKA_LOG_RETENTION_HOURS=7", "PATH=/bin",
			"KAFKA_LISTENERS=PLAINTEXT://:1,INSIDE://:2", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT", "KAFKA_DEFAULT_REPLICATION_FACTOR=2",
		},
		Overrides: []string{"log.retention.hours=9"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.Topics.NumPartitions != 5 || b.Topic.RetentionMs != 9*3600_000 || b.Network.Listeners[1].Port != 2 || b.Topics.ReplicationFactor != 2 {
		t.Errorf("%+v\n%v", b.Topics, layers.Static)
	}
}

func TestTopicDefaultsComeFromTheStrongestKey(t *testing.T) {
	for text, want := range map[string]int64{
		"":                       604800000,
		"log.retention.hours=1":  3600000,
		"log.retention.hours=-1": -1,
		"log.retention.hours=1\nlog.retention.minutes=2":                     120000,
		"log.retention.ms=3\nlog.retention.hours=1\nlog.retention.minutes=2": 3,
	} {
		if got := load(t, "broker.id=0\n"+text).Topic.RetentionMs; got != want {
			t.Errorf("%q: retention.ms is %d, want %d", text, got, want)
		}
	}
	b := load(t, "broker.id=0\nlog.roll.hours=2\nlog.flush.interval.ms=77\nlog.cleanup.policy=compact")
	topic, err := b.ResolveTopic(map[string]string{"segment.ms": "5", "cleanup.policy": "compact,delete"})
	if err != nil || b.Topic.SegmentMs != 7200000 || topic.SegmentMs != 5 || topic.FlushMs != 77 || !topic.Compact || !topic.Delete || b.Topic.Delete {
		t.Errorf("%v %+v", err, topic)
	}
	topic, err = b.ResolveTopic(map[string]string{"segment.ms": "x", "retention.ms": "5", "foo": "1"})
	if err == nil || topic.SegmentMs != 7200000 || topic.RetentionMs != 5 {
		t.Errorf("with a wrong value: %v %+v", err, topic)
	}
}

func TestDurationsSaturate(t *testing.T) {
	b := load(t, "broker.id=0")
	if b.Log.FlushSchedulerInterval != 1<<63-1 || b.Groups.OffsetsRetention != 7*24*time.Hour {
		t.Errorf("%v %v", b.Log.FlushSchedulerInterval, b.Groups.OffsetsRetention)
	}
}

func TestDynamicLayers(t *testing.T) {
	layers, _, _, err := Load(LoadOptions{File: write(t, "broker.id=0\nlog.retention.ms=5\n")})
	if err != nil {
		t.Fatal(err)
	}
	b, err := layers.WithDynamic(map[string]string{"log.retention.ms": "6", "log.segment.bytes": "2000000", "node.id": "7"}, map[string]string{"log.retention.ms": "7", "max.connections": "bad"}).Resolve()
	if err != nil || b.Topic.RetentionMs != 7 || b.Topic.SegmentBytes != 2000000 || b.NodeID != 0 || b.Network.MaxConnections != 2147483647 {
		t.Errorf("%v %+v", err, b)
	}
}

func TestTheTableIsCheapToRead(t *testing.T) {
	if n := testing.AllocsPerRun(1, func() { parseKey("broker\tx\tINT\t1\t[1,...]\tr\t\t\tu\tdoc") }); n > 10 {
		t.Errorf("%v allocations for a key", n)
	}
	for scope := range numScopes {
		if len(Keys(scope)) == 0 {
			t.Errorf("no keys in scope %s", scopeNames[scope])
		}
		for _, k := range Keys(scope) {
			if k.Type == TypeUnknown {
				t.Errorf("%s has no type", k.Name)
			}
			if k.Default != nil && k.Check(*k.Default) != nil && !strings.HasPrefix(k.Name, "host.") && *k.Default != "" {
				t.Errorf("the default of %s: %v", k.Name, k.Check(*k.Default))
			}
			for _, s := range k.Server {
				if _, ok := Lookup(ScopeBroker, s.name); !ok {
					t.Errorf("%s: server key %s", k.Name, s.name)
				}
			}
		}
	}
}

func BenchmarkTable(b *testing.B) {
	for b.Loop() {
		rows := 0
		for line := range strings.Lines(keysTSV) {
			parseKey(line)
			rows++
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, _, _, err := Load(LoadOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// An id that is none is told of once, under the name that it was given.
func TestAWrongIDIsToldOfOnce(t *testing.T) {
	for _, given := range [][]string{{"broker.id=x"}, {"node.id=x"}, {"broker.id=x", "process.roles=broker,controller"}, {"node.id=x", "process.roles=broker,controller"}} {
		_, _, _, err := Load(LoadOptions{Overrides: given})
		key, _, _ := strings.Cut(given[0], "=")
		if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), key+"=x: must be an integer") {
			t.Errorf("%v:\n%v", given, err)
		}
	}
}
