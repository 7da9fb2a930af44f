package replica

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/record"
)

func (f *fixture) deleteRecords(timeout time.Duration, partitions ...DeleteRecordsPartition) <-chan []DeleteRecordsResult {
	ch := make(chan []DeleteRecordsResult, 1)
	f.DeleteRecords(partitions, timeout, func(r []DeleteRecordsResult) { ch <- r })
	return ch
}

func TestDeleteRecordsWaitsForTheLowWatermark(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	f.mustProduce("t", 0, 5)
	f.mustProduce("t", 0, 5)
	f.fetchOne(asFollower(2), at("t", 0, 10))
	answer := f.deleteRecords(time.Minute, DeleteRecordsPartition{TopicPartition: tpOf("t", 0), BeforeOffset: HighWatermarkOffset})
	select {
	case r := <-answer:
		t.Fatalf("answered before the follower has deleted: %+v", r)
	default:
	}
	if r := f.fetchOne(consumer(0, 1), at("t", 0, 9)); !errors.Is(r.Err, kerr.OffsetOutOfRange) {
		t.Errorf("deleted records can be read: %+v", r)
	}
	p := at("t", 0, 10)
	p.LogStartOffset = 10
	f.fetchOne(asFollower(2), p)
	if r := within(t, answer)[0]; r.Err != nil || r.LowWatermark != 10 {
		t.Errorf("got %+v", r)
	}
}

func TestDeleteRecordsErrors(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 1, 1)
	f.topic("slow", 1, 1, 2)
	f.topic("compacted", 1, 1)
	f.topic(GroupOffsetsTopic, 1, 1)
	compact := "compact"
	f.apply(&record.ConfigRecord{ResourceType: 2, ResourceName: "compacted", Name: "cleanup.policy", Value: &compact})
	f.mustProduce("t", 0, 5)
	f.mustProduce("slow", 0, 5)
	f.fetchOne(asFollower(2), at("slow", 0, 5))
	rows := within(t, f.deleteRecords(time.Millisecond,
		DeleteRecordsPartition{TopicPartition: tpOf("t", 0), BeforeOffset: 3},
		DeleteRecordsPartition{TopicPartition: tpOf("t", 0), BeforeOffset: 6},
		DeleteRecordsPartition{TopicPartition: tpOf("t", 0), BeforeOffset: -2},
		DeleteRecordsPartition{TopicPartition: tpOf("none", 0), BeforeOffset: 1},
		DeleteRecordsPartition{TopicPartition: tpOf("compacted", 0), BeforeOffset: 0},
		DeleteRecordsPartition{TopicPartition: tpOf(GroupOffsetsTopic, 0), BeforeOffset: 0},
		DeleteRecordsPartition{TopicPartition: tpOf("slow", 0), BeforeOffset: 5},
	))
	for i, want := range []error{nil, kerr.OffsetOutOfRange, kerr.OffsetOutOfRange, kerr.UnknownTopicOrPartition, kerr.PolicyViolation, kerr.InvalidTopicException, kerr.RequestTimedOut} {
		if want == nil && (rows[i].Err != nil || rows[i].LowWatermark != 3) || want != nil && (!errors.Is(rows[i].Err, want) || rows[i].LowWatermark != -1) {
			t.Errorf("row %d: %+v, want %v", i, rows[i], want)
		}
	}
}
