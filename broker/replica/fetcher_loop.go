package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/syncx"
)

// fetcher copies some partitions from one leader: one request after the other, each with all partitions that can be fetched now.
type fetcher struct {
	owner   *Fetchers
	key     fetcherKey
	client  Requester
	ctx     context.Context //nolint:containedctx // the loop's lifetime
	cancel  context.CancelFunc
	done    chan struct{} // closed when it has ended
	wake    chan struct{} // capacity 1: a token says that partitions were added
	session clientSession // the loop's own

	// mu guards the partitions. Never held during a request or an append.
	mu struct {
		syncx.Mutex
		partitions map[*Partition]*followed
		added      bool // partitions came since the last due
		underWay   int  // the number of the fetch under way; 0: none
		fetches    int  // so far
	}
}

// followed is one partition of a fetcher.
type followed struct {
	partition   *Partition
	leaderEpoch int32
	until       time.Time // don't fetch before: the leader had an error for it
	failures    int       // in a row
	stopped     bool      // not before a new epoch: this one is over, or the log has failed
	inSync      bool      // after the last fetch it had all that is committed
}

// throttlePoll is how often a follower looks whether a throttled partition may be copied again.
const throttlePoll = 50 * time.Millisecond

// registrationPoll is how often a follower looks whether its broker is registered.
const registrationPoll = 5 * time.Millisecond

func newFetcher(owner *Fetchers, key fetcherKey) *fetcher {
	f := &fetcher{owner: owner, key: key, client: owner.cfg.Connect(key.leader), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(owner.ctx)
	f.mu.partitions = make(map[*Partition]*followed)
	return f
}

func (f *fetcher) add(p *Partition, leaderEpoch int32) {
	f.mu.Lock()
	if old := f.mu.partitions[p]; old == nil || old.leaderEpoch != leaderEpoch {
		f.mu.partitions[p] = &followed{partition: p, leaderEpoch: leaderEpoch}
	}
	f.mu.added = true
	underWay := f.mu.underWay
	f.mu.Unlock()
	if underWay > 0 {
		go f.poke(underWay)
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// poke ends the wait of a fetch under way, so that a partition that came meanwhile is in the next one now and not after replica.fetch.wait.max.ms: its
// new leader may have nobody else to acknowledge for it. Any request does that (wire.Request.OnFollowed), sent again should it have overtaken the fetch; the
// answer says nothing.
func (f *fetcher) poke(fetch int) {
	for f.isUnderWay(fetch) {
		if _, err := f.client.Request(f.ctx, kmsg.NewPtrApiVersionsRequest()); err != nil {
			return
		}
	}
}

func (f *fetcher) isUnderWay(fetch int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.underWay == fetch
}

func (f *fetcher) remove(p *Partition) (left int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.partitions, p)
	return len(f.mu.partitions)
}

// epochOf is the leader epoch in which p is copied.
func (f *fetcher) epochOf(p *Partition) int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.partitions[p].leaderEpoch
}

// due lists the partitions to fetch now, by name, and when the next of the others is.
func (f *fetcher) due(now time.Time) (due []*followed, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.added = false
	for _, p := range f.mu.partitions {
		switch {
		case p.stopped:
		case !p.inSync && f.owner.cfg.Throttle.Holds(p.partition.tp.Topic, p.partition.tp.Partition, now):
			if soon := now.Add(throttlePoll); next.IsZero() || soon.Before(next) {
				next = soon
			}
		case p.until.After(now):
			if next.IsZero() || p.until.Before(next) {
				next = p.until
			}
		default:
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b *followed) int { return compareTP(a.partition.tp, b.partition.tp) })
	return due, next
}

// delay keeps p out of the requests for a while.
func (f *fetcher) delay(p *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.until = time.Now().Add(f.backoff(p.failures))
	p.failures++
}

// firstBackoff is how long a follower waits after the first failure. Most often the leader has not heard yet that it leads.
const firstBackoff = 10 * time.Millisecond

// backoff is the wait after some failures in a row: it doubles up to replica.fetch.backoff.ms.
//
// DEVIATION(kafka): Apache Kafka waits that long each time.
func (f *fetcher) backoff(failures int) time.Duration {
	return min(f.owner.cfg.Backoff, firstBackoff<<min(failures, 10))
}

// stop keeps p out of the requests until it follows in a new epoch.
func (f *fetcher) stop(p *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.stopped = true
}

func (f *fetcher) run() {
	defer func() { _ = f.client.Close() }() // nothing waits for it any more
	failures := 0
	for f.ctx.Err() == nil {
		due, next := f.due(time.Now())
		if len(due) == 0 {
			f.idle(next)
			continue
		}
		if f.owner.cfg.AwaitEpoch && f.owner.cfg.BrokerEpoch() < 0 {
			// The leader would take this for news of the broker's last life, which may have had more of the log.
			f.idle(time.Now().Add(registrationPoll))
			continue
		}
		if err := f.fetch(due, next); err != nil && f.ctx.Err() == nil {
			f.session.reset()
			f.owner.logger.Warn("fetch from the leader failed", "leader", f.key.leader, "partitions", len(due), "error", err)
			f.idle(time.Now().Add(f.backoff(failures)))
			failures++
			continue
		}
		failures = 0
	}
}

// idle waits until a partition is added, or until the moment given, if any.
func (f *fetcher) idle(until time.Time) {
	var timer <-chan time.Time
	if !until.IsZero() {
		timer = time.After(time.Until(until))
	}
	select {
	case <-f.ctx.Done():
	case <-f.wake:
	case <-timer:
	}
}

// fetch sends one request and works through the answer. It does not wait for records beyond next, when others are due again.
func (f *fetcher) fetch(due []*followed, next time.Time) error {
	asked := make(map[sessionKey]*asked, len(due))
	wants := make([]want, 0, len(due))
	for _, p := range due {
		at, err := p.partition.position(p.leaderEpoch)
		if err != nil {
			f.failed(p, err)
			continue
		}
		key := sessionKey{topicID: p.partition.topicID, partition: p.partition.tp.Partition}
		asked[key] = newAsked(p, at)
		wants = append(wants, want{key: key, topic: p.partition.tp.Topic, leaderEpoch: p.leaderEpoch, position: at})
	}
	if len(wants) == 0 {
		return nil
	}
	cfg := &f.owner.cfg
	req := f.session.next(wants)
	req.ReplicaID, req.ReplicaState.ID, req.ReplicaState.Epoch = int32(cfg.BrokerID), int32(cfg.BrokerID), cfg.BrokerEpoch()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(cfg.MaxWait.Milliseconds()), int32(cfg.MinBytes), int32(cfg.MaxBytes)
	for i := range req.Topics {
		for k := range req.Topics[i].Partitions {
			req.Topics[i].Partitions[k].PartitionMaxBytes = int32(cfg.PartitionMaxBytes)
		}
	}
	if f.begin() {
		req.MaxWaitMillis = 0
	} else if !next.IsZero() {
		req.MaxWaitMillis = min(req.MaxWaitMillis, int32(max(0, time.Until(next).Milliseconds())))
	}
	resp, err := f.client.Request(f.ctx, req)
	f.end()
	if err != nil {
		return err
	}
	answer, ok := resp.(*kmsg.FetchResponse)
	if !ok {
		return fmt.Errorf("fetch was answered with %T", resp)
	}
	if answer.GetVersion() < 13 {
		return fmt.Errorf("broker %d speaks Fetch up to v%d only; replication needs topic ids (v13)", f.key.leader, answer.GetVersion())
	}
	if again, err := f.session.answered(answer); err != nil || again {
		return err
	}
	for i := range answer.Topics {
		t := &answer.Topics[i]
		for k := range t.Partitions {
			if a := asked[sessionKey{topicID: t.TopicID, partition: t.Partitions[k].Partition}]; a != nil {
				f.handle(a, &t.Partitions[k])
			}
		}
	}
	return nil
}

// begin notes that a fetch is under way, and tells whether partitions have come that are not in it.
func (f *fetcher) begin() (added bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.fetches++
	f.mu.underWay = f.mu.fetches
	return f.mu.added
}

func (f *fetcher) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.underWay = 0
}

// asked is what was asked of one partition.
type asked struct {
	followed *followed
	position position
}

func newAsked(p *followed, at position) *asked { return &asked{followed: p, position: at} }

// handle takes one partition's answer.
func (f *fetcher) handle(a *asked, row *kmsg.FetchResponseTopicPartition) {
	p := a.followed
	var err error
	switch row.ErrorCode {
	case 0:
		if d := row.DivergingEpoch; d.Epoch >= 0 || d.EndOffset >= 0 {
			diverging := EpochEndOffset{LeaderEpoch: d.Epoch, EndOffset: d.EndOffset}
			err = p.partition.truncate(p.leaderEpoch, func(log *storage.Log) int64 { return commonEnd(log, diverging) })
			f.owner.logger.Info("truncated to the leader's history", "partition", p.partition.tp.String(), "leader_epoch", p.leaderEpoch, "diverging_epoch", d.Epoch, "diverging_offset", d.EndOffset)
			break
		}
		err = p.partition.appendFollowed(row.RecordBatches, p.leaderEpoch, row.HighWatermark, row.LogStartOffset)
		f.owner.cfg.Throttle.Record(p.partition.tp.Topic, p.partition.tp.Partition, len(row.RecordBatches), time.Now())
		if log := p.partition.log.Load(); err == nil && log != nil {
			p.inSync = log.LogEndOffset() >= row.HighWatermark
		}
	case kerr.OffsetOutOfRange.Code:
		err = f.outOfRange(a)
	default:
		err = kerr.ErrorForCode(row.ErrorCode)
	}
	if err != nil {
		f.failed(p, err)
		return
	}
	p.failures = 0
}

// failed decides what becomes of a partition that can't be copied now.
func (f *fetcher) failed(p *followed, err error) {
	switch {
	case errors.Is(err, errNotFollowing), errors.Is(err, kerr.FencedLeaderEpoch):
		f.stop(p) // the metadata says what comes next, or has said so already
	case kerr.IsRetriable(err):
		f.owner.logger.Debug("replica not copied for now", "partition", p.partition.tp.String(), "leader", f.key.leader, "error", err)
		f.delay(p)
	default:
		f.owner.logger.Warn("replica not copied", "partition", p.partition.tp.String(), "leader", f.key.leader, "error", err)
		f.delay(p)
	}
}

// outOfRange finds a new position for a follower whose log's end isn't in the leader's log: beyond the leader's end after an unclean
// election, or before its start, when the follower was away for longer than records are kept.
func (f *fetcher) outOfRange(a *asked) error {
	p := a.followed
	end, err := f.leaderOffset(p, TimestampLatest)
	if err != nil {
		return err
	}
	if end < a.position.fetchOffset {
		f.owner.logger.Warn("the log is longer than the leader's", "partition", p.partition.tp.String(), "log_end_offset", a.position.fetchOffset, "leader_log_end_offset", end)
		return p.partition.truncate(p.leaderEpoch, func(*storage.Log) int64 { return end })
	}
	start, err := f.leaderOffset(p, TimestampEarliest)
	if err != nil {
		return err
	}
	if start <= a.position.fetchOffset { // in range by now, or the leader does not know what it says: not to be asked again at once
		return fmt.Errorf("offset %d lies between the start and the end of the leader's log, %d and %d: %w", a.position.fetchOffset, start, end, kerr.OffsetOutOfRange)
	}
	f.owner.logger.Info("the log ends before the leader's begins; starting anew there", "partition", p.partition.tp.String(), "log_end_offset", a.position.fetchOffset, "leader_log_start_offset", start)
	return p.partition.restartAt(p.leaderEpoch, start)
}

// leaderOffset asks the leader for the end or the start of its log.
func (f *fetcher) leaderOffset(p *followed, timestamp int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = int32(f.owner.cfg.BrokerID)
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = p.partition.tp.Topic
	row := kmsg.NewListOffsetsRequestTopicPartition()
	row.Partition, row.CurrentLeaderEpoch, row.Timestamp = p.partition.tp.Partition, p.leaderEpoch, timestamp
	topic.Partitions = append(topic.Partitions, row)
	req.Topics = append(req.Topics, topic)
	resp, err := f.client.Request(f.ctx, req)
	if err != nil {
		return 0, err
	}
	answer, ok := resp.(*kmsg.ListOffsetsResponse)
	if !ok || len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("broker %d gave no offset of %s", f.key.leader, p.partition.tp)
	}
	got := &answer.Topics[0].Partitions[0]
	return got.Offset, kerr.ErrorForCode(got.ErrorCode)
}
