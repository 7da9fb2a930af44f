package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// simFetcher is the node as its manager's Fetcher.
type simFetcher simNode

func (n *simFetcher) Follow(p *Partition, leader ident.BrokerID, leaderEpoch int32) {
	if old := n.follows[p]; old == nil || old.leader != leader || old.followed.leaderEpoch != leaderEpoch {
		n.follows[p] = &simFollow{followed: &followed{partition: p, leaderEpoch: leaderEpoch}, leader: leader}
	}
}

func (n *simFetcher) Unfollow(p *Partition) { delete(n.follows, p) }

func (n *simFetcher) Close() {}

// simRequester asks leaders for offsets, at once where they can be reached.
type simRequester simNode

func (n *simRequester) Request(_ context.Context, req kmsg.Request) (kmsg.Response, error) {
	in := req.(*kmsg.ListOffsetsRequest)
	topic, row := in.Topics[0].Topic, in.Topics[0].Partitions[0]
	out := in.ResponseKind().(*kmsg.ListOffsetsResponse)
	for p, f := range n.follows {
		leader := n.s.nodes[f.leader-1]
		if p.tp != tpOf(topic, row.Partition) {
			continue
		}
		if !leader.up || time.Now().Before(leader.asleep) || n.s.cut(int(n.id), int(f.leader)) {
			return nil, errors.New("no answer")
		}
		found, err := leader.manager.ListOffset(OffsetQuery{TopicPartition: p.tp, CurrentLeaderEpoch: row.CurrentLeaderEpoch, Timestamp: row.Timestamp, ReplicaID: n.id})
		t := kmsg.NewListOffsetsResponseTopic()
		r := kmsg.NewListOffsetsResponseTopicPartition()
		r.ErrorCode, r.Offset = codeOf(err), found.Offset
		t.Partitions = append(t.Partitions, r)
		out.Topics = append(out.Topics, t)
		return out, nil
	}
	return nil, errors.New("not followed any more")
}

func (n *simRequester) Close() error { return nil }

// fetchAll sends a fetch for each partition that follows and waits for no answer.
func (n *simNode) fetchAll() {
	if n.epoch < 0 {
		return
	}
	for _, p := range n.manager.Partitions() {
		f := n.follows[p]
		if f == nil || f.followed.stopped || time.Now().Before(f.waiting) || time.Now().Before(f.followed.until) {
			continue
		}
		pos, err := p.position(f.followed.leaderEpoch)
		if err != nil {
			n.fetcher.failed(f.followed, err)
			continue
		}
		f.waiting = time.Now().Add(200 * time.Millisecond)
		f.asks++
		asks := f.asks
		leader := n.s.nodes[f.leader-1]
		params := FetchParams{ReplicaID: n.id, ReplicaEpoch: n.epoch, MinBytes: 1, MaxBytes: 1 << 20}
		ask := FetchPartition{
			TopicPartition: p.tp, TopicID: p.topicID, CurrentLeaderEpoch: f.followed.leaderEpoch, FetchOffset: pos.fetchOffset,
			LastFetchedEpoch: pos.lastFetchedEpoch, LogStartOffset: pos.logStartOffset, HighWatermark: pos.highWatermark, MaxBytes: 2000,
		}
		if n.s.sabotage != nil {
			n.s.sabotage(&ask)
		}
		asked := newAsked(f.followed, pos)
		n.s.send(int(n.id), int(leader.id), func() {
			row := leader.answer(params, ask)
			n.s.send(int(leader.id), int(n.id), func() {
				if n.follows[p] == f && f.asks == asks { // else that connection was given up, though the leader still heard of it
					f.waiting = time.Time{}
					n.fetcher.handle(asked, row)
					n.told[p.tp] = n.told[p.tp] || row.ErrorCode == 0 && row.DivergingEpoch.EndOffset < 0
				}
			})
		})
	}
}

// answer reads for a follower, as the api does.
func (n *simNode) answer(params FetchParams, ask FetchPartition) *kmsg.FetchResponseTopicPartition {
	row := kmsg.NewFetchResponseTopicPartition()
	n.manager.Fetch(params, []FetchPartition{ask}, func(results []FetchResult) {
		r := &results[0]
		row.ErrorCode, row.HighWatermark, row.LogStartOffset = codeOf(r.Err), r.HighWatermark, r.LogStartOffset
		if r.DivergingEpoch != nil {
			row.DivergingEpoch.Epoch, row.DivergingEpoch.EndOffset = r.DivergingEpoch.LeaderEpoch, r.DivergingEpoch.EndOffset
		}
		if r.Records != nil {
			raw, err := r.Records.Bytes(nil)
			if err != nil {
				n.s.t.Errorf("node %d: %v", n.id, err)
			}
			row.RecordBatches = raw
			release(&r.Records)
		}
	})
	return &row
}

// produce has a client send a record to whom some broker holds for the leader.
func (s *sim) produce() {
	if s.calm {
		return
	}
	image := s.nodes[s.rnd.IntN(3)].store.Current()
	tp := tpOf(simTopic, int32(s.rnd.IntN(simPartitions)))
	mp := image.Partition(tp.Topic, tp.Partition)
	if mp == nil || mp.Leader < 1 {
		return
	}
	s.produced++
	value := fmt.Sprintf("record %d of %s", s.produced, tp)
	n := s.nodes[mp.Leader-1]
	life := n.life
	s.after(s.jitter(20*time.Millisecond), func() { s.arrive(int(n.id), int(n.id), life, func() { n.write(tp, value) }) })
}

func (n *simNode) write(tp ident.TopicPartition, value string) {
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	b.Append(1000, nil, []byte(value))
	raw, err := b.Finish(nil)
	if err != nil {
		n.s.t.Fatal(err)
	}
	life := n.life
	n.manager.Produce(ProduceRequest{Acks: AcksAll, Timeout: 5 * time.Second, Partitions: []ProducePartition{{TopicPartition: tp, Records: raw}}}, func(r []ProduceResult) {
		if r[0].Err != nil || n.life != life {
			return
		}
		p, err := n.manager.Partition(tp)
		if err != nil {
			n.s.t.Errorf("node %d acknowledges a record of %s: %v", n.id, tp, err)
			return
		}
		n.s.history.acknowledged(simEpoch{tp, p.State().LeaderEpoch}, r[0].BaseOffset, value)
	})
}

// values reads a log: the values of records, by offset, with the leader epochs.
func (n *simNode) values(p *Partition, from, to int64) map[int64]string {
	out := make(map[int64]string)
	log := p.log.Load()
	for from < to {
		records, err := log.Read(from, 1<<20, to, true)
		if err != nil {
			n.s.broken("node %d: %s at %d: %v", n.id, p.tp, from, err)
			return out
		}
		raw, err := records.Bytes(nil)
		records.Release()
		if err != nil || len(raw) == 0 {
			n.s.broken("node %d: %s at %d of %d: %d bytes, %v", n.id, p.tp, from, to, len(raw), err)
			return out
		}
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			if err != nil {
				n.s.t.Fatal(err)
			}
			for r, err := range b.Records(1 << 20) {
				if err != nil {
					n.s.t.Fatal(err)
				}
				out[b.BaseOffset()] = string(r.Value)
			}
			from, raw = b.NextOffset(), rest
		}
	}
	return out
}

// simLogger puts a node's warnings into the trace.
func simLogger(n *simNode) *slog.Logger {
	if !n.s.trace {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(simWriter{n}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type simWriter struct{ n *simNode }

func (w simWriter) Write(p []byte) (int, error) {
	w.n.s.logf("node %d: %s", w.n.id, bytes.TrimSpace(p))
	return len(p), nil
}

// simSchema has the two settings that the controller's decisions rest on.
type simSchema struct{}

func (simSchema) Validate(metadata.ConfigResource, map[string]string) error { return nil }
func (simSchema) IsList(metadata.ConfigResourceType, string) bool           { return false }
func (simSchema) Default(_ metadata.ConfigResourceType, key string) (string, bool) {
	return simValue(key), true
}
func (simSchema) IsSensitive(metadata.ConfigResourceType, string) bool     { return false }
func (simSchema) Topic(_, _, _ map[string]string) []controller.TopicConfig { return nil }
func (simSchema) TopicValue(key string, _, _, _ map[string]string) string  { return simValue(key) }

func simValue(key string) string {
	if key == "min.insync.replicas" {
		return "2"
	}
	return "false"
}
