//go:build interop

package brokertest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestInteropPythonClients runs confluent-kafka and kafka-python against a node. KGO_PYTHON names a python that has them.
func TestInteropPythonClients(t *testing.T) {
	python := os.Getenv("KGO_PYTHON")
	if python == "" || exec.Command(python, "-c", "import confluent_kafka, kafka").Run() != nil {
		t.Skip("KGO_PYTHON names no python with confluent-kafka and kafka-python")
	}
	n := brokertest.Start(t)
	for _, script := range []string{"confluent_client.py", "kafka_python_client.py"} {
		t.Run(script, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), python, filepath.Join("../../testdata/interop", script), n.Addr).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// apache runs one of Apache Kafka's own tools.
func apache(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka tools to try")
	}
	cmd := exec.CommandContext(t.Context(), lab, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, &stdout, &stderr)
	}
	return stdout.String()
}

// TestInteropApacheTools has Apache Kafka's own tools work with a node, and its dump tool read every file that the node wrote.
func TestInteropApacheTools(t *testing.T) {
	n := brokertest.Start(t)
	server := []string{"--bootstrap-server", n.Addr}
	with := func(tool string, args ...string) []string {
		return append(append([]string{tool}, server...), args...)
	}
	if out := apache(t, "", with("topics", "--create", "--topic", "lines", "--partitions", "2")...); !strings.Contains(out, "Created topic lines.") {
		t.Fatalf("topics --create said %q", out)
	}
	lines := "one\ntwo\nthree\nfour\n"
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		apache(t, lines, with("console-producer", "--topic", "lines", "--compression-codec", codec)...)
	}
	got := apache(t, "", with("console-consumer", "--topic", "lines", "--from-beginning", "--max-messages", "20", "--group", "readers")...)
	if strings.Count(got, "one\n") != 5 || strings.Count(got, "\n") != 20 {
		t.Fatalf("console-consumer printed %q", got)
	}
	if out := apache(t, "", with("consumer-groups", "--describe", "--group", "readers")...); !strings.Contains(out, "lines") {
		t.Fatalf("consumer-groups --describe printed %q", out)
	}
	apache(t, "", with("configs", "--alter", "--entity-type", "topics", "--entity-name", "lines", "--add-config", "retention.ms=1000000")...)
	if out := apache(t, "", with("configs", "--describe", "--entity-type", "topics", "--entity-name", "lines")...); !strings.Contains(out, "retention.ms=1000000") {
		t.Fatalf("configs --describe printed %q", out)
	}
	n.Stop()
	for _, pattern := range []string{"*/*.log", "*/*.index", "*/*.timeindex", "*/*.snapshot"} {
		files, err := filepath.Glob(filepath.Join(n.Dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for len(files) > 0 {
			some := files[:min(20, len(files))]
			files = files[len(some):]
			out := apache(t, "", "dump-log", "--deep-iteration", "--files", strings.Join(some, ","))
			for _, complaint := range []string{"Could not", "Mismatches", "Found timestamp mismatch", "Found out of order", "isvalid: false"} {
				if strings.Contains(out, complaint) {
					t.Errorf("dump-log complains of one of %v:\n%s", some, out)
				}
			}
		}
	}
}
