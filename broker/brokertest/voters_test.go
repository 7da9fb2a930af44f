package brokertest_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestControllersAreAddedAndRemoved builds a quorum as KIP-853 has it: one formatted node, two that are added, one of which loses its
// disk, is removed and added again under its new directory id.
func TestControllersAreAddedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	client := freeAddr(t)
	var addrs []string
	for range 3 {
		addrs = append(addrs, freeAddr(t))
	}
	var nodes []*member
	for i := range 3 {
		roles, listeners := "controller", "CONTROLLER://"+addrs[i]
		if i == 0 {
			roles, listeners = "broker,controller", "PLAINTEXT://"+client+","+listeners
		}
		n := &member{process: process{t: t, addr: addrs[i]}, name: fmt.Sprintf("node-%d", i+1), verb: "server", file: filepath.Join(dir, fmt.Sprintf("node-%d.properties", i+1))}
		text := fmt.Sprintf("process.roles=%s\nnode.id=%d\nlisteners=%s\ncontroller.listener.names=CONTROLLER\ncontroller.quorum.bootstrap.servers=%s\nlog.dirs=%s\n",
			roles, i+1, listeners, strings.Join(addrs, ","), filepath.Join(dir, n.name))
		if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	tool(t, 1, nodes[1].verb, nodes[1].file) // not formatted: it must not found a cluster of its own
	tool(t, 0, "storage", "format", "-t", "KIP853-cluster", "-c", nodes[0].file, "--standalone")
	for _, n := range nodes[1:] {
		tool(t, 0, "storage", "format", "-t", "KIP853-cluster", "-c", n.file, "--no-initial-controllers")
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range nodes {
				t.Logf("%s:\n%s", n.name, n.output)
			}
		}
	})
	for _, n := range nodes {
		n.launch()
	}
	awaitPort(t, client)
	for i, n := range nodes[1:] {
		tool(t, 0, "metadata-quorum", "--bootstrap-server", client, "--timeout", "30", "--command-config", n.file, "add-controller")
		if got := tool(t, 0, "metadata-quorum", "--bootstrap-server", client, "describe", "--replication"); strings.Count(got, "Follower") != i+1 {
			t.Errorf("after %s was added:\n%s", n.name, got)
		}
	}
	if got := tool(t, 0, "features", "--bootstrap-server", client, "describe"); !strings.Contains(got, "kraft.version                             SupportedMinVersion: 0                SupportedMaxVersion: 1                FinalizedVersionLevel: 1") {
		t.Errorf("kraft.version:\n%s", got)
	}
	lost := nodes[2]
	old := directoryID(t, filepath.Join(dir, lost.name))
	lost.kill()
	if err := os.RemoveAll(filepath.Join(dir, lost.name)); err != nil {
		t.Fatal(err)
	}
	tool(t, 0, "storage", "format", "-t", "KIP853-cluster", "-c", lost.file, "--no-initial-controllers")
	tool(t, 0, "topics", "--bootstrap-server", client, "--create", "--topic", "two-of-three")
	if got := tool(t, 1, "metadata-quorum", "--bootstrap-server", client, "remove-controller", "-i", "3", "-d", directoryID(t, filepath.Join(dir, lost.name))); !strings.Contains(got, "VoterNotFoundException") {
		t.Errorf("removing a directory that is no voter's: %s", got)
	}
	tool(t, 0, "metadata-quorum", "--bootstrap-server", client, "remove-controller", "-i", "3", "-d", old)
	lost.launch()
	tool(t, 0, "metadata-quorum", "--bootstrap-controller", nodes[0].addr, "--timeout", "30", "--command-config", lost.file, "add-controller")
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range nodes {
				t.Logf("%s:\n%s", n.name, n.output)
			}
		}
	})
	nodes[1].kill() // the added one is needed now
	tool(t, 0, "topics", "--bootstrap-server", client, "--create", "--topic", "with-the-new-disk")
	if got := tool(t, 0, "metadata-quorum", "--bootstrap-controller", lost.addr, "describe", "--status"); !strings.Contains(got, "LeaderId:               1") || strings.Contains(got, old) {
		t.Errorf("in the end:\n%s", got)
	}
}

// tool runs kgo and returns what it printed.
func tool(t *testing.T, code int, args ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		t.Fatalf("kgo %s: %v, want exit code %d\n%s", strings.Join(args, " "), err, code, out)
	}
	return string(out)
}

func awaitPort(t *testing.T, addr string) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		pause(t.Context(), 20*time.Millisecond)
	}
}

func directoryID(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "meta.properties"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "directory.id=")
	id, _, _ := strings.Cut(rest, "\n")
	return id
}
