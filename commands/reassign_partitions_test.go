package commands

import (
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestProposalTakesBrokersInTurn: the same proposal on every run, where the original begins with a random broker.
func TestProposalTakesBrokersInTurn(t *testing.T) {
	var all []kmsg.MetadataResponseBroker
	for _, b := range []struct {
		id   int32
		rack string
	}{{1, "a"}, {2, "a"}, {3, "b"}, {4, "b"}, {5, "b"}} {
		all = append(all, kmsg.MetadataResponseBroker{NodeID: b.id, Rack: &b.rack})
	}
	current := []plannedReplicas{{Topic: "t", Partition: 0, Replicas: []int32{1, 2}}, {Topic: "t", Partition: 1, Replicas: []int32{1}}, {Topic: "u", Partition: 0, Replicas: []int32{1, 2}}}
	for _, c := range []struct {
		o    reassignOptions
		want [][]int32
	}{
		{reassignOptions{Brokers: []int32{4, 3, 2, 1}}, [][]int32{{1, 3}, {3}, {2, 4}}},
		{reassignOptions{Brokers: []int32{4, 3, 2, 1}, DisableRackAware: true}, [][]int32{{1, 2}, {2}, {3, 4}}},
		{reassignOptions{Brokers: []int32{5, 1}}, [][]int32{{1, 5}, {5}, {1, 5}}},
	} {
		proposed, err := propose(current, c.o.usableBrokers(all))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range proposed {
			if p.Topic != current[i].Topic || p.Partition != current[i].Partition || !reflect.DeepEqual(p.Replicas, c.want[i]) {
				t.Errorf("%v: %s on %v, want %v", c.o.Brokers, p.name(), p.Replicas, c.want[i])
			}
		}
	}
	if _, err := propose(current, []int32{1}); err == nil {
		t.Error("two replicas on one broker")
	}
	if _, err := propose(current, nil); err == nil {
		t.Error("replicas on no broker")
	}
}
