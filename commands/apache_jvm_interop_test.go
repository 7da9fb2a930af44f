//go:build interop

package commands

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// apacheJVM is one virtual machine that runs Apache Kafka's tools and brokers: testdata/interop/ToolHost.java says how.
type apacheJVM struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

// apacheClasses are the tools' main classes.
var apacheClasses = map[string]string{
	"configs": "kafka.admin.ConfigCommand", "storage": "kafka.tools.StorageTool", "metadata-shell": "org.apache.kafka.shell.MetadataShell",
	"topics": "TopicCommand", "console-producer": "ConsoleProducer", "console-consumer": "consumer.ConsoleConsumer",
	"console-share-consumer": "consumer.ConsoleShareConsumer", "consumer-groups": "consumer.group.ConsumerGroupCommand",
	"share-groups": "consumer.group.ShareGroupCommand", "streams-groups": "streams.StreamsGroupCommand", "groups": "GroupsCommand",
	"acls": "AclCommand", "broker-api-versions": "BrokerApiVersionsCommand", "client-metrics": "ClientMetricsCommand",
	"cluster": "ClusterTool", "consumer-perf-test": "ConsumerPerformance", "share-consumer-perf-test": "ShareConsumerPerformance",
	"delegation-tokens": "DelegationTokenCommand", "delete-records": "DeleteRecordsCommand", "dump-log": "DumpLogSegments",
	"e2e-latency": "EndToEndLatency", "features": "FeatureCommand", "get-offsets": "GetOffsetShell", "jmx": "JmxTool",
	"leader-election": "LeaderElectionCommand", "log-dirs": "LogDirsCommand", "metadata-quorum": "MetadataQuorumCommand",
	"producer-perf-test": "ProducerPerformance", "reassign-partitions": "reassign.ReassignPartitionsCommand",
	"replica-verification": "ReplicaVerificationTool", "streams-application-reset": "StreamsResetter", "transactions": "TransactionsCommand",
	"verifiable-consumer": "VerifiableConsumer", "verifiable-producer": "VerifiableProducer", "verifiable-share-consumer": "VerifiableShareConsumer",
}

// javaVersion finds 21 in `openjdk version "21.0.4" 2024-07-16`.
var javaVersion = regexp.MustCompile(`version "(\d+)`)

// needJava skips where there is no Java that can catch a tool's call of System.exit.
func needJava(t *testing.T) {
	t.Helper()
	const lastWithSecurityManager = 23
	said, err := exec.CommandContext(t.Context(), "java", "-version").CombinedOutput()
	m := javaVersion.FindSubmatch(said)
	if err != nil || m == nil {
		t.Skipf("no Java to run Apache Kafka with: %v %s", err, said)
	}
	if v, err := strconv.Atoi(string(m[1])); err != nil || v > lastWithSecurityManager {
		t.Skipf("Java %s has no security manager: ToolHost needs Java 17 to %d", m[1], lastWithSecurityManager)
	}
}

func startApacheJVM(t *testing.T, lab string, jvmOptions ...string) *apacheJVM {
	t.Helper()
	needJava(t)
	jars, err := exec.CommandContext(t.Context(), lab, "classpath").Output()
	if err != nil {
		t.Fatal(err)
	}
	var classPath []string // the tools' own loader wants the jars one by one
	for entry := range strings.SplitSeq(strings.TrimSpace(string(jars)), string(os.PathListSeparator)) {
		if dir, all := strings.CutSuffix(entry, "*"); all {
			found, err := filepath.Glob(dir + "*.jar")
			if err != nil || len(found) == 0 {
				t.Fatalf("no jars in %s", dir)
			}
			classPath = append(classPath, found...)
		} else {
			classPath = append(classPath, entry)
		}
	}
	cmd := exec.Command("java", append(jvmOptions, "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.security.manager=allow",
		"--add-opens", "java.base/java.lang=ALL-UNNAMED", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-Dlog4j2.level=error",
		"-cp", strings.Join(classPath, string(os.PathListSeparator)), "../testdata/interop/ToolHost.java")...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // ends it
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &apacheJVM{in: in, out: bufio.NewReader(out)}
}

func appendBytes(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendStrings(b []byte, all []string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(all)))
	for _, s := range all {
		b = appendBytes(b, s)
	}
	return b
}

func (j *apacheJVM) ask(request []byte) (out, errOut string, code int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.in.Write(request); err != nil {
		return "", "", 0, err
	}
	var status int32
	if err := binary.Read(j.out, binary.BigEndian, &status); err != nil {
		return "", "", 0, err
	}
	for _, stream := range []*string{&out, &errOut} {
		var size uint32
		if err := binary.Read(j.out, binary.BigEndian, &size); err != nil {
			return "", "", 0, err
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(j.out, text); err != nil {
			return "", "", 0, err
		}
		*stream = string(text)
	}
	return out, errOut, int(status), nil
}

func mainClass(tool string) (string, error) {
	class, ok := apacheClasses[tool]
	if !ok {
		return "", fmt.Errorf("no tool of Apache Kafka is called %s", tool)
	}
	if !strings.HasPrefix(class, "kafka.") && !strings.HasPrefix(class, "org.") {
		class = "org.apache.kafka.tools." + class
	}
	return class, nil
}

func (j *apacheJVM) run(words []string, stdin string) (out, errOut string, code int) {
	class, err := mainClass(words[0])
	if err != nil {
		return "", err.Error(), -1
	}
	out, errOut, code, err = j.ask(appendStrings(appendBytes(appendBytes([]byte{'R'}, class), stdin), words[1:]))
	if err != nil {
		return "", err.Error(), -1
	}
	return out, errOut, code
}

func (j *apacheJVM) begin(t *testing.T, name, class string, args []string) {
	t.Helper()
	if _, _, _, err := j.ask(appendStrings(appendBytes(appendBytes([]byte{'B'}, name), class), args)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, errOut, _, err := j.ask(appendBytes([]byte{'E'}, name)); err != nil {
			t.Error(err)
		} else if t.Failed() && errOut != "" {
			t.Logf("%s:\n%s", name, errOut)
		}
	})
}

func (j *apacheJVM) start(t *testing.T, name string, words []string) {
	t.Helper()
	class, err := mainClass(words[0])
	if err != nil {
		t.Fatal(err)
	}
	j.begin(t, name, class, words[1:])
}

func (j *apacheJVM) end(t *testing.T, name string) {
	t.Helper()
	if _, _, _, err := j.ask(appendBytes([]byte{'E'}, name)); err != nil {
		t.Fatal(err)
	}
}

// startBroker starts Apache Kafka's broker inside the machine.
func (j *apacheJVM) startBroker(t *testing.T, config []string) testBroker {
	t.Helper()
	b, properties := brokerFiles(t, config)
	if out, errOut, code := j.run([]string{"storage", "format", "-t", clusterID, "-c", properties}, ""); code != 0 {
		t.Fatalf("format: %d\n%s%s", code, out, errOut)
	}
	j.begin(t, "broker-"+b.bootstrap, "kafka.Kafka", []string{properties})
	if err := waitForPort(b.bootstrap); err != nil {
		t.Fatal(err)
	}
	return b
}

func waitForPort(address string) error {
	var failed error
	if !poll(5*time.Minute, 20*time.Millisecond, func() bool {
		var conn net.Conn
		if conn, failed = net.DialTimeout("tcp", address, time.Second); failed == nil {
			failed = conn.Close()
		}
		return failed == nil
	}) {
		return errors.Join(errors.New("the broker did not start"), failed)
	}
	return nil
}
