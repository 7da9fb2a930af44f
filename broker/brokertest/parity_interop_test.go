//go:build interop

package brokertest_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestInteropAnswersAreApacheKafkas plays the scripts of testdata/parity to Apache Kafka itself: what they expect is what it says.
func TestInteropAnswersAreApacheKafkas(t *testing.T) {
	addr := startApache(t, "parity-interop")
	files, err := filepath.Glob("testdata/parity/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "groups_consumer" {
			continue // assignments are computed in a thread of their own there: which answer has them depends on timing
		}
		t.Run(filepath.Base(file), func(t *testing.T) { playParity(t, file, addr) })
	}
}

// startApache starts an Apache Kafka with parityConfig, which the test's end removes, and returns its address.
func startApache(t *testing.T, name string) string {
	t.Helper()
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka to ask")
	}
	addr := freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), lab, append([]string{"start", name, port}, parityConfig...)...).CombinedOutput(); err != nil {
		t.Fatalf("starting Apache Kafka: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(lab, "wipe", name).CombinedOutput(); err != nil {
			t.Errorf("stopping Apache Kafka: %v\n%s", err, out)
		}
	})
	return "127.0.0.1:" + port
}
