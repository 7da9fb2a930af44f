package brokertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
)

// dynamicQuorum is a cluster whose voters are in its log: three nodes with both roles, and a fourth, a controller that nobody added yet.
type dynamicQuorum struct {
	t       *testing.T
	dir     string
	nodes   []*member
	clients []string // the brokers' listeners, by node
	addrs   []string // the controllers' listeners, by node
	ids     []string // directory ids, by node
}

func startDynamicQuorum(t *testing.T) *dynamicQuorum {
	q := &dynamicQuorum{t: t, dir: t.TempDir()}
	for i := range 4 {
		q.addrs = append(q.addrs, freeAddr(t))
		q.ids = append(q.ids, ident.UUID{6: 0x40, 8: 0x80, 15: byte(i + 1)}.String())
		if i < 3 {
			q.clients = append(q.clients, freeAddr(t))
		}
	}
	var initial []string
	for i := range 3 {
		initial = append(initial, fmt.Sprintf("%d@%s:%s", i+1, q.addrs[i], q.ids[i]))
	}
	for i := range 4 {
		name := fmt.Sprintf("node-%d", i+1)
		n := &member{
			process: process{t: t, addr: q.addrs[i]}, name: name, verb: "server", file: filepath.Join(q.dir, name+".properties"),
			env: []string{invariants.LuckVariable + "=none"}, // the metadata shell reads one segment: there has to be one
		}
		q.nodes = append(q.nodes, n)
		q.write(i)
		if i < 3 {
			tool(t, 0, "storage", "format", "-t", "dynamic-quorum", "-c", n.file, "--initial-controllers", strings.Join(initial, ","))
		} else {
			tool(t, 0, "storage", "format", "-t", "dynamic-quorum", "-c", n.file, "--no-initial-controllers")
			q.ids[i] = directoryID(t, filepath.Join(q.dir, name))
		}
		n.launch()
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range q.nodes {
				t.Logf("%s:\n%s", n.name, n.output)
			}
		}
	})
	for _, c := range q.clients {
		awaitPort(t, c)
	}
	return q
}

// write makes a node's file, with the addresses as they are now.
func (q *dynamicQuorum) write(i int) {
	q.t.Helper()
	roles, listeners := "controller", "CONTROLLER://"+q.addrs[i]
	if i < 3 {
		roles, listeners = "broker,controller", "PLAINTEXT://"+q.clients[i]+","+listeners
	}
	text := fmt.Sprintf("process.roles=%s\nnode.id=%d\nlisteners=%s\ncontroller.listener.names=CONTROLLER\ncontroller.quorum.bootstrap.servers=%s\nlog.dirs=%s\nbroker.session.timeout.ms=3000\n",
		roles, i+1, listeners, strings.Join(q.addrs, ","), filepath.Join(q.dir, q.nodes[i].name))
	if err := os.WriteFile(q.nodes[i].file, []byte(text), 0o600); err != nil {
		q.t.Fatal(err)
	}
}

// until repeats `describe` until what it prints is as wanted.
func (q *dynamicQuorum) until(what string, ok func(text string) bool, args ...string) string {
	q.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		text := tool(q.t, 0, append([]string{"metadata-quorum", "--timeout", "30", "--bootstrap-server", q.serving()}, args...)...)
		if ok(text) {
			return text
		}
		if time.Now().After(deadline) {
			q.t.Fatalf("%s: still\n%s", what, text)
		}
		pause(q.t.Context(), 50*time.Millisecond)
	}
}

// serving are the brokers of the nodes that are up.
func (q *dynamicQuorum) serving() string {
	var up []string
	for i, c := range q.clients {
		if q.nodes[i].cmd != nil {
			up = append(up, c)
		}
	}
	return strings.Join(up, ",")
}

var leaderLine = regexp.MustCompile(`LeaderId: +(\d+)`)

func (q *dynamicQuorum) leader() int {
	q.t.Helper()
	text := q.until("a leader", func(text string) bool { return leaderLine.MatchString(text) }, "describe", "--status")
	id, err := strconv.Atoi(leaderLine.FindStringSubmatch(text)[1])
	if err != nil {
		q.t.Fatal(err)
	}
	return id
}

func (q *dynamicQuorum) works(topic string) {
	q.t.Helper()
	tool(q.t, 0, "topics", "--bootstrap-server", q.serving(), "--create", "--topic", topic, "--partitions", "3", "--timeout", "30")
}

// TestControllersMoveAndLeave grows a quorum of three combined nodes to four, removes its leader, and starts a voter again at another address.
func TestControllersMoveAndLeave(t *testing.T) {
	q := startDynamicQuorum(t)
	q.works("with-three")
	q.until("the fourth controller to follow as an observer", func(text string) bool {
		return regexp.MustCompile(`(?m)^4\s+` + regexp.QuoteMeta(q.ids[3]) + `\s.*Observer`).MatchString(text)
	}, "describe", "--replication")

	add := []string{"metadata-quorum", "--bootstrap-server", q.serving(), "--timeout", "30", "--command-config", q.nodes[3].file, "add-controller"}
	tool(t, 0, add...)
	if got := tool(t, 1, add...); !strings.Contains(got, "DuplicateVoterException: The voter id for ReplicaKey(id=4, directoryId="+q.ids[3]) {
		t.Errorf("added twice: %s", got)
	}
	text := tool(t, 0, "metadata-quorum", "--bootstrap-server", q.serving(), "describe", "--status")
	for i := range 4 {
		if want := fmt.Sprintf(`{"id": %d, "directoryId": "%s", "endpoints": ["CONTROLLER://%s"]}`, i+1, q.ids[i], q.addrs[i]); !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	q.works("with-four")

	old := q.leader()
	tool(t, 0, "metadata-quorum", "--bootstrap-server", q.serving(), "--timeout", "30", "remove-controller", "-i", strconv.Itoa(old), "-d", q.ids[old-1])
	q.until("another leader, and the old one as an observer", func(text string) bool {
		m := leaderLine.FindStringSubmatch(text)
		voters, observers, _ := strings.Cut(text, "CurrentObservers:")
		_, voters, _ = strings.Cut(voters, "CurrentVoters:")
		return m != nil && m[1] != strconv.Itoa(old) && strings.Count(voters, `"id"`) == 3 && !strings.Contains(voters, q.ids[old-1]) && strings.Contains(observers, q.ids[old-1])
	}, "describe", "--status")
	q.works("without-the-old-leader")
	if got := tool(t, 1, "metadata-quorum", "--bootstrap-server", q.serving(), "remove-controller", "-i", strconv.Itoa(old), "-d", q.ids[old-1]); !strings.Contains(got, "VoterNotFoundException: Cannot remove voter") {
		t.Errorf("removed twice: %s", got)
	}

	// A voter that doesn't lead comes back at another port; then the quorum needs it.
	leader, moved, other := q.leader(), 0, 0
	for _, id := range []int{1, 2, 3, 4} {
		switch {
		case id == leader || id == old:
		case moved == 0:
			moved = id
		default:
			other = id
		}
	}
	q.nodes[moved-1].kill()
	q.addrs[moved-1] = freeAddr(t)
	q.nodes[moved-1].addr = q.addrs[moved-1]
	q.write(moved - 1)
	q.nodes[moved-1].launch()
	q.until("the moved voter's new address", func(text string) bool {
		return strings.Contains(text, q.ids[moved-1]+`", "endpoints": ["CONTROLLER://`+q.addrs[moved-1])
	}, "describe", "--status")
	q.nodes[other-1].kill()
	q.works("with-the-moved-voter")
	q.awaitRegistrations(q.nodes[moved-1].name)
}

// awaitRegistrations waits until a node's log says of all controllers where they are.
func (q *dynamicQuorum) awaitRegistrations(node string) {
	q.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		text := tool(q.t, 0, "metadata-shell", "-s", filepath.Join(q.dir, node, "__cluster_metadata-0", "00000000000000000000.log"), "tree", "/image/cluster/controllers")
		var missing []int
		for i, addr := range q.addrs {
			port := addr[strings.LastIndexByte(addr, ':')+1:]
			if !regexp.MustCompile(fmt.Sprintf(`(?m)^%d:\n  ControllerRegistration\(id=%d, .*port=%s\)`, i+1, i+1, port)).MatchString(text) {
				missing = append(missing, i+1)
			}
		}
		if missing == nil {
			return
		}
		if time.Now().After(deadline) {
			q.t.Fatalf("controllers %v are not registered where they are:\n%s", missing, text)
		}
		pause(q.t.Context(), 50*time.Millisecond)
	}
}
