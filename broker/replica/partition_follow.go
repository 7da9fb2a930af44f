package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/kgo-project/kgo/broker/storage"
)

// errNotFollowing is what a fetcher gets whose partition has another role or epoch by now: its answer came too late, and is dropped.
var errNotFollowing = errors.New("the replica no longer follows in this leader epoch")

// position is where a follower stands: what it asks for next.
type position struct {
	fetchOffset      int64
	lastFetchedEpoch int32 // of the record before fetchOffset; -1 where there is none
	logStartOffset   int64
	highWatermark    int64
}

// followingLocked checks that the replica follows in leaderEpoch and returns its log. REQUIRES: p.mu.
func (p *Partition) followingLocked(leaderEpoch int32) (*storage.Log, error) {
	p.mu.AssertHeld()
	m := p.mu.machine
	log := p.log.Load()
	if p.mu.closed != nil || log == nil || m.role != roleFollower || m.leaderEpoch != leaderEpoch {
		return nil, errNotFollowing
	}
	return log, nil
}

// position returns where the follower stands. A log with records but without any leader epoch is from before epochs: only what is below its
// high watermark is known to be the leader's, so the rest goes first.
func (p *Partition) position(leaderEpoch int32) (position, error) {
	p.mu.Lock()
	log, err := p.followingLocked(leaderEpoch)
	hw := p.mu.machine.highWatermark
	p.mu.Unlock()
	if err != nil {
		return position{}, err
	}
	if log.LatestEpoch() < 0 && log.LogEndOffset() > max(hw, log.LogStartOffset()) {
		if err := p.truncate(leaderEpoch, func(*storage.Log) int64 { return hw }); err != nil {
			return position{}, err
		}
	}
	for latest := log.LatestEpoch(); latest > leaderEpoch; latest = log.LatestEpoch() {
		// No leader can have written that: the log is damaged where the epoch begins. The leader would not know what to make of it, for ever.
		// The metadata is not older than this broker's registration (see Manager.OnMetadata), and so not older than what the log knows.
		p.manager.logger.Error("the log has records of a leader epoch that has not begun; they are fetched again", "partition", p.tp.String(), "epoch", latest, "leader_epoch", leaderEpoch)
		if err := p.truncate(leaderEpoch, firstOfLastEpoch); err != nil {
			return position{}, err
		}
	}
	return position{fetchOffset: log.LogEndOffset(), lastFetchedEpoch: log.LatestEpoch(), logStartOffset: log.LogStartOffset(), highWatermark: hw}, nil
}

// appendFollowed appends what a fetch from the leader brought, which may be nothing, and takes over the leader's high watermark and log start.
func (p *Partition) appendFollowed(records []byte, leaderEpoch int32, leaderHighWatermark, leaderLogStart int64) error {
	w, err := p.takeOver(records, leaderEpoch, leaderHighWatermark, leaderLogStart)
	w.run(p.manager)
	return err
}

func (p *Partition) takeOver(records []byte, leaderEpoch int32, leaderHighWatermark, leaderLogStart int64) (w wakeups, err error) {
	p.gate.RLock() // the role can't change until this is done
	defer p.gate.RUnlock()
	p.mu.Lock()
	log, err := p.followingLocked(leaderEpoch)
	p.mu.Unlock()
	if err != nil {
		return w, err
	}
	if len(records) > 0 {
		if err := appendCopied(log, records, leaderEpoch); err != nil {
			return w, fmt.Errorf("append what the leader of %s sent: %w", p.tp, err)
		}
	}
	p.mu.Lock()
	w = p.settleLocked(p.mu.machine.appended(log.LogEndOffset(), p.manager.eligible, time.Now()))
	w.add(p.settleLocked(p.mu.machine.learnHighWatermark(leaderHighWatermark)))
	hw := p.mu.machine.highWatermark
	p.mu.Unlock()
	// The leader's log start may be ahead of what this log knows to be committed; the rest follows with a later fetch.
	if start := min(leaderLogStart, hw); start > log.LogStartOffset() {
		if err := log.IncrementLogStartOffset(start); err != nil {
			return w, fmt.Errorf("move the log start of %s: %w", p.tp, err)
		}
		p.mu.Lock()
		w.add(p.settleLocked(p.mu.machine.logStartMoved(start)))
		p.mu.Unlock()
	}
	return w, nil
}

// truncate cuts the log to the offset that to names, as long as the replica follows in leaderEpoch.
func (p *Partition) truncate(leaderEpoch int32, to func(*storage.Log) int64) error {
	return p.cut(leaderEpoch, func(log *storage.Log) error {
		offset := to(log)
		if hw := log.HighWatermark(); offset < hw {
			p.manager.logger.Warn("truncating below the high watermark", "partition", p.tp.String(), "offset", offset, "high_watermark", hw, "leader_epoch", leaderEpoch)
		}
		_, err := log.TruncateTo(offset)
		return err
	})
}

// firstOfLastEpoch is where the log's newest leader epoch begins.
func firstOfLastEpoch(log *storage.Log) int64 {
	entries := log.EpochEntries()
	if len(entries) == 0 {
		return log.LogEndOffset()
	}
	return max(entries[len(entries)-1].StartOffset, log.LogStartOffset())
}

// restartAt empties the log, which ends before the leader's begins.
func (p *Partition) restartAt(leaderEpoch int32, offset int64) error {
	return p.cut(leaderEpoch, func(log *storage.Log) error { return log.TruncateFullyAndStartAt(offset) })
}

func (p *Partition) cut(leaderEpoch int32, do func(*storage.Log) error) error {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.mu.Lock()
	log, err := p.followingLocked(leaderEpoch)
	p.mu.Unlock()
	if err != nil {
		return err
	}
	if err := do(log); err != nil {
		return fmt.Errorf("truncate %s: %w", p.tp, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.machine.truncated(log.LogStartOffset(), log.LogEndOffset())
	return nil
}

// commonEnd is where this log's history and its leader's part, as far as one answer of the leader can tell: diverging is the leader's
// largest epoch that is not larger than this log's last, and its end. If this log doesn't know that epoch, it is cut to
// the end of an earlier one, and the next fetch tells more.
func commonEnd(log *storage.Log, diverging EpochEndOffset) int64 {
	end := log.LogEndOffset()
	if diverging.LeaderEpoch < 0 {
		return min(diverging.EndOffset, end)
	}
	epoch, epochEnd := log.EndOffsetForEpoch(diverging.LeaderEpoch)
	switch {
	case epoch < 0:
		return min(diverging.EndOffset, end)
	case epoch != diverging.LeaderEpoch:
		return min(epochEnd, end)
	default:
		return min(epochEnd, diverging.EndOffset, end)
	}
}
