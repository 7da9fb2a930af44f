package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kgo-project/kgo/broker/batch"
)

// TestIsrAndMinInsyncReplicas lets followers sleep for longer than replica.lag.time.max.ms, though not so long that they are fenced: the ISR shrinks, and
// below min.insync.replicas acks=all gets NOT_ENOUGH_REPLICAS, while the one who left last stays eligible (KIP-966). Awake again they come back.
func TestIsrAndMinInsyncReplicas(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{
		coordinators: 1, brokers: 3, everywhere: []string{"broker.session.timeout.ms=120000"},
		onBrokers: []string{"replica.lag.time.max.ms=1000", "num.replica.fetchers=3"},
	})
	adm := kadm.NewClient(c.client())
	if _, err := adm.CreateTopic(t.Context(), 1, 3, map[string]*string{"min.insync.replicas": new("2")}, workTopic); err != nil {
		t.Fatal(err)
	}
	leader := c.brokers[c.awaitInSync(adm)-1]
	first, second := c.brokers[leader.id%3], c.brokers[(leader.id+1)%3]
	direct := map[int16]*kgo.Client{-1: leader.direct(-1), 1: leader.direct(1)}
	produce := func(acks int16, value string) error {
		err := rawProduce(t.Context(), direct[acks], leader, 2000, value)
		t.Logf("acks=%d: %v", acks, err)
		return err
	}
	c.until("the leader to take records", func(context.Context) bool { return produce(-1, "whole") == nil })
	first.pause()
	if err := produce(1, "more than it has"); err != nil { // who has everything is in sync, asleep or not
		t.Fatal(err)
	}
	c.until("the ISR to shrink", func(ctx context.Context) bool { return len(partitionAt(ctx, t, leader).ISR) == 2 })
	if err := produce(-1, "two in sync"); err != nil {
		t.Errorf("with two in sync: %v", err)
	}
	second.pause()
	// What was taken when there were enough is not acknowledged, however it ends.
	if err := produce(-1, "on the way"); !errors.Is(err, kerr.RequestTimedOut) && !errors.Is(err, kerr.NotEnoughReplicasAfterAppend) && !errors.Is(err, kerr.NotEnoughReplicas) {
		t.Errorf("when the second falls asleep: %v", err)
	}
	c.until("the ISR to shrink again", func(ctx context.Context) bool { return len(partitionAt(ctx, t, leader).ISR) == 1 })
	if p := partitionAt(t.Context(), t, leader); !slices.Equal(p.EligibleLeaderReplicas, []int32{int32(second.id)}) || p.LeaderID != int32(leader.id) {
		t.Errorf("eligible %v, want the one that left last (%d); leader %d", p.EligibleLeaderReplicas, second.id, p.LeaderID)
	}
	if err := produce(-1, "too few"); !errors.Is(err, kerr.NotEnoughReplicas) {
		t.Errorf("below min.insync.replicas: %v", err)
	}
	if err := produce(1, "acks=1"); err != nil {
		t.Errorf("acks=1 below min.insync.replicas: %v", err)
	}
	first.resume()
	second.resume()
	// The leader is asked: one that has slept still knows the ISR of then.
	c.until("the ISR to be whole", func(ctx context.Context) bool { return len(partitionAt(ctx, t, leader).ISR) == 3 })
	if err := produce(-1, "whole again"); err != nil {
		t.Errorf("whole again: %v", err)
	}
	if p := partitionAt(t.Context(), t, leader); len(p.EligibleLeaderReplicas) > 0 || len(p.LastKnownELR) > 0 {
		t.Errorf("whole again: eligible %v, last known %v", p.EligibleLeaderReplicas, p.LastKnownELR)
	}
}

// direct returns a client that knows of one broker only; others may be asleep. Whatever is produced with it has these acks.
func (m *member) direct(acks int16) *kgo.Client {
	m.t.Helper()
	required := kgo.AllISRAcks()
	if acks == 1 {
		required = kgo.LeaderAck()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(m.addr), kgo.RequiredAcks(required), kgo.DisableIdempotentWrite(), kgo.MaxVersions(kversion.V3_0_0()), kgo.DialTimeout(time.Second))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(cl.Close)
	return cl
}

// rawProduce sends a record to partition 0 of the work topic, once, and returns the error that the answer has for it.
func rawProduce(ctx context.Context, cl *kgo.Client, to *member, timeoutMillis int32, value string) error {
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	b.Append(time.Now().UnixMilli(), nil, []byte(value))
	raw, err := b.Finish(nil)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrProduceRequest()
	req.TimeoutMillis = timeoutMillis // the acks are the client's
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = workTopic
	row := kmsg.NewProduceRequestTopicPartition()
	row.Records = raw
	topic.Partitions = append(topic.Partitions, row)
	req.Topics = append(req.Topics, topic)
	resp, err := cl.Broker(to.id).Request(ctx, req)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
}

// partitionAt is what one broker knows of partition 0 of the work topic; nothing, where it can't say.
func partitionAt(ctx context.Context, t *testing.T, at *member) (p kmsg.DescribeTopicPartitionsResponseTopicPartition) {
	t.Helper()
	newest, err := kgo.NewClient(kgo.SeedBrokers(at.addr), kgo.DialTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer newest.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: workTopic}}
	resp, err := newest.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return p
	}
	if topics := resp.(*kmsg.DescribeTopicPartitionsResponse).Topics; len(topics) == 1 && len(topics[0].Partitions) > 0 {
		return topics[0].Partitions[0]
	}
	return p
}

// tool runs one of kgo's commands against the cluster.
func (c *cluster) tool(args ...string) (string, error) {
	c.t.Helper()
	path, err := binary()
	if err != nil {
		c.t.Fatal(err)
	}
	var seeds []string
	for _, b := range c.brokers {
		seeds = append(seeds, b.addr)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, append(args, "--bootstrap-server", strings.Join(seeds, ","))...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kgo %v: %w\n%s", args, err, out)
	}
	return string(out), err
}

// mustTool runs a command that must succeed.
func (c *cluster) mustTool(args ...string) string {
	c.t.Helper()
	out, err := c.tool(args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}
