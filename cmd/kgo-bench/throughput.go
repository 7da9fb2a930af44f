package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

const (
	throughputPartitions = 4 // one connection each
	throughputInFlight   = 5 // what clients allow an idempotent producer
	batchBytes           = 256 << 10
	warmUpBytes          = 256 << 20 // produced before the clock starts, so that a JVM has compiled what matters
)

// throughput produces and then reads back the same data, uncompressed, as fast as the broker takes and gives it.
func throughput(recordSize int) func(context.Context, *bench) error {
	return func(ctx context.Context, b *bench) error {
		topic := fmt.Sprintf("throughput-%d", recordSize)
		if err := createTopic(ctx, b.srv.addr, topic, throughputPartitions); err != nil {
			return err
		}
		perBatch := batchBytes / (recordSize + 8)
		batch := recordBatch(perBatch, recordSize)
		produce := func(requests int) error {
			g, gctx := errgroup.WithContext(ctx)
			for p := range int32(throughputPartitions) {
				g.Go(func() error { return produceMany(gctx, b.srv.addr, topic, p, batch, requests) })
			}
			return g.Wait()
		}
		warmUp := max(1, b.scaled(warmUpBytes)/len(batch)/throughputPartitions)
		if err := produce(warmUp); err != nil {
			return err
		}
		requests := max(1, b.scaled(2<<30)/len(batch)/throughputPartitions)
		total := float64(requests) * throughputPartitions * float64(len(batch))
		if err := settle(b.o.dataDir, int64(total)); err != nil {
			return err
		}

		m := b.srv.begin()
		if err := produce(requests); err != nil {
			return err
		}
		wall, cpu := m.end()
		b.addWork(fmt.Sprintf("produce, %d B records", recordSize), "MB/s", total/1e6/wall.Seconds(), "s/GB", cpu.Seconds()/(total/1e9), wall, cpu)

		m = b.srv.begin()
		g, gctx := errgroup.WithContext(ctx)
		for p := range int32(throughputPartitions) {
			g.Go(func() error {
				return fetchAll(gctx, b.srv.addr, topic, p, int64(warmUp*perBatch), int64((warmUp+requests)*perBatch))
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		wall, cpu = m.end()
		b.addWork(fmt.Sprintf("consume, %d B records", recordSize), "MB/s", total/1e6/wall.Seconds(), "s/GB", cpu.Seconds()/(total/1e9), wall, cpu)
		return waitIdle(ctx, b.srv)
	}
}

// produceMany sends the same produce request n times over one connection with a few in flight.
func produceMany(ctx context.Context, addr, topic string, partition int32, batch []byte, n int) error {
	g, ctx := errgroup.WithContext(ctx)
	c, err := dialRawContext(ctx, addr)
	if err != nil {
		return err
	}
	defer c.close()
	frame := produceFrame(topic, partition, batch)
	slots := make(chan struct{}, throughputInFlight)
	g.Go(func() error {
		for range n {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			if _, err := c.c.Write(frame); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		for range n {
			head, err := c.discardFrame()
			if err != nil {
				return err
			}
			if err := produceError(head, topic); err != nil {
				return err
			}
			<-slots
		}
		return nil
	})
	return g.Wait()
}

// fetchAll reads a partition from offset to end, as a consumer with Apache Kafka's default fetch sizes would.
func fetchAll(ctx context.Context, addr, topic string, partition int32, offset, end int64) error {
	c, err := dialRawContext(ctx, addr)
	if err != nil {
		return err
	}
	defer c.close()
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(11)
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = -1, 500, 1, 50<<20, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.PartitionMaxBytes = partition, 1<<20
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	for offset < end {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		req.Topics[0].Partitions[0].FetchOffset = offset
		c.cor++
		if err := c.c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		if _, err := c.c.Write(formatter.AppendRequest(nil, req, c.cor)); err != nil {
			return err
		}
		frame, err := c.readFrame()
		if err != nil {
			return err
		}
		next, err := nextOffset(frame, topic)
		if err != nil {
			return err
		}
		offset = max(offset, next)
	}
	return nil
}

// nextOffset walks the batch headers of a one-partition fetch response (v11) and returns the offset after the last whole batch.
func nextOffset(frame []byte, topic string) (int64, error) {
	at := 4 + 4 + 2 + 4 + 4 + 2 + len(topic) + 4 + 4 // correlation id, throttle, error, session, topics, name, partitions, partition
	if len(frame) < at+2+8*3+4+4+4 {
		return 0, fmt.Errorf("fetch response of %d bytes is too short", len(frame))
	}
	if code := int16(binary.BigEndian.Uint16(frame[at:])); code != 0 {
		return 0, fmt.Errorf("fetch: error code %d", code)
	}
	at += 2 + 8*3
	if aborted := int32(binary.BigEndian.Uint32(frame[at:])); aborted > 0 {
		at += 16 * int(aborted)
	}
	at += 4 + 4 + 4 // aborted transactions, preferred replica, records length
	var next int64 = -1
	for at+61 <= len(frame) {
		size := 12 + int(binary.BigEndian.Uint32(frame[at+8:]))
		if at+size > len(frame) {
			break
		}
		next = int64(binary.BigEndian.Uint64(frame[at:])) + int64(binary.BigEndian.Uint32(frame[at+23:])) + 1
		at += size
	}
	return next, nil
}
