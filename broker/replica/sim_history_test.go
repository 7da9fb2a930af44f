package replica

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// simHistory is what a simulation has seen, and what must hold of it, by the names in docs/invariants.md. It knows nothing of logs and brokers, so that
// histories can be made up to test it.
type simHistory struct {
	broken func(format string, args ...any) // told of what does not hold

	mu        sync.Mutex // answers to producers may come from a timer
	acked     map[ident.TopicPartition]map[int64]simAck
	committed map[ident.TopicPartition]map[int64]string
	leaders   map[simEpoch]simLife
	marks     map[simMark]int64
}

// simLife is a broker in one life.
type simLife struct {
	id   ident.BrokerID
	life int
}

type simEpoch struct {
	tp    ident.TopicPartition
	epoch int32
}

type simMark struct {
	simEpoch
	simLife
}

// simAck is a record that was acknowledged, in a leader epoch.
type simAck struct {
	value string
	epoch int32
}

func newSimHistory(broken func(string, ...any)) *simHistory {
	return &simHistory{
		broken: broken, acked: make(map[ident.TopicPartition]map[int64]simAck), committed: make(map[ident.TopicPartition]map[int64]string),
		leaders: make(map[simEpoch]simLife), marks: make(map[simMark]int64),
	}
}

// acknowledged notes that a producer was told of a record. An offset is acknowledged once.
func (h *simHistory) acknowledged(at simEpoch, offset int64, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.acked[at.tp] == nil {
		h.acked[at.tp] = make(map[int64]simAck)
	}
	if before, twice := h.acked[at.tp][offset]; twice {
		h.broken("AckedSurvivesFailover: %s: offset %d is acknowledged for %q in epoch %d, and was for %q in epoch %d", at.tp, offset, value, at.epoch, before.value, before.epoch)
	}
	h.acked[at.tp][offset] = simAck{value, at.epoch}
}

func (h *simHistory) ackedCount() (n int) {
	for _, m := range h.acked {
		n += len(m)
	}
	return n
}

// leads notes that a broker leads in an epoch, and reports whether that is news.
func (h *simHistory) leads(at simEpoch, who simLife) (begins bool) {
	other, led := h.leaders[at]
	switch {
	case !led:
		h.leaders[at] = who
	case other != who:
		h.broken("SingleLeaderPerEpoch: %s: node %d leads in epoch %d, in which node %d did, or it in an earlier life", at.tp, who.id, at.epoch, other.id)
	}
	return !led
}

// watermark notes a replica's high watermark.
func (h *simHistory) watermark(at simEpoch, who simLife, hw int64) {
	key := simMark{at, who}
	if before := h.marks[key]; hw < before {
		h.broken("MonotonicHighWatermark: %s: node %d, epoch %d: %d, and was %d", at.tp, who.id, at.epoch, hw, before)
	}
	h.marks[key] = hw
}

// has checks that a log that is to serve from an epoch on has every record that was acknowledged before it.
func (h *simHistory) has(at simEpoch, who simLife, have map[int64]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, offset := range slices.Sorted(maps.Keys(h.acked[at.tp])) {
		if ack := h.acked[at.tp][offset]; ack.epoch < at.epoch && have[offset] != ack.value {
			h.broken("AckedSurvivesFailover: %s: node %d has %q in epoch %d at offset %d, where %q was acknowledged in epoch %d", at.tp, who.id, have[offset], at.epoch, offset, ack.value, ack.epoch)
			return
		}
	}
}

// prefix checks that what a replica holds for committed, from offset from to its high watermark, is what all others hold for it.
func (h *simHistory) prefix(tp ident.TopicPartition, who simLife, from, hw int64, have map[int64]string) {
	known := h.committed[tp]
	if known == nil {
		known = make(map[int64]string)
		h.committed[tp] = known
	}
	for offset := from; offset < hw; offset++ {
		if before, ok := known[offset]; ok && before != have[offset] {
			h.broken("CommittedPrefixAgrees: %s: node %d has %q at offset %d, below its high watermark %d; another had %q", tp, who.id, have[offset], offset, hw, before)
			return
		}
		known[offset] = have[offset]
	}
}

// agree checks in the end that two replicas have the same records in the same leader epochs.
func (h *simHistory) agree(tp ident.TopicPartition, a, b simLife, epochsA, epochsB []storage.EpochEntry, valuesA, valuesB map[int64]string) {
	if !slices.Equal(epochsA, epochsB) || len(valuesA) != len(valuesB) {
		h.broken("ReplicasAgree: %s: node %d has epochs %v and %d records, node %d %v and %d", tp, b.id, epochsB, len(valuesB), a.id, epochsA, len(valuesA))
	}
	for offset, v := range valuesA {
		if valuesB[offset] != v {
			h.broken("ReplicasAgree: %s: node %d has %q at offset %d, node %d %q", tp, b.id, valuesB[offset], offset, a.id, v)
			return
		}
	}
}

// TestSimulationNoticesBadHistories breaks each invariant once.
func TestSimulationNoticesBadHistories(t *testing.T) {
	tp := tpOf("t", 0)
	epoch := func(e int32) simEpoch { return simEpoch{tp, e} }
	one, two := simLife{1, 1}, simLife{2, 1}
	have := func(values ...string) map[int64]string {
		m := make(map[int64]string)
		for i, v := range values {
			if v != "" {
				m[int64(i)] = v
			}
		}
		return m
	}
	for _, tc := range []struct {
		name, broken string // broken is the invariant's name, "" if all hold
		history      func(*simHistory)
	}{
		{"a good one", "", func(h *simHistory) {
			h.leads(epoch(1), one)
			h.acknowledged(epoch(1), 0, "a")
			h.watermark(epoch(1), one, 1)
			h.prefix(tp, one, 0, 1, have("a", "b"))
			h.leads(epoch(2), two)
			h.has(epoch(2), two, have("a"))
			h.watermark(epoch(2), two, 0) // it has not heard yet
			h.acknowledged(epoch(2), 1, "c")
			h.watermark(epoch(2), two, 2)
			h.prefix(tp, two, 0, 2, have("a", "c"))
			h.leads(epoch(2), two)
			h.agree(tp, one, two, []storage.EpochEntry{{LeaderEpoch: 1}}, []storage.EpochEntry{{LeaderEpoch: 1}}, have("a", "c"), have("a", "c"))
		}},
		{"two leaders", "SingleLeaderPerEpoch", func(h *simHistory) { h.leads(epoch(1), one); h.leads(epoch(1), two) }},
		{"a leader in its next life", "SingleLeaderPerEpoch", func(h *simHistory) { h.leads(epoch(1), one); h.leads(epoch(1), simLife{1, 2}) }},
		{"a watermark that falls", "MonotonicHighWatermark", func(h *simHistory) { h.watermark(epoch(1), one, 2); h.watermark(epoch(1), one, 1) }},
		{"a new leader without a record", "AckedSurvivesFailover", func(h *simHistory) { h.acknowledged(epoch(1), 1, "b"); h.has(epoch(2), two, have("a")) }},
		{"a new leader with another record", "AckedSurvivesFailover", func(h *simHistory) { h.acknowledged(epoch(1), 0, "b"); h.has(epoch(2), two, have("a")) }},
		{"an offset acknowledged twice", "AckedSurvivesFailover", func(h *simHistory) { h.acknowledged(epoch(1), 0, "a"); h.acknowledged(epoch(2), 0, "b") }},
		{"committed records that differ", "CommittedPrefixAgrees", func(h *simHistory) { h.prefix(tp, one, 0, 2, have("a", "b")); h.prefix(tp, two, 0, 2, have("a", "c")) }},
		{"a committed record that is missing", "CommittedPrefixAgrees", func(h *simHistory) { h.prefix(tp, one, 0, 2, have("a", "b")); h.prefix(tp, two, 1, 2, have("a")) }},
		{"replicas with other records", "ReplicasAgree", func(h *simHistory) { h.agree(tp, one, two, nil, nil, have("a"), have("b")) }},
		{"replicas of other length", "ReplicasAgree", func(h *simHistory) { h.agree(tp, one, two, nil, nil, have("a"), have("a", "b")) }},
		{"replicas with other epochs", "ReplicasAgree", func(h *simHistory) {
			h.agree(tp, one, two, []storage.EpochEntry{{LeaderEpoch: 1}}, nil, have("a"), have("a"))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			h := newSimHistory(func(format string, args ...any) {
				name, _, _ := strings.Cut(fmt.Sprintf(format, args...), ":")
				got = append(got, name)
			})
			tc.history(h)
			switch {
			case tc.broken == "" && len(got) > 0:
				t.Errorf("%v are said to be broken", got)
			case tc.broken != "" && !slices.Equal(got, []string{tc.broken}):
				t.Errorf("%v are said to be broken, want %s", got, tc.broken)
			}
		})
	}
}
