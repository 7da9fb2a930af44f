package replica

import (
	"cmp"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
)

// RackAwareSelector sends consumers to a replica in their own rack (Kafka's RackAwareReplicaSelector): the leader if it is there, else
// the one that has most of the log. Consumers that name no rack, and racks without a replica, get the leader.
type RackAwareSelector struct{}

// Select implements ReplicaSelector.
func (RackAwareSelector) Select(_ ident.TopicPartition, client *ClientMetadata, leader ident.BrokerID, replicas []ReplicaView) ident.BrokerID {
	if client.RackID == "" {
		return leader
	}
	near := slices.DeleteFunc(slices.Clone(replicas), func(r ReplicaView) bool { return r.Broker.Rack == nil || *r.Broker.Rack != client.RackID })
	if len(near) == 0 || slices.ContainsFunc(near, func(r ReplicaView) bool { return r.Broker.ID == leader }) {
		return leader
	}
	best := slices.MaxFunc(near, func(a, b ReplicaView) int {
		return cmp.Or(cmp.Compare(a.LogEndOffset, b.LogEndOffset), a.CaughtUp.Compare(b.CaughtUp), cmp.Compare(b.Broker.ID, a.Broker.ID))
	})
	return best.Broker.ID
}
