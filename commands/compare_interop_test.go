//go:build interop

package commands

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "run Apache Kafka's tools and record their answers in testdata/compare")

// TestCompareWithApache runs every line of testdata/compare with kgo against an Apache Kafka broker and compares with what
// Apache Kafka's own tools answered. KAFKA_LAB_CMD names a program that starts such brokers and runs those tools.
func TestCompareWithApache(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka to compare with")
	}
	files, err := filepath.Glob("../testdata/compare/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no comparisons", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			if *record {
				recordAll(t, lab, path, startApache(t, lab, "compare-record-"+name))
			}
			compareAll(t, path, startApache(t, lab, "compare-"+name))
		})
	}
}

func startApache(t *testing.T, lab, name string) string {
	t.Helper()
	port := freePort(t)
	name = fmt.Sprintf("%s-%d", name, port)
	out, err := exec.CommandContext(t.Context(), lab, "start", name, strconv.Itoa(port), "super.users=User:ANONYMOUS",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "allow.everyone.if.no.acl.found=true").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(lab, "wipe", name).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// freePort finds a port that is free together with the one 1000 above it, where the controller listens.
func freePort(t *testing.T) int {
	t.Helper()
	for port := 21710; port < 21800; port++ {
		if free(port) && free(port+1000) {
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		l.Close()
	}
	return err == nil
}

func recordAll(t *testing.T, lab, path, bootstrap string) {
	t.Helper()
	dir := t.TempDir()
	all := readComparisons(t, path)
	for _, c := range all {
		c.setUp(t, bootstrap)
		words := c.prepare(t, dir, bootstrap)
		var out, errOut bytes.Buffer
		cmd := exec.CommandContext(t.Context(), lab, words...)
		cmd.Stdout, cmd.Stderr = &out, &errOut
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		c.want = normalise(out.String(), errOut.String(), bootstrap, dir, cmd.ProcessState.ExitCode(), c.sorted)
	}
	writeComparisons(t, path, all)
}
