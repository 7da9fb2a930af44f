package group

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// discard is a log that forgets.
type discard struct{}

func (discard) Append(_ ident.TopicPartition, _ int32, _ []byte, done func(int64, error)) {
	done(0, nil)
}
func (discard) MaxBatchBytes(ident.TopicPartition) int { return 1 << 20 }
func (discard) Load(context.Context, ident.TopicPartition, int32, func([]byte) error) (int64, error) {
	return 0, nil
}

// BenchmarkOffsetCommit is the coordinator's share of a commit's cost: one partition, 64 commits in flight.
func BenchmarkOffsetCommit(b *testing.B) {
	cfg := DefaultConfig()
	cfg.OffsetsTopicPartitions = 1
	s := NewService(cfg, Dependencies{Writer: discard{}, Loader: discard{}, Topics: topicTable{"t": 64}})
	defer s.Close()
	s.Elected(0, 1)
	requests := make([]*kmsg.OffsetCommitRequest, 64)
	for i := range requests {
		r := kmsg.NewPtrOffsetCommitRequest()
		r.Version, r.Group, r.Generation = 9, fmt.Sprint("group-", i), -1
		r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: int32(i), Offset: 5}}}}
		requests[i] = r
	}
	for { // until the shard is loaded
		done := make(chan *kmsg.OffsetCommitResponse)
		s.OffsetCommit(RequestContext{}, requests[0], func(r *kmsg.OffsetCommitResponse) { done <- r })
		if (<-done).Topics[0].Partitions[0].ErrorCode == 0 {
			break
		}
	}
	b.ReportAllocs()
	var wg sync.WaitGroup
	b.ResetTimer()
	for i := range requests {
		wg.Go(func() {
			answered := make(chan struct{}, 1)
			for n := 0; n < b.N/len(requests); n++ {
				s.OffsetCommit(RequestContext{}, requests[i], func(*kmsg.OffsetCommitResponse) { answered <- struct{}{} })
				<-answered
			}
		})
	}
	wg.Wait()
}
