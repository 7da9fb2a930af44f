package brokertest_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestGroupCoordinatorFailover kills the broker that coordinates a group: the next one has its members, who go on without a rebalance, and every commit that
// was acknowledged, at its first answer. A consumer that dies in the same moment is noticed by the new coordinator, and the others take over.
func TestGroupCoordinatorFailover(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			groupFailover(t, protocol)
		})
	}
}

const failoverPartitions = 6

func groupFailover(t *testing.T, protocol string) {
	const session = 6 * time.Second
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3, onBrokers: []string{
		"group.consumer.session.timeout.ms=6000", "group.consumer.min.session.timeout.ms=1000", "group.consumer.heartbeat.interval.ms=500", "group.consumer.min.heartbeat.interval.ms=100",
	}})
	adm := kadm.NewClient(c.client())
	if _, err := adm.CreateTopic(t.Context(), failoverPartitions, 3, nil, workTopic); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(adm)
	g := &group{c: c, name: "group-" + protocol, protocol: protocol, session: session}
	a, b, victim := g.join("a"), g.join("b"), g.join("victim")
	c.until("each to have its share", func(context.Context) bool {
		return a.count() == 2 && b.count() == 2 && victim.count() == 2
	})
	before := g.memberIDs(t.Context())
	for round := range 3 {
		coordinator := g.coordinator(t.Context())
		for at := int64(round*100 + 1); at <= int64(round*100+5); at++ {
			g.commit(t.Context(), at)
		}
		coordinator.kill()
		g.committedIs(t.Context(), int64(round*100+5))
		c.until("another coordinator", func(ctx context.Context) bool { return g.coordinator(ctx) != coordinator })
		coordinator.launch()
		c.awaitInSync(adm)
	}
	rebalances := a.assigned.Load() + b.assigned.Load() + victim.assigned.Load()
	c.until("the members at the new coordinator", func(ctx context.Context) bool { return slices.Equal(g.memberIDs(ctx), before) })
	if again := a.assigned.Load() + b.assigned.Load() + victim.assigned.Load(); again != rebalances || again > 3*3 {
		t.Errorf("partitions were assigned %d times, then %d: the failovers should not have moved any", rebalances, again)
	}

	coordinator := g.coordinator(t.Context())
	victim.die()
	coordinator.kill()
	died := time.Now()
	c.until("another coordinator", func(ctx context.Context) bool { return g.coordinator(ctx) != coordinator })
	coordinator.launch() // franz-go's OffsetFetch asks a broker that it can't reach for ever, and the member with it
	c.until("the others to take over", func(context.Context) bool { return a.count()+b.count() == failoverPartitions })
	t.Logf("%s: with a session timeout of %v a death across a failover was noticed after %v", protocol, session, time.Since(died).Round(time.Millisecond))
	c.awaitInSync(adm)
}

// group is a consumer group under test.
type group struct {
	c              *cluster
	name, protocol string
	session        time.Duration
}

// consumer is a member of it.
type consumer struct {
	cl       *kgo.Client
	dead     atomic.Bool
	assigned atomic.Int64 // how often it got partitions

	mu   sync.Mutex
	has  map[int32]bool
	open []net.Conn
}

func (g *group) join(name string) *consumer {
	m := &consumer{has: make(map[int32]bool)}
	change := func(has bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, p := range partitions[workTopic] {
				if has {
					m.has[p] = true
				} else {
					delete(m.has, p)
				}
			}
			if has && len(partitions[workTopic]) > 0 {
				m.assigned.Add(1)
			}
		}
	}
	ctx := g.c.t.Context()
	if g.protocol == "consumer" {
		ctx = context.WithValue(ctx, "opt_in_kafka_next_gen_balancer_beta", true) //nolint:staticcheck // franz-go's own key
	}
	m.cl = g.c.client(kgo.WithContext(ctx), kgo.ClientID(name), kgo.ConsumerGroup(g.name), kgo.ConsumeTopics(workTopic), kgo.DisableAutoCommit(), kgo.Dialer(m.dial),
		kgo.SessionTimeout(g.session), kgo.HeartbeatInterval(500*time.Millisecond), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)))
	go func() {
		for ctx.Err() == nil && !m.dead.Load() {
			m.cl.PollFetches(ctx)
		}
	}()
	return m
}

func (m *consumer) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.has)
}

func (m *consumer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if m.dead.Load() {
		return nil, fmt.Errorf("dial %s: this consumer is dead", addr)
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
	if err == nil {
		m.mu.Lock()
		m.open = append(m.open, conn)
		m.mu.Unlock()
	}
	return conn, err
}

// die ends all connections, and no word of leaving gets out.
func (m *consumer) die() {
	m.dead.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, conn := range m.open {
		_ = conn.Close()
	}
}

// coordinator is the broker that the group's members are sent to.
func (g *group) coordinator(ctx context.Context) *member {
	var found *member
	g.c.until("a coordinator", func(context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		cl := g.c.client() // who has asked before remembers the answer
		defer cl.Close()
		answers := kadm.NewClient(cl).FindGroupCoordinators(ctx, g.name)
		if answer := answers[g.name]; answer.Err == nil && answer.NodeID >= 1 {
			found = g.c.brokers[answer.NodeID-1]
		}
		return found != nil
	})
	return found
}

// commit commits an offset of partition 0, as a member of no group protocol would: the group "offsets" of the same coordinator.
func (g *group) commit(ctx context.Context, at int64) {
	g.c.t.Helper()
	offsets := make(kadm.Offsets)
	offsets.AddOffset(workTopic, 0, at, -1)
	g.c.until("a commit", func(context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		cl := g.c.client() // one that has not asked before who coordinates
		defer cl.Close()
		resp, err := kadm.NewClient(cl).CommitOffsets(ctx, g.offsetsGroup(), offsets)
		return err == nil && resp.Error() == nil
	})
}

// committedIs takes the first answer there is for what was committed.
func (g *group) committedIs(ctx context.Context, want int64) {
	g.c.t.Helper()
	g.c.until("the committed offset", func(context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		cl := g.c.client()
		defer cl.Close()
		resp, err := kadm.NewClient(cl).FetchOffsets(ctx, g.offsetsGroup())
		if err != nil || resp.Error() != nil {
			return false
		}
		if got, ok := resp.Lookup(workTopic, 0); !ok || got.At != want {
			g.c.t.Errorf("%s: the first answer after the failover is %d, and %d was committed", g.protocol, got.At, want)
		}
		return true
	})
}

// offsetsGroup has the same coordinator as the group: the same partition of the offsets topic keeps it.
func (g *group) offsetsGroup() string {
	want := offsetsPartition(g.name)
	for i := 0; ; i++ {
		if name := fmt.Sprintf("offsets-%d", i); offsetsPartition(name) == want {
			return name
		}
	}
}

// offsetsPartition is Kafka's: the name's Java hash, over the partitions that clusterSpec gives the offsets topic.
func offsetsPartition(name string) int32 {
	var h int32
	for _, r := range name {
		h = 31*h + r
	}
	return (h & 0x7fffffff) % 5
}

// memberIDs are the ids of the group's members, none where they can't be had.
func (g *group) memberIDs(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cl := g.c.client()
	defer cl.Close()
	adm, ids := kadm.NewClient(cl), make(map[string]bool)
	if g.protocol == "consumer" {
		described, err := adm.DescribeConsumerGroups(ctx, g.name)
		if err != nil {
			return nil
		}
		for _, m := range described[g.name].Members {
			ids[m.MemberID] = true
		}
	} else {
		described, err := adm.DescribeGroups(ctx, g.name)
		if err != nil {
			return nil
		}
		for _, m := range described[g.name].Members {
			ids[m.MemberID] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
