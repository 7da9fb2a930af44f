package quota

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Replication limits what replicas that are not in sync may cost (KIP-73, KIP-113): one side's share of the copying, all partitions together. It limits
// nothing until it has both a rate and throttled replicas. A nil Replication has no limit. It is safe for concurrent use.
//
// The rate is Kafka's for replication: what was copied in the last windows (by default eleven of a second), over the time since the oldest of them. Whoever is beyond it
// copies nothing until it has fallen below; what is under way is not held up, so that a step is at most one response too large.
type Replication struct {
	limited atomic.Bool  // there is a rate
	rate    atomic.Int64 // bytes in a second

	mu     sync.Mutex
	topics map[string]ThrottledReplicas
	all    bool // every topic's
	meter  meter
}

// ThrottledReplicas says which partitions of a topic are throttled on a broker.
type ThrottledReplicas struct {
	All        bool
	Partitions map[int32]bool
}

// ParseThrottled reads leader.replication.throttled.replicas or follower.replication.throttled.replicas: "*", or pairs of partition and broker
// ("0:1,1:2"), of which those of one broker count. What is no such pair counts for nothing; it was refused when it was set.
func ParseThrottled(value string, broker int32) (t ThrottledReplicas) {
	if value = strings.TrimSpace(value); value == "*" {
		return ThrottledReplicas{All: true}
	}
	for pair := range strings.SplitSeq(value, ",") {
		partition, on, ok := strings.Cut(strings.TrimSpace(pair), ":")
		p, err := strconv.ParseInt(partition, 10, 32)
		if b, errOn := strconv.ParseInt(on, 10, 32); !ok || err != nil || errOn != nil || int32(b) != broker {
			continue
		}
		if t.Partitions == nil {
			t.Partitions = make(map[int32]bool)
		}
		t.Partitions[int32(p)] = true
	}
	return t
}

// NoLimit is the value of the rates that limits nothing.
const NoLimit = 1<<63 - 1

// NewReplication is a Replication that takes its rate over these windows: replication.quota.window.num and .size.seconds, or those of alter.log.dirs.
func NewReplication(windows Windows) *Replication {
	return &Replication{meter: meter{windows: windows}}
}

// SetRate sets the limit, in bytes a second; [NoLimit] is none.
func (r *Replication) SetRate(bytesPerSecond int64) {
	r.rate.Store(bytesPerSecond)
	r.limited.Store(bytesPerSecond != NoLimit)
}

// Throttle says which partitions of a topic the limit is for from now on.
func (r *Replication) Throttle(topic string, t ThrottledReplicas) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.All && len(t.Partitions) == 0 {
		delete(r.topics, topic)
		return
	}
	if r.topics == nil {
		r.topics = make(map[string]ThrottledReplicas)
	}
	r.topics[topic] = t
}

// ThrottleAll has the limit be for all partitions.
func (r *Replication) ThrottleAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = true
}

// Holds reports whether a partition is throttled and the rate is exceeded, so that nothing of it may be copied now.
func (r *Replication) Holds(topic string, partition int32, now time.Time) bool {
	if r == nil || !r.limited.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.throttledLocked(topic, partition) && r.meter.rateSoFar(now) > float64(r.rate.Load())
}

// Record accounts for what was copied of a partition, if that is throttled.
func (r *Replication) Record(topic string, partition int32, bytes int, now time.Time) {
	if r == nil || bytes == 0 || !r.limited.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.throttledLocked(topic, partition) {
		r.meter.record(float64(bytes), now)
	}
}

func (r *Replication) throttledLocked(topic string, partition int32) bool {
	t := r.topics[topic]
	return r.all || t.All || t.Partitions[partition]
}

// rateSoFar is the sum over the windows that are not too old, over the time since the first of them, or one window's if that is longer: unlike
// [meter.rate] it counts a burst in full.
func (m *meter) rateSoFar(now time.Time) float64 {
	m.shape()
	oldest, sum := now, 0.0
	for i, start := range m.starts {
		if start.IsZero() || now.Sub(start) >= m.windows.span() {
			continue
		}
		sum += m.sums[i]
		if start.Before(oldest) {
			oldest = start
		}
	}
	return sum / max(now.Sub(oldest), m.windows.Size).Seconds()
}
