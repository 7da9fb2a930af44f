package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"time"
)

// sector is what a disk writes whole.
const sector = 512

// CrashClone returns what the disk might hold if the power failed now. What was synced is there. Of what was not, each write made it to the
// disk with a chance of unsyncedPercent in a hundred, in any order, the last perhaps in part; of each directory's unsynced changes of names, a first
// part is kept, because file systems journal them in order. The same seed gives the same luck. At 100 percent the clone is the
// present state, as after kill -9. Handles and locks of m stay with m.
func (m *Mem) CrashClone(unsyncedPercent int, seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &crash{percent: unsyncedPercent, rand: rand.New(rand.NewPCG(seed, 1)), done: make(map[*memNode]*memNode)}
	clone := NewMem()
	clone.root = c.clone(m.root)
	return clone
}

type crash struct {
	percent int
	rand    *rand.Rand
	done    map[*memNode]*memNode // a node may be reached by two names after a half-durable rename
}

func (c *crash) lucky() bool { return c.rand.IntN(100) < c.percent }

func (c *crash) clone(n *memNode) *memNode {
	if copied := c.done[n]; copied != nil {
		return copied
	}
	copied := &memNode{modTime: time.Now()}
	c.done[n] = copied
	if !n.isDir() {
		copied.data = c.content(n)
		copied.durable = slices.Clone(copied.data)
		return copied
	}
	survived := make(map[string]*memNode, len(n.entries))
	maps.Copy(survived, n.durableEntries)
	for _, r := range n.pendingNames {
		if !c.lucky() {
			break
		}
		r.apply(survived)
	}
	copied.entries, copied.durableEntries = make(map[string]*memNode), make(map[string]*memNode)
	names := make([]string, 0, len(survived))
	for name := range survived {
		names = append(names, name)
	}
	sort.Strings(names) // the order of the dice
	for _, name := range names {
		child := c.clone(survived[name])
		copied.entries[name], copied.durableEntries[name] = child, child
	}
	return copied
}

func (c *crash) content(n *memNode) []byte {
	data := slices.Clone(n.durable)
	for _, w := range n.pending {
		switch {
		case c.lucky():
			data = w.apply(data)
		case c.percent > 0 && len(w.data) > 0 && c.lucky():
			sectors := (len(w.data) + sector - 1) / sector
			w.data = w.data[:min(c.rand.IntN(sectors+1)*sector, len(w.data))]
			if len(w.data) > 0 {
				data = w.apply(data)
			}
		}
	}
	return data
}
