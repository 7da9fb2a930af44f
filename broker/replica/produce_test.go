package replica

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/storage"
)

func TestAcknowledgementWaitsForTheIsr(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	tp := tpOf("t", 0)
	if r := within(t, f.produce(AcksLeader, time.Second, tp, records(3))); r.Err != nil || r.BaseOffset != 0 {
		t.Fatalf("acks=1: %+v", r)
	}
	all := f.produce(AcksAll, time.Minute, tp, records(2))
	f.fetchOne(asFollower(2), at("t", 0, 3))
	select {
	case r := <-all:
		t.Fatalf("acknowledged before the follower has it: %+v", r)
	default:
	}
	if hw := f.partition("t", 0).State().HighWatermark; hw != 3 {
		t.Errorf("high watermark %d, want 3", hw)
	}
	f.fetchOne(asFollower(2), at("t", 0, 5))
	if r := within(t, all); r.Err != nil || r.BaseOffset != 3 {
		t.Errorf("acks=all: %+v", r)
	}
}

func TestProduceTimesOutAndKeepsTheRecords(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	r := within(t, f.produce(AcksAll, time.Millisecond, tpOf("t", 0), records(1)))
	if !errors.Is(r.Err, kerr.RequestTimedOut) {
		t.Errorf("got %+v", r)
	}
	p := f.partition("t", 0)
	if n := len(p.mu.produce.queue); n != 0 {
		t.Errorf("%d waiters left behind", n)
	}
	if leo := p.State().LogEndOffset; leo != 1 {
		t.Errorf("log end %d", leo)
	}
}

func TestLostLeadershipFailsWaitingProduce(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	all := f.produce(AcksAll, time.Minute, tpOf("t", 0), records(1))
	fetch := f.fetch(consumer(time.Minute, 1), at("t", 0, 0))
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 2 })
	if r := within(t, all); !errors.Is(r.Err, kerr.NotLeaderForPartition) {
		t.Errorf("produce: %+v", r)
	}
	if r := within(t, fetch)[0]; !errors.Is(r.Err, kerr.NotLeaderForPartition) || r.Leader.LeaderID != 2 {
		t.Errorf("fetch: %+v", r)
	}
	r := within(t, f.produce(AcksLeader, time.Second, tpOf("t", 0), records(1)))
	if !errors.Is(r.Err, kerr.NotLeaderForPartition) || r.Leader != (LeaderHint{LeaderID: 2, LeaderEpoch: 1}) {
		t.Errorf("produce to a follower: %+v", r)
	}
	if want := []string{"t-0 elected 0", "t-0 resigned 0"}; !slices.Equal(f.events, want) {
		t.Errorf("leadership %v, want %v", f.events, want)
	}
}

func TestTooSmallIsrRefusesAcksAll(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	two := "2"
	f.apply(&record.ConfigRecord{ResourceType: 2, ResourceName: "t", Name: "min.insync.replicas", Value: &two})
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Isr = []int32{1} })
	if r := within(t, f.produce(AcksAll, time.Second, tpOf("t", 0), records(1))); !errors.Is(r.Err, kerr.NotEnoughReplicas) {
		t.Errorf("acks=all: %+v", r)
	}
	if r := within(t, f.produce(AcksLeader, time.Second, tpOf("t", 0), records(1))); r.Err != nil {
		t.Errorf("acks=1: %+v", r)
	}
	if hw := f.partition("t", 0).State().HighWatermark; hw != 0 {
		t.Errorf("high watermark %d advanced below min.insync.replicas", hw)
	}
}

// TestIsrShrinksAfterTheAppend: the followers have the records, and the ISR falls below min.insync.replicas before the producer's answer is worked out. It must
// not read like a success: whoever is left alone is all that is known to have the records from now on.
func TestIsrShrinksAfterTheAppend(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	f.apply(&record.ConfigRecord{ResourceType: 2, ResourceName: "t", Name: "min.insync.replicas", Value: new("2")})
	p := f.partition("t", 0)
	appendAll := func() appended {
		t.Helper()
		a, w, err := p.append(records(2), anyEpoch, AcksAll, storage.AppendOptions{})
		w.run(f.Manager)
		if err != nil || a.acknowledged {
			t.Fatalf("append: %+v, %v", a, err)
		}
		return a
	}
	replicated, alone := appendAll(), appendAll()
	f.fetchOne(asFollower(2), at("t", 0, replicated.requiredOffset))
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Isr = []int32{1} })

	results := make(chan []ProduceResult, 1)
	op := &delayedProduce{partitions: []*Partition{p, p}, done: func(r []ProduceResult) { results <- r }}
	op.mu.results = []ProduceResult{{BaseOffset: 0}, {BaseOffset: 2}}
	op.start([]appended{replicated, alone}, time.Millisecond)
	r := within(t, results)
	if !errors.Is(r[0].Err, kerr.NotEnoughReplicasAfterAppend) || r[0].BaseOffset != 0 {
		t.Errorf("what both have: %+v, want NOT_ENOUGH_REPLICAS_AFTER_APPEND and the offset", r[0])
	}
	if !errors.Is(r[1].Err, kerr.RequestTimedOut) {
		t.Errorf("what one has: %+v, want REQUEST_TIMED_OUT: the high watermark must not pass it", r[1])
	}
	if s := p.State(); s.HighWatermark != replicated.requiredOffset || s.LogEndOffset != alone.requiredOffset {
		t.Errorf("high watermark %d, log end %d", s.HighWatermark, s.LogEndOffset)
	}

	// A coordinator gets the same word.
	if done, err := p.await(replicated, &coordinatorAppend{done: func(int64, error) {}}, 0); !done || !errors.Is(err, kerr.NotEnoughReplicasAfterAppend) {
		t.Errorf("a coordinator's append: done %v, %v", done, err)
	}
}

func TestEveryPartitionGetsARow(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1)
	f.topic("elsewhere", 1, 2)
	req := ProduceRequest{Acks: AcksAll, Timeout: time.Second, Partitions: []ProducePartition{
		{TopicPartition: tpOf("t", 0), Records: records(1)},
		{TopicPartition: tpOf("t", 1), Records: records(1)},
		{TopicPartition: tpOf("elsewhere", 0), Records: records(1)},
		{TopicPartition: tpOf("t", 0), Records: records(1), Err: kerr.TopicAuthorizationFailed},
		{TopicPartition: tpOf(GroupOffsetsTopic, 0), Records: records(1)},
		{TopicPartition: tpOf("t", 0), Records: []byte("garbage")},
	}}
	ch := make(chan []ProduceResult, 1)
	f.Produce(req, func(r []ProduceResult) { ch <- r })
	want := []error{nil, kerr.UnknownTopicOrPartition, kerr.NotLeaderForPartition, kerr.TopicAuthorizationFailed, kerr.UnknownTopicOrPartition, kerr.CorruptMessage}
	for i, r := range within(t, ch) {
		if want[i] == nil && r.Err != nil || want[i] != nil && !errors.Is(r.Err, want[i]) {
			t.Errorf("row %d: %v, want %v", i, r.Err, want[i])
		}
		if r.Err != nil && r.BaseOffset != -1 {
			t.Errorf("row %d has an error and offset %d", i, r.BaseOffset)
		}
	}
}

func TestCoordinatorAppend(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic(GroupOffsetsTopic, 1, 1, 2)
	tp := tpOf(GroupOffsetsTopic, 0)
	type answer struct {
		offset int64
		err    error
	}
	ch := make(chan answer, 1)
	done := func(offset int64, err error) { ch <- answer{offset, err} }
	f.Append(tp, 7, records(1), done)
	if a := within(t, ch); !errors.Is(a.err, kerr.UnknownLeaderEpoch) {
		t.Errorf("wrong epoch: %+v", a)
	}
	f.Append(tp, 0, append(records(2), records(3)...), done)
	f.fetchOne(asFollower(2), at(GroupOffsetsTopic, 0, 5))
	if a := within(t, ch); a.err != nil || a.offset != 0 {
		t.Errorf("append: %+v", a)
	}
	f.Append(tp, 0, records(1), done)
	f.change(GroupOffsetsTopic, 0, func(r *record.PartitionChangeRecord) { r.Leader = 2 })
	if a := within(t, ch); !errors.Is(a.err, kerr.NotLeaderForPartition) {
		t.Errorf("after the leadership is lost: %+v", a)
	}
}

func TestDeletedTopicAnswersWaiters(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1)
	id := f.topic("t", 1, 1)
	f.mustProduce("t", 0, 1)
	fetch := f.fetch(consumer(time.Minute, 1), at("t", 0, 1))
	f.apply(&record.RemoveTopicRecord{TopicId: id})
	if r := within(t, fetch)[0]; !errors.Is(r.Err, kerr.UnknownTopicOrPartition) {
		t.Errorf("got %+v", r)
	}
	if _, ok := f.storage.Log(tpOf("t", 0)); ok {
		t.Error("the log is still there")
	}
	f.topic("t", 1, 1)
	if offset := f.mustProduce("t", 0, 1); offset != 0 {
		t.Errorf("the new topic begins at %d", offset)
	}
}

func TestHighWatermarkSurvivesRestart(t *testing.T) {
	f := newFixture(t, nil, 2)
	f.brokers(1, 2)
	f.topic("t", 2, 1, 2)
	for p := range int32(2) {
		f.mustProduce("t", p, 5)
		f.fetchOne(asFollower(2), at("t", p, 3))
	}
	f.close()
	image := f.store.Current()
	f.store = newStoreLike(f)
	f.open(nil)
	if f.store.Current().TopicCount() != image.TopicCount() {
		t.Fatal("the metadata differs")
	}
	for p := range int32(2) {
		s := f.partition("t", p).State()
		if s.HighWatermark != 3 || s.LogEndOffset != 5 {
			t.Errorf("partition %d: high watermark %d, log end %d", p, s.HighWatermark, s.LogEndOffset)
		}
	}
}

func TestStrayLogsAreSetAside(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1)
	f.topic("kept", 1, 1)
	if _, err := f.storage.GetOrCreate(tpOf("gone", 0), ident.TopicID{1}, f.storageConfig(), ""); err != nil {
		t.Fatal(err)
	}
	f.MarkStrays(f.store.Current())
	if _, ok := f.storage.Log(tpOf("gone", 0)); ok {
		t.Error("the stray log is still served")
	}
	if _, ok := f.storage.Log(tpOf("kept", 0)); !ok {
		t.Error("a log that belongs here was set aside")
	}
}
