package group

import (
	"maps"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
)

// committed is an offset that a group has committed.
type committed struct {
	offset          int64
	leaderEpoch     int32 // -1: not known
	metadata        string
	topicID         ident.TopicID // zero: not known
	commitTimestamp int64
	expireTimestamp int64 // noExpireTimestamp: by offsets.retention.minutes
	recordOffset    int64 // where the coordinator's log has it
}

// groupOffsets is topic, partition, offset.
type groupOffsets map[string]map[int32]committed

func (g groupOffsets) put(topic string, partition int32, o committed) {
	partitions := g[topic]
	if partitions == nil {
		partitions = make(map[int32]committed)
		g[topic] = partitions
	}
	partitions[partition] = o
}

func (g groupOffsets) get(topic string, partition int32) (committed, bool) {
	o, ok := g[topic][partition]
	return o, ok
}

func (g groupOffsets) remove(topic string, partition int32) {
	partitions := g[topic]
	delete(partitions, partition)
	if len(partitions) == 0 {
		delete(g, topic)
	}
}

// each calls fn in the order of topics and partitions.
func (g groupOffsets) each(fn func(topic string, partition int32, o committed)) {
	for _, topic := range slices.Sorted(maps.Keys(g)) {
		for _, partition := range slices.Sorted(maps.Keys(g[topic])) {
			fn(topic, partition, g[topic][partition])
		}
	}
}

// offsetStore holds the offsets of all groups of a shard. Only replay changes it.
type offsetStore struct {
	groups map[string]groupOffsets
	// pending are the offsets of open transactions, by producer id: they replace the committed ones when the transaction commits.
	pending map[int64]map[string]groupOffsets
	// open are the producers with pending offsets, by group.
	open map[string]map[int64]bool
}

func (st *offsetStore) init() {
	st.groups = make(map[string]groupOffsets)
	st.pending = make(map[int64]map[string]groupOffsets)
	st.open = make(map[string]map[int64]bool)
}

func (st *offsetStore) put(groupID, topic string, partition int32, o committed) {
	g := st.groups[groupID]
	if g == nil {
		g = make(groupOffsets)
		st.groups[groupID] = g
	}
	g.put(topic, partition, o)
}

func (st *offsetStore) get(groupID, topic string, partition int32) (committed, bool) {
	return st.groups[groupID].get(topic, partition)
}

// remove forgets an offset, and what open transactions have for the partition: they were meant for the group or topic that is gone.
func (st *offsetStore) remove(groupID, topic string, partition int32) {
	if g := st.groups[groupID]; g != nil {
		g.remove(topic, partition)
		if len(g) == 0 {
			delete(st.groups, groupID)
		}
	}
	for producerID := range st.open[groupID] {
		st.pending[producerID][groupID].remove(topic, partition)
		if len(st.pending[producerID][groupID]) == 0 {
			st.closeTxn(producerID, groupID)
		}
	}
}

func (st *offsetStore) putPending(producerID int64, groupID, topic string, partition int32, o committed) {
	groups := st.pending[producerID]
	if groups == nil {
		groups = make(map[string]groupOffsets)
		st.pending[producerID] = groups
	}
	if groups[groupID] == nil {
		groups[groupID] = make(groupOffsets)
	}
	groups[groupID].put(topic, partition, o)
	if st.open[groupID] == nil {
		st.open[groupID] = make(map[int64]bool)
	}
	st.open[groupID][producerID] = true
}

func (st *offsetStore) endTxn(producerID int64, commit bool) {
	for groupID, offsets := range st.pending[producerID] {
		if commit {
			for topic, partitions := range offsets {
				for partition, o := range partitions {
					// A plain commit that came later in the log than this one stays.
					if old, ok := st.get(groupID, topic, partition); !ok || old.recordOffset < o.recordOffset {
						st.put(groupID, topic, partition, o)
					}
				}
			}
		}
		st.closeTxn(producerID, groupID)
	}
}

func (st *offsetStore) closeTxn(producerID int64, groupID string) {
	if delete(st.pending[producerID], groupID); len(st.pending[producerID]) == 0 {
		delete(st.pending, producerID)
	}
	if delete(st.open[groupID], producerID); len(st.open[groupID]) == 0 {
		delete(st.open, groupID)
	}
}

// hasPending says whether an open transaction is about to change a partition's offset.
func (st *offsetStore) hasPending(groupID, topic string, partition int32) bool {
	for producerID := range st.open[groupID] {
		if _, ok := st.pending[producerID][groupID].get(topic, partition); ok {
			return true
		}
	}
	return false
}

// eachPending calls fn for every partition that has an offset in an open transaction, in order, possibly more than once.
func (st *offsetStore) eachPending(groupID string, fn func(topic string, partition int32)) {
	for _, producerID := range slices.Sorted(maps.Keys(st.open[groupID])) {
		st.pending[producerID][groupID].each(func(topic string, partition int32, _ committed) { fn(topic, partition) })
	}
}
