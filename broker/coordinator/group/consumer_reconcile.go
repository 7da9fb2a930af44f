package group

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// reconciliation moves one member towards its target. It is a pure function of these values.
type reconciliation struct {
	member      consumerMember
	target      assignment
	targetEpoch int32
	isOwned     func(topic ident.TopicID, partition int32) bool // by anyone
	// reported is what the member says it has; nil when it doesn't say.
	reported []kmsg.ConsumerGroupHeartbeatRequestTopic
}

// next is the member after this heartbeat.
func (r *reconciliation) next() consumerMember {
	switch r.member.state {
	case memberStable:
		if r.member.memberEpoch == r.targetEpoch {
			return r.member
		}
		return r.advance(r.member.memberEpoch)
	case memberUnrevoked:
		// As long as it reports one of the partitions, or reports nothing, it has not given them up.
		if r.stillHas(r.member.revoking) {
			return r.member
		}
		return r.advance(r.member.memberEpoch + 1)
	default:
		return r.advance(r.member.memberEpoch)
	}
}

// advance computes the next step from what the member has.
//
//	keeps   = has and should have
//	revokes = has and should not have
//	gets    = should have, does not have, and nobody else has
func (r *reconciliation) advance(epoch int32) consumerMember {
	keeps, revokes, gets := owned{}, owned{}, owned{}
	unreleased := false
	for topic, partitions := range r.member.assigned {
		for p, assignedIn := range partitions {
			if r.target.has(topic, p) {
				keeps.put(topic, p, assignedIn)
			} else {
				revokes.put(topic, p, assignedIn)
			}
		}
	}
	for topic, partitions := range r.target {
		for _, p := range partitions {
			if keeps.has(topic, p) {
				continue
			}
			if r.isOwned(topic, p) {
				unreleased = true
			} else {
				gets.put(topic, p, r.targetEpoch)
			}
		}
	}
	m := r.member
	m.assigned, m.revoking = keeps, owned{}
	if len(revokes) > 0 && r.stillHas(revokes) {
		// It stays in its epoch until it has given them up.
		m.state, m.revoking = memberUnrevoked, revokes
		m.setEpoch(epoch)
		return m
	}
	for topic, partitions := range gets {
		for p, e := range partitions {
			m.assigned.put(topic, p, e)
		}
	}
	m.state = memberStable
	if unreleased {
		m.state = memberUnreleased
	}
	m.setEpoch(r.targetEpoch)
	return m
}

func (m *consumerMember) setEpoch(epoch int32) {
	m.previousEpoch, m.memberEpoch = m.memberEpoch, epoch
}

// stillHas says whether the member may still work on one of the partitions.
func (r *reconciliation) stillHas(partitions owned) bool {
	if r.reported == nil {
		return true
	}
	for _, t := range r.reported {
		for _, p := range t.Partitions {
			if partitions.has(t.TopicID, p) {
				return true
			}
		}
	}
	return false
}
