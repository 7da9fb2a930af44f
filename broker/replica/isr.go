package replica

import (
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
)

// isrProposal is a change of the ISR that the leader asks the controller for (AlterPartition). Until the answer is known the leader acts
// on the larger of the two sets: it waits for a follower that may have been admitted, and for one that may still be a member.
type isrProposal struct {
	isr            []ident.BrokerID
	brokerEpochs   []int64 // parallel to isr (KIP-903); -1 for the leader itself, which the shell fills in, and where unknown
	leaderEpoch    int32
	partitionEpoch int32 // the epoch the proposal is based on; the controller refuses any other
	change         string
}

// isrOutcome is how a proposal ended.
type isrOutcome int8

const (
	isrCommitted isrOutcome = iota // the controller took it; the new partition epoch comes with it
	isrRejected                    // refused for good (INELIGIBLE_REPLICA): back to the committed ISR
	isrObsolete                    // based on an old epoch, or the partition is gone: wait for metadata to tell
	isrRetry                       // the controller couldn't be reached or is busy: send the same again
)

// fetched handles a follower's fetch: it updates what is known, may propose to admit it to the ISR and may advance the high watermark.
// It reports ok=false for a broker that isn't a replica.
func (m *machine) fetched(id ident.BrokerID, fetchOffset, logStartOffset, brokerEpoch int64, brokers brokerView, now time.Time) (effects, bool) {
	f := findFollower(m.remotes, id)
	if m.role != roleLeader || f == nil {
		return effects{}, false
	}
	oldStart, oldEnd := f.logStartOffset, f.logEndOffset
	f.fetched(fetchOffset, logStartOffset, m.logEndOffset, brokerEpoch, now)
	var out effects
	out.lowWatermarkAdvanced = f.logStartOffset > oldStart
	out.proposal = m.maybeExpandIsr(f, brokers)
	if f.logEndOffset != oldEnd {
		out.highWatermarkAdvanced = m.advanceHighWatermark(brokers, now)
	}
	return out, true
}

// maybeExpandIsr proposes to admit f when it has everything that is committed and everything this leader began with.
func (m *machine) maybeExpandIsr(f *follower, brokers brokerView) *isrProposal {
	if m.pending != nil || slices.Contains(m.isr, f.id) ||
		f.logEndOffset < m.highWatermark || f.logEndOffset < m.leaderEpochStartOffset || !brokers(f.id, f.brokerEpoch) {
		return nil
	}
	return m.propose(append(slices.Clone(m.isr), f.id), "expand")
}

// tick looks for followers that fell behind for longer than lagMax and proposes an ISR without them.
func (m *machine) tick(now time.Time) effects {
	if m.role != roleLeader || m.pending != nil || len(m.isr) <= 1 {
		return effects{}
	}
	isr := slices.DeleteFunc(slices.Clone(m.isr), func(id ident.BrokerID) bool {
		f := findFollower(m.remotes, id)
		return f != nil && !f.caughtUp(m.logEndOffset, m.lagMax, now)
	})
	if len(isr) == len(m.isr) {
		return effects{}
	}
	return effects{proposal: m.propose(isr, "shrink")}
}

func (m *machine) propose(isr []ident.BrokerID, change string) *isrProposal {
	p := &isrProposal{isr: isr, leaderEpoch: m.leaderEpoch, partitionEpoch: m.partitionEpoch, change: change}
	for _, id := range isr {
		epoch := int64(-1)
		if f := findFollower(m.remotes, id); f != nil {
			epoch = f.brokerEpoch
		}
		p.brokerEpochs = append(p.brokerEpochs, epoch)
	}
	m.pending = p
	return p
}

// proposalEnded takes the controller's answer to p. isr, leaderEpoch and partitionEpoch count for isrCommitted only.
// An answer that metadata has overtaken (p is no longer the pending one) is ignored.
func (m *machine) proposalEnded(p *isrProposal, outcome isrOutcome, isr []ident.BrokerID, partitionEpoch int32, brokers brokerView, now time.Time) effects {
	if m.role != roleLeader || m.pending != p {
		return effects{}
	}
	switch outcome {
	case isrRetry:
		return effects{proposal: p}
	case isrObsolete:
		return effects{} // p stays pending: the maximal ISR is what is safe until the metadata arrives
	case isrRejected:
		m.pending = nil
	case isrCommitted:
		m.pending = nil
		if partitionEpoch < m.partitionEpoch {
			return effects{}
		}
		m.isr, m.partitionEpoch = slices.Clone(isr), partitionEpoch
	}
	return effects{highWatermarkAdvanced: m.advanceHighWatermark(brokers, now)}
}
