//go:build interop

package quorum

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
)

// lab runs one of Apache Kafka's own tools and returns what it printed.
func lab(t *testing.T, args ...string) string {
	t.Helper()
	command := os.Getenv("KAFKA_LAB_CMD")
	if command == "" {
		t.Skip("KAFKA_LAB_CMD is not set: Apache Kafka's own tools are not at hand")
	}
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Stdin = strings.NewReader("")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestInteropKafkaReadsLogAndSnapshots(t *testing.T) {
	lab(t, "tools")
	cfg := testConfig(t, 1, 1)
	cfg.SnapshotBytes = 3000
	n, _, epoch := startAlone(t, cfg)
	mustPropose(t, n, epoch, metadataVersion) // the shell wants it before anything else
	for i := range 50 {
		mustPropose(t, n, epoch, fmt.Sprint("topic-", i))
	}
	waitFor(t, n, "snapshot", func() bool { return !n.NewestSnapshot().IsZero() })
	if err := n.AddVoter(t.Context(), epoch, Voter{ID: 1, DirectoryID: ident.UUID{9}, Endpoints: []Endpoint{{"CONTROLLER", "localhost", 9093}}}); err != nil {
		t.Fatal(err)
	}
	id := n.NewestSnapshot()
	for i := range 50 {
		mustPropose(t, n, epoch, fmt.Sprint("later-", i))
	}
	waitFor(t, n, "snapshot", func() bool { return n.NewestSnapshot() != id })
	closeNode(t, n)

	dir := filepath.Join(cfg.Dir, Topic+"-0")
	snapshots, _ := filepath.Glob(filepath.Join(dir, "*.checkpoint"))
	files := append([]string{filepath.Join(dir, "00000000000000000000.log")}, snapshots...)
	out := lab(t, "dump-log", "--cluster-metadata-decoder", "--files", strings.Join(files, ","))
	for _, want := range []string{
		`{"type":"TOPIC_RECORD","version":0,"data":{"name":"topic-7","topicId":"`,
		`LeaderChange: {"version":0,"leaderId":1,"voters":[{"voterId":1}],"grantingVoters":[{"voterId":1}]}`,
		"KRaftVoters", "SnapshotHeader", "SnapshotFooter", "KRaftVersion",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the dump lacks %s", want)
		}
	}
	for _, bad := range []string{"Exception", "isvalid: false", "invalid"} {
		if strings.Contains(out, bad) {
			t.Errorf("the dump says %s:\n%s", bad, out)
		}
	}
	for _, snapshot := range snapshots {
		var out string
		for range 5 { // the shell sometimes lists before it has published what it read
			if out = lab(t, "metadata-shell", "--snapshot", snapshot, "ls", "/image/topics/byName"); strings.Contains(out, "topic-7") {
				break
			}
		}
		if !strings.Contains(out, "topic-7") {
			t.Errorf("the shell shows: %s", out)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
