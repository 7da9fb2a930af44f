package group

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// TestConsumersNeverShareAPartition simulates clients of the consumer protocol, which lose answers, fall silent, leave and come back,
// over a coordinator that fails over and whose appends fail. After every step:
//
//   - NoSharedPartition: no two clients that follow the protocol work on one partition;
//   - ReloadEqualsLive: what the log brings back is what the live state holds.
//
// And when it becomes quiet, the group gets stable, everything is assigned, and evenly.
func TestConsumersNeverShareAPartition(t *testing.T) {
	for seed := range uint64(16) {
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { newConsumerWorld(t, seed).run(300) }) {
			return
		}
	}
}

type consumerWorld struct {
	*world
	t       *testing.T
	rnd     *rand.Rand
	clients []*simClient
	trace   []string
}

// simClient is a member as a client sees itself.
type simClient struct {
	id, instance string
	epoch        int32
	joined       bool
	lastAnswer   time.Time // it gives up its partitions when it hears nothing for a session
	works        map[topicPartition]bool
	topics       []string
}

func newConsumerWorld(t *testing.T, seed uint64) *consumerWorld {
	w := &consumerWorld{world: newWorld(), t: t, rnd: rand.New(rand.NewPCG(seed, 2))}
	w.quiet = true
	w.topics["a"], w.topics["b"], w.topics["c"] = 5, 3, 1
	w.cfg.ConsumerAssignmentInterval = time.Duration(w.rnd.IntN(2)) * time.Second
	for i := range 5 {
		c := &simClient{id: fmt.Sprint("m", i), works: map[topicPartition]bool{}, topics: []string{"a", "b"}}
		if i >= 3 {
			c.instance = fmt.Sprint("i", i)
		}
		if seed%2 == 1 && i%2 == 1 {
			c.topics = []string{"b", "c"}
		}
		w.clients = append(w.clients, c)
	}
	return w
}

func (w *consumerWorld) run(steps int) {
	for range steps {
		c := w.clients[w.rnd.IntN(len(w.clients))]
		switch n := w.rnd.IntN(40); {
		case n < 22:
			w.beat(c, w.rnd.IntN(6) == 0)
		case n < 24:
			w.goodbye(c)
		case n < 34:
			w.pass(time.Duration(w.rnd.IntN(5000)) * time.Millisecond)
		case n == 34:
			w.pass(40 * time.Second)
		case n == 35:
			w.note("reload")
			w.shard.Unloaded(kerr.NotCoordinator)
			w.load()
		case n == 36:
			w.note("topic grows")
			w.topics["a"]++
		case n == 37:
			w.note("append fails")
			w.fail = kerr.KafkaStorageError
			w.beat(c, false)
			w.fail = nil
		default:
			w.beat(c, false)
		}
		w.check()
	}
	for range 30 { // calm, for longer than the session of a static member whose place is taken by its own past
		for _, c := range w.clients {
			w.beat(c, false)
		}
		w.pass(2 * time.Second)
		w.check()
	}
	w.checkSettled()
}

func (w *consumerWorld) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

// pass lets time go by; a client that has heard nothing for a session knows that it may have been removed.
func (w *consumerWorld) pass(d time.Duration) {
	end := w.now.Add(d)
	for w.now.Before(end) {
		w.advance(min(time.Second, end.Sub(w.now)))
		for _, c := range w.clients {
			if c.joined && w.now.Sub(c.lastAnswer) >= w.cfg.ConsumerSessionTimeout-2*time.Second {
				c.reset()
			}
		}
	}
}

func (c *simClient) reset() {
	c.joined, c.epoch = false, 0
	clear(c.works)
}

func (c *simClient) request(epoch int32) *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch = 1, "g", c.id, epoch
	if c.instance != "" {
		req.InstanceID = &c.instance
	}
	return req
}

// beat sends a heartbeat that reports everything; lost means that the answer doesn't arrive.
func (w *consumerWorld) beat(c *simClient, lost bool) {
	req := c.request(c.epoch)
	// Longer than a session: a member that is removed because it does not give up partitions learns it only by its next heartbeat.
	req.RebalanceTimeoutMillis, req.SubscribedTopicNames = 60000, c.topics
	req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	byTopic := owned{}
	for tp := range c.works {
		byTopic.put(tp.topic, tp.partition, 0)
	}
	byTopic.sorted(func(topic ident.TopicID, partitions []int32) {
		req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: topic, Partitions: partitions})
	})
	sent := w.now
	w.do(func(s *shard) {
		resp, err := s.consumerHeartbeat(RequestContext{ClientID: "c"}, req)
		s.reply(func(failed error) {
			w.note("%s beats epoch=%d has=%v lost=%v: %v %+v", c.id, req.MemberEpoch, byTopic, lost, err, resp)
			if !lost {
				c.take(firstError(failed, err), resp, sent)
			}
		})
	})
}

func (c *simClient) take(err error, resp *kmsg.ConsumerGroupHeartbeatResponse, now time.Time) {
	switch protocolErrorOrNil(err) {
	case nil:
	case kerr.FencedMemberEpoch, kerr.UnknownMemberID, kerr.GroupIDNotFound:
		c.reset()
		return
	default:
		return // tries again
	}
	c.joined, c.epoch, c.lastAnswer = true, resp.MemberEpoch, now
	if resp.Assignment != nil {
		clear(c.works)
		for _, t := range resp.Assignment.Topics {
			for _, p := range t.Partitions {
				c.works[topicPartition{t.TopicID, p}] = true
			}
		}
	}
}

func protocolErrorOrNil(err error) *kerr.Error {
	if err == nil {
		return nil
	}
	return protocolError(err)
}

// goodbye: the client stops its work first, then says so.
func (w *consumerWorld) goodbye(c *simClient) {
	if !c.joined {
		return
	}
	epoch := leaveEpoch
	if c.instance != "" && w.rnd.IntN(2) == 0 {
		epoch = leaveStaticEpoch
	}
	c.reset()
	w.do(func(s *shard) {
		_, err := s.consumerHeartbeat(RequestContext{ClientID: "c"}, c.request(epoch))
		w.note("%s leaves with %d: %v", c.id, epoch, err)
	})
	if epoch == leaveStaticEpoch {
		c.id += "'" // it comes back as a new process
	}
}

func (w *consumerWorld) check() {
	owner := map[topicPartition]string{}
	for _, c := range w.clients {
		for tp := range c.works {
			if other, ok := owner[tp]; ok {
				w.t.Fatalf("NoSharedPartition: %s and %s work on %c-%d\n%s", other, c.id, tp.topic[1], tp.partition, w.story())
			}
			owner[tp] = c.id
		}
	}
	if a, b := stateString(w.shard, false), stateString(w.replayed(), false); a != b {
		w.t.Fatalf("ReloadEqualsLive: live\n%s\nloaded\n%s\n%s", a, b, w.story())
	}
}

func (w *consumerWorld) checkSettled() {
	g := w.shard.consumers["g"]
	loads := []int{}
	total := 0
	for _, c := range w.clients {
		loads = append(loads, len(c.works))
		total += len(c.works)
	}
	want := int(w.topics["a"] + w.topics["b"])
	mixed := slices.Contains(w.clients[1].topics, "c")
	if mixed {
		want += int(w.topics["c"])
	}
	if g.state() != "Stable" || total != want || !mixed && slices.Max(loads)-slices.Min(loads) > 1 {
		w.t.Fatalf("not settled: %v of %d\n%s\n%s", loads, want, stateString(w.shard, true), w.story())
	}
}

func (w *consumerWorld) story() string {
	return strings.Join(w.trace[max(0, len(w.trace)-40):], "\n") + "\n" + stateString(w.shard, true)
}
