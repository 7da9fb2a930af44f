package replica

import (
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
)

// role is what this broker is for a partition.
type role int8

const (
	roleNone     role = iota // hosted, but not yet told what it is; or the partition has no leader it could follow
	roleLeader               // appends, answers fetches, owns the ISR
	roleFollower             // copies from the leader
)

func (r role) String() string { return [...]string{"none", "leader", "follower"}[r] }

// noOffset stands for an offset that isn't known yet, as in Kafka's protocol.
const noOffset int64 = -1

// assignment is a partition's state as the metadata log has it: who replicates it, who leads, and in which epochs.
type assignment struct {
	leader         ident.BrokerID
	leaderEpoch    int32
	partitionEpoch int32
	replicas       []ident.BrokerID
	isr            []ident.BrokerID
}

// brokerView answers whether a replica may join the ISR: registered with this broker epoch (or any, for -1), not fenced and not
// shutting down. It must be a function of the metadata image alone.
type brokerView func(id ident.BrokerID, brokerEpoch int64) bool

// machine is the core of one replica: leader epoch, ISR, high watermark, what each follower has. It is pure: no lock, clock, goroutine
// or file. Each method is one event; it returns what must happen outside, which the shell (Partition) does after unlocking.
//
// Invariants, by the names in docs/invariants.md:
//
//	MonotonicHighWatermark   the high watermark never falls within a leader epoch
//	HighWatermarkInIsr       highWatermark <= the log end of every member of the maximal ISR that has fetched in this epoch
//	LeaderInIsr              the leader is a member of its own ISR
//	MonotonicPartitionEpoch  a state with a lower partition epoch than the current one is never taken over
type machine struct {
	self   ident.BrokerID // immutable
	lagMax time.Duration  // replica.lag.time.max.ms: how long a follower may stay behind and still count as in sync
	minIsr int            // min.insync.replicas of the topic

	role                   role
	leader                 ident.BrokerID
	leaderEpoch            int32
	partitionEpoch         int32
	leaderEpochStartOffset int64 // the log end when this broker became leader; a follower below it can't join the ISR

	replicas []ident.BrokerID // as assigned, this broker included
	isr      []ident.BrokerID // committed by the controller
	pending  *isrProposal     // sent to the controller and not answered; at most one
	remotes  []*follower      // the other replicas, while leading; in the order of replicas

	logStartOffset int64
	logEndOffset   int64
	highWatermark  int64
}

// effects is what an event asks of the world. The zero value asks nothing.
type effects struct {
	highWatermarkAdvanced bool         // wake produce waiters and consumers
	logEndAdvanced        bool         // wake followers
	lowWatermarkAdvanced  bool         // wake DeleteRecords waiters
	resigned              bool         // no longer leader of leaderEpoch: fail what waits
	elected               bool         // leader of a new epoch
	proposal              *isrProposal // send to the controller
}

func newMachine(self ident.BrokerID, lagMax time.Duration, minIsr int) *machine {
	return &machine{
		self: self, lagMax: lagMax, minIsr: minIsr,
		leader: ident.NoBroker, leaderEpoch: -1, partitionEpoch: -1, leaderEpochStartOffset: noOffset,
	}
}

// stale reports whether an assignment is older than what the machine has, and so must be ignored.
func (m *machine) stale(a assignment) bool {
	return a.leaderEpoch < m.leaderEpoch || a.partitionEpoch < m.partitionEpoch
}

// lead makes this broker the leader, or takes over a new assignment while it leads. logStartOffset and logEndOffset are the log's.
//
// A new leader epoch forgets what was known about the followers: their offsets were reported to another leader, or to this one before
// its log changed. A new partition epoch alone (ISR change, reassignment) keeps them.
func (m *machine) lead(a assignment, logStartOffset, logEndOffset int64, brokers brokerView, now time.Time) effects {
	if m.stale(a) {
		return effects{}
	}
	newEpoch := m.role != roleLeader || a.leaderEpoch > m.leaderEpoch
	var out effects
	if newEpoch {
		out.resigned = m.role == roleLeader // of the old epoch: its waiters can't be answered any more
		out.elected = true
		m.leaderEpochStartOffset = logEndOffset
	}
	m.role, m.leader = roleLeader, m.self
	m.leaderEpoch, m.partitionEpoch = a.leaderEpoch, a.partitionEpoch
	m.replicas, m.isr, m.pending = slices.Clone(a.replicas), slices.Clone(a.isr), nil
	m.logStartOffset, m.logEndOffset = logStartOffset, logEndOffset
	old := m.remotes
	m.remotes = nil
	for _, id := range m.replicas {
		if id == m.self {
			continue
		}
		f := findFollower(old, id)
		if f == nil {
			f = newFollower(id)
		}
		f.leaderChanged(newEpoch, slices.Contains(m.isr, id), logEndOffset, now)
		m.remotes = append(m.remotes, f)
	}
	out.highWatermarkAdvanced = m.advanceHighWatermark(brokers, now)
	return out
}

// follow makes this broker a follower of a.leader, which may be none. It reports resigned when it led before.
// truncation to what the new leader has is the fetcher's work.
func (m *machine) follow(a assignment) effects {
	if m.stale(a) {
		return effects{}
	}
	out := effects{resigned: m.role == roleLeader}
	m.role, m.leader = roleFollower, a.leader
	m.leaderEpoch, m.partitionEpoch = a.leaderEpoch, a.partitionEpoch
	m.replicas, m.isr, m.pending, m.remotes = slices.Clone(a.replicas), slices.Clone(a.isr), nil, nil
	m.leaderEpochStartOffset = noOffset
	return out
}

// stop ends the replica: its log is being deleted or its directory has failed.
func (m *machine) stop() effects {
	out := effects{resigned: m.role == roleLeader}
	m.role, m.remotes, m.pending = roleNone, nil, nil
	return out
}

// appended tells that the local log now ends at logEndOffset. Appends that ran side by side may tell it out of order.
func (m *machine) appended(logEndOffset int64, brokers brokerView, now time.Time) effects {
	if logEndOffset <= m.logEndOffset {
		return effects{}
	}
	m.logEndOffset = logEndOffset
	out := effects{logEndAdvanced: true}
	if m.role == roleLeader {
		out.highWatermarkAdvanced = m.advanceHighWatermark(brokers, now)
	}
	return out
}

// logStartMoved tells that the local log now starts at offset: retention, or DeleteRecords.
func (m *machine) logStartMoved(offset int64) effects {
	if offset <= m.logStartOffset {
		return effects{}
	}
	m.logStartOffset = offset
	return effects{lowWatermarkAdvanced: true}
}

// truncated tells that a follower's log was cut to logEndOffset, or emptied to start there: what the leader no longer has is committed.
func (m *machine) truncated(logStartOffset, logEndOffset int64) {
	m.logStartOffset, m.logEndOffset = logStartOffset, logEndOffset
	m.highWatermark = max(min(m.highWatermark, logEndOffset), logStartOffset)
}

// learnHighWatermark is a follower's: the leader's high watermark came with a fetch. A follower's never passes its own log end.
func (m *machine) learnHighWatermark(leaderHighWatermark int64) effects {
	hw := min(leaderHighWatermark, m.logEndOffset)
	if hw <= m.highWatermark {
		return effects{}
	}
	m.highWatermark = hw
	return effects{highWatermarkAdvanced: true}
}

// advanceHighWatermark moves the leader's high watermark to the smallest log end of the replicas that count, and reports whether it
// moved. Those are the maximal ISR, and also followers that are caught up but not yet admitted: waiting for them lets a follower join
// although the log grows faster than the controller answers. It stands still while the ISR is below min.insync.replicas (KIP-966):
// what was written there must not become visible, since the eligible leader replicas may lack it.
func (m *machine) advanceHighWatermark(brokers brokerView, now time.Time) bool {
	if m.underMinIsr() {
		return false
	}
	hw := m.logEndOffset
	for _, f := range m.remotes {
		if f.logEndOffset >= hw {
			continue
		}
		if m.inMaximalIsr(f.id) || f.caughtUp(m.logEndOffset, m.lagMax, now) && brokers(f.id, f.brokerEpoch) {
			hw = f.logEndOffset
		}
	}
	if hw <= m.highWatermark {
		return false
	}
	m.highWatermark = hw
	return true
}

// effectiveMinIsr is min.insync.replicas, but never more than there are replicas.
func (m *machine) effectiveMinIsr() int { return min(m.minIsr, len(m.replicas)) }

func (m *machine) underMinIsr() bool { return len(m.isr) < m.effectiveMinIsr() }

// inMaximalIsr reports whether id must be waited for: in the committed ISR, or in one that is proposed and may be committed already.
func (m *machine) inMaximalIsr(id ident.BrokerID) bool {
	return slices.Contains(m.isr, id) || m.pending != nil && slices.Contains(m.pending.isr, id)
}

func (m *machine) maximalIsrSize() int {
	if m.pending != nil {
		return max(len(m.isr), len(m.pending.isr))
	}
	return len(m.isr)
}

// acknowledged reports whether records below requiredOffset are replicated as acks=all asks, and if so whether by enough replicas.
func (m *machine) acknowledged(requiredOffset int64) (done, enough bool) {
	if m.highWatermark < requiredOffset {
		return false, false
	}
	return true, m.maximalIsrSize() >= m.effectiveMinIsr()
}

// lowWatermark is the offset below which no living replica has records: what DeleteRecords waits for. Only a leader knows it.
func (m *machine) lowWatermark(brokers brokerView) int64 {
	low := m.logStartOffset
	for _, f := range m.remotes {
		if brokers(f.id, -1) {
			low = min(low, f.logStartOffset)
		}
	}
	return low
}
