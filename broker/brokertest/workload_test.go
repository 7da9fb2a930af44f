package brokertest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	workTopic      = "work"
	workPartitions = 3
)

// workload is clients at work on a node that may die at any moment: idempotent producers, and groups that read and commit.
type workload struct {
	t       testing.TB
	connect func(...kgo.Opt) *kgo.Client // a client of the cluster, closed when the test ends
	h       *history
	stop    context.CancelFunc // producers and readers
	wg      sync.WaitGroup

	groups []string
}

func startWorkload(t testing.TB, p *process, producers, groups int) *workload {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &workload{t: t, connect: p.client, h: newHistory(), stop: cancel}
	adm := kadm.NewClient(p.client())
	if _, err := adm.CreateTopic(ctx, workPartitions, 1, map[string]*string{"segment.bytes": new("1048576")}, workTopic); err != nil {
		t.Fatal(err)
	}
	for id := range producers {
		w.wg.Go(func() { w.produce(ctx, id) })
	}
	for i := range groups {
		group := fmt.Sprintf("group-%d", i)
		w.groups = append(w.groups, group)
		w.wg.Go(func() { w.consume(ctx, group) })
	}
	return w
}

// produce sends numbered records until ctx ends, then waits for the acknowledgements of all.
func (w *workload) produce(ctx context.Context, id int) {
	cl := w.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.StopProducerOnDataLossDetected(),
		kgo.MaxBufferedRecords(64), kgo.ProducerLinger(time.Millisecond), kgo.DefaultProduceTopic(workTopic))
	padding := strings.Repeat("x", 200)
	failed := false
	for ctx.Err() == nil {
		m := w.h.send(id)
		r := &kgo.Record{Partition: int32((m.number / 7) % workPartitions), Value: fmt.Appendf(nil, "%d %d %s", m.producer, m.number, padding)}
		cl.Produce(context.Background(), r, func(r *kgo.Record, err error) {
			if err != nil {
				if !failed { // the others follow from it
					w.t.Errorf("producer %d, record %d: %v", m.producer, m.number, err)
				}
				failed = true
				return
			}
			w.h.ack(m, place{r.Partition, r.Offset})
		})
		if m.number%20 == 19 {
			pause(ctx, time.Millisecond) // the point is many moments to be killed at, not throughput
		}
	}
	flush, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cl.Flush(flush); err != nil {
		w.t.Errorf("producer %d: %v", id, err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// consume is the only member of a group: it reads, and commits what it has read.
func (w *workload) consume(ctx context.Context, group string) {
	cl := w.connect(kgo.ConsumerGroup(group), kgo.ConsumeTopics(workTopic), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(20*time.Millisecond), kgo.FetchMaxBytes(64<<10), kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(100*time.Millisecond))
	defer cl.Close()
	for ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		next := make(map[int32]kgo.EpochOffset)
		fetches.EachRecord(func(r *kgo.Record) { next[r.Partition] = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset + 1} })
		if len(next) == 0 {
			continue
		}
		for partition, at := range next {
			w.h.tryCommit(groupPartition{group, partition}, at.Offset)
		}
		// Errors are no broken promise here: a commit that failed was not acknowledged.
		commitSync(ctx, cl, next, func(partition int32) {
			w.h.ackCommit(groupPartition{group, partition}, next[partition].Offset)
		})
	}
}

// verifyCommits asks a node that has just come back for the offsets of all groups. before was taken when the node was dead.
func (w *workload) verifyCommits(ctx context.Context, before map[groupPartition]commit) {
	w.t.Helper()
	adm := kadm.NewClient(w.connect())
	for _, group := range w.groups {
		offsets, err := fetchOffsets(ctx, adm, group)
		if err != nil {
			w.t.Errorf("offsets of %s: %v", group, err)
			continue
		}
		for partition := range int32(workPartitions) {
			g := groupPartition{group, partition}
			found := int64(0)
			if o, ok := offsets.Lookup(workTopic, partition); ok {
				found = max(o.At, 0)
			}
			w.h.committed(g, before[g], found)
		}
	}
}

// finish lets the producers come to their end, reads everything back and checks the history.
func (w *workload) finish() {
	w.t.Helper()
	w.stop()
	w.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.verifyCommits(ctx, w.h.acknowledged())
	readAll(ctx, w.t, w.connect, workTopic, workPartitions, func(r *kgo.Record) {
		e := entry{offset: r.Offset, message: messageOf(r)}
		w.h.logs[r.Partition] = append(w.h.logs[r.Partition], e)
	})
	problems := w.h.check()
	for i, problem := range problems {
		if i == 20 {
			w.t.Errorf("... %d in all", len(problems))
			break
		}
		w.t.Error(problem)
	}
}

// readAll reads a topic from its beginning to its end.
func readAll(ctx context.Context, t testing.TB, connect func(...kgo.Opt) *kgo.Client, topic string, partitions int, each func(*kgo.Record)) {
	t.Helper()
	cl := connect(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	missing := make(map[int32]int64)
	for partition := range int32(partitions) {
		if o, ok := ends.Lookup(topic, partition); ok && o.Offset > 0 {
			missing[partition] = o.Offset
		}
	}
	for len(missing) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("reading %s: %v; missing %v", topic, err, missing)
		}
		fetches.EachError(func(_ string, partition int32, err error) {
			t.Fatalf("reading partition %d of %s: %v", partition, topic, err)
		})
		fetches.EachRecord(func(r *kgo.Record) {
			each(r)
			if r.Offset+1 >= missing[r.Partition] {
				delete(missing, r.Partition)
			}
		})
	}
}

// commitSync commits and calls acked for each partition whose commit was acknowledged.
func commitSync(ctx context.Context, cl *kgo.Client, offsets map[int32]kgo.EpochOffset, acked func(partition int32)) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cl.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{workTopic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			if err != nil {
				return
			}
			for _, topic := range resp.Topics {
				for _, p := range topic.Partitions {
					if p.ErrorCode == 0 {
						acked(p.Partition)
					}
				}
			}
		})
}

// fetchOffsets asks for a group's offsets until its coordinator has loaded them.
func fetchOffsets(ctx context.Context, adm *kadm.Client, group string) (kadm.OffsetResponses, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		offsets, err := adm.FetchOffsets(ctx, group)
		if err == nil {
			err = offsets.Error()
		}
		if err == nil || ctx.Err() != nil {
			return offsets, err
		}
		pause(ctx, 10*time.Millisecond)
	}
}
