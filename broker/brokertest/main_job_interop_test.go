//go:build interop

package brokertest_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestInteropMainJob is the main job on real input: a text file of 300 MB piped through kgo's console producer, the broker killed (-9) and
// started again, and the text read back, byte for byte, by kgo's console consumer, Apache Kafka's and librdkafka; a group's LAG is what it must be.
func TestInteropMainJob(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "kgo")
	run(t, nil, nil, "go", "build", "-o", bin, "../../cmd/kgo")
	const size = 300 << 20
	text, lines, want := writeText(t, filepath.Join(dir, "text"), size)

	broker := startJobBroker(t, bin, dir)
	server := []string{"--bootstrap-server", broker.addr}
	kgo := func(in io.Reader, out io.Writer, tool string, args ...string) {
		t.Helper()
		run(t, in, out, bin, append(append([]string{tool}, server...), args...)...)
	}
	kgo(nil, nil, "topics", "--create", "--topic", "text", "--partitions", "1")
	in, err := os.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	kgo(in, nil, "console-producer", "--topic", "text")
	broker.kill()
	broker = startJobBroker(t, bin, dir)
	server = []string{"--bootstrap-server", broker.addr}

	count := strconv.Itoa(lines)
	got := sha256.New()
	kgo(nil, got, "console-consumer", "--topic", "text", "--from-beginning", "--max-messages", count, "--group", "readers")
	same(t, "kgo console-consumer", got, want)
	kgo(strings.NewReader("one more\n"), nil, "console-producer", "--topic", "text")
	var described strings.Builder
	kgo(nil, &described, "consumer-groups", "--describe", "--group", "readers")
	if !lagIs(described.String(), 1) {
		t.Errorf("one record was written after all others were read, and --describe says:\n%s", &described)
	}
	broker.kill()
	broker = startJobBroker(t, bin, dir)
	server = []string{"--bootstrap-server", broker.addr}
	described.Reset()
	kgo(nil, &described, "consumer-groups", "--describe", "--group", "readers")
	if !lagIs(described.String(), 1) {
		t.Errorf("after kill -9 --describe says:\n%s", &described)
	}
	t.Run("Apache's console consumer", func(t *testing.T) {
		lab := os.Getenv("KAFKA_LAB_CMD")
		if lab == "" {
			t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka tools to try")
		}
		got := sha256.New()
		run(t, nil, got, lab, "console-consumer", "--bootstrap-server", broker.addr, "--topic", "text", "--from-beginning", "--max-messages", count)
		same(t, "Apache's console consumer", got, want)
	})
	t.Run("librdkafka", func(t *testing.T) {
		python := os.Getenv("KGO_PYTHON")
		if python == "" || exec.CommandContext(t.Context(), python, "-c", "import confluent_kafka").Run() != nil {
			t.Skip("KGO_PYTHON names no python with confluent-kafka")
		}
		got := sha256.New()
		run(t, nil, got, python, "../../testdata/interop/read_lines.py", broker.addr, "text", count)
		same(t, "librdkafka", got, want)
	})
}

// writeText makes a file of lines of all lengths, in several scripts, and returns its path, its number of lines and its hash.
func writeText(t *testing.T, path string, size int) (string, int, []byte) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	words := strings.Fields("Kafka 카프카 브로커 토픽 파티션 offset lag the leader's epoch — ünïcode 日本語 0123456789 { \"json\": true } \\ \t' ;")
	r := rand.New(rand.NewPCG(1, 2))
	lines, written := 0, 0
	for written < size {
		for range r.IntN(40) {
			n, err := w.WriteString(words[r.IntN(len(words))])
			if err != nil {
				t.Fatal(err)
			}
			_ = w.WriteByte(' ')
			written += n + 1
		}
		_ = w.WriteByte('\n')
		written++
		lines++
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path, lines, sum.Sum(nil)
}

func same(t *testing.T, who string, got hash.Hash, want []byte) {
	t.Helper()
	if string(got.Sum(nil)) != string(want) {
		t.Errorf("what %s read is not what was written", who)
	}
}

// lagIs reports whether the only line of a group's description shows this LAG.
func lagIs(described string, lag int) bool {
	for line := range strings.Lines(described) {
		if f := strings.Fields(line); len(f) > 5 && f[1] == "text" {
			return f[5] == strconv.Itoa(lag)
		}
	}
	return false
}

// run runs a command to its end.
func run(t *testing.T, in io.Reader, out io.Writer, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, &stderr)
	}
}

// brokerProcess is a `kgo server` in a process of its own.
type brokerProcess struct {
	cmd  *exec.Cmd
	addr string
}

// startJobBroker starts a broker on the data below dir and waits until it serves.
func startJobBroker(t *testing.T, bin, dir string) *brokerProcess {
	t.Helper()
	address := filepath.Join(dir, "address")
	_ = os.Remove(address)
	var log strings.Builder
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin, "server", "--override", "process.roles=broker,controller", "--override", "node.id=1",
		"--override", "listeners=PLAINTEXT://127.0.0.1:0", "--override", "log.dirs="+filepath.Join(dir, "data"), "--override", "group.initial.rebalance.delay.ms=0",
		"--address-file", address)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &brokerProcess{cmd: cmd}
	t.Cleanup(p.kill)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < time.Minute; <-tick.C {
		if raw, err := os.ReadFile(address); err == nil {
			p.addr = strings.TrimSpace(string(raw))
			return p
		}
	}
	t.Fatalf("the broker did not start:\n%s", &log)
	return nil
}

// kill ends the process as a crash would; a second call does nothing.
func (p *brokerProcess) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}
