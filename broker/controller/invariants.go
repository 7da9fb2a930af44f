package controller

import (
	"fmt"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/metadata"
)

// checkInvariants asserts what must hold of every partition after every change. The names are those of docs/invariants.md.
func (c *Core) checkInvariants(d *metadata.Delta) {
	if !invariants.Enabled {
		return
	}
	for _, ch := range d.ChangedTopics {
		for _, id := range ch.Partitions {
			if broken := brokenInvariant(ch.Old.Partition(id), ch.New.Partition(id)); broken != "" {
				panic(fmt.Sprintf("%s: %s-%d: %+v -> %+v", broken, ch.New.Name, id, ch.Old.Partition(id), ch.New.Partition(id)))
			}
		}
	}
}

// brokenInvariant names the first invariant that a change of a partition breaks; old is nil for a new partition.
func brokenInvariant(old, p *metadata.Partition) string {
	isReplica := func(id ident.BrokerID) bool { return p.IsReplica(id) }
	switch {
	case p.Leader != ident.NoBroker && !p.InIsr(p.Leader):
		return "LeaderInIsr"
	case !all(p.Isr, isReplica) || !all(p.Elr, isReplica):
		return "IsrWithinReplicas"
	case slices.ContainsFunc(p.Elr, p.InIsr):
		return "ElrApartFromIsr"
	case len(p.Directories) != len(p.Replicas):
		return "DirectoryForEachReplica"
	case p.LeaderRecoveryState == metadata.Recovering && len(p.Isr) > 1:
		return "RecoveringLeaderAlone"
	case old != nil && p.PartitionEpoch <= old.PartitionEpoch:
		return "PartitionEpochRises"
	case old != nil && (p.LeaderEpoch < old.LeaderEpoch || p.Leader != old.Leader && p.LeaderEpoch == old.LeaderEpoch):
		return "LeaderEpochRisesWithLeader"
	}
	return ""
}

func all(ids []ident.BrokerID, ok func(ident.BrokerID) bool) bool {
	return !slices.ContainsFunc(ids, func(id ident.BrokerID) bool { return !ok(id) })
}
