package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// failover measures what a producer with acks=all sees while a node dies: the longest time between two acknowledgements. It sends one record after
// the other, and when one fails asks for the leader again at once, so that what is measured is the cluster and not a client's patience.
func failover(ctx context.Context, b *bench, c *cluster) error {
	const topic = "failover"
	if _, err := createReplicated(ctx, c, topic, replicatedPartitions); err != nil {
		return err
	}
	for _, f := range []struct {
		what string
		run  func(context.Context, *bench, *cluster, string) error
	}{
		{"kill -9 of a leader", killLeader}, {"clean restart", restartLeader}, {"kill -9 of the controller", killController}, {"paused leader", pauseLeader},
	} {
		if err := f.run(ctx, b, c, topic); err != nil {
			return fmt.Errorf("%s: %w", f.what, err)
		}
		if _, err := c.awaitInSync(ctx, topic, replicatedPartitions); err != nil {
			return fmt.Errorf("after %s: %w", f.what, err)
		}
	}
	return nil
}

// victim is a partition whose leader isn't the active controller, and that leader.
func (c *cluster) victim(ctx context.Context, topic string) (int32, *node, error) {
	leaders, err := c.awaitInSync(ctx, topic, replicatedPartitions)
	if err != nil {
		return 0, nil, err
	}
	active, err := c.controller(ctx)
	if err != nil {
		return 0, nil, err
	}
	for p, l := range leaders {
		if l.id != active.id {
			return int32(p), l, nil
		}
	}
	return 0, nil, errors.New("the active controller leads every partition")
}

// controller is the node that leads the quorum.
func (c *cluster) controller(ctx context.Context) (*node, error) {
	for ctx.Err() == nil {
		for _, n := range c.nodes {
			if id, err := quorumLeader(n.addr); err == nil && id > 0 {
				return c.byID(id), nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil, ctx.Err()
}

func quorumLeader(addr string) (int32, error) {
	conn, err := dialRaw(addr)
	if err != nil {
		return 0, err
	}
	defer conn.close()
	if err := conn.c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	req := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, t)
	resp, err := conn.request(req)
	if err != nil {
		return 0, err
	}
	d := resp.(*kmsg.DescribeQuorumResponse)
	if len(d.Topics) != 1 || len(d.Topics[0].Partitions) != 1 {
		return 0, errors.New("no quorum in the answer")
	}
	return d.Topics[0].Partitions[0].LeaderID, nil
}

func killLeader(ctx context.Context, b *bench, c *cluster, topic string) error {
	p, leader, err := c.victim(ctx, topic)
	if err != nil {
		return err
	}
	w := c.watch(ctx, topic, p)
	leader.kill()
	gap, err := w.gap(ctx)
	if err != nil {
		return err
	}
	b.add("3 replicas: kill -9 of a leader, pause of its producer", "ms", gap)
	began := time.Now()
	if err := leader.launch(); err != nil {
		return err
	}
	if _, err := c.awaitInSync(ctx, topic, replicatedPartitions); err != nil {
		return err
	}
	b.add("3 replicas: restart after kill -9 until the ISR is whole", "ms", float64(time.Since(began).Milliseconds()))
	return nil
}

func restartLeader(ctx context.Context, b *bench, c *cluster, topic string) error {
	p, leader, err := c.victim(ctx, topic)
	if err != nil {
		return err
	}
	w := c.watch(ctx, topic, p)
	leader.terminate()
	gap, err := w.gap(ctx)
	if err != nil {
		return err
	}
	b.add("3 replicas: clean stop of a leader, pause of its producer", "ms", gap)
	return leader.launch()
}

// killController kills the active controller and times the next change of metadata, and a producer whose leader is another node.
func killController(ctx context.Context, b *bench, c *cluster, topic string) error {
	p, leader, err := c.victim(ctx, topic)
	if err != nil {
		return err
	}
	active, err := c.controller(ctx)
	if err != nil {
		return err
	}
	w := c.watch(ctx, topic, p)
	began := time.Now()
	active.kill()
	for {
		err := requestTopic(leader.addr, fmt.Sprintf("after-%d", time.Now().UnixNano()), 1, 2, 500*time.Millisecond)
		if err == nil {
			break
		}
		if time.Since(began) > time.Minute {
			return fmt.Errorf("no topic could be created within a minute: %w", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	b.add("3 replicas: kill -9 of the active controller, until a topic is created", "ms", float64(time.Since(began).Milliseconds()))
	gap, err := w.gap(ctx)
	if err != nil {
		return err
	}
	b.add("3 replicas: kill -9 of the active controller, pause of a producer to another node", "ms", gap)
	return active.launch()
}

func pauseLeader(ctx context.Context, b *bench, c *cluster, topic string) error {
	p, leader, err := c.victim(ctx, topic)
	if err != nil {
		return err
	}
	w := c.watch(ctx, topic, p)
	leader.signal("STOP")
	gap, err := w.gap(ctx)
	leader.signal("CONT")
	if err != nil {
		return err
	}
	b.add("3 replicas: paused leader, pause of its producer", "ms", gap)
	return nil
}

// watcher is a producer that notes the longest time between two acknowledgements.
type watcher struct {
	stop    context.CancelFunc
	done    chan struct{}
	acked   atomic.Int64
	longest atomic.Int64 // nanoseconds
	last    atomic.Int64 // when the last acknowledgement came, in nanoseconds since began
	began   time.Time
}

// watch starts one and returns when it runs smoothly.
func (c *cluster) watch(ctx context.Context, topic string, partition int32) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{stop: cancel, done: make(chan struct{}), began: time.Now()}
	go w.produce(ctx, c, topic, partition)
	for w.acked.Load() < 200 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	w.longest.Store(0)
	return w
}

// gap waits until the producer has gone on for a while, or gives up after two minutes, and returns its longest pause in milliseconds.
func (w *watcher) gap(ctx context.Context) (float64, error) {
	defer func() {
		w.stop()
		<-w.done
	}()
	// A producer that still runs on what was before the fault has not seen it yet: it must go on past the longest session.
	const smooth = 2 * time.Second
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		acked := w.acked.Load()
		if err := sleep(ctx, smooth); err != nil {
			return 0, err
		}
		idle := time.Since(w.began) - time.Duration(w.last.Load())
		if w.acked.Load() > acked+200 && idle < smooth/4 {
			return float64(w.longest.Load()) / 1e6, nil
		}
	}
	return 0, errors.New("the producer did not go on within two minutes")
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (w *watcher) produce(ctx context.Context, c *cluster, topic string, partition int32) {
	defer close(w.done)
	frame := produceFrame(topic, partition, recordBatch(1, 100))
	for ctx.Err() == nil {
		leader := c.leaderOf(ctx, topic, partition)
		if leader == nil {
			continue
		}
		w.produceTo(ctx, leader.addr, topic, frame)
	}
}

// produceTo sends records to one node until something goes wrong.
func (w *watcher) produceTo(ctx context.Context, addr, topic string, frame []byte) {
	conn, err := dialRawContext(ctx, addr)
	if err != nil {
		return
	}
	defer conn.close()
	for ctx.Err() == nil {
		if conn.c.SetDeadline(time.Now().Add(200*time.Millisecond)) != nil {
			return
		}
		if _, err := conn.c.Write(frame); err != nil {
			return
		}
		head, err := conn.discardFrame()
		if err != nil || produceError(head, topic) != nil {
			time.Sleep(time.Millisecond)
			return
		}
		now := time.Since(w.began)
		if pause := int64(now) - w.last.Swap(int64(now)); pause > w.longest.Load() {
			w.longest.Store(pause)
		}
		w.acked.Add(1)
	}
}

// leaderOf asks all nodes at once and takes the answer of the newest leader epoch; a node that hangs doesn't hold the others up.
func (c *cluster) leaderOf(ctx context.Context, topic string, partition int32) *node {
	type answer struct{ leader, epoch int32 }
	answers := make(chan answer, len(c.nodes))
	for _, n := range c.nodes {
		go func() {
			a := answer{leader: -1, epoch: -1}
			if m, err := metadataOf(n.addr, topic); err == nil && len(m.Topics) == 1 {
				for _, p := range m.Topics[0].Partitions {
					if p.Partition == partition && p.ErrorCode == 0 {
						a = answer{p.Leader, p.LeaderEpoch}
					}
				}
			}
			answers <- a
		}()
	}
	best := answer{leader: -1, epoch: -1}
	patience := time.After(50 * time.Millisecond)
	for range c.nodes {
		select {
		case a := <-answers:
			if a.epoch > best.epoch {
				best = a
			}
		case <-patience:
		case <-ctx.Done():
			return nil
		}
	}
	if best.leader <= 0 {
		return nil
	}
	return c.byID(best.leader)
}
