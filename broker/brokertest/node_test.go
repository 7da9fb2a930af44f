package brokertest_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

func TestRecordsAndOffsetsSurviveARestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := brokertest.Start(t)
	cl := n.Client(kgo.DefaultProduceTopic("topic"))
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(ctx, 3, 1, nil, "topic"); err != nil {
		t.Fatal(err)
	}
	const count = 1000
	for i := range count {
		cl.Produce(ctx, kgo.StringRecord(strconv.Itoa(i)), nil)
	}
	if err := cl.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	readers := func() *kgo.Client {
		return n.Client(kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("topic"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	}
	first := readers()
	seen := make(map[string]int)
	read(ctx, t, first, seen, count/2)
	if err := first.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	first.Close()
	cl.Close()

	n.Restart()
	read(ctx, t, readers(), seen, count)
	for i := range count {
		if seen[strconv.Itoa(i)] != 1 {
			t.Fatalf("record %d was read %d times", i, seen[strconv.Itoa(i)])
		}
	}
}

// read polls until seen holds at least n different values.
func read(ctx context.Context, t *testing.T, cl *kgo.Client, seen map[string]int, n int) {
	t.Helper()
	for len(seen) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
	}
}

func TestTopicsAreCreatedWhenTheyAreAskedFor(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := brokertest.Start(t, "num.partitions=4")
	cl := n.Client(kgo.AllowAutoTopicCreation())
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "auto", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	topics, err := kadm.NewClient(cl).ListTopics(ctx, "auto")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(topics["auto"].Partitions); got != 4 {
		t.Fatalf("%d partitions, want num.partitions", got)
	}
}
