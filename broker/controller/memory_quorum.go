package controller

import (
	"context"
	"fmt"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/syncx"
)

// MemoryQuorum is a metadata quorum of one voter that keeps nothing: each batch is committed as soon as it is proposed. It is for tests of what
// needs a controller, but neither disk nor network.
type MemoryQuorum struct {
	id    ident.BrokerID
	store *metadata.Store

	// mu guards everything in this struct and serializes what is applied to the store.
	mu struct {
		syncx.Mutex
		epoch    int32
		next     int64
		onChange func(leader ident.BrokerID, epoch int32)
	}
}

// NewMemoryQuorum returns a quorum that commits to store. It has no leader until Start.
func NewMemoryQuorum(id ident.BrokerID, store *metadata.Store) *MemoryQuorum {
	return &MemoryQuorum{id: id, store: store}
}

// Start makes this node the leader of the first epoch; onChange is told, now and whenever that changes.
func (q *MemoryQuorum) Start(onChange func(leader ident.BrokerID, epoch int32)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.onChange = onChange
	q.elect()
}

// elect makes this node the leader of the next epoch. A real quorum writes a LeaderChange record then, which takes an offset too. REQUIRES: q.mu.
func (q *MemoryQuorum) elect() {
	q.mu.AssertHeld()
	q.mu.epoch++
	q.mu.next++
	q.mu.onChange(q.id, q.mu.epoch)
}

// Propose implements Quorum.
func (q *MemoryQuorum) Propose(_ context.Context, leaderEpoch int32, records [][]byte) (int64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if leaderEpoch != q.mu.epoch {
		return 0, fmt.Errorf("epoch %d is over, it is %d now: %w", leaderEpoch, q.mu.epoch, ErrNotController)
	}
	base := q.mu.next
	if err := q.store.Apply(base, leaderEpoch, time.Now().UnixMilli(), records); err != nil {
		return 0, err
	}
	q.mu.next += int64(len(records))
	return base, nil
}

// Resign implements Quorum: as the only voter, the node is elected again at once.
func (q *MemoryQuorum) Resign(leaderEpoch int32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if leaderEpoch == q.mu.epoch {
		q.elect()
	}
}
