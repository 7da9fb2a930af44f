package brokertest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// throttles counts what a client is told to wait.
type throttles struct{ waited atomic.Int64 }

func (h *throttles) OnBrokerThrottle(_ kgo.BrokerMetadata, d time.Duration, _ bool) {
	h.waited.Add(int64(d))
}

// Clients beyond their quota are told to wait, and nothing they write or read is lost.
func TestClientQuotas(t *testing.T) {
	n := brokertest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin := kadm.NewClient(n.Client())
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	const rate, records, size = 1_000_000, 110, 100_000 // ten seconds' worth may come at once
	setQuota(t, admin, "slow", "producer_byte_rate", rate)
	setQuota(t, admin, "slow", "consumer_byte_rate", rate)

	value := make([]byte, size)
	for i := range value {
		value[i] = byte(rand.Int())
	}
	produce := func(client string, hook *throttles) {
		cl := n.Client(kgo.ClientID(client), kgo.WithHooks(hook), kgo.DefaultProduceTopic("t"), kgo.ProducerBatchCompression(kgo.NoCompression()))
		for range records {
			cl.Produce(ctx, &kgo.Record{Value: value}, nil)
		}
		if err := cl.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var free, slow, reading throttles
	produce("free", &free)
	if d := free.waited.Load(); d != 0 {
		t.Errorf("a client without a quota was throttled for %v", time.Duration(d))
	}
	produce("slow", &slow)
	if d := time.Duration(slow.waited.Load()); d < 500*time.Millisecond || d > 20*time.Second {
		t.Errorf("a producer of 1.1 windows' worth was throttled for %v in all", d)
	}
	reader := n.Client(kgo.ClientID("slow"), kgo.WithHooks(&reading), kgo.ConsumeTopics("t"))
	got, raised := 0, false
	for got < records+records/10 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d records: %v", got, err)
		}
		got += fetches.NumRecords()
		if !raised && reading.waited.Load() > 0 {
			raised = true
			setQuota(t, admin, "slow", "consumer_byte_rate", 100*rate)
		}
	}
	if !raised {
		t.Error("the reader was not throttled")
	}
}

// Beyond controller_mutation_rate, partitions are not made (KIP-599).
func TestControllerMutationQuota(t *testing.T) {
	n := brokertest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	setQuota(t, kadm.NewClient(n.Client()), "maker", "controller_mutation_rate", 1)
	if _, err := kadm.NewClient(n.Client(kgo.ClientID("maker"))).CreateTopic(ctx, 20, 1, nil, "first"); err != nil { // the bucket has 11 tokens and may go below zero once
		t.Fatal(err)
	}
	// The first connection isn't read from until the bucket is no longer below zero.
	if _, err := kadm.NewClient(n.Client(kgo.ClientID("maker"))).CreateTopic(ctx, 1, 1, nil, "second"); !errors.Is(err, kerr.ThrottlingQuotaExceeded) {
		t.Errorf("the second topic: %v", err)
	}
}

func setQuota(t *testing.T, admin *kadm.Client, clientID, key string, value float64) {
	t.Helper()
	entity := kadm.ClientQuotaEntity{{Type: "client-id", Name: &clientID}}
	got, err := admin.AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{{Entity: entity, Ops: []kadm.AlterClientQuotaOp{{Key: key, Value: value}}}})
	if err == nil {
		err = got[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
}
