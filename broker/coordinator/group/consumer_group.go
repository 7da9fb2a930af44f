package group

import (
	"maps"
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
)

// memberState is where a member is on its way to the target assignment. The values are in the log.
type memberState int8

const (
	memberStable     memberState = 0
	memberUnrevoked  memberState = 1 // has to give up partitions before it goes on
	memberUnreleased memberState = 2 // waits for partitions that others have not given up yet
)

// Member epochs with a meaning of their own.
const (
	joinEpoch        int32 = 0
	leaveEpoch       int32 = -1
	leaveStaticEpoch int32 = -2 // leaves for now and comes back under the same instance id
)

// assignment is partitions by topic, in order.
type assignment map[ident.TopicID][]int32

// owned is partitions by topic, each with the epoch in which the member got it.
type owned map[ident.TopicID]map[int32]int32

// consumerGroup is a group of the consumer protocol (KIP-848): the coordinator computes a target assignment, and each member moves towards it
// by its heartbeats, at its own pace. A group epoch stands for what the members subscribe to, an assignment epoch for the target that was
// computed from it, a member epoch for the target that a member has reached.
//
// Unlike a classic group's, all of this is in the log, and only replay changes it; what is not in the log is in soft.
type consumerGroup struct {
	groupID string

	groupEpoch          int32
	metadataHash        int64 // of the topics that the group subscribes to
	assignmentEpoch     int32
	assignmentTimestamp int64

	members       map[string]*consumerMember
	staticMembers map[string]string // instance id to member id
	target        map[string]assignment
	owners        map[ident.TopicID]map[int32]string // who has a partition, or still has to give it up
	regexes       map[string]resolvedRegex

	soft struct {
		refreshAt time.Time // when the topics are looked at again
	}
}

type resolvedRegex struct {
	topics    []string // in order
	version   int64
	timestamp int64
}

// consumerMember is a member as the log has it. Values are replaced, never changed, so that a handler may copy one and change the copy.
type consumerMember struct {
	memberID         string
	instanceID       *string
	rackID           *string
	clientID         string
	clientHost       string
	topics           []string // subscribed names, in order
	regex            string   // subscribed pattern, "" for none
	serverAssignor   *string
	rebalanceTimeout time.Duration
	classic          *classicProtocols // of a member that speaks the classic protocol; see migrate_member.go

	state         memberState
	memberEpoch   int32
	previousEpoch int32
	assigned      owned
	revoking      owned // to be given up
}

func newConsumerGroup(groupID string) *consumerGroup {
	return &consumerGroup{
		groupID:       groupID,
		groupEpoch:    1, // the first subscription makes it 2, as in Apache Kafka
		members:       make(map[string]*consumerMember),
		staticMembers: make(map[string]string),
		target:        make(map[string]assignment),
		owners:        make(map[ident.TopicID]map[int32]string),
		regexes:       make(map[string]resolvedRegex),
	}
}

// state is the group's state as tools show it.
func (g *consumerGroup) state() string {
	if len(g.members) == 0 {
		return "Empty"
	}
	if g.groupEpoch > g.assignmentEpoch {
		return "Assigning"
	}
	for _, m := range g.members {
		if !m.reconciledTo(g.assignmentEpoch) {
			return "Reconciling"
		}
	}
	return "Stable"
}

func (g *consumerGroup) memberIDs() []string { return slices.Sorted(maps.Keys(g.members)) }

// isSubscribed says whether a member reads the topic.
func (g *consumerGroup) isSubscribed(topic string) bool {
	for _, m := range g.members {
		if slices.Contains(m.topics, topic) {
			return true
		}
		if m.regex != "" {
			if _, ok := slices.BinarySearch(g.regexes[m.regex].topics, topic); ok {
				return true
			}
		}
	}
	return false
}

// subscribedTopics is what a member reads, by name.
func (g *consumerGroup) subscribedTopics(m *consumerMember, regexes map[string]resolvedRegex) []string {
	if m.regex == "" {
		return m.topics
	}
	all := slices.Concat(m.topics, regexes[m.regex].topics)
	slices.Sort(all)
	return slices.Compact(all)
}

func (m *consumerMember) reconciledTo(epoch int32) bool {
	return m.state == memberStable && m.memberEpoch == epoch
}

// sameSubscription says whether the log holds the same about two versions of a member, apart from its assignment.
func (m *consumerMember) sameSubscription(o *consumerMember) bool {
	return equalPtr(m.instanceID, o.instanceID) && equalPtr(m.rackID, o.rackID) && m.clientID == o.clientID && m.clientHost == o.clientHost &&
		slices.Equal(m.topics, o.topics) && m.regex == o.regex && equalPtr(m.serverAssignor, o.serverAssignor) && m.rebalanceTimeout == o.rebalanceTimeout &&
		m.classic.equal(o.classic)
}

func (m *consumerMember) sameAssignment(o *consumerMember) bool {
	return m.state == o.state && m.memberEpoch == o.memberEpoch && m.previousEpoch == o.previousEpoch &&
		m.assigned.equal(o.assigned) && m.revoking.equal(o.revoking)
}

func equalPtr[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func (o owned) equal(p owned) bool {
	return maps.EqualFunc(o, p, func(a, b map[int32]int32) bool { return maps.Equal(a, b) })
}

func (o owned) has(topic ident.TopicID, partition int32) bool {
	_, ok := o[topic][partition]
	return ok
}

func (o owned) put(topic ident.TopicID, partition, epoch int32) {
	if o[topic] == nil {
		o[topic] = make(map[int32]int32)
	}
	o[topic][partition] = epoch
}

// held is what a member may be working on: also what it has been told to give up.
func (m *consumerMember) held() owned {
	if len(m.revoking) == 0 {
		return m.assigned
	}
	out := owned{}
	for _, o := range []owned{m.assigned, m.revoking} {
		for topic, partitions := range o {
			for p, epoch := range partitions {
				out.put(topic, p, epoch)
			}
		}
	}
	return out
}

// since is the same partitions, all assigned in one epoch.
func (o owned) since(epoch int32) owned {
	out := make(owned, len(o))
	for topic, partitions := range o {
		for p := range partitions {
			out.put(topic, p, epoch)
		}
	}
	return out
}

// samePartitions ignores the epochs: it is what the member gets to see.
func (o owned) samePartitions(p owned) bool {
	return maps.EqualFunc(o, p, func(a, b map[int32]int32) bool {
		return maps.EqualFunc(a, b, func(int32, int32) bool { return true })
	})
}

// sorted yields topics and partitions in order.
func (o owned) sorted(fn func(topic ident.TopicID, partitions []int32)) {
	for _, topic := range sortedIDs(o) {
		fn(topic, slices.Sorted(maps.Keys(o[topic])))
	}
}

func sortedIDs[V any](m map[ident.TopicID]V) []ident.TopicID {
	return slices.SortedFunc(maps.Keys(m), compareIDs)
}

func compareIDs(a, b ident.TopicID) int { return slices.Compare(a[:], b[:]) }

func (a assignment) equal(b assignment) bool {
	return maps.EqualFunc(a, b, func(x, y []int32) bool { return slices.Equal(x, y) })
}

func (a assignment) has(topic ident.TopicID, partition int32) bool {
	_, ok := slices.BinarySearch(a[topic], partition)
	return ok
}

// isOwned says whether anyone has the partition or still has to give it up.
func (g *consumerGroup) isOwned(topic ident.TopicID, partition int32) bool {
	_, ok := g.owners[topic][partition]
	return ok
}

// own and disown keep the owners in step with a member's assignment.
func (g *consumerGroup) own(m *consumerMember) {
	for _, o := range []owned{m.assigned, m.revoking} {
		for topic, partitions := range o {
			if g.owners[topic] == nil {
				g.owners[topic] = make(map[int32]string)
			}
			for p := range partitions {
				g.owners[topic][p] = m.memberID
			}
		}
	}
}

func (g *consumerGroup) disown(m *consumerMember) {
	for _, o := range []owned{m.assigned, m.revoking} {
		for topic, partitions := range o {
			for p := range partitions {
				if g.owners[topic][p] == m.memberID {
					delete(g.owners[topic], p)
				}
			}
			if len(g.owners[topic]) == 0 {
				delete(g.owners, topic)
			}
		}
	}
}
