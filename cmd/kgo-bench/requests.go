package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

const requestConnections = 8

// singleRecord sends requests of one 100-byte record each: first one at a time on each of several connections, then with five in flight.
func singleRecord(ctx context.Context, b *bench) error {
	const topic = "single-record"
	if err := createTopic(ctx, b.srv.addr, topic, requestConnections); err != nil {
		return err
	}
	batch := recordBatch(1, 100)
	n := b.scaled(25_000)
	m := b.srv.begin()
	g, gctx := errgroup.WithContext(ctx)
	for p := range int32(requestConnections) {
		g.Go(func() error {
			frame := produceFrame(topic, p, batch)
			return roundTrips(gctx, b.srv.addr, n, frame, func(head []byte) error { return produceError(head, topic) })
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	wall, cpu := m.end()
	total := float64(n * requestConnections)
	b.addWork("single-record produce requests, 8 connections", "requests/s", total/wall.Seconds(), "us/request", float64(cpu.Microseconds())/total, wall, cpu)

	m = b.srv.begin()
	g, gctx = errgroup.WithContext(ctx)
	for p := range int32(requestConnections) {
		g.Go(func() error { return produceMany(gctx, b.srv.addr, topic, p, batch, n) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	wall, cpu = m.end()
	b.addWork("single-record produce requests, 5 in flight", "requests/s", total/wall.Seconds(), "us/request", float64(cpu.Microseconds())/total, wall, cpu)
	return waitIdle(ctx, b.srv)
}

// roundTrips sends one frame and waits for its answer, n times over one connection.
func roundTrips(ctx context.Context, addr string, n int, frame []byte, check func(head []byte) error) error {
	c, err := dialRawContext(ctx, addr)
	if err != nil {
		return err
	}
	defer c.close()
	for range n {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := c.c.Write(frame); err != nil {
			return err
		}
		head, err := c.discardFrame()
		if err != nil {
			return err
		}
		if err := check(head); err != nil {
			return err
		}
	}
	return nil
}

// latencyAtRate produces single records at a fixed 2,000 a second over four connections.
func latencyAtRate(ctx context.Context, b *bench) error {
	const (
		topic = "latency"
		conns = 4
	)
	if err := createTopic(ctx, b.srv.addr, topic, conns); err != nil {
		return err
	}
	return b.latency(ctx, "produce latency at 2,000/s", topic, []string{b.srv.addr, b.srv.addr, b.srv.addr, b.srv.addr}, 2000)
}

// latency produces single records to a partition at each of the addresses, at a fixed rate altogether. Latency counts from when a request was
// due, so that a stall is charged to every request it delayed.
func (b *bench) latency(ctx context.Context, metric, topic string, addrs []string, rate int) error {
	if err := settle(b.o.dataDir, 0); err != nil {
		return err
	}
	conns := len(addrs)
	// A thread asleep until its next request is due holds its processor of the Go runtime: there must be one for each, or the others wait for it.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2 * conns))
	batch := recordBatch(1, 100)
	n := b.scaled(20_000 / conns)
	each := make([][]time.Duration, conns)
	g, gctx := errgroup.WithContext(ctx)
	interval := time.Second * time.Duration(conns) / time.Duration(rate)
	start := time.Now().Add(50 * time.Millisecond)
	for p, addr := range addrs {
		g.Go(func() error {
			return pacedRoundTrips(gctx, addr, produceFrame(topic, int32(p), batch), pace{
				first: start.Add(interval * time.Duration(p) / time.Duration(conns)), interval: interval, requests: n,
			}, func(head []byte, latency time.Duration) error {
				each[p] = append(each[p], latency)
				return produceError(head, topic)
			})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var all []time.Duration
	for _, l := range each {
		all = append(all, l[len(l)/5:]...) // the first fifth warms up
	}
	slices.Sort(all)
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		v := all[int(float64(len(all)-1)*q.at)]
		b.add(metric+", "+q.name, "ms", float64(v.Microseconds())/1e3)
	}
	return nil
}

// offsetCommits commits one partition's offset again and again, one group a connection.
func offsetCommits(ctx context.Context, b *bench) error {
	const topic = "commits"
	if err := createTopic(ctx, b.srv.addr, topic, 1); err != nil {
		return err
	}
	n := b.scaled(10_000)
	frames := make([][]byte, requestConnections)
	for i := range frames {
		group := fmt.Sprintf("bench-%d", i)
		req := kmsg.NewPtrOffsetCommitRequest()
		req.SetVersion(7)
		req.Group, req.Generation = group, -1
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic = topic
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Offset = 42
		t.Partitions = append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
		frames[i] = formatter.AppendRequest(nil, req, 1)
		if err := awaitCoordinator(ctx, b.srv.addr, group, req); err != nil {
			return err
		}
	}
	at := 4 + 4 + 4 + 2 + len(topic) + 4 + 4 // correlation id, throttle, topics, name, partitions, partition
	check := func(head []byte) error {
		if len(head) < at+2 {
			return fmt.Errorf("commit response of %d bytes is too short", len(head))
		}
		return kerr.ErrorForCode(int16(head[at])<<8 | int16(head[at+1]))
	}
	m := b.srv.begin()
	g, gctx := errgroup.WithContext(ctx)
	for i := range frames {
		g.Go(func() error { return roundTrips(gctx, b.srv.addr, n, frames[i], check) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	wall, cpu := m.end()
	total := float64(n * requestConnections)
	b.addWork("offset commits, 8 connections", "requests/s", total/wall.Seconds(), "us/request", float64(cpu.Microseconds())/total, wall, cpu)
	return waitIdle(ctx, b.srv)
}

// awaitCoordinator finds the group's coordinator (which makes the offsets topic on a new broker) and commits until it is ready.
func awaitCoordinator(ctx context.Context, addr, group string, commit *kmsg.OffsetCommitRequest) error {
	c, err := dialRaw(addr)
	if err != nil {
		return err
	}
	defer c.close()
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.SetVersion(2)
	find.CoordinatorKey = group
	for ctx.Err() == nil {
		resp, err := c.request(find)
		if err != nil {
			return err
		}
		if resp.(*kmsg.FindCoordinatorResponse).ErrorCode == 0 {
			resp, err := c.request(commit)
			if err != nil {
				return err
			}
			if resp.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode == 0 {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}
