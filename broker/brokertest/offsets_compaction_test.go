package brokertest_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestOffsetsTopicIsCompacted commits one group's position again and again: of __consumer_offsets stays what is needed, and that is enough after a restart.
func TestOffsetsTopicIsCompacted(t *testing.T) {
	const commits = 600
	n := brokertest.Start(t, "offsets.topic.num.partitions=1", "log.cleaner.backoff.ms=50")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	adm := kadm.NewClient(n.Client())
	if _, err := adm.CreateTopic(ctx, 1, 1, nil, "topic"); err != nil {
		t.Fatal(err)
	}
	commit := func(group string, at int64) {
		t.Helper()
		var o kadm.Offsets
		o.AddOffset("topic", 0, at, -1)
		if err := adm.CommitAllOffsets(ctx, group, o); err != nil {
			t.Fatal(err)
		}
	}
	commit("quiet", 7) // the oldest record of all, and still wanted
	changes := []kadm.AlterConfig{{Name: "segment.ms", Value: new("20")}, {Name: "min.cleanable.dirty.ratio", Value: new("0.1")}}
	if answers, err := adm.AlterTopicConfigs(ctx, changes, "__consumer_offsets"); err != nil || answers[0].Err != nil {
		t.Fatalf("%v, %+v", err, answers)
	}
	for i := range int64(commits) {
		commit("busy", i)
	}
	for {
		commit("busy", commits) // what is in the last segment stays, so there has to be another
		left, first := offsetRecords(ctx, t, n)
		if left < commits/3 {
			if first != 0 {
				t.Errorf("the first record is at %d: the quiet group's is gone", first)
			}
			break
		}
		pause(ctx, 20*time.Millisecond)
		if ctx.Err() != nil {
			t.Fatalf("%d records of %d commits are left", left, commits+1)
		}
	}
	n.Restart()
	adm = kadm.NewClient(n.Client())
	for group, want := range map[string]int64{"quiet": 7, "busy": commits} {
		got, err := adm.FetchOffsets(ctx, group)
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := got.Lookup("topic", 0); !ok || o.At != want {
			t.Errorf("%s: %+v, want %d", group, o, want)
		}
	}
}

// offsetRecords counts the records of __consumer_offsets-0, and tells the first one's offset.
func offsetRecords(ctx context.Context, t *testing.T, n *brokertest.Node) (count int, first int64) {
	t.Helper()
	const topic = "__consumer_offsets"
	cl := n.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	first = -1
	for last := int64(-1); last < end.Offset-1; {
		fetched := cl.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			if first < 0 {
				first = r.Offset
			}
			count, last = count+1, r.Offset
		})
	}
	return count, first
}
