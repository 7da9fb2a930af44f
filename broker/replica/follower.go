package replica

import (
	"time"

	"github.com/kgo-project/kgo/broker/ident"
)

// follower is what a leader knows about one other replica, all of it learned from the fetches that replica sends: asking for offset N
// says that everything below N is in its log.
type follower struct {
	id             ident.BrokerID
	brokerEpoch    int64 // of the incarnation that fetched last; -1 if it didn't say (KIP-903)
	logStartOffset int64
	logEndOffset   int64

	// lastCaughtUp is the last moment at which the follower had everything the leader had. A follower that fetches all the time but
	// never reaches the end (because the end moves) is still caught up to where the end was at its previous fetch; hence the two fields below.
	lastCaughtUp             time.Time
	lastFetch                time.Time
	lastFetchLeaderEndOffset int64
}

func newFollower(id ident.BrokerID) *follower {
	return &follower{id: id, brokerEpoch: -1, logStartOffset: noOffset, logEndOffset: noOffset, lastFetchLeaderEndOffset: noOffset}
}

func findFollower(all []*follower, id ident.BrokerID) *follower {
	for _, f := range all {
		if f.id == id {
			return f
		}
	}
	return nil
}

// leaderChanged starts the follower's state anew. A member of the ISR gets the benefit of the doubt for one replica.lag.time.max.ms.
func (f *follower) leaderChanged(newEpoch, inSync bool, leaderEndOffset int64, now time.Time) {
	if newEpoch {
		*f = *newFollower(f.id)
		if inSync {
			f.lastCaughtUp = now
		}
		return
	}
	f.lastFetchLeaderEndOffset = leaderEndOffset
	if inSync {
		f.lastFetch, f.lastCaughtUp = now, now
	} else {
		f.lastFetch, f.lastCaughtUp = time.Time{}, time.Time{}
	}
}

// fetched records a fetch of fetchOffset, received now, when the leader's log ended at leaderEndOffset.
func (f *follower) fetched(fetchOffset, logStartOffset, leaderEndOffset, brokerEpoch int64, now time.Time) {
	switch {
	case fetchOffset >= leaderEndOffset:
		f.lastCaughtUp = later(f.lastCaughtUp, now)
	case fetchOffset >= f.lastFetchLeaderEndOffset && f.lastFetchLeaderEndOffset >= 0:
		f.lastCaughtUp = later(f.lastCaughtUp, f.lastFetch)
	}
	f.logEndOffset = fetchOffset
	f.logStartOffset = logStartOffset
	f.lastFetchLeaderEndOffset = leaderEndOffset
	f.lastFetch = later(f.lastFetch, now)
	f.brokerEpoch = brokerEpoch
}

// caughtUp reports whether the follower has everything, or had it no longer than lagMax ago.
func (f *follower) caughtUp(leaderEndOffset int64, lagMax time.Duration, now time.Time) bool {
	return f.logEndOffset == leaderEndOffset || now.Sub(f.lastCaughtUp) <= lagMax
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
