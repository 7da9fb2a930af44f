package replica

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/syncx"
)

// Partition is this broker's replica of one partition: a log, the machine that decides, and who waits for what.
type Partition struct {
	tp      ident.TopicPartition // immutable
	topicID ident.TopicID        // immutable; zero in logs from before topic ids
	manager *Manager             // immutable

	// gate lets appends and leadership changes exclude each other: an append holds it for reading from its check of the leadership until
	// the machine knows its offsets, a change holds it for writing. It is the one lock held during a write to the page cache.
	gate syncx.RWMutex

	// log is replaced only with gate held for writing (a replica that moved to another directory). nil once the replica is gone.
	log atomic.Pointer[storage.Log]

	// mu guards the machine and the waiters. Never held across I/O, channel waits or callbacks: what it finds due is returned as wakeups.
	mu struct {
		syncx.Mutex
		machine *machine
		closed  error // why the replica is gone; nil while it is here
		produce produceWaiters
		fetch   fetchWaiters
		deletes []deleteWaiter
	}
}

func newPartition(m *Manager, tp ident.TopicPartition, topicID ident.TopicID, log *storage.Log) *Partition {
	p := &Partition{tp: tp, topicID: topicID, manager: m}
	p.log.Store(log)
	p.mu.machine = newMachine(m.cfg.BrokerID, m.cfg.ReplicaLagTimeMax, log.Config().MinInsyncReplicas)
	p.mu.machine.logStartOffset, p.mu.machine.logEndOffset = log.LogStartOffset(), log.LogEndOffset()
	p.mu.machine.highWatermark = log.HighWatermark()
	return p
}

// TopicPartition is the partition's name.
func (p *Partition) TopicPartition() ident.TopicPartition { return p.tp }

// TopicID is the id of the topic's incarnation.
func (p *Partition) TopicID() ident.TopicID { return p.topicID }

// Log is the replica's log, nil once the replica is deleted or its directory offline.
func (p *Partition) Log() *storage.Log { return p.log.Load() }

// State is a partition's state at one moment, for descriptions and metrics.
type State struct {
	Leading        bool
	Leader         ident.BrokerID
	LeaderEpoch    int32
	PartitionEpoch int32
	Isr            []ident.BrokerID
	Replicas       []ident.BrokerID
	HighWatermark  int64
	LogStartOffset int64
	LogEndOffset   int64
	UnderMinIsr    bool
}

// State returns the partition's state.
func (p *Partition) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.mu.machine
	return State{
		Leading: m.role == roleLeader, Leader: m.leader, LeaderEpoch: m.leaderEpoch, PartitionEpoch: m.partitionEpoch,
		Isr: m.isr, Replicas: m.replicas, HighWatermark: m.highWatermark, LogStartOffset: m.logStartOffset, LogEndOffset: m.logEndOffset,
		UnderMinIsr: m.role == roleLeader && m.underMinIsr(),
	}
}

// checkLocked finds out whether this replica may serve a request that carries the leader epoch requested (-1: any). REQUIRES: p.mu.
func (p *Partition) checkLocked(requested int32, leaderOnly bool) error {
	p.mu.AssertHeld()
	m := p.mu.machine
	switch {
	case p.mu.closed != nil:
		return p.mu.closed
	case requested != -1 && requested < m.leaderEpoch:
		return kerr.FencedLeaderEpoch
	case requested != -1 && requested > m.leaderEpoch:
		return kerr.UnknownLeaderEpoch
	case m.role != roleLeader && (leaderOnly || m.role == roleNone):
		return kerr.NotLeaderForPartition
	}
	return nil
}

// settleLocked carries out what effects ask for inside the partition, and returns what is to be done outside, after unlocking.
// REQUIRES: p.mu.
func (p *Partition) settleLocked(fx effects) wakeups {
	p.mu.AssertHeld()
	var w wakeups
	if fx == (effects{}) {
		return w
	}
	m := p.mu.machine
	if fx.highWatermarkAdvanced {
		if log := p.log.Load(); log != nil {
			log.SetHighWatermark(m.highWatermark)
		}
		invariants.Assert(m.highWatermark <= m.logEndOffset, "%s: high watermark %d beyond log end %d", p.tp, m.highWatermark, m.logEndOffset)
		w.produce = p.mu.produce.takeAcknowledged(m)
	}
	if fx.resigned {
		w.produce = append(w.produce, p.mu.produce.takeAll(kerr.NotLeaderForPartition)...)
		w.fetch = p.mu.fetch.takeAll()
		w.deletes = p.takeDeletesLocked(kerr.NotLeaderForPartition)
		return w
	}
	if fx.highWatermarkAdvanced || fx.logEndAdvanced {
		w.fetch = p.mu.fetch.takeReady(p.boundsLocked())
	}
	if fx.lowWatermarkAdvanced {
		w.deletes = p.takeDeletesLocked(nil)
	}
	if fx.proposal != nil {
		w.proposals = append(w.proposals, pendingProposal{p, fx.proposal})
	}
	return w
}

// bounds are the offsets up to which the kinds of fetchers may read.
type bounds struct{ highWatermark, lastStableOffset, logEndOffset int64 }

// boundsLocked returns the bounds now. REQUIRES: p.mu.
func (p *Partition) boundsLocked() bounds {
	p.mu.AssertHeld()
	b := bounds{highWatermark: p.mu.machine.highWatermark, logEndOffset: p.mu.machine.logEndOffset}
	b.lastStableOffset = b.highWatermark
	if log := p.log.Load(); log != nil {
		b.lastStableOffset = log.LastStableOffset()
	}
	return b
}

// lead makes this replica the leader, or has it take over a new partition state.
func (p *Partition) lead(a assignment) (fx effects, w wakeups, err error) {
	p.gate.Lock()
	defer p.gate.Unlock()
	log := p.log.Load()
	if log == nil {
		return fx, w, fmt.Errorf("lead %s: %w", p.tp, kerr.KafkaStorageError)
	}
	p.mu.Lock()
	newEpoch := a.leaderEpoch > p.mu.machine.leaderEpoch
	p.mu.Unlock()
	if latest := log.LatestEpoch(); newEpoch && a.leaderEpoch < latest {
		// To begin an old epoch anew would forget where the newer ones began, and have followers cut what they share.
		return fx, w, fmt.Errorf("lead %s in epoch %d, when its log has records of epoch %d: %w", p.tp, a.leaderEpoch, latest, kerr.FencedLeaderEpoch)
	}
	if newEpoch {
		// Followers that ask where this epoch begins must get an answer before its first record is written.
		if err := log.AssignEpochStart(a.leaderEpoch, log.LogEndOffset()); err != nil {
			return fx, w, fmt.Errorf("lead %s in epoch %d: %w", p.tp, a.leaderEpoch, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fx = p.mu.machine.lead(a, log.LogStartOffset(), log.LogEndOffset(), p.manager.eligible, time.Now())
	return fx, p.settleLocked(fx), nil
}

// follow makes this replica a follower.
func (p *Partition) follow(a assignment) (effects, wakeups) {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	fx := p.mu.machine.follow(a)
	return fx, p.settleLocked(fx)
}

// close ends the replica; every waiter gets reason.
func (p *Partition) close(reason error) (effects, wakeups) {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	fx := p.mu.machine.stop()
	w := wakeups{
		produce: p.mu.produce.takeAll(reason),
		fetch:   p.mu.fetch.takeAll(),
		deletes: p.takeDeletesLocked(reason),
	}
	p.mu.closed = reason
	p.log.Store(nil)
	return fx, w
}

// updateConfig gives the log its topic's new configuration, and the log that may be about to take its place.
func (p *Partition) updateConfig(cfg storage.LogConfig) {
	if log := p.log.Load(); log != nil {
		log.UpdateConfig(cfg)
	}
	if future, ok := p.manager.cfg.Storage.FutureLog(p.tp); ok {
		future.UpdateConfig(cfg)
	}
}

// configChanged takes over what the machine needs of the topic's configuration.
func (p *Partition) configChanged(minIsr int) wakeups {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.mu.machine
	m.minIsr = minIsr
	if m.role != roleLeader {
		return wakeups{}
	}
	return p.settleLocked(effects{highWatermarkAdvanced: m.advanceHighWatermark(p.manager.eligible, time.Now())})
}

// tick looks for followers that fell behind.
func (p *Partition) tick(now time.Time) wakeups {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settleLocked(p.mu.machine.tick(now))
}
