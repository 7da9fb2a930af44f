package replica

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/storage"
)

// firstOffsets lists the base offsets of a result's batches.
func firstOffsets(t *testing.T, r *FetchResult) (offsets []int64) {
	t.Helper()
	if r.Records == nil {
		return nil
	}
	raw, err := r.Records.Bytes(nil)
	if err != nil {
		t.Fatal(err)
	}
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			return append(offsets, -1) // cut
		}
		offsets, raw = append(offsets, b.BaseOffset()), rest
	}
	return offsets
}

func (f *fixture) segments(topic string, partition int32) int {
	all := f.partition(topic, partition).Log().Segments()
	for _, s := range all {
		s.Release()
	}
	return len(all)
}

// produceUnrolled appends batches of n records that lie in one segment: builds with invariants roll now and then for no reason, and
// a read ends with its segment.
func (f *fixture) produceUnrolled(topic string, partition int32, n, batches int) {
	f.t.Helper()
	log := f.partition(topic, partition).Log()
	for {
		for range batches {
			if _, err := log.AppendAsLeader(records(n), 0, storage.AppendOptions{}); err != nil {
				f.t.Fatal(err)
			}
		}
		if f.segments(topic, partition) == 1 {
			break
		}
		if err := log.TruncateFullyAndStartAt(0); err != nil {
			f.t.Fatal(err)
		}
	}
	p := f.partition(topic, partition)
	p.mu.Lock()
	w := p.settleLocked(p.mu.machine.appended(log.LogEndOffset(), f.eligible, time.Now()))
	p.mu.Unlock()
	w.run(f.Manager)
}

func TestConsumersReadUpToTheHighWatermark(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	f.produceUnrolled("t", 0, 2, 4)
	f.fetchOne(asFollower(2), at("t", 0, 4))
	r := f.fetchOne(consumer(0, 1), at("t", 0, 0))
	if got := fmt.Sprint(firstOffsets(t, &r)); got != "[0 2]" || r.HighWatermark != 4 {
		t.Errorf("consumer: batches %s, high watermark %d", got, r.HighWatermark)
	}
	r = f.fetchOne(asFollower(2), at("t", 0, 4))
	if got := fmt.Sprint(firstOffsets(t, &r)); got != "[4 6]" {
		t.Errorf("follower: batches %s", got)
	}
	if r = f.fetchOne(consumer(0, 1), at("t", 0, 6)); r.Err != nil || r.Records != nil {
		t.Errorf("beyond the high watermark: %+v", r)
	}
	if r = f.fetchOne(consumer(0, 1), at("t", 0, 9)); !errors.Is(r.Err, kerr.OffsetOutOfRange) || r.HighWatermark != -1 {
		t.Errorf("beyond the log end: %+v", r)
	}
}

func TestFetchChecksLeaderEpochAndTopicID(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	id := f.topic("t", 1, 1, 2)
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 2 })
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 1 })
	for _, c := range []struct {
		epoch int32
		id    ident.TopicID
		want  error
	}{
		{2, id, nil}, {-1, ident.TopicID{}, nil}, {1, id, kerr.FencedLeaderEpoch}, {3, id, kerr.UnknownLeaderEpoch}, {2, ident.TopicID{9}, kerr.InconsistentTopicID},
	} {
		p := at("t", 0, 0)
		p.CurrentLeaderEpoch, p.TopicID = c.epoch, c.id
		if r := f.fetchOne(consumer(0, 1), p); c.want == nil && r.Err != nil || c.want != nil && !errors.Is(r.Err, c.want) {
			t.Errorf("epoch %d, id %v: %v, want %v", c.epoch, c.id, r.Err, c.want)
		}
	}
}

func TestFetchTellsWhereHistoriesPart(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	f.mustProduce("t", 0, 3) // epoch 0: 0-2
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 2 })
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 1 })
	f.mustProduce("t", 0, 2) // epoch 2: 3-4
	p := at("t", 0, 5)
	p.LastFetchedEpoch = 1 // an epoch this log has nothing of
	r := f.fetchOne(asFollower(2), p)
	if r.DivergingEpoch == nil || *r.DivergingEpoch != (EpochEndOffset{LeaderEpoch: 0, EndOffset: 3}) || r.Err != nil {
		t.Errorf("got %+v, diverging %+v", r, r.DivergingEpoch)
	}
	if end := f.partition("t", 0).mu.machine.remotes[0].logEndOffset; end != -1 {
		t.Errorf("a diverging fetch was taken as the follower's log end %d", end)
	}
	p.FetchOffset, p.LastFetchedEpoch = 3, 0
	if r = f.fetchOne(asFollower(2), p); r.DivergingEpoch != nil || r.size() == 0 {
		t.Errorf("same history: %+v", r)
	}
}

func TestMaxBytesHoldButForTheFirstBatch(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1)
	f.topic("t", 3, 1)
	size := len(records(10))
	for p := range int32(3) {
		f.produceUnrolled("t", p, 10, 2)
	}
	params := consumer(0, 1)
	params.MaxBytes = 1
	sizes := func() (got []int) {
		for _, r := range within(t, f.fetch(params, at("t", 0, 0), at("t", 1, 0), at("t", 2, 0))) {
			got = append(got, r.size())
			release(&r.Records)
		}
		return got
	}
	if got := fmt.Sprint(sizes()); got != fmt.Sprint([]int{size, 0, 0}) {
		t.Errorf("tiny limit: %s", got)
	}
	params.HardMaxBytes = true
	if got := fmt.Sprint(sizes()); got != "[0 0 0]" {
		t.Errorf("hard limit: %s", got)
	}
	params.MaxBytes, params.HardMaxBytes = 3*size, false
	if got := fmt.Sprint(sizes()); got != fmt.Sprint([]int{2 * size, size, 0}) {
		t.Errorf("limit of three batches: %s", got)
	}
}

func TestFetchWaitsForMinBytes(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1)
	f.topic("t", 2, 1)
	size := len(records(1))
	fetch := f.fetch(consumer(time.Minute, 3*size), at("t", 0, 0), at("t", 1, 0))
	f.mustProduce("t", 0, 1)
	f.mustProduce("t", 1, 1)
	select {
	case r := <-fetch:
		t.Fatalf("answered with too little: %+v", r)
	default:
	}
	f.mustProduce("t", 0, 1)
	results := within(t, fetch)
	if f.segments("t", 0) > 1 {
		size = 0 // rolled in between: the fetch ends with the segment, and doesn't wait
	}
	if a, b := results[0].size(), results[1].size(); size > 0 && (a != 2*size || b != size) {
		t.Errorf("sizes %d and %d", a, b)
	}
	ReleaseAll(results)
	for p := range int32(2) {
		if f.partition("t", p).mu.fetch.head != nil {
			t.Errorf("partition %d still has a waiter", p)
		}
	}
}

func TestFetchGivesUpAfterMaxWait(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1)
	f.topic("t", 1, 1)
	start := time.Now()
	results := within(t, f.fetch(consumer(20*time.Millisecond, 1), at("t", 0, 0)))
	if results[0].Err != nil || results[0].size() != 0 || time.Since(start) < 20*time.Millisecond {
		t.Errorf("got %+v after %v", results[0], time.Since(start))
	}
	if f.partition("t", 0).mu.fetch.head != nil {
		t.Error("the partition still has a waiter")
	}
}

func TestFollowerHearsOfTheHighWatermark(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2, 3)
	f.topic("t", 1, 1, 2, 3)
	f.mustProduce("t", 0, 2)
	f.fetchOne(asFollower(2), at("t", 0, 2))
	params := asFollower(2)
	params.MaxWait = time.Minute
	p := at("t", 0, 2)
	p.HighWatermark = 0
	waiting := f.fetch(params, p)
	f.fetchOne(asFollower(3), at("t", 0, 2))
	if r := within(t, waiting)[0]; r.HighWatermark != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestReadCommittedStopsAtOpenTransactions(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1)
	f.topic("t", 1, 1)
	tp := tpOf("t", 0)
	f.mustProduce("t", 0, 2)
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	b.SetProducer(77, 0, 0)
	b.SetTransactional()
	b.Append(1000, nil, []byte("uncertain"))
	txn, err := b.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := within(t, f.produce(AcksLeader, time.Second, tp, txn)); r.Err != nil {
		t.Fatal(r.Err)
	}
	params := consumer(0, 1)
	params.Isolation = ReadCommitted
	if r := f.fetchOne(params, at("t", 0, 2)); r.size() != 0 || r.LastStableOffset != 2 || r.HighWatermark != 3 {
		t.Errorf("open transaction: %+v", r)
	}
	params.MaxWait = time.Minute
	waiting := f.fetch(params, at("t", 0, 2))
	marker := batch.AppendEndTxnMarker(nil, 0, 0, 1000, 77, 0, batch.EndTxnMarker{})
	done := make(chan error, 1)
	f.Append(tp, 0, marker, func(_ int64, err error) { done <- err })
	if err := within(t, done); err != nil {
		t.Fatal(err)
	}
	r := within(t, waiting)[0]
	if r.size() == 0 || r.LastStableOffset != 4 || len(r.AbortedTransactions) != 1 || r.AbortedTransactions[0].ProducerID != 77 || r.AbortedTransactions[0].FirstOffset != 2 {
		t.Errorf("after the abort: %+v", r)
	}
	release(&r.Records)
}

func TestListOffsets(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	f.mustProduce("t", 0, 5) // timestamps 1000-1004
	f.mustProduce("t", 0, 3) // timestamps 1000-1002
	f.fetchOne(asFollower(2), at("t", 0, 8))
	for _, c := range []struct {
		timestamp int64
		want      storage.TimestampOffset
	}{
		{TimestampLatest, storage.TimestampOffset{Timestamp: -1, Offset: 8, LeaderEpoch: 0}},
		{TimestampEarliest, storage.TimestampOffset{Timestamp: -1, Offset: 0, LeaderEpoch: 0}},
		{TimestampEarliestLocal, storage.TimestampOffset{Timestamp: -1, Offset: 0, LeaderEpoch: 0}},
		{TimestampMax, storage.TimestampOffset{Timestamp: 1004, Offset: 4, LeaderEpoch: 0}},
		{TimestampLatestTiered, noTimestampOffset},
		{TimestampEarliestPendingUpload, noTimestampOffset},
		{1003, storage.TimestampOffset{Timestamp: 1003, Offset: 3, LeaderEpoch: 0}},
		{2000, noTimestampOffset},
	} {
		got, err := f.ListOffset(OffsetQuery{TopicPartition: tpOf("t", 0), CurrentLeaderEpoch: -1, Timestamp: c.timestamp, ReplicaID: ident.NoBroker})
		if err != nil || got != c.want {
			t.Errorf("timestamp %d: %+v, %v; want %+v", c.timestamp, got, err, c.want)
		}
	}
	old, err := f.OffsetsBefore(OffsetQuery{TopicPartition: tpOf("t", 0), Timestamp: TimestampLatest, ReplicaID: ident.NoBroker}, 10)
	if got := fmt.Sprint(old); got != "[8 0]" && got != "[8 5 0]" || err != nil { // rolled or not
		t.Errorf("v0: %v, %v", old, err)
	}
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 2 })
	if _, err := f.ListOffset(OffsetQuery{TopicPartition: tpOf("t", 0), CurrentLeaderEpoch: -1, Timestamp: -1, ReplicaID: ident.NoBroker}); !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("a follower answers %v", err)
	}
}

func TestNewLeaderDoesNotGuessTheEnd(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	f.mustProduce("t", 0, 5)
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 2 })
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 1 })
	q := OffsetQuery{TopicPartition: tpOf("t", 0), CurrentLeaderEpoch: -1, Timestamp: TimestampLatest, ReplicaID: ident.NoBroker}
	if _, err := f.ListOffset(q); !errors.Is(err, kerr.OffsetNotAvailable) {
		t.Errorf("before the high watermark is known: %v", err)
	}
	f.fetchOne(asFollower(2), at("t", 0, 5))
	if got, err := f.ListOffset(q); err != nil || got.Offset != 5 {
		t.Errorf("after: %+v, %v", got, err)
	}
}

// TestFetchAndProduceSideBySide has consumers read partitions to their end while producers append, and leadership come and go. The race
// detector and the waiters' bookkeeping are what it tests.
func TestFetchAndProduceSideBySide(t *testing.T) {
	const partitions, batches = 4, 100
	f := newFixture(t, nil, 1)
	f.brokers(1)
	f.topic("t", partitions, 1)
	var wg sync.WaitGroup
	for p := range int32(partitions) {
		wg.Go(func() {
			for range batches {
				f.mustProduce("t", p, 2)
			}
		})
	}
	for c := range 3 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(c), 1))
			next := make([]int64, partitions)
			for done := 0; done < partitions; {
				params := consumer(time.Duration(r.IntN(20))*time.Millisecond, r.IntN(2000))
				ask := make([]FetchPartition, partitions)
				for p := range ask {
					ask[p] = at("t", int32(p), next[p])
				}
				done = 0
				results := within(t, f.fetch(params, ask...))
				for p := range results {
					for _, first := range firstOffsets(t, &results[p]) {
						if first >= 0 && first != next[p] {
							t.Errorf("partition %d: batch %d, want %d", p, first, next[p])
						}
						if first >= 0 {
							next[p] = first + 2
						}
					}
					if next[p] == 2*batches {
						done++
					}
				}
				ReleaseAll(results)
			}
		})
	}
	wg.Wait()
	for p := range int32(partitions) {
		if f.partition("t", p).mu.fetch.head != nil {
			t.Errorf("partition %d still has a waiter", p)
		}
	}
}
