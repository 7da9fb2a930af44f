package replica

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
)

func noName(ident.TopicID) string { return "" }

// answers makes one empty result for each partition.
func answers(n int) []FetchResult {
	out := make([]FetchResult, n)
	for i := range out {
		out[i].PreferredReadReplica = ident.NoBroker
	}
	return out
}

func TestSessionErrors(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewSessionCache(10)
	ctx := c.Begin(SessionRequest{Epoch: initialSessionEpoch, Partitions: []FetchPartition{at("t", 0, 0)}}, noName, now)
	id, told, err := ctx.Finish(answers(1), now)
	if id == 0 || told != nil || err != nil {
		t.Fatalf("full fetch: session %d, rows %v, %v", id, told, err)
	}
	for _, step := range []struct {
		name string
		req  SessionRequest
		want error
	}{
		{"unknown id", SessionRequest{ID: id + 1, Epoch: 1}, kerr.FetchSessionIDNotFound},
		{"wrong epoch", SessionRequest{ID: id, Epoch: 2}, kerr.InvalidFetchSessionEpoch},
		{"ids in a session of names", SessionRequest{ID: id, Epoch: 1, UsesTopicIDs: true}, kerr.FetchSessionTopicIDError},
		{"right", SessionRequest{ID: id, Epoch: 1}, nil},
		{"the same again", SessionRequest{ID: id, Epoch: 1}, kerr.InvalidFetchSessionEpoch},
		{"next", SessionRequest{ID: id, Epoch: 2}, nil},
		{"end", SessionRequest{ID: id, Epoch: finalSessionEpoch}, nil},
		{"after the end", SessionRequest{ID: id, Epoch: 3}, kerr.FetchSessionIDNotFound},
	} {
		if ctx := c.Begin(step.req, noName, now); !errors.Is(ctx.Err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, ctx.Err, step.want)
		}
	}
	if s := c.Stats(); s != (SessionStats{}) {
		t.Errorf("left behind: %+v", s)
	}
}

func TestSessionEpochWrapsToOne(t *testing.T) {
	if got := nextSessionEpoch(1<<31 - 1); got != 1 {
		t.Errorf("after the largest epoch comes %d", got)
	}
}

func TestSessionEndsWithItsLastPartition(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewSessionCache(10)
	ctx := c.Begin(SessionRequest{Epoch: initialSessionEpoch, Partitions: []FetchPartition{at("t", 0, 0)}}, noName, now)
	id, _, _ := ctx.Finish(answers(1), now)
	ctx = c.Begin(SessionRequest{ID: id, Epoch: 1, Forgotten: []FetchPartition{at("t", 0, 0)}}, noName, now)
	if got, _, err := ctx.Finish(nil, now); got != 0 || err != nil || c.Stats().Sessions != 0 {
		t.Errorf("session %d, %v, %+v", got, err, c.Stats())
	}
}

func TestAnswerToAnOvertakenRequestIsAnError(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewSessionCache(10)
	ctx := c.Begin(SessionRequest{Epoch: initialSessionEpoch, Partitions: []FetchPartition{at("t", 0, 0)}}, noName, now)
	id, _, _ := ctx.Finish(answers(1), now)
	first := c.Begin(SessionRequest{ID: id, Epoch: 1}, noName, now)
	second := c.Begin(SessionRequest{ID: id, Epoch: 2}, noName, now)
	if _, _, err := first.Finish(answers(1), now); !errors.Is(err, kerr.InvalidFetchSessionEpoch) {
		t.Errorf("the overtaken one: %v", err)
	}
	if _, _, err := second.Finish(answers(1), now); err != nil {
		t.Errorf("the newer one: %v", err)
	}
}

func TestSessionResolvesIDsLater(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewSessionCache(10)
	p := at("", 0, 0)
	p.TopicID = ident.TopicID{7}
	ctx := c.Begin(SessionRequest{Epoch: initialSessionEpoch, UsesTopicIDs: true, Partitions: []FetchPartition{p}}, noName, now)
	id, _, _ := ctx.Finish(answers(1), now)
	ctx = c.Begin(SessionRequest{ID: id, Epoch: 1, UsesTopicIDs: true}, func(ident.TopicID) string { return "made-meanwhile" }, now)
	if got := ctx.Partitions[0].TopicPartition.Topic; got != "made-meanwhile" {
		t.Errorf("topic %q", got)
	}
}

func TestSessionEviction(t *testing.T) {
	start := time.Unix(1000, 0)
	open := func(c *SessionCache, partitions int, follower bool, now time.Time) int32 {
		req := SessionRequest{Epoch: initialSessionEpoch, FromFollower: follower}
		for i := range partitions {
			req.Partitions = append(req.Partitions, at("t", int32(i), 0))
		}
		id, _, err := c.Begin(req, noName, now).Finish(answers(partitions), now)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	alive := func(c *SessionCache, id int32) bool { return c.get(id) != nil }

	c := NewSessionCache(2)
	small, large := open(c, 1, false, start), open(c, 5, false, start)
	if id := open(c, 9, false, start); id != 0 {
		t.Error("a new session gave way to a consumer's")
	}
	follower := open(c, 1, true, start)
	if follower == 0 || alive(c, small) || !alive(c, large) {
		t.Error("a follower's session didn't take the smallest consumer's place")
	}
	later := start.Add(sessionEvictionAge + time.Second)
	for _, id := range []int32{large, follower} { // both in use, and old enough
		c.touch(c.get(id), 5, later)
	}
	if open(c, 3, false, later) != 0 {
		t.Error("a session was evicted by one that is worth less")
	}
	if open(c, 9, false, later) == 0 || alive(c, large) || !alive(c, follower) {
		t.Error("a larger session didn't take a smaller one's place")
	}
	idle := later.Add(sessionEvictionAge + time.Second)
	if open(c, 1, false, idle) == 0 {
		t.Error("an idle session didn't give way")
	}
	if s := c.Stats(); s.Sessions != 2 || s.Evictions != 3 {
		t.Errorf("%+v", s)
	}
	if open(NewSessionCache(0), 1, true, start) != 0 {
		t.Error("a cache without slots gave a session")
	}
}

// TestFollowerIsToldAgain has a follower drop an answer, and ask with the high watermark that it has.
func TestFollowerIsToldAgain(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewSessionCache(10)
	p := at("t", 0, 5)
	p.HighWatermark = 4
	results := answers(1)
	results[0].HighWatermark = 5
	id, _, _ := c.Begin(SessionRequest{Epoch: initialSessionEpoch, FromFollower: true, Partitions: []FetchPartition{p}}, noName, now).Finish(results, now)
	p.CurrentLeaderEpoch = 3
	for epoch, want := range []bool{true, false} {
		req := SessionRequest{ID: id, Epoch: int32(epoch) + 1}
		if epoch == 0 {
			req.Partitions = []FetchPartition{p}
		}
		_, told, err := c.Begin(req, noName, now).Finish(results, now)
		if err != nil || told[0] != want {
			t.Errorf("request %d: told %v, %v", epoch+1, told, err)
		}
	}
}

// sessionModel is what a session should be: the partitions in it, and what the client knows of each.
type sessionModel struct {
	want  map[int32]int64 // fetch offset by partition
	known map[int32]FetchResult
}

// TestSessionAgainstModel sends random incremental fetches and checks which partitions are read and which are told.
func TestSessionAgainstModel(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		now := time.Unix(1000, 0)
		c := NewSessionCache(4)
		m := sessionModel{want: map[int32]int64{}, known: map[int32]FetchResult{}}
		truth := make([]FetchResult, 8)
		for i := range truth {
			truth[i].PreferredReadReplica = ident.NoBroker
		}
		var id int32
		for epoch := range int32(60) {
			for range r.IntN(3) { // the world moves
				tr := &truth[r.IntN(len(truth))]
				switch r.IntN(4) {
				case 0:
					tr.HighWatermark++
				case 1:
					tr.LogStartOffset++
				case 2:
					tr.Err = kerr.NotLeaderForPartition
				case 3:
					tr.Err = nil
				}
			}
			req := SessionRequest{ID: id, Epoch: epoch}
			for range r.IntN(3) {
				p := at("t", r.Int32N(8), r.Int64N(100))
				if slices.ContainsFunc(req.Partitions, func(q FetchPartition) bool { return q.TopicPartition == p.TopicPartition }) {
					continue
				}
				req.Partitions = append(req.Partitions, p)
				m.want[p.TopicPartition.Partition] = p.FetchOffset
			}
			if epoch > 0 && r.IntN(3) == 0 {
				gone := r.Int32N(8)
				req.Forgotten = append(req.Forgotten, at("t", gone, 0))
				delete(m.want, gone)
				delete(m.known, gone)
			}
			if len(m.want) == 0 {
				p := at("t", 0, 0)
				req.Partitions, req.Forgotten = append(req.Partitions[:0], p), nil
				m.want[0] = 0
			}
			ctx := c.Begin(req, noName, now)
			if ctx.Err != nil {
				t.Fatalf("seed %d, epoch %d: %v", seed, epoch, ctx.Err)
			}
			if len(ctx.Partitions) != len(m.want) {
				t.Fatalf("seed %d, epoch %d: %d partitions read, want %d", seed, epoch, len(ctx.Partitions), len(m.want))
			}
			results := make([]FetchResult, len(ctx.Partitions))
			for i, p := range ctx.Partitions {
				if p.FetchOffset != m.want[p.TopicPartition.Partition] {
					t.Fatalf("seed %d, epoch %d: partition %d read from %d, want %d", seed, epoch, p.TopicPartition.Partition, p.FetchOffset, m.want[p.TopicPartition.Partition])
				}
				results[i] = truth[p.TopicPartition.Partition]
			}
			got, told, err := ctx.Finish(results, now)
			if err != nil || got == 0 {
				t.Fatalf("seed %d, epoch %d: session %d, %v", seed, epoch, got, err)
			}
			id = got
			for i, p := range ctx.Partitions {
				n := p.TopicPartition.Partition
				known, ok := m.known[n]
				news := !ok || known.Err != nil || results[i].Err != nil || known.HighWatermark != results[i].HighWatermark || known.LogStartOffset != results[i].LogStartOffset
				if told != nil && told[i] != news {
					t.Fatalf("seed %d, epoch %d: partition %d told=%t, want %t (%s)", seed, epoch, n, told[i], news, describe(known, results[i]))
				}
				m.known[n] = results[i]
			}
		}
	}
}

func describe(a, b FetchResult) string {
	return fmt.Sprintf("%d/%d/%v then %d/%d/%v", a.HighWatermark, a.LogStartOffset, a.Err, b.HighWatermark, b.LogStartOffset, b.Err)
}
