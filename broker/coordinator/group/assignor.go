package group

import (
	"cmp"
	"maps"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
)

// assignor is a server-side assignor: it decides who reads what, from the members' subscriptions and the target so far.
type assignor struct {
	name   string
	assign func(spec assignSpec) map[string]assignment
}

// assignors are those of group.consumer.assignors; the first is the default.
var assignors = []assignor{{"uniform", assignUniform}, {"range", assignRange}}

func assignorNamed(name string) (assignor, bool) {
	for _, a := range assignors {
		if a.name == name {
			return a, true
		}
	}
	return assignor{}, false
}

// assignSpec is what an assignor works on.
type assignSpec struct {
	members    []assignMember // ordered by member id
	partitions map[ident.TopicID]int32
}

type assignMember struct {
	memberID   string
	instanceID *string
	topics     map[ident.TopicID]bool // that exist
	current    assignment
}

// assignRange gives each member a run of neighbouring partitions of each topic, the same run in topics with as many partitions and the
// same readers, so that they can be joined. Members are ordered by instance id where they have one, so that a restart changes nothing.
func assignRange(spec assignSpec) map[string]assignment {
	members := slices.Clone(spec.members)
	slices.SortStableFunc(members, func(a, b assignMember) int { return cmp.Compare(a.orderKey(), b.orderKey()) })
	out := make(map[string]assignment, len(members))
	for _, m := range members {
		out[m.memberID] = assignment{}
	}
	for _, topic := range sortedIDs(spec.partitions) {
		var readers []string
		for _, m := range members {
			if m.topics[topic] {
				readers = append(readers, m.memberID)
			}
		}
		if len(readers) == 0 {
			continue
		}
		each, extra := int(spec.partitions[topic])/len(readers), int(spec.partitions[topic])%len(readers)
		next := int32(0)
		for i, id := range readers {
			n := each
			if i < extra {
				n++
			}
			for range n {
				out[id][topic] = append(out[id][topic], next)
				next++
			}
		}
	}
	return out
}

func (m *assignMember) orderKey() string {
	if m.instanceID != nil {
		return *m.instanceID
	}
	return m.memberID
}

// assignUniform gives all members as nearly as possible the same number of partitions, and moves as few as it can.
//
// It keeps what each member has up to its fair share, hands out the rest to whoever has least, and when subscriptions differ goes on
// moving single partitions from members with more to members with less, as long as that evens them out.
func assignUniform(spec assignSpec) map[string]assignment {
	b := newBalance(spec)
	b.keepCurrent()
	b.assignRest()
	b.even()
	return b.result()
}

type topicPartition struct {
	topic     ident.TopicID
	partition int32
}

// balance is an assignment in the making.
type balance struct {
	spec    assignSpec
	has     []map[topicPartition]bool // by member
	readers map[ident.TopicID][]int   // members by topic
	taken   map[topicPartition]bool
	uniform bool // all members read the same topics
	quota   int
}

func newBalance(spec assignSpec) *balance {
	b := &balance{spec: spec, readers: make(map[ident.TopicID][]int), taken: make(map[topicPartition]bool), uniform: true}
	for i, m := range spec.members {
		b.has = append(b.has, make(map[topicPartition]bool))
		for topic := range m.topics {
			b.readers[topic] = append(b.readers[topic], i)
		}
		b.uniform = b.uniform && maps.Equal(m.topics, spec.members[0].topics)
	}
	total := 0
	for topic := range b.readers {
		total += int(spec.partitions[topic])
	}
	if n := len(spec.members); n > 0 {
		b.quota = total / n
	}
	return b
}

// keepCurrent takes over what is still valid. With equal subscriptions a member keeps its share and no more; one more each for as many
// members as the division leaves a rest.
func (b *balance) keepCurrent() {
	extra := 0
	if n := len(b.spec.members); n > 0 {
		for topic := range b.readers {
			extra += int(b.spec.partitions[topic])
		}
		extra %= n
	}
	for i, m := range b.spec.members {
		kept := 0
		for _, topic := range sortedIDs(m.current) {
			if !m.topics[topic] {
				continue
			}
			for _, p := range m.current[topic] {
				tp := topicPartition{topic, p}
				if p >= b.spec.partitions[topic] || b.taken[tp] {
					continue
				}
				if b.uniform && kept == b.quota {
					if extra == 0 {
						continue
					}
					extra--
				} else if b.uniform && kept > b.quota {
					continue
				}
				b.take(i, tp)
				kept++
			}
		}
	}
}

func (b *balance) take(member int, tp topicPartition) {
	b.has[member][tp] = true
	b.taken[tp] = true
}

// assignRest hands out free partitions, those with the fewest readers first, each to the reader with the least.
func (b *balance) assignRest() {
	topics := sortedIDs(b.readers)
	slices.SortStableFunc(topics, func(x, y ident.TopicID) int { return len(b.readers[x]) - len(b.readers[y]) })
	for _, topic := range topics {
		load := newLoadQueue(b, b.readers[topic])
		for p := range b.spec.partitions[topic] {
			if tp := (topicPartition{topic, p}); !b.taken[tp] {
				b.take(load.least(), tp)
			}
		}
	}
}

// even moves partitions between members whose subscriptions differ until no move makes them more equal. Each move lowers the sum of the squared
// loads, so it ends.
func (b *balance) even() {
	if b.uniform {
		return
	}
	for moved := true; moved; {
		moved = false
		for _, topic := range sortedIDs(b.readers) {
			for p := range b.spec.partitions[topic] {
				moved = b.evenOne(topicPartition{topic, p}) || moved
			}
		}
	}
}

func (b *balance) evenOne(tp topicPartition) bool {
	from, to := -1, -1
	for _, i := range b.readers[tp.topic] {
		if b.has[i][tp] {
			from = i
		}
		if to < 0 || len(b.has[i]) < len(b.has[to]) {
			to = i
		}
	}
	if from < 0 || len(b.has[from]) <= len(b.has[to])+1 {
		return false
	}
	delete(b.has[from], tp)
	b.has[to][tp] = true
	return true
}

func (b *balance) result() map[string]assignment {
	out := make(map[string]assignment, len(b.has))
	for i, has := range b.has {
		a := assignment{}
		for tp := range has {
			a[tp.topic] = append(a[tp.topic], tp.partition)
		}
		for _, partitions := range a {
			slices.Sort(partitions)
		}
		out[b.spec.members[i].memberID] = a
	}
	return out
}

// loadQueue finds the member with the fewest partitions: a heap of members by load.
type loadQueue struct {
	b       *balance
	members []int
}

func newLoadQueue(b *balance, members []int) *loadQueue {
	q := &loadQueue{b, slices.Clone(members)}
	slices.SortFunc(q.members, q.compare)
	return q
}

func (q *loadQueue) compare(x, y int) int {
	return cmp.Or(cmp.Compare(len(q.b.has[x]), len(q.b.has[y])), cmp.Compare(x, y))
}

// least returns the member with the least and expects that it gets one more.
func (q *loadQueue) least() int {
	i := q.members[0]
	// Sift it to where it belongs with one more: a sorted slice in place of a heap is simple, and moves little when loads are even.
	load := len(q.b.has[i]) + 1
	at := 1
	for at < len(q.members) && (len(q.b.has[q.members[at]]) < load || len(q.b.has[q.members[at]]) == load && q.members[at] < i) {
		q.members[at-1] = q.members[at]
		at++
	}
	q.members[at-1] = i
	return i
}
