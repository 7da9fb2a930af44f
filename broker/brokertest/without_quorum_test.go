package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestCombinedNodesWithoutQuorum takes the majority of three nodes away that are brokers and voters. The one that is left answers what it knows, serves reads of what it leads, and takes
// records with acks=1; a change waits for a while and is refused with the reason. With the quorum back, changes go through.
func TestCombinedNodesWithoutQuorum(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{brokers: 3, everywhere: []string{"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500"}})
	adm := kadm.NewClient(c.client())
	c.assign(workTopic, [][]int32{{1, 2, 3}})
	c.awaitInSync(adm)
	last := c.brokers[0]
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := c.client(kgo.DefaultProduceTopic(workTopic)).ProduceSync(ctx, kgo.StringRecord("before")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for _, b := range c.brokers[1:] {
		b.kill()
	}
	c.changeIsRefused(t, last, "without-a-majority", "REQUEST_TIMED_OUT", "The metadata quorum has no active controller")
	reader := last.client(kgo.ConsumeTopics(workTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if records := reader.PollFetches(ctx).Records(); len(records) != 1 || string(records[0].Value) != "before" {
		t.Errorf("read without a quorum: %v", records)
	}
	if err := rawProduce(ctx, last.direct(1), last, 2000, "alone"); err != nil {
		t.Errorf("acks=1, when nobody can have elected another leader: %v", err)
	}
	for _, b := range c.brokers[1:] {
		b.launch()
	}
	for _, b := range c.brokers {
		if err := b.awaitServing(); err != nil {
			t.Fatal(err)
		}
	}
	c.awaitInSync(adm)
	c.mustTool("topics", "--create", "--topic", "with-the-quorum-back")
}

// changeIsRefused asks one broker to create a topic until the refusal is as wanted: at first the broker may still be looking for another leader. What was refused for want of
// time may be done later all the same.
func (c *cluster) changeIsRefused(t *testing.T, at *member, topic, code, why string) {
	t.Helper()
	began := time.Now()
	c.until("the refusal of a change", func(ctx context.Context) bool {
		message := createTopicOnce(ctx, t, at, topic)
		t.Logf("after %v: %s", time.Since(began).Round(100*time.Millisecond), message)
		return strings.HasPrefix(message, code) && strings.Contains(message, why)
	})
}

// createTopicOnce sends one request to one broker, and returns its answer: the error code and message for the topic.
func createTopicOnce(ctx context.Context, t *testing.T, at *member, topic string) string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(at.addr), kgo.DialTimeout(time.Second), kgo.RequestRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	row := kmsg.NewCreateTopicsRequestTopic()
	row.Topic, row.NumPartitions, row.ReplicationFactor = topic, 1, 1
	req.Topics = append(req.Topics, row)
	resp, err := cl.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return err.Error()
	}
	answer := resp.(*kmsg.CreateTopicsResponse).Topics[0]
	message := ""
	if answer.ErrorMessage != nil {
		message = *answer.ErrorMessage
	}
	return fmt.Sprintf("%v %s", kerr.ErrorForCode(answer.ErrorCode), message)
}

// TestBrokersThatCannotReachTheirCoordinator stops the only coordinator in its tracks. The brokers say so, go on serving reads and acks=all, which nobody can take back who is not in sync,
// and refuse acks=1 once they may have been fenced. When it wakes, all is as before.
func TestBrokersThatCannotReachTheirCoordinator(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 2, everywhere: []string{"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500"}})
	adm := kadm.NewClient(c.client())
	c.assign(workTopic, [][]int32{{1, 2}}, "min.insync.replicas", "2")
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	leader := c.brokers[0]
	acked := []string{"before"}
	all := leader.direct(-1)
	c.until("the leader to take records", func(context.Context) bool { return rawProduce(ctx, all, leader, 2000, "before") == nil })
	c.coordinators[0].pause()
	one := leader.direct(1)
	c.until("acks=1 to be refused", func(context.Context) bool {
		return errors.Is(rawProduce(ctx, one, leader, 2000, "acks=1"), kerr.NotLeaderForPartition)
	})
	for i := range 20 {
		value := number(i)
		if err := rawProduce(ctx, all, leader, 5000, value); err != nil {
			t.Errorf("acks=all, record %d: %v", i, err)
			continue
		}
		acked = append(acked, value)
	}
	reader := leader.client(kgo.ConsumeTopics(workTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := make(map[string]bool)
	has := func() bool {
		return !slices.ContainsFunc(acked, func(v string) bool { return !seen[v] })
	}
	for !has() && ctx.Err() == nil {
		reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) { seen[string(r.Value)] = true })
	}
	if !has() {
		t.Errorf("read without a coordinator: %d records, acknowledged were %v", len(seen), acked)
	}
	c.changeIsRefused(t, leader, "cut-off", "NOT_CONTROLLER", "not in touch with the metadata quorum")
	if text := leader.output.String(); !strings.Contains(text, "heartbeat failed") {
		t.Error("the broker's log does not say that it can't reach the coordinator")
	}
	c.coordinators[0].resume()
	if err := c.client(kgo.DefaultProduceTopic(workTopic), kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()).ProduceSync(ctx, kgo.StringRecord("after")).FirstErr(); err != nil {
		t.Errorf("acks=1, wherever the leader is now: %v", err)
	}
	c.awaitInSync(adm)
	c.mustTool("topics", "--create", "--topic", "awake-again")
}
