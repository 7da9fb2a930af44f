package brokertest_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
)

// A history is what clients of a node that is killed again and again were told, and what the logs hold in the end. Its check finds every
// promise that was broken:
//
//	AckedOnce       an acknowledged record is in its partition, at the offset of the acknowledgement, exactly once
//	NothingTwice    a record that was not acknowledged is there at most once
//	InOrder         the records of one producer lie in a partition in the order in which they were sent
//	NothingForeign  there is nothing that nobody sent
//	NoGaps          offsets follow each other
//	CommitsStay     a group's committed offset is never behind one whose commit was acknowledged, nor beyond all that were tried
type history struct {
	mu       sync.Mutex
	sent     map[int]int               // producer -> how many records it has sent
	acked    map[message]place         // where the acknowledged records should be
	logs     map[int32][]entry         // partition -> what is there
	commits  map[groupPartition]commit // the newest
	problems []string
}

type message struct{ producer, number int }

type place struct {
	partition int32
	offset    int64
}

type entry struct {
	offset int64
	message
}

type groupPartition struct {
	group     string
	partition int32
}

type commit struct{ acked, tried int64 }

func newHistory() *history {
	return &history{sent: make(map[int]int), acked: make(map[message]place), logs: make(map[int32][]entry), commits: make(map[groupPartition]commit)}
}

func (h *history) report(format string, args ...any) {
	h.problems = append(h.problems, fmt.Sprintf(format, args...))
}

func (h *history) send(producer int) message {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := message{producer, h.sent[producer]}
	h.sent[producer]++
	return m
}

func (h *history) ack(m message, p place) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked[m] = p
}

func (h *history) tryCommit(g groupPartition, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.commits[g]
	c.tried = max(c.tried, offset)
	h.commits[g] = c
}

func (h *history) ackCommit(g groupPartition, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.commits[g]
	c.acked = max(c.acked, offset)
	h.commits[g] = c
}

// acknowledged are the newest acknowledged commits.
func (h *history) acknowledged() map[groupPartition]commit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.commits)
}

// committed takes the offset that a group was found to have, some time after before was taken.
func (h *history) committed(g groupPartition, before commit, found int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if found < before.acked || found > h.commits[g].tried {
		h.report("CommitsStay: group %s, partition %d: committed %d, while %d was acknowledged and %d the largest tried", g.group, g.partition, found, before.acked, h.commits[g].tried)
	}
}

// check returns all broken promises.
func (h *history) check() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := make(map[message]place)
	for _, partition := range slices.Sorted(maps.Keys(h.logs)) {
		newest := make(map[int]int)
		for i, e := range h.logs[partition] {
			if i > 0 && e.offset != h.logs[partition][i-1].offset+1 {
				h.report("NoGaps: partition %d: offset %d follows %d", partition, e.offset, h.logs[partition][i-1].offset)
			}
			if e.number < 0 || e.number >= h.sent[e.producer] {
				h.report("NothingForeign: partition %d, offset %d: producer %d never sent %d", partition, e.offset, e.producer, e.number)
			}
			if other, twice := found[e.message]; twice {
				h.report("NothingTwice: %v is at %v and in partition %d at %d", e.message, other, partition, e.offset)
			}
			found[e.message] = place{partition, e.offset}
			if last, any := newest[e.producer]; any && e.number < last {
				h.report("InOrder: partition %d, offset %d: producer %d's %d comes after %d", partition, e.offset, e.producer, e.number, last)
			}
			newest[e.producer] = e.number
		}
	}
	for m, at := range h.acked {
		if is, ok := found[m]; !ok || is != at {
			h.report("AckedOnce: %v was acknowledged at %v, and is at %v (found: %t)", m, at, is, ok)
		}
	}
	return h.problems
}

// TestTheCheckerFindsBrokenPromises shows the checker good and bad histories.
func TestTheCheckerFindsBrokenPromises(t *testing.T) {
	good := func() *history {
		h := newHistory()
		for range 4 {
			h.send(1)
		}
		h.send(2)
		h.logs[0] = []entry{{0, message{1, 0}}, {1, message{2, 0}}, {2, message{1, 2}}}
		h.logs[1] = []entry{{0, message{1, 1}}}
		h.ack(message{1, 0}, place{0, 0})
		h.ack(message{1, 1}, place{1, 0})
		h.ack(message{1, 2}, place{0, 2})
		h.tryCommit(groupPartition{"g", 0}, 3)
		h.ackCommit(groupPartition{"g", 0}, 2)
		return h
	}
	newest := func(h *history) commit { return h.commits[groupPartition{"g", 0}] }
	for name, tc := range map[string]struct {
		spoil func(h *history)
		want  string
	}{
		"nothing wrong": {func(h *history) { h.committed(groupPartition{"g", 0}, newest(h), 3) }, ""},
		"lost":          {func(h *history) { h.logs[0] = h.logs[0][:2] }, "AckedOnce"},
		"moved":         {func(h *history) { h.ack(message{1, 1}, place{1, 5}) }, "AckedOnce"},
		"twice":         {func(h *history) { h.logs[1] = append(h.logs[1], entry{1, message{2, 0}}) }, "NothingTwice"},
		"out of order": {func(h *history) {
			h.send(2)
			h.logs[1] = []entry{{0, message{1, 1}}, {1, message{1, 3}}, {2, message{1, 1}}}
		}, "InOrder"},
		"never sent":          {func(h *history) { h.logs[1] = append(h.logs[1], entry{1, message{7, 0}}) }, "NothingForeign"},
		"a gap":               {func(h *history) { h.logs[1] = append(h.logs[1], entry{2, message{1, 3}}) }, "NoGaps"},
		"commit forgotten":    {func(h *history) { h.committed(groupPartition{"g", 0}, newest(h), 1) }, "CommitsStay"},
		"commit nobody asked": {func(h *history) { h.committed(groupPartition{"g", 0}, newest(h), 4) }, "CommitsStay"},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			tc.spoil(h)
			problems := h.check()
			if tc.want == "" {
				if len(problems) > 0 {
					t.Fatalf("a good history is found to be bad: %q", problems)
				}
				return
			}
			if !slices.ContainsFunc(problems, func(p string) bool { return p[:min(len(tc.want), len(p))] == tc.want }) {
				t.Fatalf("found %q, want %s", problems, tc.want)
			}
		})
	}
}
