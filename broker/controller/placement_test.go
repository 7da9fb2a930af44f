package controller

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
)

func racked(racks int, perRack int) []usableBroker {
	var out []usableBroker
	for i := range racks * perRack {
		out = append(out, usableBroker{id: ident.BrokerID(i), rack: fmt.Sprintf("rack%d", i%racks), racked: true})
	}
	return out
}

func TestReplicasOfAPartitionAreInDifferentRacks(t *testing.T) {
	brokers := racked(3, 4)
	p := newStripedPlacer(rand.New(rand.NewPCG(1, 1)), brokers)
	leaders := make(map[ident.BrokerID]int)
	replicas := make(map[ident.BrokerID]int)
	for range 1200 {
		placed := p.place(3)
		seen := make(map[string]bool)
		for _, id := range placed {
			replicas[id]++
			seen[brokers[id].rack] = true
		}
		if len(seen) != 3 {
			t.Fatalf("replicas %v are in %d racks", placed, len(seen))
		}
		leaders[placed[0]]++
	}
	for id := range ident.BrokerID(12) {
		if leaders[id] != 100 || replicas[id] != 300 {
			t.Errorf("broker %d leads %d partitions of 1200 and has %d replicas of 3600, want 100 and 300", id, leaders[id], replicas[id])
		}
	}
}

func TestMoreReplicasThanRacksStayOnDifferentBrokers(t *testing.T) {
	p := newStripedPlacer(rand.New(rand.NewPCG(3, 1)), racked(2, 3))
	for range 100 {
		placed := p.place(5)
		slices.Sort(placed)
		if len(slices.Compact(placed)) != 5 {
			t.Fatalf("a broker holds two replicas of a partition: %v", placed)
		}
	}
}

func TestLeadersAreUnfencedWhileThereAreAny(t *testing.T) {
	brokers := racked(3, 2)
	for i := range brokers {
		brokers[i].fenced = brokers[i].rack != "rack1"
	}
	p := newStripedPlacer(rand.New(rand.NewPCG(2, 1)), brokers)
	for range 60 {
		if placed := p.place(4); brokers[placed[0]].fenced {
			t.Fatalf("the first of %v is fenced", placed)
		}
	}
	if err := p.check(7); err == nil || err.Error() != "The target replication factor of 7 cannot be reached because only 6 broker(s) are registered or some brokers have all their log directories cordoned." {
		t.Errorf("seven replicas on six brokers: %v", err)
	}
}
