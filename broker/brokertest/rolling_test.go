package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kgo-project/kgo/broker/batch"
)

// TestRollingRestart stops and starts all brokers one after the other, under producers that give up soon: none of their records fails.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3, zooKeeperStyle: true})
	adm := kadm.NewClient(c.client())
	minISR := "2"
	if _, err := adm.CreateTopic(t.Context(), workPartitions, 3, map[string]*string{"min.insync.replicas": &minISR}, workTopic); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(adm)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seeds []string
	for _, b := range c.brokers {
		seeds = append(seeds, b.addr)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.DefaultProduceTopic(workTopic), kgo.RecordRetries(10), kgo.RecordDeliveryTimeout(5*time.Second),
		kgo.ProducerLinger(time.Millisecond), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var acked, failed atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			cl.Produce(context.Background(), kgo.StringRecord(strconv.Itoa(i)), func(_ *kgo.Record, err error) {
				if err != nil {
					failed.Add(1)
					t.Errorf("record %d: %v", i, err)
					return
				}
				acked.Add(1)
			})
			pause(ctx, time.Millisecond)
		}
	}()
	for _, b := range c.brokers {
		before := acked.Load()
		c.until("records", func(context.Context) bool { return acked.Load() > before+50 })
		b.terminate()
		before = acked.Load()
		c.until("records", func(context.Context) bool { return acked.Load() > before+50 })
		b.launch()
		if err := b.awaitServing(); err != nil {
			t.Fatal(err)
		}
		c.awaitInSync(adm)
	}
	cancel()
	<-done
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records acknowledged, %d failed", acked.Load(), failed.Load())
}

// TestZombieLeader stops a leader in its tracks until another leads, and lets it go on with produce requests at hand that it got meanwhile: it must
// acknowledge none of them, and none of their records may be there in the end.
func TestZombieLeader(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3, everywhere: []string{"broker.session.timeout.ms=2000", "broker.heartbeat.interval.ms=400"}})
	adm := kadm.NewClient(c.client())
	if _, err := adm.CreateTopic(t.Context(), 1, 3, nil, workTopic); err != nil {
		t.Fatal(err)
	}
	leader := c.brokers[c.awaitInSync(adm)-1]
	direct, err := kgo.NewClient(kgo.SeedBrokers(leader.addr), kgo.MaxVersions(kversion.V3_0_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	produce := func(acks int16, value string) (*kmsg.ProduceResponseTopicPartition, error) {
		var b batch.Builder
		b.Reset(0, batch.Compression{})
		b.Append(time.Now().UnixMilli(), nil, []byte(value))
		raw, err := b.Finish(nil)
		if err != nil {
			return nil, err
		}
		req := kmsg.NewPtrProduceRequest()
		req.Acks, req.TimeoutMillis = acks, 3000
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic = workTopic
		row := kmsg.NewProduceRequestTopicPartition()
		row.Records = raw
		topic.Partitions = append(topic.Partitions, row)
		req.Topics = append(req.Topics, topic)
		resp, err := direct.Broker(leader.id).Request(t.Context(), req)
		if err != nil {
			return nil, err
		}
		return &resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0], nil
	}
	for _, acks := range []int16{1, -1} { // the client knows its way then, and the leader, which may be the last to hear of it, that it leads
		c.until(fmt.Sprintf("an answer with acks=%d", acks), func(context.Context) bool {
			row, err := produce(acks, "before")
			return err == nil && row.ErrorCode == 0
		})
	}
	leader.pause()
	c.until("another leader", func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		known, err := kadm.NewClient(c.brokers[leader.id%3].client()).ListTopics(ctx, workTopic)
		return err == nil && known[workTopic].Partitions[0].Leader > 0 && known[workTopic].Partitions[0].Leader != int32(leader.id)
	})
	type answer struct {
		acks int16
		row  *kmsg.ProduceResponseTopicPartition
		err  error
	}
	answers := make(chan answer)
	for _, acks := range []int16{1, -1} {
		go func() {
			row, err := produce(acks, "zombie")
			answers <- answer{acks, row, err}
		}()
	}
	pause(t.Context(), 100*time.Millisecond) // for the requests to lie in the leader's socket; later ones are refused as well
	leader.resume()
	for range 2 {
		a := <-answers
		if a.err != nil {
			t.Logf("acks=%d: %v", a.acks, a.err)
			continue
		}
		err := kerr.ErrorForCode(a.row.ErrorCode)
		t.Logf("acks=%d: %v", a.acks, err)
		if err == nil {
			t.Errorf("acks=%d: the zombie acknowledged a record, at offset %d", a.acks, a.row.BaseOffset)
		}
		if a.acks == 1 && !errors.Is(err, kerr.NotLeaderForPartition) {
			t.Errorf("acks=1: %v, want NOT_LEADER_OR_FOLLOWER", err)
		}
	}
	c.awaitInSync(adm)
	readAll(t.Context(), t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, workTopic, 1, func(r *kgo.Record) {
		if strings.Contains(string(r.Value), "zombie") {
			t.Errorf("the zombie's record is at offset %d", r.Offset)
		}
	})
}
