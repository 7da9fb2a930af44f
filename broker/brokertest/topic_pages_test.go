package brokertest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestTopicPartitionPages walks through all partitions of a cluster in pages of every size: each comes once, in order.
func TestTopicPartitionPages(t *testing.T) {
	node := brokertest.Start(t)
	cl := node.Client()
	var want []string
	for i := range 40 {
		name, partitions := fmt.Sprintf("page-%02d", i*7%40), int32(i%3+1)
		if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), partitions, 1, nil, name); err != nil {
			t.Fatal(err)
		}
		for p := range partitions {
			want = append(want, fmt.Sprintf("%s/%d", name, p))
		}
	}
	slices.Sort(want)
	for _, limit := range []int32{1, 2, 3, 5, 16, 39, 41, 100} {
		got := allPages(t, cl, limit)
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v\nwant %v", limit, got, want)
		}
	}
}

func allPages(t *testing.T, cl *kgo.Client, limit int32) []string {
	t.Helper()
	var got []string
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = limit
	for range 200 {
		resp, err := req.RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				got = append(got, fmt.Sprintf("%s/%d", *topic.Topic, p.Partition))
			}
		}
		if resp.NextCursor == nil {
			return got
		}
		req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: resp.NextCursor.Topic, Partition: resp.NextCursor.Partition}
	}
	t.Fatalf("pages of %d: no end", limit)
	return nil
}
