package commands

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStorageFormat compares what format and info say and leave behind with what Apache Kafka's tool does.
func TestStorageFormat(t *testing.T) {
	dir := t.TempDir()
	file := func(name, roles, more string) string {
		path := filepath.Join(dir, name)
		text := fmt.Sprintf("process.roles=%s\nnode.id=1\nlisteners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\ncontroller.listener.names=CONTROLLER\n%s\nlog.dirs=%s,%s\n",
			roles, more, filepath.Join(dir, name+"-1"), filepath.Join(dir, name+"-2"))
		if roles == "controller" {
			text = strings.Replace(text, "PLAINTEXT://localhost:9092,", "", 1)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	static := file("static", "broker,controller", "controller.quorum.voters=1@localhost:9093")
	dynamic := file("dynamic", "controller", "controller.quorum.bootstrap.servers=localhost:9093")
	const features = "ApiMessageAndVersion(FeatureLevelRecord(name='metadata.version', featureLevel=30) at version 0), ApiMessageAndVersion(FeatureLevelRecord(name='eligible.leader.replicas.version', featureLevel=1) at version 0), ApiMessageAndVersion(FeatureLevelRecord(name='group.version', featureLevel=1) at version 0), ApiMessageAndVersion(FeatureLevelRecord(name='share.version', featureLevel=1) at version 0), ApiMessageAndVersion(FeatureLevelRecord(name='streams.version', featureLevel=1) at version 0), ApiMessageAndVersion(FeatureLevelRecord(name='transaction.version', featureLevel=2) at version 0)"
	const boot = "Bootstrap metadata: BootstrapMetadata(records=[" + features + "], metadataVersionLevel=30, source=format command)\n"
	for _, step := range []struct {
		args     string
		code     int
		out, err string
	}{
		{"info -c " + static, 1, "Found problems:\n  DIR/static-1 does not exist\n  DIR/static-2 does not exist\n\n", ""},
		{"format -t abc --standalone -c " + static, 1, "", "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.\n"},
		{"format -t abc --feature foo.version=1 -c " + static, 1, "", "Unsupported feature: foo.version. Supported features are: eligible.leader.replicas.version, group.version, kraft.version, share.version, streams.version, transaction.version\n"},
		{"format -t abc --feature group.version=9 -c " + static, 1, "", "Exception in thread \"main\" java.lang.IllegalArgumentException: No feature:group.version with feature level 9\n"},
		{"format -t abc -S bad -c " + static, 1, "", "Failed to find equals sign in SCRAM argument 'bad'\n"},
		{"format -t abc -c " + static, 0, boot + "Formatting metadata directory DIR/static-1 with metadata.version 4.3-IV0.\nFormatting data directory DIR/static-2 with metadata.version 4.3-IV0.\n", ""},
		{"format -t abc -c " + static, 1, "", "Log directory DIR/static-1 is already formatted. Use --ignore-formatted to ignore this directory and format the others.\n"},
		{"format -t abc -g -c " + static, 0, "All of the log directories are already formatted.\n", ""},
		{"format -t abd -g -c " + static, 1, "", "Exception in thread \"main\" java.lang.RuntimeException: Invalid cluster.id in: DIR/static-1/meta.properties. Expected abd, but read abc\n"},
		{"format -t abc -c " + dynamic, 1, "", "Because controller.quorum.voters is not set on this controller, you must specify one of the following: --standalone, --initial-controllers, or --no-initial-controllers.\n"},
		{"format -t abc -I bad -c " + dynamic, 1, "", "Exception in thread \"main\" java.lang.IllegalArgumentException: No @ found in dynamic voter string.\n"},
		{"format -t abc -I 1@localhost:9093:JEXY6aqzQY-32P5TStzaFg -c " + dynamic, 0, boot + "Formatting dynamic metadata voter directory DIR/dynamic-1 with metadata.version 4.3-IV0.\nFormatting data directory DIR/dynamic-2 with metadata.version 4.3-IV0.\n", ""},
		{"info -c " + dynamic, 0, "Found log directories:\n  DIR/dynamic-1\n  DIR/dynamic-2\n\nFound metadata: {cluster.id=abc, directory.id=JEXY6aqzQY-32P5TStzaFg, node.id=1, version=1}\n\n", ""},
		{"format -t abc -c " + filepath.Join(dir, "none"), 1, "", "Exception in thread \"main\" java.nio.file.NoSuchFileException: DIR/none\n"},
	} {
		out, errOut, code := runKgo(append([]string{"storage"}, strings.Fields(step.args)...))
		got, gotErr := strings.ReplaceAll(out, dir, "DIR"), strings.ReplaceAll(errOut, dir, "DIR")
		if code != step.code || got != step.out || gotErr != step.err {
			t.Errorf("storage %s: exit code %d\n%s%s", step.args, code, got, gotErr)
		}
	}
	for _, name := range []string{"dynamic-1/bootstrap.checkpoint", "dynamic-2/bootstrap.checkpoint", "dynamic-1/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
