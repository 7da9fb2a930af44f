package coordinator

import (
	"context"
	"errors"
	"time"
)

// elected begins a term. A shard that is active in an older epoch reads its log again: between the two terms another broker may have led.
func (s *shard[S]) elected(leaderEpoch int32) {
	if s.state != stateInitial && leaderEpoch <= s.leaderEpoch {
		return
	}
	if leaderEpoch < s.leaderEpoch {
		return // resigned in a later epoch meanwhile
	}
	s.unload(stateInitial, errLoadInProgress)
	s.leaderEpoch = leaderEpoch
	s.reloadPause = reloadPauseMin
	s.startLoad()
}

func (s *shard[S]) startLoad() {
	ctx, cancel := context.WithCancel(context.Background())
	s.state, s.cancelLoad = stateLoading, cancel
	s.attempt++
	attempt, leaderEpoch := s.attempt, s.leaderEpoch
	s.log.Debug("loading coordinator shard", "leader_epoch", leaderEpoch)
	s.r.work.Go(func() {
		defer cancel()
		l := &loaded[S]{attempt: attempt}
		l.state, l.endOffset, l.err = s.r.load(ctx, s.tp, leaderEpoch)
		s.post(event[S]{kind: evLoaded, loaded: l})
	})
}

func (s *shard[S]) finishLoad(l *loaded[S], now time.Time) {
	if s.state != stateLoading || l.attempt != s.attempt {
		return
	}
	s.cancelLoad = nil
	if l.err != nil {
		s.fail(l.err, now)
		return
	}
	s.state, s.machine = stateActive, l.state
	s.appender = newAppender(l.endOffset)
	s.reloadPause = reloadPauseMin
	s.log.Debug("coordinator shard is active", "leader_epoch", s.leaderEpoch, "offset", l.endOffset)
	s.apply(s.machine.Loaded(now), now, 0)
}

// fail waits before the log is read again.
func (s *shard[S]) fail(err error, now time.Time) {
	if !errors.Is(err, context.Canceled) {
		s.log.Error("coordinator shard failed, reading its log again", "leader_epoch", s.leaderEpoch, "error", err, "pause", s.reloadPause)
	}
	s.state = stateFailed
	s.reloadAt = now.Add(s.reloadPause)
	s.reloadPause = min(2*s.reloadPause, reloadPauseMax)
}

// unload drops the state and answers everything that waits with err.
func (s *shard[S]) unload(to shardState, err error) {
	if s.cancelLoad != nil {
		s.cancelLoad()
		s.cancelLoad = nil
	}
	was := s.state
	s.state = to
	s.reloadAt = time.Time{}
	if was != stateActive {
		return
	}
	for _, b := range s.appender.takeAll() {
		s.finish(b, err)
	}
	s.machine.Unloaded(err)
	var none S
	s.machine = none
	s.log.Debug("coordinator shard unloaded", "leader_epoch", s.leaderEpoch, "state", to.String())
}
