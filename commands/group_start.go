package commands

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
)

// groupStart remembers where a group's member began in partitions that had no committed offset. A Java consumer commits its position in
// every partition it has, read or not, so that --describe shows a LAG for all of them; franz-go commits only what was read.
type groupStart struct {
	mu     sync.Mutex
	client *client.Client
	began  map[string]map[int32]kgo.EpochOffset
}

// use gives the client, which exists only after its options.
func (g *groupStart) use(cl *client.Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.client = cl
}

// resolve turns "at the start" and "at the end" into offsets: kgo.AdjustFetchOffsetsFn.
func (g *groupStart) resolve(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
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

func (g *groupStart) note(topic string, partition int32, at kgo.EpochOffset) {
	if g.began == nil {
		g.began = make(map[string]map[int32]kgo.EpochOffset)
	}
	if g.began[topic] == nil {
		g.began[topic] = make(map[int32]kgo.EpochOffset)
	}
	g.began[topic][partition] = at
}

// positions is where the member is in every partition it began: what was marked as read, and the beginnings of the others.
func (g *groupStart) positions(marked map[string]map[int32]kgo.EpochOffset) map[string]map[int32]kgo.EpochOffset {
	g.mu.Lock()
	defer g.mu.Unlock()
	for topic, partitions := range marked {
		for p, at := range partitions {
			g.note(topic, p, at)
		}
	}
	return g.began
}
