package brokertest_test

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestRacks runs four brokers in two racks: the replicas of each partition stand in both, and a consumer reads from its own (KIP-392), the leader of
// its partition being elsewhere.
func TestRacks(t *testing.T) {
	t.Parallel()
	racks := []string{"a", "a", "b", "b"}
	c := startCluster(t, clusterSpec{
		coordinators: 1, brokers: 4, onBrokers: []string{"replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector"},
		perBroker: func(i int) []string { return []string{"broker.rack=" + racks[i]} },
	})
	adm := kadm.NewClient(c.client())
	if _, err := adm.CreateTopic(t.Context(), 8, 2, nil, "spread"); err != nil {
		t.Fatal(err)
	}
	c.until("the topic", func(ctx context.Context) bool {
		known, err := adm.ListTopics(ctx, "spread")
		return err == nil && len(known["spread"].Partitions) == 8
	})
	known, err := adm.ListTopics(t.Context(), "spread")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range known["spread"].Partitions {
		if racks[p.Replicas[0]-1] == racks[p.Replicas[1]-1] {
			t.Errorf("partition %d has replicas %v, both in rack %s", p.Partition, p.Replicas, racks[p.Replicas[0]-1])
		}
	}

	c.assign(workTopic, [][]int32{{1, 3}})
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	producer := c.client(kgo.DefaultProduceTopic(workTopic), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
	write := func() {
		t.Helper()
		if err := producer.ProduceSync(ctx, kgo.StringRecord(strings.Repeat("x", 1000))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	for rack, from := range map[string]int32{"a": 1, "b": 3, "nowhere": 1, "": 1} {
		reads := &fetchesFrom{bytes: make(map[int32]int)}
		opts := []kgo.Opt{kgo.ConsumeTopics(workTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.WithHooks(reads), kgo.FetchMaxWait(100 * time.Millisecond)}
		if rack != "" {
			opts = append(opts, kgo.Rack(rack))
		}
		cl := c.client(opts...)
		for range 3 { // the first fetch may go to the leader, to be sent elsewhere
			write()
			for n := 0; n == 0; {
				fetches := cl.PollFetches(ctx)
				if err := fetches.Err0(); err != nil {
					t.Fatal(err)
				}
				n = fetches.NumRecords()
			}
		}
		cl.Close()
		if got := reads.records(); len(got) != 1 || got[from] == 0 {
			t.Errorf("rack %q: bytes of records by broker are %v, want all from %d", rack, got, from)
		}
	}

	// With the replica in its rack gone it reads from the leader.
	c.brokers[2].kill()
	c.until("the ISR to shrink", func(ctx context.Context) bool { return len(partitionAt(ctx, t, c.brokers[0]).ISR) == 1 })
	cl := c.client(kgo.ConsumeTopics(workTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.Rack("b"))
	for n := 0; n < 13; {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of 13 records", n)
		}
		if err := fetches.Err(); err != nil {
			t.Log(err)
		}
		n += fetches.NumRecords()
	}
	if out := c.mustTool("console-consumer", "--topic", workTopic, "--from-beginning", "--max-messages", "13", "--command-property", "client.rack=b"); strings.Count(out, "xxxx\n") != 13 {
		t.Errorf("the console consumer printed %d records", strings.Count(out, "xxxx\n"))
	}
}

// fetchesFrom counts what comes in answer to fetches, by broker.
type fetchesFrom struct {
	mu    sync.Mutex
	bytes map[int32]int
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (f *fetchesFrom) OnBrokerRead(meta kgo.BrokerMetadata, key int16, bytes int, _, _ time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if key == 1 && err == nil {
		f.bytes[meta.NodeID] += bytes
	}
}

// records leaves out the brokers that sent no records: an answer without any is short.
func (f *fetchesFrom) records() map[int32]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := make(map[int32]int)
	for id, n := range f.bytes {
		if n >= 1000 {
			found[id] = n
		}
	}
	return found
}

var _ kgo.HookBrokerRead = (*fetchesFrom)(nil)

// TestBrokerMovesHouse gives a broker another port, then another log directory beside the old one, then another alone, as the textbook does. Each time it comes back, is
// found by clients, and its replicas are in sync.
func TestBrokerMovesHouse(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3})
	adm := kadm.NewClient(c.client())
	if _, err := adm.CreateTopic(t.Context(), workPartitions, 3, nil, workTopic); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cl := c.client(kgo.DefaultProduceTopic(workTopic), kgo.ProducerLinger(0))
	written := 0
	write := func() {
		t.Helper()
		for range 30 {
			if err := cl.ProduceSync(ctx, kgo.StringRecord(number(written))).FirstErr(); err != nil {
				t.Fatal(err)
			}
			written++
		}
	}
	write()
	b := c.brokers[1]
	change := func(key, value string) {
		t.Helper()
		b.terminate()
		write()
		c.setLine(b, key, value)
		b.launch()
		if err := b.awaitServing(); err != nil {
			t.Fatal(err)
		}
		write()
		c.awaitInSync(adm)
	}
	b.addr = freeAddr(t)
	change("listeners", "PLAINTEXT://"+b.addr)
	c.until("clients to be told", func(ctx context.Context) bool {
		known, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl) // kadm's answer may be the client's memory
		if err != nil {
			return false
		}
		for _, k := range known.Brokers {
			if k.NodeID == int32(b.id) {
				return net.JoinHostPort(k.Host, strconv.Itoa(int(k.Port))) == b.addr
			}
		}
		return false
	})
	old, added := b.dirs[0], t.TempDir()
	change("log.dirs", old+","+added)
	if _, err := adm.CreateTopic(t.Context(), 4, 3, nil, "later"); err != nil {
		t.Fatal(err)
	}
	c.until("new replicas in the new directory", func(ctx context.Context) bool {
		dirs, err := adm.DescribeBrokerLogDirs(ctx, int32(b.id), nil)
		return err == nil && len(dirs[added].Topics["later"]) > 0
	})
	change("log.dirs", t.TempDir()) // the old disks are gone, and with them everything
	for id := range c.brokers {
		if id != 1 {
			c.brokers[id].terminate() // what is read now is the copy
		}
	}
	left := kadm.NewClient(b.client())
	c.until("the broker that is left to lead", func(ctx context.Context) bool {
		known, err := left.ListTopics(ctx, workTopic)
		if err != nil || len(known[workTopic].Partitions) != workPartitions {
			return false
		}
		for _, p := range known[workTopic].Partitions {
			if p.Leader != int32(b.id) {
				return false
			}
		}
		return true
	})
	got := 0
	readAll(ctx, t, func(opts ...kgo.Opt) *kgo.Client { return b.client(opts...) }, workTopic, workPartitions, func(*kgo.Record) { got++ })
	if got != written {
		t.Errorf("%d of %d records are in the new directory", got, written)
	}
}
