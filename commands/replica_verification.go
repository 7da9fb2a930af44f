package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// replicaVerificationOptions is a parsed command line of kgo replica-verification.
type replicaVerificationOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Topics    topicFilter
	Include   string // as it was given
	FetchSize int32
	MaxWait   time.Duration
	Interval  time.Duration // between reports
	Time      int64         // where to begin: -1 at the end, -2 at the beginning, else milliseconds
}

const replicaVerificationLong = `Reads all replicas of the topics side by side, up to the high watermark, and compares where their batches end and
their checksums. It goes on until it is stopped and says now and then how far the slowest replica is behind.

Offsets that don't match end it with exit code 1; checksums that don't match are printed.`

// replicaVerificationLogger is what the original's log lines end with.
const replicaVerificationLogger = "org.apache.kafka.tools.ReplicaVerificationTool"

func newReplicaVerificationCmd(f *Factory, runF func(*replicaVerificationOptions) error) *cobra.Command {
	t := &tool{
		spec: replicaVerificationSpec, short: "Check that all replicas of topics hold the same records",
		long: replicaVerificationLong, unlimited: true, plainErrors: true,
		example: "  kgo replica-verification --broker-list localhost:9092 --topics-include 'hello.*' --time -2 --report-interval-ms 1000",
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &replicaVerificationOptions{IO: f.IO, Include: set.String("topics-include")}
		o.Client = func(ctx context.Context) (*client.Client, error) {
			return f.Open(ctx, Connection{Bootstrap: set.String("broker-list"), ClientID: "ReplicaVerificationTool"})
		}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return o.run(ctx)
	})
}

func (o *replicaVerificationOptions) parse(set *opt.Set) (err error) {
	if err := required(set, "broker-list"); err != nil {
		return err
	}
	if err := checkServerList(set, "broker-list"); err != nil {
		return err
	}
	if o.Topics, err = newTopicFilter(o.Include, true); err != nil {
		return errors.New(strings.TrimSuffix(err.Error(), ".")) // as this tool has it
	}
	var maxWait int32
	var interval int64
	if o.FetchSize, _, err = set.Int("fetch-size"); err != nil {
		return err
	}
	if maxWait, _, err = set.Int("max-wait-ms"); err != nil {
		return err
	}
	if interval, _, err = set.Long("report-interval-ms"); err != nil {
		return err
	}
	if o.Time, _, err = set.Long("time"); err != nil {
		return err
	}
	o.MaxWait, o.Interval = time.Duration(maxWait)*time.Millisecond, time.Duration(interval)*time.Millisecond
	return nil
}

// verifiedPartition is a partition whose replicas are compared.
type verifiedPartition struct {
	topic    string
	topicID  kadm.TopicID
	id       int32
	leader   int32
	replicas []int32
	offset   int64                    // of the next batch to compare
	fetched  map[int32]fetchedReplica // by broker, of this round
}

func (p *verifiedPartition) String() string { return fmt.Sprintf("%s-%d", p.topic, p.id) }

type fetchedReplica struct {
	highWatermark int64
	records       []byte
}

func (o *replicaVerificationOptions) run(ctx context.Context) error {
	javaLog(o.IO.ErrOut, "WARN", "This tool is deprecated and may be removed in a future major release.", replicaVerificationLogger)
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	partitions, err := o.find(ctx, cl)
	if err != nil {
		return err
	}
	if len(partitions) == 0 {
		javaLog(o.IO.ErrOut, "ERROR", "No topics found. [topics-include] if specified, is either filtering out all topics or there is no topic.", replicaVerificationLogger)
		return ErrSilent
	}
	o.say("verification process is started")
	for reported := time.Now(); ctx.Err() == nil; {
		o.fetchAll(ctx, cl, partitions)
		for _, p := range partitions {
			if !o.compare(p) {
				return ErrSilent
			}
		}
		if time.Since(reported) > o.Interval {
			slowest := slowestOf(partitions)
			lag := slowest.highest() - slowest.offset
			o.say(fmt.Sprintf("max lag is %d for partition %s at offset %d among %d partitions", lag, slowest, slowest.offset, len(partitions)))
			reported = time.Now()
		}
	}
	return ctx.Err()
}

// slowestOf returns the partition whose slowest replica is furthest behind: of several the first, which is that of the first name.
func slowestOf(partitions []*verifiedPartition) *verifiedPartition {
	return slices.MaxFunc(partitions, func(a, b *verifiedPartition) int { return cmp.Compare(a.highest()-a.offset, b.highest()-b.offset) })
}

// say prints a line with the time.
func (o *replicaVerificationOptions) say(text string) {
	fmt.Fprintf(o.IO.Out, "%s: %s\n", time.Now().Format("2006-01-02 15:04:05,000"), text)
	_ = o.IO.Flush() // who reads along waits for it
}

// find lists the partitions of the topics asked for, and where to begin.
func (o *replicaVerificationOptions) find(ctx context.Context, cl *client.Client) (all []*verifiedPartition, err error) {
	topics, err := cl.Admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, err
	}
	wanted := make(map[int32]*kmsg.ListOffsetsRequest) // by leader
	for _, t := range topics.Sorted() {
		if !o.Topics.match(t.Topic) {
			continue
		}
		for _, p := range t.Partitions.Sorted() {
			all = append(all, &verifiedPartition{topic: t.Topic, topicID: t.ID, id: p.Partition, leader: p.Leader, replicas: p.Replicas})
			addListOffset(wanted, p.Leader, t.Topic, p.Partition, o.Time)
		}
	}
	starts := make(map[string]int64)
	for _, req := range wanted {
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return nil, err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("the first offset of %s-%d: %w", t.Topic, p.Partition, err)
				}
				starts[fmt.Sprintf("%s-%d", t.Topic, p.Partition)] = p.Offset
			}
		}
	}
	for _, p := range all {
		p.offset = starts[p.String()]
	}
	return all, nil
}

// fetchAll asks each broker for all replicas that it has. A broker that doesn't answer is said so, and has nothing in this round.
func (o *replicaVerificationOptions) fetchAll(ctx context.Context, cl *client.Client, partitions []*verifiedPartition) {
	byBroker := make(map[int32][]*verifiedPartition)
	for _, p := range partitions {
		p.fetched = make(map[int32]fetchedReplica)
		for _, id := range p.replicas {
			byBroker[id] = append(byBroker[id], p)
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards the partitions' fetched
	failed := false
	for id, mine := range byBroker {
		wg.Go(func() {
			resp, err := cl.Broker(int(id)).Request(ctx, o.fetchRequest(mine))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				err = o.take(id, mine, resp.(*kmsg.FetchResponse))
			}
			if err != nil && ctx.Err() == nil {
				failed = true
				javaLog(o.IO.ErrOut, "WARN", fmt.Sprintf("broker %d can't be read from: %s", id, client.Explain(err)), replicaVerificationLogger)
			}
		})
	}
	wg.Wait()
	if failed {
		select {
		case <-ctx.Done():
		case <-time.After(o.MaxWait):
		}
	}
}

// debugReplica is the replica id of those who may read beyond the high watermark, and from followers.
const debugReplica = -2

func (o *replicaVerificationOptions) fetchRequest(partitions []*verifiedPartition) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.ReplicaState.ID = debugReplica, debugReplica
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(o.MaxWait.Milliseconds()), 1, 1<<31-1
	req.SessionEpoch = -1 // each request for itself
	for _, p := range partitions {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.topic {
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.TopicID = p.topic, p.topicID
			req.Topics = append(req.Topics, t)
		}
		row := kmsg.NewFetchRequestTopicPartition()
		row.Partition, row.FetchOffset, row.PartitionMaxBytes = p.id, p.offset, o.FetchSize
		last := &req.Topics[len(req.Topics)-1]
		last.Partitions = append(last.Partitions, row)
	}
	return req
}

// take notes what a broker answered.
func (o *replicaVerificationOptions) take(broker int32, partitions []*verifiedPartition, resp *kmsg.FetchResponse) error {
	errs := []error{kerr.ErrorForCode(resp.ErrorCode)}
	for _, t := range resp.Topics {
		for i := range t.Partitions {
			row := &t.Partitions[i]
			at := slices.IndexFunc(partitions, func(p *verifiedPartition) bool {
				return p.id == row.Partition && (p.topic == t.Topic || t.Topic == "" && p.topicID == t.TopicID)
			})
			if at < 0 {
				continue
			}
			if err := kerr.ErrorForCode(row.ErrorCode); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", partitions[at], err))
				continue
			}
			partitions[at].fetched[broker] = fetchedReplica{row.HighWatermark, row.RecordBatches}
		}
	}
	return errors.Join(errs...)
}

// highest is the largest of the replicas' high watermarks.
func (p *verifiedPartition) highest() (hw int64) {
	for _, r := range p.fetched {
		hw = max(hw, r.highWatermark)
	}
	return max(hw, p.offset)
}

// compare compares what came of all replicas, batch by batch, as far as all have them and the records are committed. It reports false where their
// offsets don't match.
func (o *replicaVerificationOptions) compare(p *verifiedPartition) bool {
	rest := make(map[int32][]byte, len(p.replicas))
	for id, r := range p.fetched {
		rest[id] = r.records
	}
	for {
		var first *batchMark
		var of int32
		for _, id := range p.replicas {
			b, left, ok := nextBatch(rest[id])
			if !ok || b.last >= p.fetched[id].highWatermark {
				return true
			}
			rest[id] = left
			switch {
			case first == nil:
				first, of = &b, id
			case first.last != b.last:
				o.say(fmt.Sprintf("partition %s: replica %d's offset %d doesn't match replica %d's offset %d", p, of, first.last, id, b.last))
				return false
			case first.checksum != b.checksum:
				o.say(fmt.Sprintf("partition %s has unmatched checksum at offset %d; replica %d's checksum %d; replica %d's checksum %d", p, b.last, of, first.checksum, id, b.checksum))
			}
		}
		if first == nil {
			return true
		}
		p.offset = first.last + 1
	}
}
