package brokertest_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// TestKRaftVersionIsUpgraded has a quorum whose voters the configuration names keep them in its log from now on (kraft.version 1), as Apache Kafka 4.3 can: from then on voters can be
// removed and added, and it is not undone. Before, such changes are refused; and those of another cluster, for that reason.
func TestKRaftVersionIsUpgraded(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 3, brokers: 1})
	at := c.brokers[0].addr
	features := func(code int, args ...string) string {
		t.Helper()
		return tool(t, code, append([]string{"features", "--bootstrap-server", at}, args...)...)
	}
	status := func() string {
		t.Helper()
		return tool(t, 0, "metadata-quorum", "--bootstrap-server", at, "--timeout", "30", "describe", "--status")
	}
	c.until("all controllers to be registered", func(ctx context.Context) bool {
		path, err := binary()
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(ctx, path, "features", "--bootstrap-server", at, "upgrade", "--dry-run", "--feature", "kraft.version=1").CombinedOutput()
		return err == nil && strings.Contains(string(out), "kraft.version can be upgraded to 1.")
	})
	remove := func(cluster string) error {
		t.Helper()
		req := kmsg.NewPtrRemoveRaftVoterRequest()
		req.ClusterID, req.VoterID, req.VoterDirectoryID = &cluster, 100, ident.UUID{1}
		resp, err := req.RequestWith(t.Context(), c.client())
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	}
	if err := remove("another"); err != kerr.InconsistentClusterID { //nolint:errorlint // a value of kerr's
		t.Errorf("a voter of another cluster: %v", err)
	}
	id := strings.TrimSpace(strings.TrimPrefix(tool(t, 0, "cluster", "cluster-id", "--bootstrap-server", at), "Cluster ID: "))
	if err := remove(id); err != kerr.UnsupportedVersion { //nolint:errorlint // a value of kerr's
		t.Errorf("a voter of a static quorum: %v", err)
	}
	if voters, _, _ := strings.Cut(status(), "CurrentObservers:"); strings.Contains(voters, "directoryId") {
		t.Errorf("before:\n%s", voters)
	}
	if got := features(0, "upgrade", "--release-version", "4.3"); !strings.Contains(got, "kraft.version was upgraded to 1.") {
		t.Errorf("upgrade: %s", got)
	}
	if got := features(0, "describe"); !regexp.MustCompile(`kraft.version .*FinalizedVersionLevel: 1`).MatchString(got) {
		t.Errorf("afterwards:\n%s", got)
	}
	if got := features(1, "downgrade", "--feature", "kraft.version=0"); !strings.Contains(got, "Can't downgrade the version of this feature.") {
		t.Errorf("downgrade: %s", got)
	}
	features(0, "upgrade", "--feature", "kraft.version=1") // done already

	directories := make(map[*member]string)
	for _, m := range c.coordinators {
		directories[m] = directoryID(t, m.dirs[0])
		if got := status(); !strings.Contains(got, directories[m]) || !strings.Contains(got, m.addr) {
			t.Errorf("%s is not among the voters with its directory %s:\n%s", m.name, directories[m], got)
		}
	}
	// Each is started again, and with the rest of its configuration as it was goes by the log.
	for _, m := range c.coordinators {
		m.kill()
		m.launch()
		c.activeCoordinator()
		tool(t, 0, "topics", "--bootstrap-server", at, "--create", "--topic", "after-"+m.name, "--timeout", "30")
	}
	gone := c.coordinators[2]
	tool(t, 0, "metadata-quorum", "--bootstrap-server", at, "--timeout", "30", "remove-controller", "-i", strconv.Itoa(gone.id), "-d", directories[gone])
	c.until("two voters", func(context.Context) bool {
		_, voters, _ := strings.Cut(status(), "CurrentVoters:")
		voters, _, _ = strings.Cut(voters, "CurrentObservers:")
		return strings.Count(voters, "directoryId") == 2 && !strings.Contains(voters, directories[gone])
	})
	if files, err := filepath.Glob(filepath.Join(gone.dirs[0], "__cluster_metadata-0", "*.log")); err != nil || len(files) == 0 {
		t.Errorf("its log: %v, %v", files, err)
	}
}
