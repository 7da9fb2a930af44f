package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

const replicatedPartitions = 6 // two leaders on each node

// runClusterRound starts one system's cluster of three afresh, runs the replication scenarios on it and stops it.
func runClusterRound(ctx context.Context, o options, sys system, round int, wanted map[string]bool, rep *report) error {
	var c *cluster
	var list []scenario
	for _, sc := range clusterScenarios {
		list = append(list, scenario{name: sc.name, run: func(ctx context.Context, b *bench) error { return sc.run(ctx, b, c) }})
	}
	if !anyWanted(list, wanted) {
		return nil
	}
	var err error
	if c, err = sys.startCluster(ctx); err != nil {
		return fmt.Errorf("start a cluster: %w", err)
	}
	defer c.stop()
	if err := waitIdle(ctx, c.server()); err != nil {
		return err
	}
	return runScenarios(ctx, list, &bench{o: o, srv: c.server(), sys: sys, rep: rep}, round, wanted)
}

var clusterScenarios = []struct {
	name string
	run  func(context.Context, *bench, *cluster) error
}{
	{"replicated-1k", replicatedThroughput(1024)},
	{"replicated-100b", replicatedThroughput(100)},
	{"replicated-latency", steadily("replicated-latency", replicatedLatency)},
	{"failover", failover},
}

// attempts is how often a scenario begins anew, with a new topic, when a node that is starved of processor time loses its leadership under the load: the
// raw connections of these scenarios don't follow leaders as clients do.
const attempts = 3

// steadily runs a scenario until the leaders stay where they are. When they never do, the report says so in place of figures.
func steadily(name string, run func(ctx context.Context, b *bench, c *cluster, topic string) error) func(context.Context, *bench, *cluster) error {
	return func(ctx context.Context, b *bench, c *cluster) error {
		var err error
		for i := range attempts {
			err = run(ctx, b, c, fmt.Sprintf("%s-%d", name, i+1))
			if !errors.Is(err, kerr.NotLeaderForPartition) && !errors.Is(err, kerr.NotEnoughReplicas) && !errors.Is(err, kerr.NotEnoughReplicasAfterAppend) && !errors.Is(err, kerr.RequestTimedOut) {
				return err
			}
			fmt.Fprintf(os.Stderr, "  attempt %d: %v\n", i+1, err)
			if err := waitIdle(ctx, b.srv); err != nil {
				return err
			}
		}
		b.rep.remark(fmt.Sprintf("%s gave no figure for %s in a round: %d attempts ended with %v.", b.sys.name(), name, attempts, err))
		return nil
	}
}

// replicatedThroughput produces with acks=all to partitions of three replicas, as fast as the cluster takes it.
func replicatedThroughput(recordSize int) func(context.Context, *bench, *cluster) error {
	return steadily(fmt.Sprintf("replicated-%d", recordSize), func(ctx context.Context, b *bench, c *cluster, topic string) error {
		leaders, err := createReplicated(ctx, c, topic, replicatedPartitions)
		if err != nil {
			return err
		}
		perBatch := batchBytes / (recordSize + 8)
		batch := recordBatch(perBatch, recordSize)
		load := func(total int) (float64, error) {
			requests := max(1, total/len(batch)/len(leaders))
			g, gctx := errgroup.WithContext(ctx)
			for p, leader := range leaders {
				g.Go(func() error { return produceMany(gctx, leader.addr, topic, int32(p), batch, requests) })
			}
			return float64(requests) * float64(len(leaders)) * float64(len(batch)), g.Wait()
		}
		if _, err := load(b.scaled(warmUpBytes)); err != nil {
			return err
		}
		size := b.scaled(512 << 20)
		if err := settle(b.o.dataDir, int64(size)*clusterNodes); err != nil {
			return err
		}
		m := b.srv.begin()
		total, err := load(size)
		if err != nil {
			return err
		}
		wall, cpu := m.end()
		b.addWork(fmt.Sprintf("3 replicas, acks=all: produce, %d B records", recordSize), "MB/s", total/1e6/wall.Seconds(), "s/GB", cpu.Seconds()/(total/1e9), wall, cpu)
		return waitIdle(ctx, b.srv)
	})
}

// replicatedLatency is latencyAtRate at 1,000 a second with three replicas.
func replicatedLatency(ctx context.Context, b *bench, c *cluster, topic string) error {
	leaders, err := createReplicated(ctx, c, topic, 4)
	if err != nil {
		return err
	}
	addrs := make([]string, len(leaders))
	for i, l := range leaders {
		addrs[i] = l.addr
	}
	return b.latency(ctx, "3 replicas, acks=all: produce latency at 1,000/s", topic, addrs, 1000)
}

func metadataOf(addr string, topics ...string) (*kmsg.MetadataResponse, error) {
	c, err := dialRaw(addr)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(7)
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = new(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := c.request(req)
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}

// createReplicated creates a topic of three replicas and returns the leader of each partition when all replicas are in sync.
func createReplicated(ctx context.Context, c *cluster, topic string, partitions int32) ([]*node, error) {
	if err := requestTopic(c.nodes[0].addr, topic, partitions, clusterNodes, 30*time.Second); err != nil {
		return nil, err
	}
	return c.awaitInSync(ctx, topic, int(partitions))
}

// requestTopic asks a broker for a topic and waits for the answer, for as long as given.
func requestTopic(addr, topic string, partitions int32, replicas int16, patience time.Duration) error {
	conn, err := dialRaw(addr)
	if err != nil {
		return err
	}
	defer conn.close()
	if err := conn.c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(5)
	req.TimeoutMillis = int32(patience.Milliseconds())
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, partitions, replicas
	req.Topics = append(req.Topics, t)
	resp, err := conn.request(req)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode)
}

// awaitInSync waits until every partition has all replicas in sync and a leader that every node names, and returns the leaders.
func (c *cluster) awaitInSync(ctx context.Context, topic string, partitions int) ([]*node, error) {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
		if leaders := c.inSync(topic, partitions); leaders != nil {
			return leaders, nil
		}
	}
	return nil, fmt.Errorf("%s was not in sync within two minutes", topic)
}

func (c *cluster) inSync(topic string, partitions int) []*node {
	leaders := make([]*node, partitions)
	for _, n := range c.nodes {
		m, err := metadataOf(n.addr, topic)
		if err != nil || len(m.Topics) != 1 || len(m.Topics[0].Partitions) != partitions {
			return nil
		}
		for _, p := range m.Topics[0].Partitions {
			if p.ErrorCode != 0 || len(p.ISR) != clusterNodes || leaders[p.Partition] != nil && leaders[p.Partition].id != p.Leader {
				return nil
			}
			leaders[p.Partition] = c.byID(p.Leader)
		}
	}
	return leaders
}
