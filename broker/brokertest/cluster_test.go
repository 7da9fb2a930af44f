package brokertest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// clusterSpec says which processes a cluster is made of.
type clusterSpec struct {
	coordinators   int // 0: every broker is a voter as well (process.roles=broker,controller)
	brokers        int
	zooKeeperStyle bool     // the textbook's files rather than KRaft's
	everywhere     []string // lines of every KRaft file
	onBrokers      []string // lines of every broker's file
	perBroker      func(i int) []string
	// place says at which address a node is, and what its command line begins with; nil: on this machine's loopback.
	place func(node string) (host string, prefix []string)
}

// cluster is coordinators and brokers as processes of their own.
type cluster struct {
	t                     testing.TB
	spec                  clusterSpec
	coordinators, brokers []*member
}

// member is a coordinator or a broker with a file of its own.
type member struct {
	process
	id               int
	name, verb, file string
	paused           bool
	prefix           []string     // of the command line
	env              []string     // beside this process's
	history          lockedBuffer // what earlier processes printed
}

func startCluster(t testing.TB, spec clusterSpec) *cluster {
	t.Helper()
	c := &cluster{t: t, spec: spec}
	dir := t.TempDir()
	if spec.zooKeeperStyle {
		c.writeZooKeeperFiles(dir)
	} else {
		c.writeKRaftFiles(dir)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.dump()
		}
	})
	for _, m := range c.members() {
		m.launch()
	}
	for _, b := range c.brokers {
		if err := b.awaitServing(); err != nil {
			t.Fatal(err)
		}
	}
	cl := c.client()
	c.until("all brokers", func(ctx context.Context) bool { // not by kadm, which would go on with the brokers that the client knew at first
		known, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
		return err == nil && len(known.Brokers) == spec.brokers
	})
	return c
}

func (c *cluster) members() []*member { return slices.Concat(c.coordinators, c.brokers) }

// writeZooKeeperFiles makes members with the textbook's files.
func (c *cluster) writeZooKeeperFiles(dir string) {
	var servers strings.Builder
	var connect []string
	for i := range c.spec.coordinators {
		m := c.add(&c.coordinators, dir, "coordinator", i+1, "coordinator")
		fmt.Fprintf(&servers, "server.%d=%s:3888\n", i+1, freeAddr(c.t))
		connect = append(connect, m.addr)
	}
	for _, m := range c.coordinators {
		host, port, _ := net.SplitHostPort(m.addr)
		c.write(filepath.Join(m.dirs[0], "myid"), strconv.Itoa(m.id))
		c.write(m.file, "dataDir="+m.dirs[0], "clientPortAddress="+host, "clientPort="+port, "maxClientCnxns=0", servers.String())
	}
	for i := range c.spec.brokers {
		m := c.add(&c.brokers, dir, "broker", i+1, "server")
		c.write(m.file, c.brokerLines(i, "broker.id="+strconv.Itoa(m.id), "listeners=PLAINTEXT://"+m.addr, "log.dirs="+m.dirs[0], "zookeeper.connect="+strings.Join(connect, ","))...)
	}
}

// writeKRaftFiles makes members with Kafka's own files.
func (c *cluster) writeKRaftFiles(dir string) {
	var voters []string
	controllerAddr := make(map[*member]string)
	for i := range c.spec.coordinators {
		m := c.add(&c.coordinators, dir, "coordinator", 100+i, "coordinator")
		controllerAddr[m] = m.addr
		voters = append(voters, fmt.Sprintf("%d@%s", m.id, m.addr))
	}
	for i := range c.spec.brokers {
		m := c.add(&c.brokers, dir, "broker", i+1, "server")
		if c.spec.coordinators == 0 {
			controllerAddr[m] = freeAddr(c.t)
			voters = append(voters, fmt.Sprintf("%d@%s", m.id, controllerAddr[m]))
		}
	}
	common := append([]string{"controller.quorum.voters=" + strings.Join(voters, ","), "controller.listener.names=CONTROLLER"}, c.spec.everywhere...)
	for _, m := range c.coordinators {
		c.write(m.file, append([]string{"process.roles=controller", "node.id=" + strconv.Itoa(m.id), "listeners=CONTROLLER://" + m.addr, "log.dirs=" + m.dirs[0]}, common...)...)
	}
	for i, m := range c.brokers {
		roles, listeners := "broker", "PLAINTEXT://"+m.addr
		if at, both := controllerAddr[m]; both {
			roles, listeners = "broker,controller", listeners+",CONTROLLER://"+at
		}
		lines := append([]string{"process.roles=" + roles, "node.id=" + strconv.Itoa(m.id), "listeners=" + listeners, "log.dirs=" + m.dirs[0]}, common...)
		c.write(m.file, c.brokerLines(i, lines...)...)
	}
}

func (c *cluster) brokerLines(i int, lines ...string) []string {
	lines = append(lines, "offsets.topic.num.partitions=5", "offsets.topic.replication.factor="+strconv.Itoa(min(3, c.spec.brokers)), "group.initial.rebalance.delay.ms=0")
	lines = append(lines, c.spec.onBrokers...)
	if c.spec.perBroker != nil {
		lines = append(lines, c.spec.perBroker(i)...)
	}
	return lines
}

func (c *cluster) add(to *[]*member, dir, kind string, id int, verb string) *member {
	name := fmt.Sprintf("%s-%d", kind, id)
	m := &member{process: process{t: c.t, addr: freeAddr(c.t), dirs: []string{filepath.Join(dir, name)}}, id: id, name: name, verb: verb, file: filepath.Join(dir, name+".properties")}
	if c.spec.place != nil {
		var host string
		host, m.prefix = c.spec.place(name)
		_, port, _ := net.SplitHostPort(m.addr)
		m.addr = net.JoinHostPort(host, port)
	}
	*to = append(*to, m)
	return m
}

func (c *cluster) write(path string, lines ...string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// client returns a client that knows all brokers, closed when the test ends.
func (c *cluster) client(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	var seeds []string
	for _, b := range c.brokers {
		seeds = append(seeds, b.addr)
	}
	return c.brokers[0].client(append([]kgo.Opt{kgo.SeedBrokers(seeds...)}, opts...)...)
}

func (m *member) launch() {
	m.t.Helper()
	path, err := binary()
	if err != nil {
		m.t.Fatal(err)
	}
	if m.output != nil {
		fmt.Fprintf(&m.history, "%s--- %v\n", m.output, m.cmd.ProcessState)
	}
	line := slices.Concat(m.prefix, []string{path, m.verb, m.file})
	m.cmd, m.output, m.done = exec.Command(line[0], line[1:]...), new(lockedBuffer), make(chan struct{})
	m.cmd.Stdout, m.cmd.Stderr = m.output, m.output
	m.cmd.Env = append(os.Environ(), m.env...)
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.paused = false
	m.t.Cleanup(m.kill)
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(done)
	}(m.cmd, m.done)
}

// until waits for a condition.
func (c *cluster) until(what string, ok func(context.Context) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	for !ok(ctx) {
		if ctx.Err() != nil {
			c.t.Fatalf("waited in vain for %s", what)
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// dump puts what the processes printed into the test's log.
func (c *cluster) dump() {
	for _, m := range c.members() {
		c.t.Logf("%s:\n%s", m.name, &m.history)
		if m.output != nil {
			c.t.Logf("%s:\n%s", m.name, m.output)
		}
		epochs, _ := filepath.Glob(filepath.Join(m.dirs[0], workTopic+"-*", "leader-epoch-checkpoint"))
		for _, path := range epochs {
			raw, err := os.ReadFile(path)
			c.t.Logf("%s, %s: %q %v", m.name, filepath.Base(filepath.Dir(path)), raw, err)
		}
	}
}

// awaitInSync waits until all replicas of the work topic are in sync, and tells who leads partition 0.
func (c *cluster) awaitInSync(adm *kadm.Client) (leader int32) {
	c.t.Helper()
	c.until("all replicas in sync", func(ctx context.Context) bool {
		known, err := adm.ListTopics(ctx, workTopic)
		if err != nil || len(known[workTopic].Partitions) == 0 {
			return false
		}
		leader = 0
		for _, p := range known[workTopic].Partitions {
			if len(p.ISR) < len(p.Replicas) || p.Leader < 1 {
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
func (c *cluster) activeCoordinator() (active *member) {
	c.t.Helper()
	c.until("a leader and its followers", func(context.Context) bool {
		followers := 0
		active = nil
		for _, m := range c.coordinators {
			switch answer := fourLetters(m.addr); {
			case strings.Contains(answer, "zk_server_state\tleader"), strings.Contains(answer, "zk_server_state\tstandalone"):
				active = m
			case strings.Contains(answer, "zk_server_state\tfollower"):
				followers++
			}
		}
		return active != nil && followers == len(c.coordinators)-1
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

// setLine changes a line of a member's file, for its next start.
func (c *cluster) setLine(m *member, key, value string) {
	c.t.Helper()
	raw, err := os.ReadFile(m.file)
	if err != nil {
		c.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, key+"=") })
	c.write(m.file, append(lines, key+"="+value)...)
}
