package brokertest_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestUncleanElection has the last in sync die before the other replica is back. Without unclean.leader.election.enable the partition has no leader until
// an administrator elects one; with it the other leads at once.
func TestUncleanElection(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3})
	adm := kadm.NewClient(c.client())
	for topic, unclean := range map[string]string{"clean": "false", "unclean": "true"} {
		c.assign(topic, [][]int32{{2, 3}}, "unclean.leader.election.enable", unclean, "min.insync.replicas", "1")
	}
	produce := func(topic, value string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cl := c.client(kgo.DefaultProduceTopic(topic))
		defer cl.Close()
		if err := cl.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
			t.Fatalf("%s: %v", topic, err)
		}
	}
	state := func(ctx context.Context, topic string) (leader int32, isr []int32) {
		known, err := adm.ListTopics(ctx, topic)
		if err != nil {
			return -2, nil
		}
		return known[topic].Partitions[0].Leader, known[topic].Partitions[0].ISR
	}
	isrIs := func(want ...int32) {
		t.Helper()
		c.until("the ISR", func(ctx context.Context) bool {
			_, a := state(ctx, "clean")
			_, b := state(ctx, "unclean")
			slices.Sort(a)
			slices.Sort(b)
			return slices.Equal(a, want) && slices.Equal(b, want)
		})
	}
	leaderIs := func(topic string, want int32) {
		t.Helper()
		c.until(topic+"'s leader", func(ctx context.Context) bool { leader, _ := state(ctx, topic); return leader == want })
	}
	isrIs(2, 3)
	produce("clean", "both have it")
	produce("unclean", "both have it")
	c.brokers[2].kill()
	isrIs(2)
	produce("clean", "one has it")
	produce("unclean", "one has it")
	c.brokers[1].kill()
	leaderIs("clean", -1)
	c.brokers[2].launch()
	leaderIs("unclean", 3)
	produce("unclean", "after")
	if leader, _ := state(t.Context(), "clean"); leader != -1 {
		t.Errorf("%d leads, though it is not in sync and unclean elections are off", leader)
	}
	out := c.mustTool("leader-election", "--election-type", "unclean", "--topic", "clean", "--partition", "0")
	if !strings.Contains(out, "Successfully completed leader election (UNCLEAN) for partitions clean-0") {
		t.Errorf("leader-election says %q", out)
	}
	leaderIs("clean", 3)
	produce("clean", "after")
	c.brokers[1].launch()
	isrIs(2, 3)
	for _, topic := range []string{"clean", "unclean"} {
		var got []string
		readAll(t.Context(), t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, topic, 1, func(r *kgo.Record) { got = append(got, string(r.Value)) })
		if want := []string{"both have it", "after"}; !slices.Equal(got, want) {
			t.Errorf("%s holds %q, want %q: the record that only one had is lost by such an election", topic, got, want)
		}
	}
}

// TestPreferredLeaders restarts a broker: with auto.leader.rebalance.enable its leaderships come back by themselves; without, by leader-election.
func TestPreferredLeaders(t *testing.T) {
	t.Parallel()
	for _, auto := range []bool{true, false} {
		t.Run(map[bool]string{true: "auto", false: "asked for"}[auto], func(t *testing.T) {
			t.Parallel()
			setting := "auto.leader.rebalance.enable=true"
			if !auto {
				setting = "auto.leader.rebalance.enable=false"
			}
			c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3, everywhere: []string{setting, "leader.imbalance.check.interval.seconds=1"}})
			adm := kadm.NewClient(c.client())
			c.assign(workTopic, [][]int32{{2, 1, 3}, {2, 3, 1}, {2, 1, 3}})
			leads := func(ctx context.Context, id int32) int {
				known, err := adm.ListTopics(ctx, workTopic)
				if err != nil {
					return -1
				}
				n := 0
				for _, p := range known[workTopic].Partitions {
					if p.Leader == id {
						n++
					}
				}
				return n
			}
			c.awaitInSync(adm)
			c.brokers[1].terminate()
			c.until("others to lead", func(ctx context.Context) bool { return leads(ctx, 2) == 0 })
			c.brokers[1].launch()
			c.awaitInSync(adm)
			if !auto {
				if n := leads(t.Context(), 2); n != 0 {
					t.Errorf("it leads %d partitions already", n)
				}
				c.mustTool("leader-election", "--election-type", "preferred", "--all-topic-partitions")
			}
			c.until("the preferred leaders", func(ctx context.Context) bool { return leads(ctx, 2) == 3 })
		})
	}
}

// TestEligibleLeaderReplicas stops all replicas cleanly, one after the other, below min.insync.replicas. Who left when the ISR was too small is eligible:
// it may lead before the last one is back, and has every record that was acknowledged (KIP-966). Then everything is killed, and serves again.
func TestEligibleLeaderReplicas(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3})
	adm := kadm.NewClient(c.client())
	c.assign(workTopic, [][]int32{{1, 2, 3}}, "min.insync.replicas", "2")
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl := c.client(kgo.DefaultProduceTopic(workTopic))
	if err := cl.ProduceSync(ctx, kgo.StringRecord("acknowledged")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.brokers[2].terminate()
	c.brokers[1].terminate()
	p := partitionAt(t.Context(), t, c.brokers[0])
	if !slices.Equal(p.ISR, []int32{1}) || !slices.Equal(p.EligibleLeaderReplicas, []int32{2}) {
		t.Errorf("with one left: ISR %v, ELR %v", p.ISR, p.EligibleLeaderReplicas)
	}
	c.brokers[0].terminate()
	c.brokers[1].launch()
	if err := c.brokers[1].awaitServing(); err != nil {
		t.Fatal(err)
	}
	c.until("the eligible one to lead", func(context.Context) bool { return partitionAt(t.Context(), t, c.brokers[1]).LeaderID == 2 })
	p = partitionAt(t.Context(), t, c.brokers[1])
	if !slices.Equal(p.ISR, []int32{2}) || !slices.Equal(p.EligibleLeaderReplicas, []int32{1}) || len(p.LastKnownELR) > 0 {
		t.Errorf("with the eligible one: ISR %v, ELR %v, last known %v", p.ISR, p.EligibleLeaderReplicas, p.LastKnownELR)
	}
	out := c.mustTool("topics", "--describe", "--topic", workTopic)
	if !strings.Contains(out, "Leader: 2\tReplicas: 1,2,3\tIsr: 2\tElr: 1\tLastKnownElr: ") {
		t.Errorf("topics --describe says %q", out)
	}
	c.brokers[0].launch()
	c.brokers[2].launch()
	c.awaitInSync(adm)

	for _, m := range c.members() {
		m.kill()
	}
	began := time.Now()
	for _, m := range c.members() {
		m.launch()
	}
	if err := cl.ProduceSync(ctx, kgo.StringRecord("after everything was killed")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	t.Logf("everything was killed: a record is acknowledged %v later", time.Since(began).Round(time.Millisecond))
	c.awaitInSync(adm)
	t.Logf("and all replicas are in sync after %v", time.Since(began).Round(time.Millisecond))
	var got []string
	readAll(t.Context(), t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, workTopic, 1, func(r *kgo.Record) { got = append(got, string(r.Value)) })
	if want := []string{"acknowledged", "after everything was killed"}; !slices.Equal(got, want) {
		t.Errorf("the topic holds %q, want %q", got, want)
	}
}

// TestLastKnownElr stops one replica cleanly and kills the last. That one comes back first, without the mark of a clean end: it may have lost records, so it is eligible no more, but stays
// known (LastKnownElr), and does not lead. The one that stopped cleanly leads when it is back. Killed both, there is none left but the last leader known, who leads with what it has.
func TestLastKnownElr(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3})
	adm := kadm.NewClient(c.client())
	c.assign(workTopic, [][]int32{{1, 2}}, "min.insync.replicas", "2")
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cl := c.client(kgo.DefaultProduceTopic(workTopic))
	produce := func(value string) {
		t.Helper()
		if err := cl.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	produce("both have it")
	watcher := c.brokers[2]
	stateIs := func(what string, leader int32, isr, elr, known []int32) {
		t.Helper()
		var p kmsg.DescribeTopicPartitionsResponseTopicPartition
		defer func() {
			if t.Failed() {
				t.Logf("leader %d, ISR %v, ELR %v, last known %v", p.LeaderID, p.ISR, p.EligibleLeaderReplicas, p.LastKnownELR)
			}
		}()
		c.until(what, func(ctx context.Context) bool {
			p = partitionAt(ctx, t, watcher)
			slices.Sort(p.ISR)
			return p.LeaderID == leader && slices.Equal(p.ISR, isr) && slices.Equal(p.EligibleLeaderReplicas, elr) && slices.Equal(p.LastKnownELR, known)
		})
	}
	c.brokers[1].terminate()
	stateIs("the one that stopped to be eligible", 1, []int32{1}, []int32{2}, nil)
	c.brokers[0].kill()
	stateIs("no leader, and two that are eligible", -1, nil, []int32{1, 2}, []int32{1}) // LastKnownElr holds the last leader
	c.brokers[0].launch()
	stateIs("the killed one to be known only", -1, nil, []int32{2}, []int32{1})
	if out, err := watcher.toolAt("topics", "--describe", "--topic", workTopic); err != nil || !strings.Contains(out, "Leader: none\tReplicas: 1,2\tIsr: \tElr: 2\tLastKnownElr: 1") {
		t.Errorf("topics --describe says %q, %v", out, err)
	}
	c.brokers[1].launch()
	stateIs("the one that stopped cleanly to lead, and the other to be in sync", 2, []int32{1, 2}, nil, nil)
	produce("again both")

	for _, b := range c.brokers[:2] {
		b.kill()
	}
	c.until("no leader", func(ctx context.Context) bool { return partitionAt(ctx, t, watcher).LeaderID == -1 })
	for _, b := range c.brokers[:2] {
		b.launch()
	}
	c.awaitInSync(adm)
	produce("after both were killed")
	var got []string
	readAll(ctx, t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, workTopic, 1, func(r *kgo.Record) { got = append(got, string(r.Value)) })
	if want := []string{"both have it", "again both", "after both were killed"}; !slices.Equal(got, want) {
		t.Errorf("the topic holds %q, want %q", got, want)
	}
}

// toolAt runs one of kgo's commands against one broker.
func (m *member) toolAt(args ...string) (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(m.t.Context(), path, append(args, "--bootstrap-server", m.addr)...).CombinedOutput()
	return string(out), err
}

// assign creates a topic with an assignment: replicas by partition.
func (c *cluster) assign(topic string, replicas [][]int32, configs ...string) {
	c.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	row := kmsg.NewCreateTopicsRequestTopic()
	row.Topic, row.NumPartitions, row.ReplicationFactor = topic, -1, -1
	for i, r := range replicas {
		row.ReplicaAssignment = append(row.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: r})
	}
	for i := 0; i < len(configs); i += 2 {
		row.Configs = append(row.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: configs[i], Value: &configs[i+1]})
	}
	req.Topics = append(req.Topics, row)
	resp, err := req.RequestWith(c.t.Context(), c.client())
	if err != nil {
		c.t.Fatal(err)
	}
	if t := resp.Topics[0]; t.ErrorCode != 0 {
		c.t.Fatalf("create %s: error code %d, %v", topic, t.ErrorCode, t.ErrorMessage)
	}
}

// TestEmptyDiskDoesNotLead gives the last broker in sync an empty disk. It would be elected, with nothing, and the other replica, which lacks one record, would be cut to that. It is not:
// somebody else has to be elected by hand, and the empty one copies then.
func TestEmptyDiskDoesNotLead(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3})
	adm := kadm.NewClient(c.client())
	c.assign(workTopic, [][]int32{{1, 2}}, "min.insync.replicas", "1")
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cl := c.client(kgo.DefaultProduceTopic(workTopic))
	produce := func(value string) {
		t.Helper()
		if err := cl.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	produce("both have it")
	c.brokers[1].kill()
	produce("one has it")
	c.brokers[0].terminate()
	if err := os.RemoveAll(c.brokers[0].dirs[0]); err != nil {
		t.Fatal(err)
	}
	for _, b := range c.brokers[:2] {
		b.launch()
		if err := b.awaitServing(); err != nil {
			t.Fatal(err)
		}
	}
	c.until("the empty one to be told to wait", func(context.Context) bool {
		return strings.Contains(c.brokers[0].output.String(), "they are empty")
	})
	if p := partitionAt(ctx, t, c.brokers[2]); p.LeaderID != -1 {
		t.Errorf("%d leads, ISR %v", p.LeaderID, p.ISR)
	}
	c.mustTool("leader-election", "--election-type", "unclean", "--topic", workTopic, "--partition", "0")
	c.awaitInSync(adm)
	produce("after")
	var got []string
	readAll(ctx, t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, workTopic, 1, func(r *kgo.Record) { got = append(got, string(r.Value)) })
	if want := []string{"both have it", "after"}; !slices.Equal(got, want) {
		t.Errorf("the topic holds %q, want %q", got, want)
	}
}
