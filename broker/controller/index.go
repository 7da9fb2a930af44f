package controller

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// index answers the questions that would otherwise take a walk over all partitions. It is derived from the image and kept in step by deltas.
// It counts by topic, not by partition: finding the partitions then means walking the topics concerned, and the index stays small.
type index struct {
	members     map[ident.BrokerID]map[ident.TopicID]int // partitions that have the broker in ISR or ELR; NoBroker: those without a leader
	leaders     map[ident.BrokerID]int                   // partitions that the broker leads
	imbalanced  map[ident.TopicID]int                    // partitions not led by their preferred replica
	reassigning map[ident.TopicID]int
	collisions  map[string][]string // names that hold '.' or '_', by the name with '_' only; each list sorted
	directories map[ident.UUID]ident.BrokerID
}

func (x *index) rebuild(image *metadata.Image) {
	*x = index{
		members: make(map[ident.BrokerID]map[ident.TopicID]int), leaders: make(map[ident.BrokerID]int),
		imbalanced: make(map[ident.TopicID]int), reassigning: make(map[ident.TopicID]int),
		collisions: make(map[string][]string), directories: make(map[ident.UUID]ident.BrokerID),
	}
	for t := range image.Topics() {
		x.addTopic(t, 1)
	}
	for b := range image.Brokers() {
		for _, dir := range b.Directories {
			x.directories[dir] = b.ID
		}
	}
}

func (x *index) apply(d *metadata.Delta) {
	for _, t := range d.DeletedTopics {
		x.addTopic(t, -1)
	}
	for _, ch := range d.ChangedTopics {
		if ch.Old == nil {
			x.addTopic(ch.New, 1)
			continue
		}
		for _, id := range ch.Partitions {
			if p := ch.Old.Partition(id); p != nil {
				x.addPartition(ch.New.ID, p, -1)
			}
			x.addPartition(ch.New.ID, ch.New.Partitions[id], 1)
		}
	}
	for _, ch := range d.ChangedBrokers {
		if ch.Old != nil {
			for _, dir := range ch.Old.Directories {
				delete(x.directories, dir)
			}
		}
		if ch.New != nil {
			for _, dir := range ch.New.Directories {
				x.directories[dir] = ch.ID
			}
		}
	}
}

func (x *index) addTopic(t *metadata.Topic, n int) {
	for _, p := range t.Partitions {
		x.addPartition(t.ID, p, n)
	}
	if !hasCollisionChars(t.Name) {
		return
	}
	key := unifyCollisionChars(t.Name)
	names := x.collisions[key]
	i, found := slices.BinarySearch(names, t.Name)
	switch {
	case n > 0 && !found:
		x.collisions[key] = slices.Insert(names, i, t.Name)
	case n < 0 && found:
		if names = slices.Delete(names, i, i+1); len(names) == 0 {
			delete(x.collisions, key)
		} else {
			x.collisions[key] = names
		}
	}
}

// addPartition counts a partition (n = 1) or takes it off (n = -1).
func (x *index) addPartition(topic ident.TopicID, p *metadata.Partition, n int) {
	for _, ids := range [2][]ident.BrokerID{p.Isr, p.Elr} {
		for _, id := range ids {
			x.addMember(id, topic, n)
		}
	}
	if p.Leader == ident.NoBroker {
		x.addMember(ident.NoBroker, topic, n)
	} else if x.leaders[p.Leader] += n; x.leaders[p.Leader] == 0 {
		delete(x.leaders, p.Leader)
	}
	if p.Leader != p.PreferredReplica() {
		count(x.imbalanced, topic, n)
	}
	if p.Reassigning() {
		count(x.reassigning, topic, n)
	}
}

func (x *index) addMember(id ident.BrokerID, topic ident.TopicID, n int) {
	if x.members[id] == nil {
		x.members[id] = make(map[ident.TopicID]int)
	}
	if count(x.members[id], topic, n); len(x.members[id]) == 0 {
		delete(x.members, id)
	}
}

func count(m map[ident.TopicID]int, id ident.TopicID, n int) {
	if m[id] += n; m[id] == 0 {
		delete(m, id)
	}
}

// topics returns the topics that a count names, by name: effects never depend on map order.
func topics(image *metadata.Image, counts map[ident.TopicID]int) []*metadata.Topic {
	out := make([]*metadata.Topic, 0, len(counts))
	for id := range counts {
		out = append(out, image.TopicByID(id))
	}
	slices.SortFunc(out, func(a, b *metadata.Topic) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// collides returns a topic whose name differs from name in nothing but '.' and '_', which metric names don't tell apart.
func (x *index) collides(name string) (string, bool) {
	if !hasCollisionChars(name) {
		return "", false
	}
	if names := x.collisions[unifyCollisionChars(name)]; len(names) > 0 {
		return names[0], true
	}
	return "", false
}

func hasCollisionChars(name string) bool { return strings.ContainsAny(name, "._") }

func unifyCollisionChars(name string) string { return strings.ReplaceAll(name, ".", "_") }
