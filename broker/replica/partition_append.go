package replica

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
)

// anyEpoch is a request's leader epoch where it doesn't say one.
const anyEpoch int32 = -1

// appended is what an append did, and what it still waits for.
type appended struct {
	info           storage.AppendInfo
	leaderEpoch    int32
	requiredOffset int64 // acks=all is fulfilled when the high watermark gets here
	acknowledged   bool  // and it has
}

// append writes records as the leader. The caller carries out the wakeups, after it has answered whom it has to answer.
func (p *Partition) append(records []byte, leaderEpoch int32, acks Acks, opts storage.AppendOptions) (a appended, w wakeups, err error) {
	p.gate.RLock()
	defer p.gate.RUnlock()
	a.leaderEpoch, err = p.mayAppend(leaderEpoch, acks)
	if err != nil {
		return a, w, err
	}
	a.info, err = p.appendBatches(records, a.leaderEpoch, opts)
	if err != nil {
		return a, w, err
	}
	a.requiredOffset = a.info.LastOffset + 1
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.mu.machine
	w = p.settleLocked(m.appended(a.requiredOffset, p.manager.eligible, now))
	a.acknowledged = m.highWatermark >= a.requiredOffset
	if acks != AcksAll && len(m.replicas) > 1 && !p.manager.cfg.MayLead() {
		return a, w, kerr.NotLeaderForPartition // it slept in between: what it wrote may be cut off by the new leader
	}
	return a, w, nil
}

// mayAppend checks the leadership and, for acks=all, that the ISR is large enough. It returns the epoch to append in.
func (p *Partition) mayAppend(leaderEpoch int32, acks Acks) (int32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.checkLocked(leaderEpoch, true); err != nil {
		return 0, err
	}
	m := p.mu.machine
	if acks != AcksAll && len(m.replicas) > 1 && !p.manager.cfg.MayLead() {
		return 0, fmt.Errorf("%w: the controller may have fenced this broker, which it has not heard for broker.session.timeout.ms", kerr.NotLeaderForPartition)
	}
	if acks == AcksAll && m.underMinIsr() {
		return 0, fmt.Errorf("%w: the ISR of %s is %v, min.insync.replicas is %d", kerr.NotEnoughReplicas, p.tp, m.isr, m.minIsr)
	}
	return m.leaderEpoch, nil
}

// appendBatches hands records to the log, batch by batch where a coordinator wrote several. REQUIRES: p.gate held for reading.
func (p *Partition) appendBatches(records []byte, leaderEpoch int32, opts storage.AppendOptions) (storage.AppendInfo, error) {
	log := p.log.Load()
	if log == nil {
		return storage.AppendInfo{}, kerr.KafkaStorageError
	}
	if opts.Origin == storage.OriginClient {
		return log.AppendAsLeader(records, leaderEpoch, opts)
	}
	var all storage.AppendInfo
	for first := true; len(records) > 0; first = false {
		b, rest, err := batch.Next(records)
		if err != nil {
			return all, err
		}
		info, err := log.AppendAsLeader(b, leaderEpoch, opts)
		if err != nil {
			return all, err
		}
		if !first {
			info.FirstOffset = all.FirstOffset
		}
		all, records = info, rest
	}
	return all, nil
}

// await registers a produce request's interest in a's acknowledgement, and reports done=true if there is nothing to wait for (any more).
func (p *Partition) await(a appended, op acknowledged, index int) (done bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.mu.machine
	if err := p.checkLocked(anyEpoch, true); err != nil {
		return true, err
	}
	if m.leaderEpoch != a.leaderEpoch {
		return true, kerr.NotLeaderForPartition
	}
	if done, enough := m.acknowledged(a.requiredOffset); done {
		if !enough {
			return true, kerr.NotEnoughReplicasAfterAppend
		}
		return true, nil
	}
	p.mu.produce.add(produceWaiter{requiredOffset: a.requiredOffset, op: op, index: index})
	return false, nil
}

// forget removes a produce request's waiter: it has timed out.
func (p *Partition) forget(op acknowledged, index int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.produce.remove(op, index)
}
