package brokertest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestNetworkNamespaces gives each node a network namespace, and so an address, of its own. A broker is killed, and another's cable is pulled for longer than its
// session: the cluster goes on each time, and in the end all replicas are in sync with every acknowledged record.
func TestNetworkNamespaces(t *testing.T) {
	t.Parallel()
	n := newNetworks(t)
	c := startCluster(t, clusterSpec{
		coordinators: 1, brokers: 3, everywhere: []string{"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500"},
		onBrokers: []string{"replica.lag.time.max.ms=3000"}, place: n.add,
	})
	adm := kadm.NewClient(c.client())
	if _, err := adm.CreateTopic(t.Context(), 1, 3, map[string]*string{"min.insync.replicas": new("2")}, workTopic); err != nil {
		t.Fatal(err)
	}
	leader := c.brokers[c.awaitInSync(adm)-1]
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cl := c.client(kgo.DefaultProduceTopic(workTopic), kgo.ProduceRequestTimeout(3*time.Second), kgo.RequestTimeoutOverhead(time.Second))
	written := 0
	write := func(when string) {
		t.Helper()
		began := time.Now()
		for range 50 {
			if err := cl.ProduceSync(ctx, kgo.StringRecord(number(written))).FirstErr(); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			written++
		}
		t.Logf("%s: 50 records in %v", when, time.Since(began).Round(time.Millisecond))
	}
	write("all is well")
	leader.kill()
	write("a leader was killed")
	leader.launch()
	if err := leader.awaitServing(); err != nil {
		t.Fatal(err)
	}
	leader = c.brokers[c.awaitInSync(adm)-1]
	n.cable(leader.name, "down")
	write("a leader's cable was pulled")
	n.cable(leader.name, "up")
	c.awaitInSync(kadm.NewClient(c.client()))
	write("all is well again")
	got := 0
	readAll(ctx, t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, workTopic, 1, func(*kgo.Record) { got++ })
	if got < written {
		t.Errorf("%d of %d records", got, written)
	}
}

// networks are network namespaces on one bridge of this machine.
type networks struct {
	t      testing.TB
	id     int
	cables map[string]string // the end on the bridge, by node
}

func newNetworks(t testing.TB) *networks {
	t.Helper()
	n := &networks{t: t, id: os.Getpid() % 100_000, cables: make(map[string]string)}
	bridge := fmt.Sprintf("kgob%d", n.id)
	if out, err := exec.CommandContext(t.Context(), "ip", "link", "add", bridge, "type", "bridge").CombinedOutput(); err != nil {
		t.Skipf("no network namespaces can be made here: %v %s", err, out)
	}
	t.Cleanup(func() { n.end("link", "del", bridge) })
	n.must("addr", "add", n.address(1)+"/24", "dev", bridge)
	n.must("link", "set", bridge, "up")
	return n
}

func (n *networks) address(host int) string {
	return fmt.Sprintf("10.%d.%d.%d", 200+n.id%50, n.id/50%250, host)
}

// add makes a node's namespace, and returns its address and what its command line begins with.
func (n *networks) add(node string) (host string, prefix []string) {
	i := len(n.cables)
	name, outside, inside := fmt.Sprintf("kgo%d-%d", n.id, i), fmt.Sprintf("kgo%do%d", n.id, i), fmt.Sprintf("kgo%di%d", n.id, i)
	n.cables[node] = outside
	host = n.address(10 + i)
	n.must("netns", "add", name)
	n.t.Cleanup(func() { n.end("netns", "del", name) })
	n.must("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name)
	n.must("link", "set", outside, "master", fmt.Sprintf("kgob%d", n.id), "up")
	n.must("-n", name, "addr", "add", host+"/24", "dev", inside)
	n.must("-n", name, "link", "set", inside, "up")
	n.must("-n", name, "link", "set", "lo", "up")
	return host, []string{"ip", "netns", "exec", name}
}

// cable sets a node's cable up or down.
func (n *networks) cable(node, state string) { n.must("link", "set", n.cables[node], state) }

func (n *networks) must(args ...string) {
	n.t.Helper()
	if out, err := exec.CommandContext(n.t.Context(), "ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v %s", strings.Join(args, " "), err, out)
	}
}

func (n *networks) end(args ...string) {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Errorf("ip %s: %v %s", strings.Join(args, " "), err, out)
	}
}
