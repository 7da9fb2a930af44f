package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// manyPartitions creates a topic of 1,000 partitions and writes one small record to each, again and again.
func manyPartitions(ctx context.Context, b *bench) error {
	const (
		topic      = "many-partitions"
		partitions = 1000
	)
	began := time.Now()
	if err := createTopic(ctx, b.srv.addr, topic, partitions); err != nil {
		return err
	}
	b.add("create a topic of 1,000 partitions, until all have a leader", "ms", float64(time.Since(began).Milliseconds()))
	if err := waitIdle(ctx, b.srv); err != nil {
		return err
	}
	batch := recordBatch(10, 100)
	rounds := b.scaled(20)
	m := b.srv.begin()
	g, gctx := errgroup.WithContext(ctx)
	for w := range 4 {
		g.Go(func() error {
			c, err := dialRaw(b.srv.addr)
			if err != nil {
				return err
			}
			defer c.close()
			for range rounds {
				for p := w; p < partitions; p += 4 {
					if gctx.Err() != nil {
						return gctx.Err()
					}
					if _, err := c.c.Write(produceFrame(topic, int32(p), batch)); err != nil {
						return err
					}
					head, err := c.discardFrame()
					if err != nil {
						return err
					}
					if err := produceError(head, topic); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	wall, cpu := m.end()
	total := float64(rounds * partitions)
	b.addWork("10-record requests over 1,000 partitions", "requests/s", total/wall.Seconds(), "us/request", float64(cpu.Microseconds())/total, wall, cpu)
	return waitIdle(ctx, b.srv)
}

// manyConnections opens 5,000 connections, each of which asks for the versions once and then stays.
func manyConnections(ctx context.Context, b *bench) error {
	n := b.scaled(5000)
	before := b.srv.residentMB()
	conns := make([]*rawConn, 0, n)
	defer func() {
		for _, c := range conns {
			c.close()
		}
	}()
	m := b.srv.begin()
	for range n {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c, err := dialRaw(b.srv.addr)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		if err := c.apiVersions(); err != nil {
			return fmt.Errorf("connection %d: %w", len(conns), err)
		}
	}
	wall, cpu := m.end()
	b.add("open 5,000 connections, one request each", "ms", float64(wall.Milliseconds()))
	b.add("open 5,000 connections: broker CPU", "us/connection", float64(cpu.Microseconds())/float64(n))
	b.add("memory for 5,000 connections", "MB", b.srv.residentMB()-before)
	return nil
}
