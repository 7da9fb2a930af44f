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
	direct := map[int16]*kgo.Client{-1: leader.direct(-1), 1: leader.direct(1)}
	produce := func(acks int16, value string) error {
		return rawProduce(t.Context(), direct[acks], leader, 3000, value)
	}
	for _, acks := range []int16{1, -1} { // the client knows its way then, and the leader, which may be the last to hear of it, that it leads
		c.until(fmt.Sprintf("an answer with acks=%d", acks), func(context.Context) bool {
			return produce(acks, "before") == nil
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
		err  error
	}
	answers := make(chan answer)
	for _, acks := range []int16{1, -1} {
		go func() { answers <- answer{acks, produce(acks, "zombie")} }()
	}
	pause(t.Context(), 100*time.Millisecond) // for the requests to lie in the leader's socket; later ones are refused as well
	leader.resume()
	for range 2 {
		a := <-answers
		t.Logf("acks=%d: %v", a.acks, a.err)
		if a.err == nil {
			t.Errorf("acks=%d: the zombie acknowledged a record", a.acks)
		}
		if _, answered := errors.AsType[*kerr.Error](a.err); answered && a.acks == 1 && !errors.Is(a.err, kerr.NotLeaderForPartition) {
			t.Errorf("acks=1: %v, want NOT_LEADER_OR_FOLLOWER", a.err)
		}
	}
	c.awaitInSync(adm)
	readAll(t.Context(), t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, workTopic, 1, func(r *kgo.Record) {
		if strings.Contains(string(r.Value), "zombie") {
			t.Errorf("the zombie's record is at offset %d", r.Offset)
		}
	})
}
