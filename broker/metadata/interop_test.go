//go:build interop

package metadata

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/record"
)

// TestKafkaReadsOurSnapshots has Apache Kafka's metadata shell and dump tool read a snapshot that holds something of everything.
func TestKafkaReadsOurSnapshots(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: there is no Apache Kafka to read the snapshot")
	}
	image, _ := build(t, NewImage("c"), sample()...)
	var builder batch.Builder
	var file []byte
	flush := func() {
		b, err := builder.Finish(nil)
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, b...)
		builder.Reset(builder.NextOffset(), batch.Compression{})
		builder.SetPartitionLeaderEpoch(1)
	}
	control := func(key []byte, m record.Message) {
		value, err := m.AppendTo(nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		builder.SetControl()
		builder.Append(0, key, value)
		flush()
	}
	builder.Reset(0, batch.Compression{})
	builder.SetPartitionLeaderEpoch(1)
	control(batch.ControlKey(batch.ControlSnapshotHeader), record.NewSnapshotHeaderRecord())
	if err := image.WriteSnapshot(func(m record.Message, version int16) error {
		raw, err := record.AppendMetadata(nil, m, version)
		builder.Append(0, nil, raw)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	flush()
	control(batch.ControlKey(batch.ControlSnapshotFooter), record.NewSnapshotFooterRecord())
	path := filepath.Join(t.TempDir(), "00000000000000000100-0000000001.checkpoint")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), lab, args...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "Exception") || strings.Contains(string(out), "isvalid: false") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	dump := run("dump-log", "--cluster-metadata-decoder", "--files", path)
	if got := strings.Count(dump, `payload: {"type":`); got != 17 {
		t.Errorf("the dump shows %d records, want 17:\n%s", got, dump)
	}
	// The shell itself stumbles over client quotas; the dump shows them.
	for at, want := range map[string]string{
		"/image/features/finalized_eligible.leader.replicas.version": "1",
		"/image/topics/byName/a/1":                                   "elr=[1]",
		"/image/cluster/brokers/1":                                   "rack=Optional[r1]",
		"/image/configs/TOPIC:a/retention.ms":                        "5",
		"/image/acls/byId/BQAAAAAAAAAAAAAAAAAAAA":                    "User:bob",
		"/image/producerIds/nextProducerId":                          "1000",
	} {
		var out string
		for range 5 { // the shell sometimes looks before it has published what it read
			if out = run("metadata-shell", "--snapshot", path, "cat", at); strings.Contains(out, want) {
				break
			}
		}
		if !strings.Contains(out, want) {
			t.Errorf("%s is %q, want %s in it", at, strings.TrimSpace(out), want)
		}
	}
}
