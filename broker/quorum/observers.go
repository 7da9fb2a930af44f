package quorum

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/ident"
)

const (
	observerTicks   = 5               // between two reports of a follower about the observers that fetch from it
	observerSession = 5 * time.Minute // an observer that did not fetch for so long is gone, as in Apache Kafka
	maxObservers    = 1024
)

// ObserverState is how far a node has come that follows the log without a vote. Times are in milliseconds since 1970.
type ObserverState struct {
	ID             ident.BrokerID `json:"id"`
	DirectoryID    ident.UUID     `json:"dir"`
	LogEndOffset   int64          `json:"end"`
	LastFetchMs    int64          `json:"fetched"`
	LastCaughtUpMs int64          `json:"caughtUp"` // -1: never

	heard time.Time // when this node last heard of it: clocks of other machines may be wrong, and this one's may jump
}

// observers are those that fetch from this node or, where it leads, from a follower that says so.
type observers struct {
	mu    sync.Mutex
	known map[ident.BrokerID]ObserverState
}

// fetched notes a fetch at offset of a log that ends at end.
func (o *observers) fetched(id ident.BrokerID, dir ident.UUID, offset, end int64, now time.Time) {
	if id < 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := ObserverState{ID: id, DirectoryID: dir, LogEndOffset: offset, LastFetchMs: now.UnixMilli(), LastCaughtUpMs: -1, heard: now}
	if old, ok := o.known[id]; ok {
		s.LastCaughtUpMs = old.LastCaughtUpMs
	}
	if offset >= end {
		s.LastCaughtUpMs = s.LastFetchMs
	}
	o.put(s)
}

func (o *observers) put(s ObserverState) {
	if o.known == nil {
		o.known = make(map[ident.BrokerID]ObserverState)
	}
	if _, ok := o.known[s.ID]; ok || len(o.known) < maxObservers {
		o.known[s.ID] = s
	}
}

// merge takes a follower's report.
func (o *observers) merge(reported []ObserverState, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range reported {
		if s.LastFetchMs > o.known[s.ID].LastFetchMs {
			s.heard = now
			o.put(s)
		}
	}
}

// list are the observers, without those that are voters or gone.
func (o *observers) list(now time.Time, voters []Voter) []ObserverState {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.known, func(_ ident.BrokerID, s ObserverState) bool {
		return now.Sub(s.heard) > observerSession
	})
	all := slices.SortedFunc(maps.Values(o.known), func(a, b ObserverState) int { return cmp.Compare(a.ID, b.ID) })
	return slices.DeleteFunc(all, func(s ObserverState) bool {
		return slices.ContainsFunc(voters, func(v Voter) bool { return v.ID == s.ID })
	})
}

// Observers are the nodes that follow the log without a vote, as far as this node knows: the leader knows them all, half a second late.
func (n *Node) Observers() []ObserverState { return n.observers.list(time.Now(), n.Voters()) }

// reportObservers tells the leader who fetches from this follower.
func (r *Replica) reportObservers(now time.Time) {
	if r.observers == nil || r.failed != nil || !r.IsMember() || r.leader == ident.NoBroker || r.leader == r.cfg.NodeID || r.ticks%observerTicks != 0 {
		return
	}
	if seen := r.observers.list(now, r.log.voters.at(r.log.applied).voters); len(seen) > 0 {
		r.stateWith(r.leader, raftpb.MsgReadIndex, ident.UUID{}, seen)
	}
}
