package metadata

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// topic returns the builder's own copy of a topic, ready to be changed, or nil where there is none.
func (b *Builder) topic(id ident.TopicID) *topicEdit {
	if e := b.topics[id]; e != nil {
		if e.topic == nil {
			return nil
		}
		return e
	}
	old := b.base.TopicByID(id)
	if old == nil {
		return nil
	}
	clone := *old
	clone.Partitions = slices.Clone(old.Partitions)
	return b.addTopic(id, &topicEdit{old: old, topic: &clone, changed: make(map[int32]bool)})
}

func (b *Builder) addTopic(id ident.TopicID, e *topicEdit) *topicEdit {
	if b.topics == nil {
		b.topics = make(map[ident.TopicID]*topicEdit)
		b.names = make(map[string]ident.TopicID)
	}
	b.topics[id] = e
	return e
}

// topicIDOf is the id that a name has after the records so far.
func (b *Builder) topicIDOf(name string) (ident.TopicID, bool) {
	if id, ok := b.names[name]; ok {
		return id, !id.IsZero()
	}
	if t := b.base.Topic(name); t != nil {
		return t.ID, true
	}
	return ident.TopicID{}, false
}

func (b *Builder) replayTopic(r *record.TopicRecord) error {
	if id, ok := b.topicIDOf(r.Name); ok {
		return fmt.Errorf("%w: topic %s exists already, with id %s; the record's is %s", ErrReplay, r.Name, id, r.TopicId)
	}
	if b.base.TopicByID(r.TopicId) != nil || b.topics[r.TopicId] != nil {
		return fmt.Errorf("%w: the id %s of topic %s was used before", ErrReplay, r.TopicId, r.Name)
	}
	b.addTopic(r.TopicId, &topicEdit{topic: &Topic{ID: r.TopicId, Name: r.Name}, changed: make(map[int32]bool)})
	b.names[r.Name] = r.TopicId
	return nil
}

func (b *Builder) replayPartition(r *record.PartitionRecord) error {
	e := b.topic(r.TopicId)
	if e == nil {
		return fmt.Errorf("%w: partition %d of topic id %s, which doesn't exist", ErrReplay, r.PartitionId, r.TopicId)
	}
	if len(r.Directories) > 0 && len(r.Directories) != len(r.Replicas) {
		return fmt.Errorf("%w: %s-%d has %d replicas, but %d directories", ErrReplay, e.topic.Name, r.PartitionId, len(r.Replicas), len(r.Directories))
	}
	if id := int(r.PartitionId); id < 0 || id > len(e.topic.Partitions) {
		return fmt.Errorf("%w: %s has %d partitions, the next can't be %d", ErrReplay, e.topic.Name, len(e.topic.Partitions), id)
	} else if id == len(e.topic.Partitions) {
		e.topic.Partitions = append(e.topic.Partitions, nil)
	}
	e.topic.Partitions[r.PartitionId] = partitionOf(r)
	e.changed[r.PartitionId] = true
	return nil
}

func (b *Builder) replayPartitionChange(r *record.PartitionChangeRecord) error {
	e := b.topic(r.TopicId)
	if e == nil || e.topic.Partition(r.PartitionId) == nil {
		return fmt.Errorf("%w: change of partition %d of topic id %s, which doesn't exist", ErrReplay, r.PartitionId, r.TopicId)
	}
	next, err := e.topic.Partitions[r.PartitionId].Merge(r)
	if err != nil {
		return fmt.Errorf("%s-%d: %w", e.topic.Name, r.PartitionId, err)
	}
	e.topic.Partitions[r.PartitionId] = next
	e.changed[r.PartitionId] = true
	return nil
}

func (b *Builder) replayRemoveTopic(r *record.RemoveTopicRecord) error {
	e := b.topic(r.TopicId)
	if e == nil {
		return fmt.Errorf("%w: removal of topic id %s, which doesn't exist", ErrReplay, r.TopicId)
	}
	b.names[e.topic.Name] = ident.TopicID{}
	b.dropConfig(ConfigResource{ConfigTopic, e.topic.Name})
	e.topic = nil
	return nil
}

func (b *Builder) replayClearElr(r *record.ClearElrRecord) error {
	if r.TopicName != "" {
		id, ok := b.topicIDOf(r.TopicName)
		if !ok {
			return fmt.Errorf("%w: ELR of topic %s, which doesn't exist", ErrReplay, r.TopicName)
		}
		b.clearElr(id, b.topic(id).topic)
		return nil
	}
	for t := range b.base.Topics() {
		if b.topics[t.ID] == nil {
			b.clearElr(t.ID, t)
		}
	}
	for id, e := range b.topics {
		if e.topic != nil {
			b.clearElr(id, e.topic)
		}
	}
	return nil
}

// clearElr empties the ELRs of a topic; it copies the topic only when there is something to do.
func (b *Builder) clearElr(id ident.TopicID, t *Topic) {
	for i, p := range t.Partitions {
		if len(p.Elr) == 0 && len(p.LastKnownElr) == 0 {
			continue
		}
		next := *p
		next.Elr, next.LastKnownElr = nil, nil
		next.PartitionEpoch++
		e := b.topic(id)
		e.topic.Partitions[i] = &next
		e.changed[int32(i)] = true
	}
}

func (b *Builder) buildTopics(next *Image, delta *Delta) {
	if len(b.topics) == 0 {
		return
	}
	byName := make(map[string]change[*Topic], len(b.topics))
	byID := make(map[ident.TopicID]change[*Topic], len(b.topics))
	for id, e := range b.topics {
		if e.old != nil {
			next.partitions -= len(e.old.Partitions)
		}
		if e.topic == nil {
			if e.old != nil {
				byID[id] = change[*Topic]{absent: true}
				delta.DeletedTopics = append(delta.DeletedTopics, e.old)
			}
			continue
		}
		next.partitions += len(e.topic.Partitions)
		byID[id] = change[*Topic]{value: e.topic}
		byName[e.topic.Name] = change[*Topic]{value: e.topic}
		delta.ChangedTopics = append(delta.ChangedTopics, TopicChange{Old: e.old, New: e.topic, Partitions: slices.Sorted(maps.Keys(e.changed))})
	}
	for name, id := range b.names {
		if id.IsZero() {
			byName[name] = change[*Topic]{absent: true}
		}
	}
	next.topicsByName = next.topicsByName.with(byName)
	next.topicsByID = next.topicsByID.with(byID)
	slices.SortFunc(delta.ChangedTopics, func(a, b TopicChange) int { return cmp.Compare(a.New.Name, b.New.Name) })
	slices.SortFunc(delta.DeletedTopics, func(a, b *Topic) int { return cmp.Compare(a.Name, b.Name) })
}
