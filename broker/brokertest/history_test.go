package brokertest_test

import (
	"errors"
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
//	SeenStays       what a reader was given at an offset is what every reader is given there, and what is there in the end
//	NoGapsRead      a reader is given the offsets of a partition one after the other
//	EndNeverFalls   the end of a partition that a reader is told never goes back
type history struct {
	mu       sync.Mutex
	sent     map[int]int               // producer -> how many records it has sent
	acked    map[message]place         // where the acknowledged records should be
	logs     map[int32][]entry         // partition -> what is there
	commits  map[groupPartition]commit // the newest
	seen     map[place]message         // what readers were given
	ends     map[int32]int64           // partition -> the largest end that was told
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
	return &history{
		sent: make(map[int]int), acked: make(map[message]place), logs: make(map[int32][]entry), commits: make(map[groupPartition]commit),
		seen: make(map[place]message), ends: make(map[int32]int64),
	}
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

// read takes what a reader was given; next is the offset that the reader is due to get from each partition.
func (h *history) read(reader string, next map[int32]int64, at place, m message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if want, began := next[at.partition]; began && at.offset != want {
		h.report("NoGapsRead: %s, partition %d: offset %d where %d is due", reader, at.partition, at.offset, want)
	}
	next[at.partition] = at.offset + 1
	if before, ok := h.seen[at]; ok && before != m {
		h.report("SeenStays: %s was given %v at %v, where another was given %v", reader, m, at, before)
	}
	h.seen[at] = m
}

// lost takes what a reader was told of records that are gone.
func (h *history) lost(reader string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.report("SeenStays: %s: %v", reader, err)
}

// end takes an end of a partition. Only one goroutine may ask for them.
func (h *history) end(partition int32, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if offset < h.ends[partition] {
		h.report("EndNeverFalls: partition %d: the end is %d and was %d", partition, offset, h.ends[partition])
	}
	h.ends[partition] = max(offset, h.ends[partition])
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
	for at, m := range h.seen {
		if is, ok := found[m]; !ok || is != at {
			h.report("SeenStays: %v was read at %v, and is at %v (found: %t)", m, at, is, ok)
		}
	}
	for partition, end := range h.ends {
		if n := len(h.logs[partition]); n == 0 && end > 0 || n > 0 && h.logs[partition][n-1].offset+1 < end {
			h.report("EndNeverFalls: partition %d has %d records, and its end was %d", partition, n, end)
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
		next := make(map[int32]int64)
		h.read("reader", next, place{0, 0}, message{1, 0})
		h.read("reader", next, place{0, 1}, message{2, 0})
		h.end(0, 2)
		h.end(0, 3)
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
		"never sent":       {func(h *history) { h.logs[1] = append(h.logs[1], entry{1, message{7, 0}}) }, "NothingForeign"},
		"a gap":            {func(h *history) { h.logs[1] = append(h.logs[1], entry{2, message{1, 3}}) }, "NoGaps"},
		"commit forgotten": {func(h *history) { h.committed(groupPartition{"g", 0}, newest(h), 1) }, "CommitsStay"},
		"read, then gone": {func(h *history) {
			h.read("reader", map[int32]int64{}, place{1, 1}, message{2, 0})
			h.logs[0] = h.logs[0][:1]
		}, "SeenStays"},
		"read differently":     {func(h *history) { h.read("other", map[int32]int64{}, place{0, 1}, message{1, 2}) }, "SeenStays"},
		"told that it is gone": {func(h *history) { h.lost("other", errors.New("data loss")) }, "SeenStays"},
		"read twice":           {func(h *history) { h.read("other", map[int32]int64{0: 1}, place{0, 0}, message{1, 0}) }, "NoGapsRead"},
		"read with a gap":      {func(h *history) { h.read("other", map[int32]int64{0: 1}, place{0, 2}, message{1, 2}) }, "NoGapsRead"},
		"end falls":            {func(h *history) { h.end(0, 2) }, "EndNeverFalls"},
		"end beyond the log":   {func(h *history) { h.end(1, 7) }, "EndNeverFalls"},
		"commit nobody asked":  {func(h *history) { h.committed(groupPartition{"g", 0}, newest(h), 4) }, "CommitsStay"},
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
