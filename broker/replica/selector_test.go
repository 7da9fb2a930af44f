package replica

import (
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

func TestRackAwareSelector(t *testing.T) {
	view := func(id ident.BrokerID, rack string, end int64) ReplicaView {
		return ReplicaView{Broker: &metadata.Broker{ID: id, Rack: &rack}, LogEndOffset: end}
	}
	replicas := []ReplicaView{view(1, "a", 10), view(2, "b", 8), view(3, "b", 9), {Broker: &metadata.Broker{ID: 4}}}
	for _, c := range []struct {
		rack string
		want ident.BrokerID
	}{{"", 1}, {"a", 1}, {"b", 3}, {"c", 1}} {
		if got := (RackAwareSelector{}).Select(tpOf("t", 0), &ClientMetadata{RackID: c.rack}, 1, replicas); got != c.want {
			t.Errorf("rack %q: broker %d, want %d", c.rack, got, c.want)
		}
	}
}

// TestConsumerIsSentToItsRack fetches from the leader with the rack of a follower in the ISR, then from the follower.
func TestConsumerIsSentToItsRack(t *testing.T) {
	f := newFixture(t, func(cfg *Config) { cfg.Selector = RackAwareSelector{} }, 1)
	for id, rack := range map[int32]string{1: "a", 2: "b"} {
		f.apply(&record.RegisterBrokerRecord{BrokerId: id, BrokerEpoch: 100 + int64(id), Rack: &rack})
	}
	f.topic("t", 1, 1, 2)
	f.mustProduce("t", 0, 2)
	f.fetchOne(asFollower(2), at("t", 0, 2))
	params := consumer(0, 1)
	params.Client = &ClientMetadata{RackID: "b"}
	if r := f.fetchOne(params, at("t", 0, 0)); r.PreferredReadReplica != 2 || r.size() != 0 || r.HighWatermark != 2 {
		t.Errorf("got %+v", r)
	}
	params.Client.RackID = "a"
	if r := f.fetchOne(params, at("t", 0, 0)); r.PreferredReadReplica != ident.NoBroker || r.size() == 0 {
		t.Errorf("got %+v", r)
	}
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 2 })
	if r := f.fetchOne(params, at("t", 0, 0)); r.Err != nil || r.size() == 0 {
		t.Errorf("from the follower: %+v", r)
	}
}
