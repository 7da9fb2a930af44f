package metadata

import (
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
)

// Topic is one incarnation of a topic. Immutable.
type Topic struct {
	ID         ident.TopicID
	Name       string
	Partitions []*Partition // the index is the partition id
}

// Partition returns a partition by its id, or nil; t may be nil.
func (t *Topic) Partition(id int32) *Partition {
	if t == nil || id < 0 || int(id) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[id]
}

// LeaderRecoveryState says whether a partition's leader was elected from outside the ISR and has yet to report that it coped.
type LeaderRecoveryState int8

// The states of KIP-704.
const (
	Recovered  LeaderRecoveryState = 0
	Recovering LeaderRecoveryState = 1
)

// Partition is the controller's view of one partition. Immutable.
type Partition struct {
	Replicas         []ident.BrokerID // the first is the preferred leader
	Isr              []ident.BrokerID
	Elr              []ident.BrokerID // eligible leader replicas (KIP-966): not in the ISR, yet known to hold all committed records
	LastKnownElr     []ident.BrokerID
	AddingReplicas   []ident.BrokerID // of a reassignment in progress
	RemovingReplicas []ident.BrokerID // of a reassignment in progress
	Directories      []ident.UUID     // the log directory of each replica, in the order of Replicas (KIP-858)

	Leader              ident.BrokerID // ident.NoBroker: offline
	LeaderEpoch         int32          // rises with each new leader
	PartitionEpoch      int32          // rises with each change of any field
	LeaderRecoveryState LeaderRecoveryState
}

// IsReplica reports whether a broker is assigned to the partition.
func (p *Partition) IsReplica(id ident.BrokerID) bool { return slices.Contains(p.Replicas, id) }

// InIsr reports whether a broker is in the ISR.
func (p *Partition) InIsr(id ident.BrokerID) bool { return slices.Contains(p.Isr, id) }

// InElr reports whether a broker is an eligible leader replica.
func (p *Partition) InElr(id ident.BrokerID) bool { return slices.Contains(p.Elr, id) }

// PreferredReplica is the first replica, ident.NoBroker where there is none.
func (p *Partition) PreferredReplica() ident.BrokerID {
	if len(p.Replicas) == 0 {
		return ident.NoBroker
	}
	return p.Replicas[0]
}

// Reassigning reports whether a reassignment of the partition is in progress.
func (p *Partition) Reassigning() bool {
	return len(p.AddingReplicas) > 0 || len(p.RemovingReplicas) > 0
}

// Directory returns the log directory of a broker's replica; DirectoryUnassigned where none is known.
func (p *Partition) Directory(id ident.BrokerID) ident.UUID {
	i := slices.Index(p.Replicas, id)
	if i < 0 || i >= len(p.Directories) {
		return DirectoryUnassigned
	}
	return p.Directories[i]
}

// Equal reports whether both say the same.
func (p *Partition) Equal(q *Partition) bool {
	return p == q || slices.Equal(p.Replicas, q.Replicas) && slices.Equal(p.Isr, q.Isr) && slices.Equal(p.Elr, q.Elr) &&
		slices.Equal(p.LastKnownElr, q.LastKnownElr) && slices.Equal(p.AddingReplicas, q.AddingReplicas) &&
		slices.Equal(p.RemovingReplicas, q.RemovingReplicas) && slices.Equal(p.Directories, q.Directories) &&
		p.Leader == q.Leader && p.LeaderEpoch == q.LeaderEpoch && p.PartitionEpoch == q.PartitionEpoch &&
		p.LeaderRecoveryState == q.LeaderRecoveryState
}

// Directory ids that don't name a directory (KIP-858). Ids up to 99 are reserved.
var (
	DirectoryUnassigned = ident.UUID{}      // not known yet
	DirectoryLost       = ident.UUID{15: 1} // the directory failed
	DirectoryMigrating  = ident.UUID{15: 2} // registered before directories had ids
)

// DirectoryReserved reports whether id is one of those that never name a directory.
func DirectoryReserved(id ident.UUID) bool {
	for _, b := range id[:15] {
		if b != 0 {
			return false
		}
	}
	return id[15] < 100
}
