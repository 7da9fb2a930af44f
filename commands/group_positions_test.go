package commands

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
	"github.com/kgo-project/kgo/commands/client"
)

// groupMember is a consumer as the console's.
type groupMember struct {
	*client.Client
	positions *groupPositions
}

func joinGroup(t *testing.T, addr, group, topic string, more ...kgo.Opt) *groupMember {
	t.Helper()
	props := client.Properties{"bootstrap.servers": addr, "group.id": group, "auto.offset.reset": "earliest", "auto.commit.interval.ms": "3600000"}
	opts, err := client.ConsumerOptions(props)
	if err != nil {
		t.Fatal(err)
	}
	m := &groupMember{positions: newGroupPositions(props)}
	opts = append(append(append(opts, kgo.ConsumeTopics(topic), kgo.BlockRebalanceOnPoll()), m.positions.options()...), more...)
	if m.Client, err = client.New(t.Context(), props, opts...); err != nil {
		t.Fatal(err)
	}
	stop := m.positions.start(t.Context(), m.Client)
	t.Cleanup(func() {
		stop()
		m.AllowRebalance()
		m.Close()
	})
	return m
}

// readUntil reads until done says so; seen is the position in each partition.
func (m *groupMember) readUntil(t *testing.T, done func(seen map[int32]int64) bool) {
	t.Helper()
	seen := make(map[int32]int64)
	for deadline := time.Now().Add(time.Minute); !done(seen); {
		if time.Now().After(deadline) {
			t.Fatalf("it has read %v", seen)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		m.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			m.positions.read(r)
			seen[r.Partition] = r.Offset + 1
		})
		cancel()
		m.AllowRebalance()
	}
}

// TestMembersCommitOnlyWhatTheyHave: a partition that went to another member keeps the offset that the other has committed.
func TestMembersCommitOnlyWhatTheyHave(t *testing.T) {
	node := brokertest.Start(t)
	seed := joinGroup(t, node.Addr, "seed", "none", kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if _, err := seed.Admin.CreateTopic(t.Context(), 2, 1, nil, "shared"); err != nil {
		t.Fatal(err)
	}
	write := func(partition int32, n int) {
		for i := range n {
			r := &kgo.Record{Topic: "shared", Partition: partition, Value: fmt.Append(nil, i)}
			if err := seed.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	committed := func() [2]int64 {
		offsets, err := seed.Admin.FetchOffsets(t.Context(), "readers")
		if err != nil {
			t.Fatal(err)
		}
		var out [2]int64
		offsets.Each(func(o kadm.OffsetResponse) {
			out[o.Partition] = o.At
			if o.Metadata != "" {
				t.Errorf("the commit has metadata, %q; Apache Kafka's have none", o.Metadata)
			}
		})
		return out
	}
	write(0, 4)
	write(1, 4)
	first := joinGroup(t, node.Addr, "readers", "shared")
	first.readUntil(t, func(seen map[int32]int64) bool { return seen[0] == 4 && seen[1] == 4 })

	assigned := make(chan map[string][]int32, 10)
	second := joinGroup(t, node.Addr, "readers", "shared", kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) { assigned <- got }))
	var taken int32
	first.readUntil(t, func(map[int32]int64) bool { // it polls on, so that it takes part in the rebalance
		select {
		case got := <-assigned:
			if len(got["shared"]) == 1 {
				taken = got["shared"][0]
				return true
			}
		default:
		}
		return false
	})
	if got := committed(); got != [2]int64{4, 4} {
		t.Fatalf("before its partitions went to others, the first member has committed %v", got)
	}
	write(taken, 2)
	second.readUntil(t, func(seen map[int32]int64) bool { return seen[taken] == 6 })
	if err := second.positions.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(1-taken, 1)
	first.readUntil(t, func(seen map[int32]int64) bool { return seen[1-taken] == 5 })
	if err := first.positions.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := committed(); got[taken] != 6 || got[1-taken] != 5 {
		t.Errorf("committed %v, want 6 in partition %d and 5 in the other", got, taken)
	}
}
