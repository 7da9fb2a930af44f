package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	refuseMutations(t, brokertest.Start(t).Addr)
}

// The same where the controller is a process of its own.
func TestMutationQuotaOfAControllerElsewhere(t *testing.T) {
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 1})
	refuseMutations(t, c.brokers[0].addr)
}

func refuseMutations(t *testing.T, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	as := func(clientID string) *kadm.Client {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ClientID(clientID))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return kadm.NewClient(cl)
	}
	setQuota(t, as("admin"), "maker", "controller_mutation_rate", 1)
	// The bucket has 11 tokens and may go below zero once. A connection isn't read from until it is no longer below zero, so each has one of its own; the first
	// may come before the broker has heard of the quota.
	n := 0
	awaitTrue(t, "a topic is refused", func() bool {
		n++
		_, err := as("maker").CreateTopic(ctx, 20, 1, nil, fmt.Sprint("topic-", n))
		if err != nil && !errors.Is(err, kerr.ThrottlingQuotaExceeded) {
			t.Fatal(err)
		}
		return err != nil
	})
	if n < 2 {
		t.Error("the first topic was refused")
	}
	if _, err := as("other").CreateTopic(ctx, 1, 1, nil, "third"); err != nil {
		t.Errorf("another client: %v", err)
	}
}

// A client whose requests take more of the handlers' time than request_percentage allows is told to wait, and isn't read from meanwhile (KIP-124).
func TestRequestQuota(t *testing.T) {
	n := brokertest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	setQuota(t, kadm.NewClient(n.Client()), "busy", "request_percentage", 0.001) // a tenth of a millisecond in ten seconds
	ask := func(clientID string) time.Duration {
		resp, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, n.Client(kgo.ClientID(clientID)).SeedBrokers()[0])
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(resp.ThrottleMillis) * time.Millisecond
	}
	awaitTrue(t, "the client is told to wait", func() bool { return ask("busy") > 0 })
	var told time.Duration
	if told = ask("busy"); told <= 0 || told > time.Second {
		t.Errorf("told to wait for %v, want at most a window of a second", told)
	}
	if d := ask("free"); d != 0 {
		t.Errorf("a client without a quota is told to wait for %v", d)
	}

	// One connection: what follows a throttled request is read when the time is over.
	conn, err := net.Dial("tcp", n.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exchange := func() (throttle time.Duration, took time.Duration) {
		t.Helper()
		began := time.Now()
		req := kmsg.NewPtrListGroupsRequest()
		req.SetVersion(1)
		frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("busy")).AppendRequest(nil, req, 1)
		if _, err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 12) // size, correlation id, throttle time
		if _, err := io.ReadFull(conn, head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, conn, bigEndian(head)-8); err != nil {
			t.Fatal(err)
		}
		return time.Duration(bigEndian(head[8:])) * time.Millisecond, time.Since(began)
	}
	awaitTrue(t, "the connection is throttled", func() bool {
		throttle, _ := exchange()
		told = throttle
		return told > 10*time.Millisecond
	})
	if _, took := exchange(); took < told-10*time.Millisecond { // the server's clock began before the answer was here
		t.Errorf("after a throttle of %v a request was answered in %v", told, took)
	}
}

// bigEndian reads the big-endian number at the start of b.
func bigEndian(b []byte) int64 {
	return int64(b[0])<<24 | int64(b[1])<<16 | int64(b[2])<<8 | int64(b[3])
}

// An address may open so many connections in a second (KIP-612); what is beyond that is closed, unread.
func TestConnectionQuotaOfAnAddress(t *testing.T) {
	n := brokertest.Start(t)
	admin := kadm.NewClient(n.Client())
	entity := kadm.ClientQuotaEntity{{Type: "ip", Name: new("127.0.0.1")}}
	set := func(op kadm.AlterClientQuotaOp) {
		t.Helper()
		got, err := admin.AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{{Entity: entity, Ops: []kadm.AlterClientQuotaOp{op}}})
		if err == nil {
			err = got[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	served := func() bool {
		conn, err := net.Dial("tcp", n.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		req := kmsg.NewPtrApiVersionsRequest()
		if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)); err != nil {
			return false
		}
		_, err = conn.Read(make([]byte, 1))
		return err == nil
	}
	set(kadm.AlterClientQuotaOp{Key: "connection_creation_rate", Value: 1})
	awaitTrue(t, "a connection is refused", func() bool { return !served() })
	set(kadm.AlterClientQuotaOp{Key: "connection_creation_rate", Remove: true})
	for range 30 {
		if !served() {
			t.Error("a connection was refused without a quota")
		}
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
