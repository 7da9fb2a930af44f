package group

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/coordinator"
)

// shard is the state of one partition of __consumer_offsets. It has no clock, goroutine or lock: the runtime calls it.
//
// A handler collects its effects, records and replies, in the shard; do hands them to the runtime as one outcome.
type shard struct {
	cfg      *Config
	log      *slog.Logger
	newID    func() string
	maxBatch func() int // what a record batch of the partition may take

	topics Topics

	groups    map[string]*classicGroup
	consumers map[string]*consumerGroup // a name is in one of the two maps
	offsets   offsetStore
	matched   map[string]matched // of patterns, so that they are matched only when topics come or go
	timers    coordinator.Timers[timerKey]

	// Of the operation that runs.
	now     time.Time
	records []coordinator.Record
	replies []reply
	// divisible: a part of the records is a state to go on from, see coordinator.Outcome.
	divisible bool
}

// reply releases one answer: with nil when the operation is committed, else with the reason why it is not.
type reply func(err error)

type timerKind int8

const (
	timerJoin       timerKind = iota // the join phase of a rebalance ends
	timerSync                        // members that have not sent SyncGroup are removed
	timerHeartbeat                   // a member's session ends
	timerCleanup                     // expired offsets and empty groups are looked for
	timerSession                     // a session in a consumer group ends
	timerRevocation                  // a member of a consumer group had to give up partitions by now
	timerRejoin                      // a classic member of a consumer group had to send JoinGroup by now
	timerMemberSync                  // ... or SyncGroup
)

type timerKey struct {
	kind          timerKind
	group, member string
}

var _ coordinator.StateMachine = (*shard)(nil)

func newShard(cfg *Config, log *slog.Logger, topics Topics, maxBatch func() int) *shard {
	s := &shard{
		cfg: cfg, log: log, newID: cfg.NewID, topics: topics, maxBatch: maxBatch,
		groups: make(map[string]*classicGroup), consumers: make(map[string]*consumerGroup),
	}
	if s.newID == nil {
		s.newID = randomUUID
	}
	s.offsets.init()
	return s
}

// do runs a handler and returns what it wants done.
func (s *shard) do(now time.Time, handler func()) coordinator.Outcome {
	s.now, s.records, s.replies, s.divisible = now, nil, nil, false
	handler()
	o := coordinator.Outcome{Records: s.records, Divisible: s.divisible}
	if replies := s.replies; len(replies) > 0 {
		o.Done = func(err error) {
			for _, r := range replies {
				r(err)
			}
		}
	}
	s.records, s.replies = nil, nil
	return o
}

func (s *shard) write(r coordinator.Record) { s.records = append(s.records, r) }
func (s *shard) reply(r reply)              { s.replies = append(s.replies, r) }

// NextDeadline implements coordinator.StateMachine.
func (s *shard) NextDeadline() (time.Time, bool) { return s.timers.Next() }

// Tick does the most urgent thing that is due.
func (s *shard) Tick(now time.Time) coordinator.Outcome {
	return s.do(now, func() {
		key, ok := s.timers.Pop(now)
		if !ok {
			return
		}
		g := s.groups[key.group]
		switch {
		case key.kind == timerCleanup:
			s.cleanup()
			s.timers.Schedule(key, now.Add(s.cfg.OffsetsRetentionCheckInterval))
		case key.kind >= timerSession:
			if g := s.consumers[key.group]; g != nil {
				s.expireConsumer(g, key)
			}
		case g == nil:
		case key.kind == timerJoin:
			s.joinPhaseEnds(g)
		case key.kind == timerSync:
			s.expirePendingSync(g)
		case key.kind == timerHeartbeat:
			s.expireMember(g, key.member)
		}
	})
}

// Loaded starts the sessions of the members that the log holds.
func (s *shard) Loaded(now time.Time) coordinator.Outcome {
	return s.do(now, func() {
		s.timers.Schedule(timerKey{kind: timerCleanup}, now.Add(s.cfg.OffsetsRetentionCheckInterval))
		for _, id := range slices.Sorted(maps.Keys(s.groups)) {
			g := s.groups[id]
			for _, m := range g.all() {
				s.expectHeartbeat(g, m)
			}
			if len(g.members) > s.cfg.MaxSize {
				s.prepareRebalance(g, "the group is larger than group.max.size")
			}
		}
		for _, id := range slices.Sorted(maps.Keys(s.consumers)) {
			s.resumeConsumers(s.consumers[id])
		}
	})
}

// Unloaded answers the members that wait in a rebalance: they find the new coordinator and join there.
func (s *shard) Unloaded(err error) {
	for _, id := range slices.Sorted(maps.Keys(s.groups)) {
		for _, m := range s.groups[id].all() {
			if w := m.awaitingJoin; w != nil {
				w.done(joinError(w.version, m.memberID, memberError(err)))
			}
			if w := m.awaitingSync; w != nil {
				w.done(syncError(w.version, memberError(err)))
			}
		}
	}
}

// group returns a group that exists, else nil.
func (s *shard) group(id string) *classicGroup { return s.groups[id] }

func (s *shard) groupOrCreate(id string) *classicGroup {
	g, ok := s.groups[id]
	if !ok {
		g = newClassicGroup(id)
		s.groups[id] = g
	}
	return g
}

func (s *shard) removeGroup(id string) {
	g, ok := s.groups[id]
	if !ok {
		return
	}
	for id := range g.pendingMembers {
		s.timers.Cancel(timerKey{timerHeartbeat, g.groupID, id})
	}
	for id := range g.members {
		s.timers.Cancel(timerKey{timerHeartbeat, g.groupID, id})
	}
	s.timers.Cancel(timerKey{kind: timerJoin, group: id})
	s.timers.Cancel(timerKey{kind: timerSync, group: id})
	delete(s.groups, id)
}
