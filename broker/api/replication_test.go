package api

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/wire"
)

// testCluster is some data planes that share one metadata log, with a controller of a few lines: it commits every ISR change that is
// based on the newest partition epoch.
type testCluster struct {
	t       *testing.T
	topicID ident.TopicID
	nodes   []*testNode   // by id - 1
	maxWait time.Duration // replica.fetch.wait.max.ms

	mu  sync.Mutex // guards the log of metadata and the order in which nodes get it
	log []record.Message
}

type testNode struct {
	id      ident.BrokerID
	dir     string
	cluster *testCluster
	addr    atomic.Pointer[string]
	store   *metadata.Store
	replica *replica.Manager
	logs    *storage.Manager
	copying *replica.Fetchers
	server  *wire.Server
	stop    func() // nil while it is down

	running bool // guarded by the cluster's mu, as is applied
	applied int
}

func newTestCluster(t *testing.T, brokers int) *testCluster {
	return newWaitingCluster(t, brokers, 50*time.Millisecond)
}

func newWaitingCluster(t *testing.T, brokers int, maxWait time.Duration) *testCluster {
	c := &testCluster{t: t, topicID: storage.NewUUID(), maxWait: maxWait}
	ids := make([]int32, brokers)
	for i := range brokers {
		ids[i] = int32(i + 1)
		c.log = append(c.log, &record.RegisterBrokerRecord{BrokerId: ids[i], BrokerEpoch: 1})
		c.nodes = append(c.nodes, &testNode{id: ident.BrokerID(ids[i]), dir: t.TempDir(), cluster: c})
	}
	c.log = append(c.log, &record.TopicRecord{Name: "t", TopicId: c.topicID},
		&record.PartitionRecord{TopicId: c.topicID, Replicas: ids, Isr: ids, Leader: 1})
	for _, n := range c.nodes {
		n.start()
	}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			if n.stop != nil {
				n.stop()
			}
		}
	})
	return c
}

func (n *testNode) start() {
	t := n.cluster.t
	var err error
	n.store = metadata.NewStore("cluster")
	n.logs, err = storage.OpenManager(context.Background(), storage.ManagerConfig{
		Dirs: []string{n.dir}, ClusterID: "cluster", NodeID: n.id, Defaults: storage.DefaultLogConfig(), RecoveryThreads: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	config := storage.DefaultLogConfig()
	n.copying = replica.NewFetchers(replica.FetcherConfig{
		BrokerID: n.id, BrokerEpoch: func() int64 { return 1 }, Connect: n.connect,
		MaxWait: n.cluster.maxWait, MinBytes: 1, MaxBytes: 1 << 20, PartitionMaxBytes: 64 << 10, Backoff: 10 * time.Millisecond,
	})
	n.replica = replica.New(replica.Config{
		BrokerID: n.id, Storage: n.logs, Metadata: n.store, FetchSessionSlots: 10, Fetcher: n.copying, ReplicaLagTimeMax: 300 * time.Millisecond,
		LogConfig:  func(string, map[string]string) storage.LogConfig { return config },
		Controller: n.cluster, BrokerEpoch: func() int64 { return 1 },
	})
	n.store.Subscribe(n.replica)
	data := &Data{Replica: n.replica, Metadata: n.store, FetchMaxBytes: 55 << 20, Logger: slog.New(slog.DiscardHandler)}
	var table *wire.Table
	rows := append(data.Rows(), wire.API{Key: 18, Max: 4, BeforeAuth: true, Handle: func(r *wire.Request) {
		resp := r.Body.ResponseKind().(*kmsg.ApiVersionsResponse)
		resp.ApiKeys = table.Versions()
		r.Respond(resp)
	}})
	table = wire.NewTable(rows)
	n.server = wire.NewServer(wire.Config{}, table)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	n.addr.Store(&addr)
	served := make(chan error, 1)
	go func() { served <- n.server.Serve(ln, wire.Listener{Name: "PLAINTEXT", Protocol: "PLAINTEXT"}) }()
	n.stop = func() {
		n.stop = nil
		n.setRunning(false)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = n.server.Shutdown(ctx) // followers' waiting fetches may be cut
		<-served                   //nolint:errcheck // it was told to end
		if err := n.replica.Close(); err != nil {
			t.Error(err)
		}
		if err := n.logs.Close(); err != nil {
			t.Error(err)
		}
	}
	n.replica.Start()
	n.setRunning(true)
	n.cluster.publish()
}

// setRunning says whether the node gets metadata from now on.
func (n *testNode) setRunning(running bool) {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	n.running, n.applied = running, 0
}

// connect dials wherever the broker listens now.
func (n *testNode) connect(leader ident.BrokerID) replica.Requester {
	return wire.NewClient(wire.ClientConfig{ClientID: fmt.Sprint("broker-", n.id), Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", *n.cluster.nodes[leader-1].addr.Load())
	}})
}

// publish brings every running node up to date with the metadata.
func (c *testCluster) publish(messages ...record.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.publishLocked(messages...)
}

func (c *testCluster) publishLocked(messages ...record.Message) {
	c.log = append(c.log, messages...)
	for _, n := range c.nodes {
		if !n.running || n.applied == len(c.log) {
			continue
		}
		if err := n.store.ApplyMessages(int64(n.applied), 1, 0, c.log[n.applied:]); err != nil {
			c.t.Error(err)
		}
		n.applied = len(c.log)
	}
}

// elect makes a broker the leader.
func (c *testCluster) elect(leader int32, isr ...int32) {
	c.publish(&record.PartitionChangeRecord{TopicId: c.topicID, Leader: leader, Isr: isr, LeaderRecoveryState: -1})
}

// Request is the controller: it takes AlterPartition.
func (c *testCluster) Request(_ context.Context, req kmsg.Request) (kmsg.Response, error) {
	in, ok := req.(*kmsg.AlterPartitionRequest)
	if !ok {
		return req.ResponseKind(), nil // AssignReplicasToDirs
	}
	resp := in.ResponseKind().(*kmsg.AlterPartitionResponse)
	row := in.Topics[0].Partitions[0]
	out := kmsg.NewAlterPartitionResponseTopicPartition()
	c.mu.Lock()
	defer c.mu.Unlock()
	current := c.imageLocked().Topic("t").Partitions[0]
	if row.PartitionEpoch != current.PartitionEpoch || row.LeaderEpoch != current.LeaderEpoch {
		out.ErrorCode = kerr.InvalidUpdateVersion.Code
	} else {
		out.PartitionEpoch, out.LeaderEpoch, out.ISR = current.PartitionEpoch+1, current.LeaderEpoch, row.NewISR
		c.log = append(c.log, &record.PartitionChangeRecord{TopicId: c.topicID, Leader: -2, Isr: row.NewISR, LeaderRecoveryState: -1})
		go c.publish()
	}
	resp.Topics = []kmsg.AlterPartitionResponseTopic{{TopidID: c.topicID, Partitions: []kmsg.AlterPartitionResponseTopicPartition{out}}}
	return resp, nil
}

func (c *testCluster) imageLocked() *metadata.Image {
	s := metadata.NewStore("cluster")
	if err := s.ApplyMessages(0, 1, 0, c.log); err != nil {
		c.t.Error(err)
	}
	return s.Current()
}

func (c *testCluster) state(id int32) replica.State {
	p, err := c.nodes[id-1].replica.Partition(ident.TopicPartition{Topic: "t"})
	if err != nil {
		return replica.State{}
	}
	return p.State()
}

// await polls until a condition holds.
func (c *testCluster) await(what string, cond func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			var states []string
			for _, n := range c.nodes {
				states = append(states, fmt.Sprintf("%d: %+v", n.id, c.state(int32(n.id))))
			}
			c.t.Fatalf("not within 15 s: %s\n%s", what, strings.Join(states, "\n"))
		}
		<-time.After(2 * time.Millisecond)
	}
}

// produce writes one value and returns its error and offset.
func (c *testCluster) produce(id int32, acks replica.Acks, value string) replica.ProduceResult {
	return c.produceTo(id, 0, acks, value)
}

func (c *testCluster) produceTo(id, partition int32, acks replica.Acks, value string) replica.ProduceResult {
	ch := make(chan replica.ProduceResult, 1)
	c.nodes[id-1].replica.Produce(replica.ProduceRequest{Acks: acks, Timeout: 10 * time.Second, Partitions: []replica.ProducePartition{
		{TopicPartition: ident.TopicPartition{Topic: "t", Partition: partition}, Records: encoded(c.t, 9, value)},
	}}, func(r []replica.ProduceResult) { ch <- r[0] })
	return <-ch
}

// values reads a replica's whole log.
func (c *testCluster) values(id int32) []string {
	c.t.Helper()
	p, err := c.nodes[id-1].replica.Partition(ident.TopicPartition{Topic: "t"})
	if err != nil {
		c.t.Fatal(err)
	}
	var all []string
	for next := p.Log().LogStartOffset(); next < p.Log().LogEndOffset(); {
		r, err := p.Log().Read(next, 1<<20, p.Log().LogEndOffset(), true)
		if err != nil {
			c.t.Fatal(err)
		}
		raw, err := r.Bytes(nil)
		r.Release()
		if err != nil {
			c.t.Fatal(err)
		}
		got := decoded(c.t, raw)
		all = append(all, got...)
		next += int64(len(got))
	}
	return all
}

func (c *testCluster) awaitEqual(ids ...int32) {
	c.t.Helper()
	c.await("the replicas are equal", func() bool {
		for _, id := range ids[1:] {
			if a, b := c.state(ids[0]), c.state(id); a.LogEndOffset != b.LogEndOffset || a.HighWatermark != b.HighWatermark {
				return false
			}
		}
		return true
	})
	for _, id := range ids[1:] {
		if a, b := c.values(ids[0]), c.values(id); !slices.Equal(a, b) {
			c.t.Fatalf("replica %d has\n%q\nreplica %d has\n%q", ids[0], a, id, b)
		}
	}
}

func TestFollowersCopyAndAcknowledge(t *testing.T) {
	c := newTestCluster(t, 3)
	for i := range 50 {
		if r := c.produce(1, replica.AcksAll, fmt.Sprint("value-", i)); r.Err != nil || r.BaseOffset != int64(i) {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	c.awaitEqual(1, 2, 3)
}

// TestNewPartitionDoesNotWaitForOthers: a follower whose fetch waits for records, for much longer than the producer does, copies a partition that came
// meanwhile all the same.
func TestNewPartitionDoesNotWaitForOthers(t *testing.T) {
	c := newWaitingCluster(t, 3, time.Minute)
	for partition := range int32(10) {
		if r := c.produce(1, replica.AcksAll, "a"); r.Err != nil {
			t.Fatal(r.Err)
		}
		c.awaitEqual(1, 2, 3) // the next fetch has nothing to bring
		c.publish(&record.PartitionRecord{TopicId: c.topicID, PartitionId: partition + 1, Replicas: []int32{1, 2, 3}, Isr: []int32{1, 2, 3}, Leader: 1})
		c.await("1 leads it", func() bool {
			p, err := c.nodes[0].replica.Partition(ident.TopicPartition{Topic: "t", Partition: partition + 1})
			return err == nil && p.State().Leading
		})
		if r := c.produceTo(1, partition+1, replica.AcksAll, "b"); r.Err != nil {
			t.Fatalf("partition %d: %v", partition+1, r.Err)
		}
	}
}

// TestFetchersChangeWhileRecordsCome: num.replica.fetchers changes under a producer that waits for all replicas; nothing is lost, doubled, or held up.
func TestFetchersChangeWhileRecordsCome(t *testing.T) {
	c := newTestCluster(t, 3)
	const partitions = 8
	for p := range int32(partitions - 1) {
		c.publish(&record.PartitionRecord{TopicId: c.topicID, PartitionId: p + 1, Replicas: []int32{1, 2, 3}, Isr: []int32{1, 2, 3}, Leader: 1})
	}
	c.await("1 leads them", func() bool {
		p, err := c.nodes[0].replica.Partition(ident.TopicPartition{Topic: "t", Partition: partitions - 1})
		return err == nil && p.State().Leading
	})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for p := range int32(partitions) {
		wg.Go(func() {
			for i := range 40 {
				if r := c.produceTo(1, p, replica.AcksAll, fmt.Sprint("value-", i)); r.Err != nil || r.BaseOffset != int64(i) {
					t.Errorf("partition %d, record %d: %+v", p, i, r)
					return
				}
			}
		})
	}
	var changing sync.WaitGroup
	changing.Go(func() {
		for n := 2; ; n = 1 + n%4 {
			select {
			case <-done:
				return
			default:
			}
			for _, follower := range c.nodes[1:] {
				follower.copying.SetFetchers(n)
			}
		}
	})
	wg.Wait()
	close(done)
	changing.Wait()
	c.awaitEqual(1, 2, 3)
}

// TestUncommittedRecordsAreTruncated has a leader with records that nobody copied come back as a follower.
func TestUncommittedRecordsAreTruncated(t *testing.T) {
	c := newTestCluster(t, 2)
	c.produce(1, replica.AcksAll, "committed")
	c.awaitEqual(1, 2)
	c.nodes[1].stop()
	for i := range 3 {
		c.produce(1, replica.AcksLeader, fmt.Sprint("lost-", i))
	}
	c.nodes[0].stop()
	c.nodes[1].start()
	c.elect(2, 2)
	c.await("2 leads", func() bool { return c.state(2).Leading })
	c.produce(2, replica.AcksLeader, "new history")
	c.nodes[0].start()
	c.await("1 is back in the ISR", func() bool { return len(c.state(2).Isr) == 2 })
	c.awaitEqual(2, 1)
	if got := fmt.Sprint(c.values(1)); got != "[committed new history]" {
		t.Errorf("got %s", got)
	}
}

func TestSlowFollowerLeavesTheIsrAndComesBack(t *testing.T) {
	c := newTestCluster(t, 3)
	c.produce(1, replica.AcksAll, "a")
	c.nodes[2].stop()
	if r := c.produce(1, replica.AcksAll, "b"); r.Err != nil {
		t.Fatal(r.Err)
	}
	if isr := c.state(1).Isr; len(isr) != 2 {
		t.Errorf("acknowledged with ISR %v", isr)
	}
	c.nodes[2].start()
	c.await("3 is back in the ISR", func() bool { return len(c.state(1).Isr) == 3 })
	c.awaitEqual(1, 2, 3)
}

func TestFollowerStartsWhereTheLeaderStarts(t *testing.T) {
	c := newTestCluster(t, 2)
	for i := range 10 {
		c.produce(1, replica.AcksAll, strconv.Itoa(i))
	}
	c.nodes[1].stop()
	c.await("2 is out of the ISR", func() bool {
		c.produce(1, replica.AcksLeader, "more")
		return len(c.state(1).Isr) == 1
	})
	fenced := &record.FenceBrokerRecord{Id: 2, Epoch: 1} // or DeleteRecords would wait for it
	c.publish(fenced)
	done := make(chan []replica.DeleteRecordsResult, 1)
	end := c.state(1).LogEndOffset - 1
	c.nodes[0].replica.DeleteRecords([]replica.DeleteRecordsPartition{{TopicPartition: ident.TopicPartition{Topic: "t"}, BeforeOffset: end}}, time.Second,
		func(r []replica.DeleteRecordsResult) { done <- r })
	if r := (<-done)[0]; r.Err != nil || r.LowWatermark != end {
		t.Fatalf("%+v, want %d", r, end)
	}
	c.publish(&record.UnfenceBrokerRecord{Id: 2, Epoch: 1})
	c.nodes[1].start()
	c.await("2 is back in the ISR", func() bool { return len(c.state(1).Isr) == 2 })
	c.awaitEqual(1, 2)
	if s := c.state(2).LogStartOffset; s != end {
		t.Errorf("the follower's log starts at %d, want %d", s, end)
	}
}

// TestAcknowledgedRecordsSurviveFailovers moves the leadership around the ISR while a producer writes with acks=all. What was acknowledged must
// be in every replica in the end, once and in order.
func TestAcknowledgedRecordsSurviveFailovers(t *testing.T) {
	c := newTestCluster(t, 3)
	var acknowledged []string
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			value := fmt.Sprint("value-", i)
			for id := int32(1); id <= 3; id++ {
				if c.state(id).Leading {
					if r := c.produce(id, replica.AcksAll, value); r.Err == nil {
						acknowledged = append(acknowledged, value)
					}
					break
				}
			}
		}
	}()
	r := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		before := c.state(1).LogEndOffset
		c.await("the log grows", func() bool { return c.state(1).LogEndOffset > before+5 })
		c.mu.Lock()
		isr := c.imageLocked().Topic("t").Partitions[0].Isr
		leader := int32(isr[r.IntN(len(isr))])
		c.publishLocked(&record.PartitionChangeRecord{TopicId: c.topicID, Leader: leader, LeaderRecoveryState: -1})
		c.mu.Unlock()
	}
	close(stop)
	<-stopped
	c.await("all are in the ISR", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.imageLocked().Topic("t").Partitions[0].Isr) == 3
	})
	c.awaitEqual(1, 2, 3)
	all := c.values(1)
	next := 0
	for _, v := range all {
		if next < len(acknowledged) && v == acknowledged[next] {
			next++
		}
	}
	if next != len(acknowledged) {
		t.Errorf("acknowledged record %q is not in the log (%d records), or out of order", acknowledged[next], len(all))
	}
}
