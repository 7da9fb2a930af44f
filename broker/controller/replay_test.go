package controller

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// TestRandomHistoriesReplay lets random requests and silences change a cluster. After each, the log and a snapshot must give the live image, the
// index what a scan finds and what a controller has that stands by, and every partition must keep the invariants. A failure prints the seed and what was done.
func TestRandomHistoriesReplay(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			cfg := testConfig(seed)
			cfg.MinInsyncReplicas = int32(1 + seed%3)
			c := newCluster(t, cfg)
			h := &history{cluster: c, rnd: rand.New(rand.NewPCG(seed, 2))}
			for id := range int32(5) {
				c.register(id+1, nil)
			}
			standby, store := NewCore(cfg, metadata.NewImage(cfg.ClusterID)), metadata.NewStore(cfg.ClusterID)
			store.Subscribe(metadata.PublisherFunc(standby.Follow))
			followed := 0
			for step := range 150 {
				what := h.step()
				if err := store.Apply(int64(followed), 1, 0, c.log[followed:]); err != nil {
					t.Fatal(err)
				}
				followed = len(c.log)
				if got, want := fmt.Sprint(standby.index), fmt.Sprint(c.core.index); got != want || standby.indexed != store.Current() {
					t.Fatalf("seed %d: %v: the index of a controller that stands by is %s, the active one's %s", seed, what, got, want)
				}
				h.done = append(h.done, what)
				if t.Failed() {
					t.Fatalf("seed %d: %v", seed, h.done)
				}
				h.checkPartitions(t)
				if step%10 == 9 {
					c.check()
				}
			}
		})
	}
}

type history struct {
	*cluster
	rnd  *rand.Rand
	done []string
	made int
}

func (h *history) anyBroker() int32 { return int32(1 + h.rnd.IntN(5)) }

func (h *history) do(req kmsg.Request) string {
	_, _, err := h.handle(req) // refusals are part of the history
	return fmt.Sprintf("%s(%v)", kmsg.NameForKey(req.Key()), err)
}

func (h *history) step() string {
	switch h.rnd.IntN(12) {
	case 0:
		h.made++
		req := creation(fmt.Sprintf("t%d", h.made), int32(1+h.rnd.IntN(4)))
		req.Topics[0].ReplicationFactor = int16(1 + h.rnd.IntN(4))
		return h.do(req)
	case 1:
		h.now = h.now.Add(time.Duration(h.rnd.IntN(6)) * time.Second)
		records, _ := h.core.Tick(h.now)
		h.write(records)
		return "tick"
	case 2, 3:
		req := h.heartbeat(h.anyBroker())
		req.WantShutdown = h.rnd.IntN(8) == 0
		req.WantFence = h.rnd.IntN(10) == 0
		return h.do(req)
	case 4:
		id := h.anyBroker()
		req := h.registration(id, byte(h.rnd.IntN(200)), nil, 1+h.rnd.IntN(2))
		if h.rnd.IntN(2) == 0 {
			req.PreviousBrokerEpoch = -1
		}
		resp, _, err := h.handle(req)
		if err == nil {
			h.epochs[id] = resp.(*kmsg.BrokerRegistrationResponse).BrokerEpoch
		}
		return fmt.Sprintf("register %d (%v)", id, err)
	case 5:
		req := kmsg.NewPtrElectLeadersRequest()
		req.Version, req.ElectionType = 2, int8(h.rnd.IntN(2))
		return h.do(req)
	case 6, 7, 8:
		return h.alterPartition()
	case 9, 10:
		return h.reassign()
	}
	if topics := h.core.Image().SortedTopics(); len(topics) > 4 {
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.Version = 6
		req.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: topics[h.rnd.IntN(len(topics))].ID}}
		return h.do(req)
	}
	return "nothing"
}

func (h *history) anyPartition() (topic string, id int32, ok bool) {
	topics := h.core.Image().SortedTopics()
	if len(topics) == 0 {
		return "", 0, false
	}
	t := topics[h.rnd.IntN(len(topics))]
	return t.Name, int32(h.rnd.IntN(len(t.Partitions))), true
}

// alterPartition proposes the leader and some of the other replicas as ISR.
func (h *history) alterPartition() string {
	topic, id, ok := h.anyPartition()
	if !ok {
		return "nothing"
	}
	p := h.core.Image().Partition(topic, id)
	row := kmsg.NewAlterPartitionRequestTopicPartition()
	row.Partition, row.LeaderEpoch, row.PartitionEpoch = id, p.LeaderEpoch, p.PartitionEpoch
	for _, r := range p.Replicas {
		if r == p.Leader || h.rnd.IntN(2) == 0 {
			row.NewEpochISR = append(row.NewEpochISR, kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: int32(r), BrokerEpoch: h.epochs[int32(r)]})
		}
	}
	req := kmsg.NewPtrAlterPartitionRequest()
	req.Version, req.BrokerID, req.BrokerEpoch = 3, int32(p.Leader), h.epochs[int32(p.Leader)]
	req.Topics = []kmsg.AlterPartitionRequestTopic{{TopicID: h.core.Image().Topic(topic).ID, Partitions: []kmsg.AlterPartitionRequestTopicPartition{row}}}
	return h.do(req)
}

func (h *history) reassign() string {
	topic, id, ok := h.anyPartition()
	if !ok {
		return "nothing"
	}
	p := kmsg.AlterPartitionAssignmentsRequestTopicPartition{Partition: id}
	if h.rnd.IntN(4) > 0 {
		for _, b := range h.rnd.Perm(5)[:1+h.rnd.IntN(3)] {
			p.Replicas = append(p.Replicas, int32(b+1))
		}
	}
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	req.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: topic, Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{p}}}
	return h.do(req)
}

// checkPartitions asserts the invariants of each partition, and that nobody leads who isn't live.
func (h *history) checkPartitions(t *testing.T) {
	for _, topic := range h.core.Image().SortedTopics() {
		for id, p := range topic.Partitions {
			if broken := brokenInvariant(nil, p); broken != "" {
				t.Fatalf("%s: %s-%d %+v after %v", broken, topic.Name, id, p, h.done)
			}
			if p.Leader != ident.NoBroker && !h.core.isActive(p.Leader) {
				t.Fatalf("LeaderIsActive: %s-%d %+v led by %+v after %v", topic.Name, id, p, h.core.Image().Broker(p.Leader), h.done[max(0, len(h.done)-8):])
			}
		}
	}
}
