package brokertest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestEnsembleLosesNothing kills the leader of a partition and the active coordinator in turn, of three each, while idempotent producers work with
// acks=all. The cluster goes on each time, and in the end all that was acknowledged is there once, in order.
func TestEnsembleLosesNothing(t *testing.T) {
	e := startEnsemble(t)
	p := &process{t: t, addr: e.brokers[0].addr}
	adm := kadm.NewClient(p.client())
	minISR := "2"
	if _, err := adm.CreateTopic(t.Context(), workPartitions, 3, map[string]*string{"min.insync.replicas": &minISR}, workTopic); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &workload{t: t, p: p, h: newHistory(), stop: cancel}
	for id := range 3 {
		w.wg.Go(func() { w.produce(ctx, id) })
	}
	for round := range 2 {
		w.awaitAcked(200)
		leader := e.brokers[e.awaitInSync(adm)-1]
		began := time.Now()
		leader.kill()
		w.awaitAcked(200)
		t.Logf("leader killed: 200 records later after %v", time.Since(began))
		leader.launch()
		e.awaitInSync(adm)

		active := e.activeCoordinator()
		began = time.Now()
		active.kill()
		if _, err := adm.CreateTopic(t.Context(), 1, 3, nil, fmt.Sprintf("after-%d", round)); err != nil {
			t.Errorf("with two of three coordinators: %v", err)
		}
		t.Logf("coordinator killed: a topic created after %v", time.Since(began))
		w.awaitAcked(200)
		active.launch()
		e.activeCoordinator()
	}
	e.replaceDisks(adm)
	w.finish()
	if t.Failed() {
		for _, n := range append(e.coordinators, e.brokers...) {
			t.Logf("%s:\n%s", n.name, n.output)
		}
	}
}

// replaceDisks gives one coordinator after the other an empty disk. Each has the cluster's metadata again, and is counted: the next one can go.
func (e *ensemble) replaceDisks(adm *kadm.Client) {
	e.t.Helper()
	for i, c := range e.coordinators {
		c.kill()
		dir := filepath.Join(filepath.Dir(c.file), c.name)
		for _, name := range []string{"__cluster_metadata-0", "meta.properties", "bootstrap.checkpoint"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				e.t.Fatal(err)
			}
		}
		if _, err := adm.CreateTopic(e.t.Context(), 1, 3, nil, fmt.Sprintf("without-the-disk-of-%d", i+1)); err != nil {
			e.t.Errorf("with two of three coordinators: %v", err)
		}
		c.launch()
		e.until("the new disk's coordinator to catch up", func(context.Context) bool { return strings.Contains(c.output.String(), "is counted again") })
		e.activeCoordinator()
		next := e.coordinators[(i+1)%3]
		next.kill()
		if _, err := adm.CreateTopic(e.t.Context(), 1, 3, nil, fmt.Sprintf("with-the-new-disk-of-%d", i+1)); err != nil {
			e.t.Errorf("with a coordinator whose disk is new, and another one: %v", err)
		}
		next.launch()
		e.activeCoordinator()
	}
}

type ensemble struct {
	t                     testing.TB
	coordinators, brokers []*member
}

// member is a coordinator or a broker with a file of its own.
type member struct {
	process
	name, verb, file string
}

func startEnsemble(t testing.TB) *ensemble {
	t.Helper()
	e := &ensemble{t: t}
	dir := t.TempDir()
	var servers strings.Builder
	var connect []string
	for i := range 3 {
		name := fmt.Sprintf("coordinator-%d", i+1)
		e.coordinators = append(e.coordinators, &member{process: process{t: t, addr: freeAddr(t)}, name: name, verb: "coordinator"})
		fmt.Fprintf(&servers, "server.%d=%s:3888\n", i+1, freeAddr(t))
		connect = append(connect, e.coordinators[i].addr)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for i, c := range e.coordinators {
		host, port, _ := net.SplitHostPort(c.addr)
		write(c.name+"/myid", strconv.Itoa(i+1))
		c.file = write(c.name+".properties", fmt.Sprintf("dataDir=%s\nclientPortAddress=%s\nclientPort=%s\nmaxClientCnxns=0\n%s", filepath.Join(dir, c.name), host, port, servers.String()))
		c.launch()
	}
	for i := range 3 {
		b := &member{process: process{t: t, addr: freeAddr(t)}, name: fmt.Sprintf("broker-%d", i+1), verb: "server"}
		b.file = write(b.name+".properties", fmt.Sprintf("broker.id=%d\nlisteners=PLAINTEXT://%s\nlog.dirs=%s\nzookeeper.connect=%s\n", i+1, b.addr, filepath.Join(dir, b.name), strings.Join(connect, ",")))
		e.brokers = append(e.brokers, b)
		b.launch()
	}
	for _, b := range e.brokers {
		if err := b.awaitServing(); err != nil {
			t.Fatal(err)
		}
	}
	e.until("three brokers", func(ctx context.Context) bool {
		known, err := kadm.NewClient((&process{t: t, addr: e.brokers[0].addr}).client()).BrokerMetadata(ctx)
		return err == nil && len(known.Brokers) == 3
	})
	return e
}

func (m *member) launch() {
	m.t.Helper()
	path, err := binary()
	if err != nil {
		m.t.Fatal(err)
	}
	m.cmd, m.output, m.done = exec.Command(path, m.verb, m.file), new(lockedBuffer), make(chan struct{})
	m.cmd.Stdout, m.cmd.Stderr = m.output, m.output
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(m.kill)
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(done)
	}(m.cmd, m.done)
}

// until waits for a condition.
func (e *ensemble) until(what string, ok func(context.Context) bool) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
	defer cancel()
	for !ok(ctx) {
		if ctx.Err() != nil {
			e.t.Fatalf("waited in vain for %s", what)
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// awaitInSync waits until all replicas are in sync, and tells who leads partition 0.
func (e *ensemble) awaitInSync(adm *kadm.Client) (leader int32) {
	e.t.Helper()
	e.until("all replicas in sync", func(ctx context.Context) bool {
		known, err := adm.ListTopics(ctx, workTopic)
		if err != nil {
			return false
		}
		for _, p := range known[workTopic].Partitions {
			if len(p.ISR) < 3 || p.Leader < 1 {
				return false
			}
			if p.Partition == 0 {
				leader = p.Leader
			}
		}
		return leader > 0
	})
	return leader
}

// activeCoordinator waits until all coordinators have found their places, and returns the leader.
func (e *ensemble) activeCoordinator() (active *member) {
	e.t.Helper()
	e.until("a leader and two followers", func(context.Context) bool {
		followers := 0
		active = nil
		for _, c := range e.coordinators {
			switch answer := fourLetters(c.addr); {
			case strings.Contains(answer, "zk_server_state\tleader"):
				active = c
			case strings.Contains(answer, "zk_server_state\tfollower"):
				followers++
			}
		}
		return active != nil && followers == 2
	})
	return active
}

func fourLetters(addr string) string {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, "mntr")
	answer, _ := io.ReadAll(conn)
	return string(answer)
}
