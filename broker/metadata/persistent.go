package metadata

import (
	"cmp"
	"hash/maphash"
	"iter"
	"maps"
	"slices"
	"sort"
)

// seed places keys in shards. It is per process: no order of a pmap ever leaves the process.
var seed = maphash.MakeSeed()

// shardTarget is how many entries a shard should hold: what a change of one key copies.
const shardTarget = 16

// pmap is a persistent hash map: many small Go maps, of which a change copies only those it touches. The zero value is empty.
// Reading takes one hash, one index and one lookup in a built-in map and allocates nothing.
type pmap[K comparable, V any] struct {
	shards []map[K]V // the length is a power of two
	count  int
}

func (m pmap[K, V]) len() int { return m.count }

func (m pmap[K, V]) shardOf(key K) int {
	return int(maphash.Comparable(seed, key) & uint64(len(m.shards)-1))
}

func (m pmap[K, V]) get(key K) (v V, ok bool) {
	if len(m.shards) == 0 {
		return v, false
	}
	v, ok = m.shards[m.shardOf(key)][key]
	return v, ok
}

func (m pmap[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, shard := range m.shards {
			for k, v := range shard {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

func (m pmap[K, V]) values() iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, v := range m.all() {
			if !yield(v) {
				return
			}
		}
	}
}

// sortedValues returns the values in the order of their keys.
func (m pmap[K, V]) sortedValues(compare func(a, b K) int) []V {
	keys := m.sortedKeys(compare)
	values := make([]V, len(keys))
	for i, k := range keys {
		values[i], _ = m.get(k)
	}
	return values
}

func (m pmap[K, V]) sortedKeys(compare func(a, b K) int) []K {
	keys := make([]K, 0, m.count)
	for k := range m.all() {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// change is a new value for a key; absent means that the key goes.
type change[V any] struct {
	value  V
	absent bool
}

// with returns the map with the changes made. It copies each shard that they touch once, and the list of shards.
func (m pmap[K, V]) with(changes map[K]change[V]) pmap[K, V] {
	if len(changes) == 0 {
		return m
	}
	next := m.resized(m.count + len(changes))
	owned := make(map[int]bool, min(len(changes), len(next.shards)))
	fresh := len(m.shards) != len(next.shards) // every shard is already a copy
	for key, c := range changes {
		i := next.shardOf(key)
		if !fresh && !owned[i] {
			owned[i] = true
			if next.shards[i] == nil {
				next.shards[i] = make(map[K]V, 1)
			} else {
				next.shards[i] = maps.Clone(next.shards[i])
			}
		} else if next.shards[i] == nil {
			next.shards[i] = make(map[K]V, 1)
		}
		_, had := next.shards[i][key]
		switch {
		case c.absent && had:
			delete(next.shards[i], key)
			next.count--
		case !c.absent:
			next.shards[i][key] = c.value
			if !had {
				next.count++
			}
		}
	}
	return next
}

// resized returns m with a list of shards of its own, long enough for count entries: entries move only when the length must grow.
func (m pmap[K, V]) resized(count int) pmap[K, V] {
	want := max(len(m.shards), 1)
	for want*shardTarget < count {
		want *= 4
	}
	if want == len(m.shards) {
		return pmap[K, V]{shards: slices.Clone(m.shards), count: m.count}
	}
	next := pmap[K, V]{shards: make([]map[K]V, want), count: m.count}
	for k, v := range m.all() {
		i := next.shardOf(k)
		if next.shards[i] == nil {
			next.shards[i] = make(map[K]V, shardTarget)
		}
		next.shards[i][k] = v
	}
	return next
}

// orderedMap is a persistent map for few entries (brokers, features): a sorted slice that each change copies. The zero value is empty.
type orderedMap[K cmp.Ordered, V any] struct {
	keys []K
	vals []V
}

func (m orderedMap[K, V]) len() int { return len(m.keys) }

func (m orderedMap[K, V]) get(key K) (v V, ok bool) {
	i := sort.Search(len(m.keys), func(i int) bool { return m.keys[i] >= key })
	if i < len(m.keys) && m.keys[i] == key {
		return m.vals[i], true
	}
	return v, false
}

func (m orderedMap[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i, k := range m.keys {
			if !yield(k, m.vals[i]) {
				return
			}
		}
	}
}

func (m orderedMap[K, V]) values() iter.Seq[V] { return slices.Values(m.vals) }

func (m orderedMap[K, V]) with(changes map[K]change[V]) orderedMap[K, V] {
	if len(changes) == 0 {
		return m
	}
	merged := make(map[K]V, len(m.keys)+len(changes))
	for i, k := range m.keys {
		merged[k] = m.vals[i]
	}
	for k, c := range changes {
		if c.absent {
			delete(merged, k)
		} else {
			merged[k] = c.value
		}
	}
	next := orderedMap[K, V]{keys: slices.Sorted(maps.Keys(merged)), vals: make([]V, 0, len(merged))}
	for _, k := range next.keys {
		next.vals = append(next.vals, merged[k])
	}
	return next
}

func compareStrings(a, b string) int { return cmp.Compare(a, b) }
