//go:build interop

package brokertest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestInteropMetadataLog has a node write records of all the kinds that one does, and Apache Kafka's tools read its log and a snapshot: the dump decodes every record, and
// both shells show the same.
func TestInteropMetadataLog(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: Apache Kafka's own tools are not at hand")
	}
	dir := t.TempDir()
	controller := freeAddr(t)
	p := &process{t: t, dirs: []string{dir}, addr: freeAddr(t)}
	p.overrides = []string{
		"listeners=PLAINTEXT://" + p.addr + ",CONTROLLER://" + controller, "controller.listener.names=CONTROLLER", "controller.quorum.voters=1@" + controller, "broker.rack=r1",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS",
		"metadata.log.max.record.bytes.between.snapshots=3000",
	}
	t.Cleanup(p.kill)
	p.start()
	for _, line := range []string{
		"topics --create --topic orders --partitions 3 --config retention.ms=1000 --config cleanup.policy=delete",
		"topics --create --topic gone --partitions 2", "topics --delete --topic gone", "topics --alter --topic orders --partitions 5",
		"configs --alter --entity-type brokers --entity-name 1 --add-config log.cleaner.threads=2",
		"configs --alter --entity-type brokers --entity-default --add-config log.retention.ms=100000",
		"configs --alter --entity-type groups --entity-name g1 --add-config consumer.session.timeout.ms=50000",
		"configs --alter --entity-type topics --entity-name orders --delete-config cleanup.policy",
		"client-metrics --alter --name cm1 --metrics m --interval 1000",
		"configs --alter --entity-type users --entity-name alice --add-config SCRAM-SHA-256=[iterations=4096,password=x]",
		"configs --alter --entity-type users --entity-name bob --add-config SCRAM-SHA-512=[password=y]",
		"configs --alter --entity-type users --entity-name bob --delete-config SCRAM-SHA-512",
		"configs --alter --entity-type users --entity-name alice --entity-type clients --entity-name c1 --add-config producer_byte_rate=1024",
		"configs --alter --entity-type clients --entity-name c2 --add-config request_percentage=50",
		"configs --alter --entity-type ips --entity-name 10.0.0.1 --add-config connection_creation_rate=5",
		"features downgrade --feature share.version=0",
	} {
		words := strings.Fields(line)
		words = append([]string{words[0], "--bootstrap-server", p.addr}, words[1:]...)
		tool(t, 0, words...)
	}
	cl := p.client(kgo.DefaultProduceTopic("orders"))
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("for a block of producer ids")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	p.terminate() // fences the broker
	p.start()
	p.terminate()

	run := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), lab, args...).Output()
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "__cluster_metadata-0", "*.log"))
	snapshots, _ := filepath.Glob(filepath.Join(dir, "__cluster_metadata-0", "*.checkpoint"))
	if len(logs) == 0 || len(snapshots) == 0 {
		t.Fatalf("segments: %v, snapshots: %v", logs, snapshots)
	}
	dump := run("dump-log", "--cluster-metadata-decoder", "--files", strings.Join(append(logs, snapshots...), ","))
	for _, kind := range []string{
		"FEATURE_LEVEL", "TOPIC", "REMOVE_TOPIC", "PARTITION", "PARTITION_CHANGE", "CONFIG", "REGISTER_BROKER", "BROKER_REGISTRATION_CHANGE", "REGISTER_CONTROLLER", "PRODUCER_IDS",
		"CLIENT_QUOTA", "USER_SCRAM_CREDENTIAL", "REMOVE_USER_SCRAM_CREDENTIAL",
	} {
		if !strings.Contains(dump, `{"type":"`+kind+`_RECORD"`) {
			t.Errorf("the dump shows no %s", kind)
		}
	}
	for _, bad := range []string{"Exception", "isvalid: false", "skipping"} {
		if strings.Contains(dump, bad) {
			t.Errorf("the dump says %s:\n%s", bad, dump)
		}
	}
	for _, file := range append(logs, snapshots...) {
		for _, at := range []string{"topics", "configs", "cluster", "features", "scram", "producerIds", "clientQuotas", "acls", "delegationToken", "provenance"} {
			ours := tool(t, 0, "metadata-shell", "-s", file, "tree", "/image/"+at)
			var theirs string
			for range 8 { // their shell sometimes looks before it has published what it read
				if theirs = run("metadata-shell", "-s", file, "tree", "/image/"+at); theirs == ours {
					break
				}
			}
			if theirs != ours {
				t.Errorf("%s of %s: Apache Kafka's shell shows\n%s\nkgo's\n%s", at, filepath.Base(file), theirs, ours)
			}
		}
	}
}
