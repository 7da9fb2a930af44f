//go:build interop && unix

package brokertest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestInteropJavaPrograms runs programs with the clients of Apache Kafka's current release: groups of both protocols, and Kafka Streams.
func TestInteropJavaPrograms(t *testing.T) {
	for _, program := range []string{"GroupMembers", "StreamsCount"} {
		t.Run(program, func(t *testing.T) {
			classPath := labClassPath(t)
			n := brokertest.Start(t, "group.consumer.min.heartbeat.interval.ms=300", "group.consumer.heartbeat.interval.ms=300")
			out, err := exec.CommandContext(t.Context(), "java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classPath, filepath.Join("../../testdata/interop", program+".java"),
				n.Addr, t.TempDir()).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// TestInteropConnectDistributed runs two of Apache Kafka's Connect workers with their topics on a node. A line of the source's file is in the sink's though
// the worker that ran both is killed, and the one that is left takes over.
func TestInteropConnectDistributed(t *testing.T) {
	n, dir := brokertest.Start(t), t.TempDir()
	var workers []*exec.Cmd
	var rest []string
	for i := range 2 {
		addr := freeAddr(t)
		worker := filepath.Join(dir, fmt.Sprintf("worker-%d.properties", i))
		writeLines(t, worker, "bootstrap.servers="+n.Addr, "group.id=workers", "listeners=http://"+addr, "scheduled.rebalance.max.delay.ms=1000",
			"session.timeout.ms=6000", "heartbeat.interval.ms=1000", "offset.flush.interval.ms=200",
			"key.converter=org.apache.kafka.connect.storage.StringConverter", "value.converter=org.apache.kafka.connect.storage.StringConverter",
			"config.storage.topic=workers-configs", "config.storage.replication.factor=1", "status.storage.topic=workers-status", "status.storage.replication.factor=1",
			"offset.storage.topic=workers-offsets", "offset.storage.replication.factor=1")
		workers, rest = append(workers, startLab(t, "connect-distributed", worker)), append(rest, "http://"+addr)
		eventually(t, "a worker serves", func() bool { return exec.Command("curl", "-sf", "http://"+addr+"/connectors").Run() == nil })
	}
	in, sunk := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	var lines []string
	more := func(count int) {
		for range count {
			lines = append(lines, fmt.Sprintf("line %d", len(lines)))
		}
		writeLines(t, in, lines...)
	}
	more(500)
	for name, config := range map[string]string{
		"source": `"connector.class": "FileStreamSource", "file": "` + in + `", "topic": "lines"`,
		"sink":   `"connector.class": "FileStreamSink", "file": "` + sunk + `", "topics": "lines"`,
	} {
		eventually(t, "the "+name+" is taken", func() bool { // not while the workers come to terms
			return exec.Command("curl", "-sf", "-H", "Content-Type: application/json", "-d", `{"name": "`+name+`", "config": {`+config+`}}`, rest[0]+"/connectors").Run() == nil ||
				exec.Command("curl", "-sf", rest[0]+"/connectors/"+name).Run() == nil
		})
	}
	arrived := func() bool {
		raw, _ := os.ReadFile(sunk)
		there := make(map[string]bool)
		for line := range strings.Lines(string(raw)) {
			there[strings.TrimSuffix(line, "\n")] = true
		}
		for _, line := range lines {
			if !there[line] {
				return false
			}
		}
		return true
	}
	eventually(t, "all lines arrive", arrived)
	if err := workers[0].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	more(500)
	eventually(t, "all lines arrive with one worker", arrived)
}

// TestInteropMirrorMaker has Apache Kafka's MirrorMaker 2 copy a topic, its settings and a group's offsets from one node to another.
func TestInteropMirrorMaker(t *testing.T) {
	from, to := brokertest.Start(t), brokertest.Start(t)
	file := filepath.Join(t.TempDir(), "mm.properties")
	lines := []string{
		"clusters=A, B", "A.bootstrap.servers=" + from.Addr, "B.bootstrap.servers=" + to.Addr, "A->B.enabled=true", "B->A.enabled=false", "topics=orders", "groups=readers",
		"sync.group.offsets.enabled=true", "offset.lag.max=0",
	}
	for _, key := range []string{"", "checkpoints.topic.", "heartbeats.topic.", "offset-syncs.topic.", "offset.storage.", "status.storage.", "config.storage."} {
		lines = append(lines, key+"replication.factor=1")
	}
	for _, key := range []string{"refresh.topics", "refresh.groups", "sync.group.offsets", "emit.checkpoints", "sync.topic.configs"} {
		lines = append(lines, key+".interval.seconds=1")
	}
	writeLines(t, file, lines...)
	const records = 1000
	source, target := kadm.NewClient(from.Client()), kadm.NewClient(to.Client())
	if _, err := source.CreateTopic(t.Context(), 2, 1, map[string]*string{"retention.ms": new("12345678")}, "orders"); err != nil {
		t.Fatal(err)
	}
	producer := from.Client(kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range records {
		producer.Produce(t.Context(), &kgo.Record{Partition: int32(i % 2), Key: fmt.Append(nil, i), Value: fmt.Append(nil, "order ", i)}, nil)
	}
	if err := producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends, err := source.ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := source.CommitAllOffsets(t.Context(), "readers", ends.Offsets()); err != nil {
		t.Fatal(err)
	}
	startLab(t, "connect-mirror-maker", file)
	eventually(t, "all records are copied", func() bool {
		copied, err := target.ListEndOffsets(t.Context(), "A.orders")
		return err == nil && total(copied) == records
	})
	eventually(t, "the topic's settings are copied", func() bool {
		configs, err := target.DescribeTopicConfigs(t.Context(), "A.orders")
		if err != nil || len(configs) != 1 {
			return false
		}
		for _, c := range configs[0].Configs {
			if c.Key == "retention.ms" {
				return c.MaybeValue() == "12345678"
			}
		}
		return false
	})
	eventually(t, "the group's offsets are copied", func() bool {
		offsets, err := target.FetchOffsets(t.Context(), "readers")
		if err != nil {
			return false
		}
		sum := int64(0)
		offsets.Each(func(o kadm.OffsetResponse) { sum += o.At })
		return sum > 0 && sum <= records
	})
}

// startLab starts one of Apache Kafka's programs, which ends with the test.
func startLab(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka tools to try")
	}
	cmd := exec.Command(lab, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var output lockedBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%v printed\n%s", args, &output)
		}
	})
	return cmd
}

func writeLines(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); pause(t.Context(), 100*time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func total(offsets kadm.ListedOffsets) (sum int64) {
	offsets.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}
