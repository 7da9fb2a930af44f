package quorum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/netx"
)

// cluster is a quorum over a memory network; node i listens on host n<i>.
type cluster struct {
	t        *testing.T
	net      *netx.Mem
	configs  map[ident.BrokerID]Config
	nodes    map[ident.BrokerID]*Node
	journals map[ident.BrokerID]*journal
}

func newCluster(t *testing.T, tune func(*Config), voters ...ident.BrokerID) *cluster {
	c := &cluster{t: t, net: netx.NewMem(), configs: map[ident.BrokerID]Config{}, nodes: map[ident.BrokerID]*Node{}, journals: map[ident.BrokerID]*journal{}}
	t.TempDir() // made before the cleanup below is registered, it is removed after the nodes are closed
	t.Cleanup(func() {
		for _, n := range c.nodes {
			closeNode(t, n)
		}
	})
	for _, id := range voters {
		cfg := testConfig(t, id, voters...)
		cfg.ElectionTimeout, cfg.HeartbeatInterval = 300*time.Millisecond, 30*time.Millisecond
		if tune != nil {
			tune(&cfg)
		}
		c.configs[id] = cfg
		c.start(id)
	}
	return c
}

func host(id ident.BrokerID) string { return fmt.Sprintf("n%d", id) }

func (c *cluster) start(id ident.BrokerID) {
	c.t.Helper()
	cfg := c.configs[id]
	if os.Getenv("QUORUM_TEST_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("on", id)
	}
	j := newJournal()
	n, err := OpenNode(c.t.Context(), cfg, j, func(r Receiver) (Transport, error) {
		network := c.net.Host(host(id))
		l, err := network.Listen(c.t.Context(), host(id)+":9093")
		if err != nil {
			return nil, err
		}
		return NewNetworkTransport(NetworkConfig{Network: network, Listener: l, NodeID: id, ClusterID: cfg.ClusterID, Logger: cfg.Logger}, r), nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[id], c.journals[id] = n, j
}

func (c *cluster) stop(id ident.BrokerID) {
	closeNode(c.t, c.nodes[id])
	delete(c.nodes, id)
	delete(c.journals, id)
}

// leader waits until one of the running nodes, not counting some, leads in an epoch above min.
func (c *cluster) leader(min int32, without ...ident.BrokerID) (ident.BrokerID, int32) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	for {
		var wakes []<-chan struct{}
		for id, j := range c.journals {
			if slices.Contains(without, id) {
				continue
			}
			j.mu.Lock()
			leads, epoch := j.leader == id && j.epoch > min, j.epoch
			wakes = append(wakes, j.changed)
			j.mu.Unlock()
			if leads {
				return id, epoch
			}
		}
		if !waitAny(ctx, wakes) {
			c.t.Fatal("no leader within the deadline")
		}
	}
}

// waitAny waits for one of a few channels.
func waitAny(ctx context.Context, channels []<-chan struct{}) bool {
	merged := make(chan struct{}, len(channels))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, ch := range channels {
		go func() {
			select {
			case <-ch:
				merged <- struct{}{}
			case <-ctx.Done():
			}
		}()
	}
	select {
	case <-merged:
		return true
	case <-ctx.Done():
		return false
	}
}

// propose proposes on whoever leads until it succeeds; the name may then be in the log more than once.
func (c *cluster) propose(name string, without ...ident.BrokerID) {
	c.t.Helper()
	after := int32(0)
	for {
		id, epoch := c.leader(after, without...)
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		_, err := c.nodes[id].Propose(ctx, epoch, [][]byte{topicRecord(name)})
		cancel()
		if err == nil {
			return
		}
		if !errors.Is(err, ErrNotLeader) {
			c.t.Fatalf("%s: %v", name, err)
		}
		after = epoch
	}
}

func (c *cluster) awaitAll(what string, last string) {
	c.t.Helper()
	for _, j := range c.journals {
		j.await(c.t, what, func() bool { return len(j.values) > 0 && j.values[len(j.values)-1] == last })
	}
}

func (c *cluster) checkEqual() {
	c.t.Helper()
	var want []string
	for id, j := range c.journals {
		values, _, _ := j.snapshot()
		if want == nil {
			want = values
		} else if !slices.Equal(want, values) {
			c.t.Errorf("node %d applied %v, another one %v", id, values, want)
		}
	}
}

func TestThreeVotersReplicate(t *testing.T) {
	c := newCluster(t, nil, 1, 2, 3)
	for i := range 20 {
		c.propose(fmt.Sprint("t", i))
	}
	c.awaitAll("replication", "t19")
	c.checkEqual()
}

func TestLeaderDiesAndTheOthersGoOn(t *testing.T) {
	c := newCluster(t, nil, 1, 2, 3)
	c.propose("before")
	old, epoch := c.leader(0)
	c.stop(old)
	c.leader(epoch)
	c.propose("without")
	c.start(old)
	c.propose("after")
	c.awaitAll("catching up", "after")
	c.checkEqual()
}

func TestPartitionedLeaderCommitsNothing(t *testing.T) {
	c := newCluster(t, nil, 1, 2, 3)
	c.propose("before")
	old, epoch := c.leader(0)
	for id := range c.nodes {
		if id != old {
			c.net.Cut(host(old), host(id))
		}
	}
	lost := make(chan error, 1)
	go func() {
		_, err := c.nodes[old].Propose(t.Context(), epoch, [][]byte{topicRecord("lost")})
		lost <- err
	}()
	if err := <-lost; !errors.Is(err, ErrNotLeader) { // check-quorum makes it step down
		t.Errorf("the cut-off leader answered %v", err)
	}
	_, now := c.leader(epoch, old)
	if now <= epoch {
		t.Errorf("leader epoch %d after %d", now, epoch)
	}
	c.propose("during", old)
	for id := range c.nodes {
		c.net.Heal(host(old), host(id))
	}
	c.propose("healed")
	c.awaitAll("healing", "healed")
	c.checkEqual()
	for _, j := range c.journals {
		if values, _, _ := j.snapshot(); slices.Contains(values, "lost") {
			t.Errorf("an unacknowledged record of the old leader came back: %v", values)
		}
	}
}

func TestFarFollowerGetsASnapshot(t *testing.T) {
	c := newCluster(t, func(cfg *Config) { cfg.SnapshotBytes, cfg.RetentionBytes, cfg.SegmentBytes = 2000, 4000, 1000 }, 1, 2, 3)
	c.propose("first")
	leader, _ := c.leader(0)
	far := ident.BrokerID(1)
	if far == leader {
		far = 2
	}
	c.stop(far)
	for i := range 150 {
		c.propose(fmt.Sprint("t", i))
	}
	for _, n := range c.nodes {
		waitFor(t, n, "log start", func() bool { return n.log.LogStartOffset() > 0 })
	}
	c.start(far)
	c.awaitAll("catching up", "t149")
	c.checkEqual()
	if c.journals[far].restored == 0 {
		t.Error("no snapshot was installed")
	}
	c.stop(far)
	c.start(far)
	c.propose("end")
	c.awaitAll("the end", "end")
	c.checkEqual()
}

func TestVotersJoinAndLeave(t *testing.T) {
	c := newCluster(t, nil, 1)
	c.propose("alone")
	leader, epoch := c.leader(0)
	for _, id := range []ident.BrokerID{2, 3} {
		cfg := testConfig(t, id, 1)
		cfg.ElectionTimeout, cfg.HeartbeatInterval = 300*time.Millisecond, 30*time.Millisecond
		c.configs[id] = cfg
		c.start(id)
		voter := Voter{ID: id, DirectoryID: ident.UUID{byte(id)}, Endpoints: []Endpoint{{"CONTROLLER", host(id), 9093}}}
		if err := c.nodes[leader].AddVoter(t.Context(), epoch, voter); err != nil {
			t.Fatal(err)
		}
		c.propose(fmt.Sprint("with", id))
	}
	c.awaitAll("three voters", "with3")
	c.checkEqual()
	if err := c.nodes[leader].RemoveVoter(t.Context(), epoch, leader); err != nil {
		t.Fatal(err)
	}
	c.stop(leader)
	c.propose("without1")
	c.awaitAll("two voters", "without1")
	for id := range c.nodes { // what the log says wins over the configuration
		c.stop(id)
	}
	c.start(2)
	c.start(3)
	c.propose("restarted")
	c.awaitAll("restart", "restarted")
	c.checkEqual()
	if got := ids(c.nodes[2].Voters()); !slices.Equal(got, []ident.BrokerID{2, 3}) {
		t.Errorf("voters %v", got)
	}
}

func TestAnotherClusterIsRefused(t *testing.T) {
	c := newCluster(t, nil, 1, 2, 3)
	c.propose("first")
	stranger := c.configs[3]
	c.stop(3)
	stranger.ClusterID, stranger.Dir = "other-cluster", t.TempDir()
	c.configs[3] = stranger
	c.start(3)
	c.propose("second")
	if values, _, _ := c.journals[3].snapshot(); len(values) != 0 {
		t.Errorf("a node of another cluster got %v", values)
	}
}

func TestMembersShowHowFarTheyAre(t *testing.T) {
	c := newCluster(t, nil, 1, 2, 3)
	c.propose("a")
	leader, _ := c.leader(0)
	c.awaitAll("replication", "a")
	end := c.nodes[leader].HighWatermark()
	deadline := time.Now().Add(20 * time.Second)
	for n := c.nodes[leader]; ; {
		reached := 0
		for _, m := range n.Members() {
			if m.LogEndOffset == end && !m.LastFetchTime.IsZero() && !m.LastCaughtUpTime.IsZero() {
				reached++
			}
		}
		if reached == 3 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("members %+v, log end %d", n.Members(), end)
		}
		_ = n.WaitCommitted(contextFor(t, 20*time.Millisecond), end) // a heartbeat later
	}
}

func contextFor(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestThreeVotersOverTCP is the same transport on the system's network.
func TestThreeVotersOverTCP(t *testing.T) {
	dirs := t.TempDir()
	var voters []Voter
	var listeners []net.Listener
	for id := range ident.BrokerID(3) {
		l, err := netx.TCP().Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, l)
		voters = append(voters, Voter{ID: id, Endpoints: []Endpoint{{"CONTROLLER", "127.0.0.1", uint16(l.Addr().(*net.TCPAddr).Port)}}})
	}
	var journals []*journal
	var nodes []*Node
	start := time.Now()
	for id, l := range listeners {
		j := newJournal()
		cfg := Config{NodeID: ident.BrokerID(id), ClusterID: "tcp", Dir: filepath.Join(dirs, strconv.Itoa(id)), Voters: voters}
		n, err := OpenNode(t.Context(), cfg, j, func(r Receiver) (Transport, error) {
			return NewNetworkTransport(NetworkConfig{Network: netx.TCP(), Listener: l, NodeID: cfg.NodeID, ClusterID: "tcp", ListenerName: "CONTROLLER"}, r), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeNode(t, n) })
		journals, nodes = append(journals, j), append(nodes, n)
	}
	journals[0].await(t, "a leader", func() bool { return journals[0].leader != ident.NoBroker })
	_, leader, epoch := journals[0].snapshot()
	t.Logf("leader %d after %v", leader, time.Since(start))
	journals[leader].await(t, "its own leadership", func() bool { return journals[leader].leader == leader })
	mustPropose(t, nodes[leader], epoch, "x")
	for _, j := range journals {
		j.await(t, "replication", func() bool { return len(j.values) == 1 })
	}
}
