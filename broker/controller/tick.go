package controller

import (
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// maxElectionsPerTick bounds how many leaders one tick changes, so that requests get their turn in between.
const maxElectionsPerTick = 1000

// timers says when each periodic task is due.
type timers struct {
	balance, unclean, noOp time.Time
}

func (t *timers) start(cfg *Config, now time.Time) {
	t.balance, t.unclean, t.noOp = now.Add(cfg.LeaderImbalanceInterval), now.Add(cfg.UncleanElectionInterval), now.Add(cfg.MaxIdleInterval)
}

// Tick does what is due by now without anybody asking: it fences brokers that fell silent, one at each tick, gives leadership back to
// preferred replicas, and elects unclean leaders where a topic allows it. more is set when another tick is due at once.
func (c *Core) Tick(now time.Time) (records []Record, more bool) {
	call := &call{Core: c, ctx: &Context{}, now: now}
	if fenced := call.fenceSilent(); fenced {
		return call.out, true
	}
	if c.cfg.AutoLeaderRebalance && due(&c.timers.balance, now, c.cfg.LeaderImbalanceInterval) && call.balanceLeaders() {
		c.timers.balance, more = now, true
	}
	if len(call.out) == 0 && due(&c.timers.unclean, now, c.cfg.UncleanElectionInterval) && call.electUncleanLeaders() {
		c.timers.unclean, more = now, true
	}
	if len(call.out) == 0 && due(&c.timers.noOp, now, c.cfg.MaxIdleInterval) {
		call.emit(record.NewNoOpRecord(), 0)
	}
	if len(call.out) > 0 {
		c.timers.noOp = now.Add(c.cfg.MaxIdleInterval)
	}
	return call.out, more
}

// NextTick is when Tick has something to do, if nothing else happens before.
func (c *Core) NextTick() time.Time {
	next := c.heartbeats.firstExpiry()
	for _, t := range []struct {
		at      time.Time
		enabled bool
	}{
		{c.timers.balance, c.cfg.AutoLeaderRebalance && c.cfg.LeaderImbalanceInterval > 0},
		{c.timers.unclean, c.cfg.UncleanElectionInterval > 0},
		{c.timers.noOp, c.cfg.MaxIdleInterval > 0},
	} {
		if t.enabled && (next.IsZero() || t.at.Before(next)) {
			next = t.at
		}
	}
	return next
}

// due reports whether a task's time has come, and sets its next. A task without an interval never comes.
func due(next *time.Time, now time.Time, interval time.Duration) bool {
	if interval <= 0 || now.Before(*next) {
		return false
	}
	*next = now.Add(interval)
	return true
}

// fenceSilent fences one broker whose session has run out.
func (c *call) fenceSilent() bool {
	for {
		id, ok := c.heartbeats.expire(c.now)
		if !ok {
			return false
		}
		if b := c.image.Broker(id); b != nil && !b.Fenced {
			c.fenceBroker(b)
			return true
		}
	}
}

// balanceLeaders gives leadership to preferred replicas that can take it; it reports whether there may be more to do.
func (c *call) balanceLeaders() bool {
	for _, t := range topics(c.image, c.index.imbalanced) {
		minIsr := c.effectiveMinIsr(t)
		for id, p := range t.Partitions {
			if p.Leader == p.PreferredReplica() {
				continue
			}
			if len(c.out) >= maxElectionsPerTick {
				return true
			}
			b := c.newPartitionChange(t, int32(id), minIsr)
			b.election = electPreferred
			c.emitChange(b)
		}
	}
	return false
}

// electUncleanLeaders gives partitions without a leader any live replica, where unclean.leader.election.enable allows it.
func (c *call) electUncleanLeaders() bool {
	for _, t := range topics(c.image, c.index.members[ident.NoBroker]) {
		scope := c.scopeOf(t)
		if !scope.unclean {
			continue
		}
		for id, p := range t.Partitions {
			if p.Leader != ident.NoBroker {
				continue
			}
			if len(c.out) >= maxElectionsPerTick {
				return true
			}
			b := c.newPartitionChange(t, int32(id), scope.minIsr)
			b.election = electUnclean
			c.emitChange(b)
		}
	}
	return false
}
