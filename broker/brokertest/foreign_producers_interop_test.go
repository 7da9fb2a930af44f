//go:build interop

package brokertest_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestInteropForeignProducersLoseNothing has librdkafka's and Java's idempotent producers write to a cluster whose processes are killed, paused and
// stopped: what they were told is written, is there, once, and in their order.
func TestInteropForeignProducersLoseNothing(t *testing.T) {
	var others []func(context.Context, *workload, func())
	if python := os.Getenv("KGO_PYTHON"); python != "" && exec.Command(python, "-c", "import confluent_kafka").Run() == nil {
		others = append(others, foreignProducer(100, python, "../../testdata/interop/ack_producer.py"))
	}
	if os.Getenv("KAFKA_LAB_CMD") != "" {
		others = append(others, foreignProducer(200, "java", "-cp", labClassPath(t), "../../testdata/interop/AckProducer.java"))
	}
	if len(others) == 0 {
		t.Skip("neither KGO_PYTHON nor KAFKA_LAB_CMD is set: no foreign producers to try")
	}
	clusterFaults(t, 8, others...)
}

// labClassPath is the class path of Apache Kafka's release that the launcher runs.
func labClassPath(t *testing.T) string {
	return strings.TrimSpace(apache(t, "", "classpath"))
}

// foreignProducer runs a program that produces until its standard input ends, and takes down what it was acknowledged.
func foreignProducer(id int, program string, args ...string) func(context.Context, *workload, func()) {
	return func(ctx context.Context, w *workload, underWay func()) {
		defer underWay()
		bootstrap := w.connect().OptValue(kgo.SeedBrokers).([]string)
		cmd := exec.CommandContext(w.t.Context(), program, append(args, strings.Join(bootstrap, ","), workTopic, strconv.Itoa(workPartitions), strconv.Itoa(id))...)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		stdin, err := cmd.StdinPipe()
		if err != nil {
			w.t.Error(err)
			return
		}
		stdout, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			w.t.Error(err)
			return
		}
		stop := context.AfterFunc(ctx, func() { _ = stdin.Close() }) // the end of its work
		defer stop()
		acked, sent := 0, -1
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var number int
			var at place
			if n, _ := fmt.Sscanf(lines.Text(), "sent %d", &sent); n == 1 {
				continue
			}
			if _, err := fmt.Sscanf(lines.Text(), "%d %d %d", &number, &at.partition, &at.offset); err != nil {
				w.t.Errorf("%s printed %q: %v", program, lines.Text(), err)
				continue
			}
			if acked++; acked == 100 {
				underWay()
			}
			w.h.ackForeign(message{id, number}, at)
		}
		if err := cmd.Wait(); err != nil || sent != acked {
			w.t.Errorf("%s: %v; sent %d, acknowledged %d\n%s", program, err, sent, acked, &complaints)
		}
		w.t.Logf("%s: %d records acknowledged", program, acked)
	}
}

// ackForeign is ack for a record that another process has sent.
func (h *history) ackForeign(m message, p place) {
	h.ack(m, p)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent[m.producer] = max(h.sent[m.producer], m.number+1)
}

// TestInteropTransactionsAreRefused: transactions are not served, and a client that wants them is told so in words, at once.
func TestInteropTransactionsAreRefused(t *testing.T) {
	python := os.Getenv("KGO_PYTHON")
	if python == "" || exec.Command(python, "-c", "import confluent_kafka").Run() != nil {
		t.Skip("KGO_PYTHON names no python with confluent-kafka")
	}
	n := brokertest.Start(t)
	out, err := exec.CommandContext(t.Context(), python, "-c", `
import sys
from confluent_kafka import Producer
Producer({"bootstrap.servers": sys.argv[1], "transactional.id": "t"}).init_transactions(60)
`, n.Addr).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "FATAL") || !strings.Contains(string(out), "transactions and share groups are not served") {
		t.Errorf("librdkafka's init_transactions: %v\n%s", err, out)
	}
	if os.Getenv("KAFKA_LAB_CMD") != "" {
		out, err := exec.CommandContext(t.Context(), os.Getenv("KAFKA_LAB_CMD"), "producer-perf-test", "--bootstrap-server", n.Addr, "--topic", "t", "--num-records", "1",
			"--record-size", "1", "--throughput", "-1", "--transactional-id", "t").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "transactions and share groups are not served") {
			t.Errorf("producer-perf-test with a transactional id: %v\n%s", err, out)
		}
	}
}
