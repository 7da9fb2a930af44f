package commands

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

const (
	defaultCommitInterval = 5 * time.Second
	revokePatience        = 10 * time.Second
)

// groupPositions are a group member's positions, committed as a Java consumer commits them: for every partition that it has, read or not, so that
// --describe shows a LAG for all of them (franz-go commits only what was read), from time to time, before a partition goes to another member, and at
// the end. What belongs to another member by now is never committed.
type groupPositions struct {
	interval time.Duration

	mu     sync.Mutex
	client *client.Client
	at     map[string]map[int32]kgo.EpochOffset // the next record's offset
	moved  bool                                 // since the last commit
}

// newGroupPositions reads how often to commit. It is nil where the member is not to commit at all.
func newGroupPositions(p client.Properties) *groupPositions {
	if p["enable.auto.commit"] == "false" {
		return nil
	}
	return &groupPositions{interval: p.Duration("auto.commit.interval.ms", defaultCommitInterval)}
}

// options make a client's positions known.
func (g *groupPositions) options() []kgo.Opt {
	if g == nil {
		return nil
	}
	return []kgo.Opt{
		kgo.DisableAutoCommit(),
		kgo.AdjustFetchOffsetsFn(g.resolve),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, lost map[string][]int32) {
			ctx, cancel := context.WithTimeout(ctx, revokePatience)
			defer cancel()
			_ = g.commit(ctx) // or the next owner reads again what was printed here
			g.forget(lost)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { g.forget(lost) }),
	}
}

// start commits in the background until the function that it returns is called. The client exists only after its options.
func (g *groupPositions) start(ctx context.Context, cl *client.Client) (stop func()) {
	if g == nil {
		return func() {}
	}
	g.mu.Lock()
	g.client = cl
	g.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(max(g.interval, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = g.commit(ctx) // the next one has the same positions, or later ones
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// resolve turns "at the start" and "at the end" into offsets: kgo.AdjustFetchOffsetsFn.
func (g *groupPositions) resolve(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client == nil {
		return offsets, nil
	}
	var topics []string
	for topic, partitions := range offsets {
		for _, o := range partitions {
			if o.EpochOffset().Offset < 0 {
				topics = append(topics, topic)
				break
			}
		}
	}
	if len(topics) == 0 {
		return offsets, nil
	}
	starts, err := g.client.Admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	ends, err := g.client.Admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, err
	}
	for topic, partitions := range offsets {
		for p, o := range partitions {
			var list kadm.ListedOffsets
			switch o.EpochOffset().Offset {
			case -2:
				list = starts
			case -1:
				list = ends
			default:
				continue
			}
			if found, ok := list.Lookup(topic, p); ok && found.Err == nil {
				partitions[p] = kgo.NewOffset().At(found.Offset)
				g.note(topic, p, kgo.EpochOffset{Epoch: -1, Offset: found.Offset})
			}
		}
	}
	return offsets, nil
}

// read notes the last record of a partition that was printed.
func (g *groupPositions) read(r *kgo.Record) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.note(r.Topic, r.Partition, kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset + 1})
}

// note remembers a position.
//
// REQUIRES: g.mu.
func (g *groupPositions) note(topic string, partition int32, at kgo.EpochOffset) {
	if g.at == nil {
		g.at = make(map[string]map[int32]kgo.EpochOffset)
	}
	if g.at[topic] == nil {
		g.at[topic] = make(map[int32]kgo.EpochOffset)
	}
	g.at[topic][partition] = at
	g.moved = true
}

// forget drops the positions of partitions that the member doesn't have any more.
func (g *groupPositions) forget(lost map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for topic, partitions := range lost {
		for _, p := range partitions {
			delete(g.at[topic], p)
		}
	}
}

// commit commits the positions if there is anything new.
func (g *groupPositions) commit(ctx context.Context) (err error) {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	at := make(map[string]map[int32]kgo.EpochOffset)
	for topic, partitions := range g.at {
		if len(partitions) > 0 {
			at[topic] = maps.Clone(partitions)
		}
	}
	cl, moved := g.client, g.moved
	g.moved = false
	g.mu.Unlock()
	if cl == nil || !moved || len(at) == 0 {
		return nil
	}
	cl.CommitOffsetsSync(client.PlainCommits(ctx), at, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, failed error) {
		if err = failed; err == nil {
			err = refusedCommit(resp)
		}
	})
	if err != nil {
		g.mu.Lock()
		g.moved = true
		g.mu.Unlock()
	}
	return err
}

// refusedCommit is the first error in the answer, but for topics that are gone.
func refusedCommit(resp *kmsg.OffsetCommitResponse) error {
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) && !errors.Is(err, kerr.UnknownTopicID) {
				return err
			}
		}
	}
	return nil
}
