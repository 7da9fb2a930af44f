package controller

import (
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// election says how far a partition change may go to find a leader.
type election int8

const (
	electOnline    election = iota // keep the leader while it is valid, else take the first valid replica
	electPreferred                 // take the preferred replica if it is valid
	electUnclean                   // as electOnline, and if that fails any live replica, at the price of lost records
)

// noLeaderChange is PartitionChangeRecord.Leader where the leader stays as it is.
const noLeaderChange = -2

// partitionChange works out the record that brings a partition from what it is to what it should be: the one place where leaders are
// chosen, reassignments completed and eligible leader replicas kept (KIP-966). Set the targets that differ, then call build.
type partitionChange struct {
	partition    *metadata.Partition
	topicID      ident.TopicID
	partitionID  int32
	acceptable   func(ident.BrokerID) bool // whether a broker may lead this partition: live, and its log directory online
	mv           metadata.MetadataVersion
	minIsr       int
	elrEnabled   bool
	defaultDir   func(ident.BrokerID) ident.UUID // the directory of a replica that is new to the partition
	newDirectory map[ident.BrokerID]ident.UUID   // directories that brokers reported

	isr, replicas, removing, adding []ident.BrokerID
	elr, lastKnownElr               []ident.BrokerID
	uncleanShutdown                 ident.BrokerID // a replica that lost its unflushed records; NoBroker
	election                        election
	recovery                        metadata.LeaderRecoveryState
}

// newPartitionChange starts from a partition with no target differing.
func (c *call) newPartitionChange(topic *metadata.Topic, id int32, minIsr int) *partitionChange {
	p := c.partition(topic, id)
	return &partitionChange{
		partition: p, topicID: topic.ID, partitionID: id, acceptable: c.leaderAcceptor(p, c.isActive),
		mv: c.image.MetadataVersion(), minIsr: minIsr, elrEnabled: c.elrEnabled(), defaultDir: c.defaultDirectory,
		isr: p.Isr, replicas: p.Replicas, removing: p.RemovingReplicas, adding: p.AddingReplicas,
		elr: p.Elr, lastKnownElr: p.LastKnownElr, uncleanShutdown: ident.NoBroker, recovery: p.LeaderRecoveryState,
	}
}

// build returns the record, or nil where nothing changes.
func (b *partitionChange) build() *record.PartitionChangeRecord {
	r := record.NewPartitionChangeRecord()
	r.TopicId, r.PartitionId = b.topicID, b.partitionID
	b.completeReassignment()
	b.populateElr()
	b.tryElection(r)
	if r.Leader == noLeaderChange && !containsAll(b.replicas, b.partition.Replicas) {
		r.Leader = int32(b.partition.Leader) // a replica left: its leader epoch must not be valid any more
	}
	b.recordElr(r)
	if r.Isr == nil && (len(b.isr) > 0 || b.elrEnabled) && !slices.Equal(b.isr, b.partition.Isr) {
		r.Isr = metadata.Int32s(b.isr)
	}
	if b.mv.BumpLeaderEpochOnShrink() && r.Leader == noLeaderChange && r.Isr != nil && !containsAll(brokerIDs(r.Isr), b.partition.Isr) {
		r.Leader = int32(b.partition.Leader)
	}
	b.recordLastKnownLeader(r)
	b.recordAssignment(r)
	if b.recovery != b.partition.LeaderRecoveryState {
		r.LeaderRecoveryState = int8(b.recovery)
	}
	if isNoOp(r) {
		return nil
	}
	return r
}

// completeReassignment drops the removing replicas once all adding ones are in sync.
func (b *partitionChange) completeReassignment() {
	if len(b.removing) == 0 && len(b.adding) == 0 {
		return
	}
	isr, replicas := without(b.isr, b.removing...), without(b.replicas, b.removing...)
	if len(b.removing) > 0 && (len(isr) == 0 || len(replicas) == 0) || !containsAll(isr, b.adding) {
		return
	}
	// Where the factor shrinks, all that stay must be in sync: the partition would otherwise end with fewer copies than asked for.
	if len(b.adding) < len(b.removing) && !containsAll(isr, replicas) {
		return
	}
	b.isr, b.replicas, b.removing, b.adding = isr, replicas, nil, nil
}

// populateElr keeps replicas that leave an ISR which falls below min.insync.replicas: the high watermark can't advance without
// it, so they hold all committed records.
func (b *partitionChange) populateElr() {
	if !b.elrEnabled {
		return
	}
	if len(b.isr) >= b.minIsr {
		b.elr, b.lastKnownElr = nil, nil
		return
	}
	candidates := slices.Concat(b.elr, b.partition.Isr)
	slices.Sort(candidates)
	candidates = without(slices.Compact(candidates), b.isr...)
	// DEVIATION(kafka): a replica that a reassignment takes off the partition leaves the ELR too. Apache Kafka keeps it there, where it
	// means nothing: only replicas are elected.
	gone := without(candidates, b.replicas...)
	candidates = without(candidates, gone...)
	b.elr = without(candidates, b.uncleanShutdown)
	known := slices.Concat(candidates, b.lastKnownElr)
	slices.Sort(known)
	b.lastKnownElr = without(without(slices.Compact(known), b.isr...), b.elr...)
}

func (b *partitionChange) tryElection(r *record.PartitionChangeRecord) {
	leader, unclean := b.elect()
	if leader == b.partition.Leader {
		return
	}
	if slices.Contains(b.elr, leader) {
		b.isr, b.elr = []ident.BrokerID{leader}, without(b.elr, leader)
	}
	r.Leader = int32(leader)
	if unclean {
		r.Isr = []int32{int32(leader)}
		if b.partition.LeaderRecoveryState != metadata.Recovering {
			r.LeaderRecoveryState = int8(metadata.Recovering)
		}
	}
}

// elect chooses a leader; unclean is set where it may lack committed records.
func (b *partitionChange) elect() (leader ident.BrokerID, unclean bool) {
	candidates := append([]ident.BrokerID{b.partition.Leader}, b.replicas...)
	if b.election == electPreferred && len(b.replicas) > 0 {
		candidates = append([]ident.BrokerID{b.replicas[0], b.partition.Leader}, b.replicas[1:]...)
	}
	if i := slices.IndexFunc(candidates, b.validLeader); i >= 0 {
		return candidates[i], false
	}
	if b.canElectLastKnown() {
		return b.partition.LastKnownElr[0], true
	}
	if b.election == electUnclean {
		if i := slices.IndexFunc(b.replicas, b.acceptable); i >= 0 {
			return b.replicas[i], true
		}
	}
	return ident.NoBroker, false
}

func (b *partitionChange) validLeader(id ident.BrokerID) bool {
	inSync := slices.Contains(b.isr, id) || len(b.isr) == 0 && slices.Contains(b.elr, id)
	return inSync && b.acceptable(id)
}

// canElectLastKnown allows the last leader back where nobody else is left: what it lost, all have lost.
func (b *partitionChange) canElectLastKnown() bool {
	known := b.partition.LastKnownElr
	return b.elrEnabled && len(b.elr) == 0 && len(b.isr) == 0 && len(known) == 1 && b.acceptable(known[0])
}

func (b *partitionChange) recordElr(r *record.PartitionChangeRecord) {
	if r.Isr != nil || !b.elrEnabled { // an unclean election forgets who was eligible
		b.elr = nil
	}
	if !slices.Equal(b.elr, b.partition.Elr) {
		r.EligibleLeaderReplicas = metadata.Int32s(b.elr)
	}
}

// recordLastKnownLeader notes the leader that a partition without any leader had last, and forgets it when there is one again.
func (b *partitionChange) recordLastKnownLeader(r *record.PartitionChangeRecord) {
	switch known := b.partition.LastKnownElr; {
	case !b.elrEnabled:
	case r.Leader == int32(ident.NoBroker) && len(known) == 0:
		r.LastKnownElr = []int32{int32(b.partition.Leader)}
	case r.Leader >= 0 && len(known) > 0:
		r.LastKnownElr = []int32{}
	}
}

func (b *partitionChange) recordAssignment(r *record.PartitionChangeRecord) {
	if len(b.replicas) > 0 {
		if b.mv.DirectoryAssignment() {
			dirs := make([]ident.UUID, len(b.replicas))
			for i, id := range b.replicas {
				dirs[i] = b.directoryOf(id)
			}
			if !slices.Equal(dirs, b.partition.Directories) {
				r.Directories = dirs
			}
		}
		if !slices.Equal(b.replicas, b.partition.Replicas) {
			r.Replicas = metadata.Int32s(b.replicas)
		}
	}
	if !slices.Equal(b.removing, b.partition.RemovingReplicas) {
		r.RemovingReplicas = metadata.Int32s(b.removing)
	}
	if !slices.Equal(b.adding, b.partition.AddingReplicas) {
		r.AddingReplicas = metadata.Int32s(b.adding)
	}
}

func (b *partitionChange) directoryOf(id ident.BrokerID) ident.UUID {
	if dir, ok := b.newDirectory[id]; ok {
		return dir
	}
	if i := slices.Index(b.partition.Replicas, id); i >= 0 && i < len(b.partition.Directories) {
		return b.partition.Directories[i]
	}
	return b.defaultDir(id)
}

func isNoOp(r *record.PartitionChangeRecord) bool {
	return r.Isr == nil && r.EligibleLeaderReplicas == nil && r.LastKnownElr == nil && r.Leader == noLeaderChange && r.Replicas == nil &&
		r.RemovingReplicas == nil && r.AddingReplicas == nil && r.LeaderRecoveryState < 0 && r.Directories == nil
}

// without returns ids less those in gone, always as a slice of its own.
func without(ids []ident.BrokerID, gone ...ident.BrokerID) []ident.BrokerID {
	out := make([]ident.BrokerID, 0, len(ids))
	for _, id := range ids {
		if !slices.Contains(gone, id) {
			out = append(out, id)
		}
	}
	return out
}

func containsAll(ids, wanted []ident.BrokerID) bool {
	return !slices.ContainsFunc(wanted, func(id ident.BrokerID) bool { return !slices.Contains(ids, id) })
}

func brokerIDs(ids []int32) []ident.BrokerID {
	out := make([]ident.BrokerID, len(ids))
	for i, id := range ids {
		out[i] = ident.BrokerID(id)
	}
	return out
}
