package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/transforms"
)

// maxPoll is how many records are put at once unless consumer.max.poll.records says otherwise.
const maxPoll = 5000

// sinkRun is a sink task at work. Everything in it belongs to the goroutine of loop, and to the rebalance callbacks, which run
// only while loop allows them to.
type sinkRun struct {
	w      *Worker
	t      *Task
	task   connect.SinkTask
	cl     *client.Client
	set    converterSet
	chain  []transforms.Step
	errors *errorHandler

	put       map[connect.TopicPartition]kgo.EpochOffset // the next offsets after what was put
	committed time.Time                                  // last time
	originals map[*connect.Record]*kgo.Record            // of the records being put; nil unless something may be reported
	failure   atomic.Pointer[error]                      // of a rebalance callback
	topic     string
}

func (w *Worker) runSink(ctx context.Context, plugin *connect.Plugin, t *Task) (err error) {
	r := &sinkRun{w: w, t: t, task: plugin.NewSink(), errors: newErrorHandler(t), put: make(map[connect.TopicPartition]kgo.EpochOffset), committed: time.Now()}
	if r.set, err = w.converters(t.settings); err != nil {
		return err
	}
	if r.chain, err = transforms.Chain(t.settings); err != nil {
		return err
	}
	if err := r.openQueue(ctx); err != nil {
		return err
	}
	if r.errors.producer != nil {
		defer r.errors.producer.Close()
	}
	if err := r.task.Start(sinkContext{r}, t.settings); err != nil {
		return err
	}
	defer func() {
		if bad := r.task.Stop(); bad != nil && err == nil {
			err = bad
		}
	}()
	props := w.ClientProperties("consumer", t.settings, map[string]string{
		"client.id": "connector-consumer-" + t.ID.String(), "group.id": "connect-" + t.ID.Connector,
		"auto.offset.reset": "earliest", "enable.auto.commit": "false",
	})
	props["enable.auto.commit"] = "false"
	opts, err := client.ConsumerOptions(props)
	if err != nil {
		return err
	}
	opts = append(opts, kgo.BlockRebalanceOnPoll(), kgo.AdjustFetchOffsetsFn(r.adjust), kgo.OnPartitionsRevoked(r.revoked), kgo.OnPartitionsLost(r.lost))
	if pattern := t.settings["topics.regex"]; pattern != "" {
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics("^(?:"+pattern+")$"))
	} else {
		opts = append(opts, kgo.ConsumeTopics(t.settings.List("topics")...), kgo.AllowAutoTopicCreation())
	}
	// The client outlives ctx by what it takes to commit and to leave the group; giveUp ends a join that is still waiting.
	clientCtx, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	if r.cl, err = client.NewLasting(clientCtx, props, t.log, opts...); err != nil {
		return err
	}
	limit, err := strconv.Atoi(props["max.poll.records"])
	if err != nil || limit <= 0 {
		limit = maxPoll
	}
	err = r.loop(ctx, limit)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.stopPatience())
	defer cancel()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) { // stopped; what has not been put is not in r.put
		err = nil
	}
	if err == nil {
		err = r.commit(stop)
	} else {
		clear(r.put) // what failed is not committed when the group is left
	}
	r.cl.AllowRebalance()
	_ = r.cl.LeaveGroupContext(stop)
	giveUp()
	r.cl.Close()
	return err
}

func (r *sinkRun) loop(ctx context.Context, limit int) error {
	for ctx.Err() == nil {
		if r.t.isPaused() {
			if err := r.commit(ctx); err != nil {
				return err
			}
			r.cl.AllowRebalance()
			if !r.t.whilePaused(ctx) {
				return nil
			}
		}
		until := r.committed.Add(r.w.flushInterval())
		poll, cancel := context.WithDeadline(ctx, minTime(until, time.Now().Add(time.Second)))
		fetches := r.cl.PollRecords(poll, limit)
		cancel()
		if err := r.deliver(ctx, fetches); err != nil {
			return err
		}
		if failure := r.failure.Load(); failure != nil {
			return *failure
		}
		if !time.Now().Before(until) {
			if err := r.commit(ctx); err != nil {
				return err
			}
		}
		r.cl.AllowRebalance()
	}
	return nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// deliver converts what was fetched and puts it.
func (r *sinkRun) deliver(ctx context.Context, fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		if errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, context.Canceled) {
			continue
		}
		if errors.Is(e.Err, kgo.ErrClientClosed) || !kerr.IsRetriable(e.Err) && errors.As(e.Err, new(*kerr.Error)) {
			return fmt.Errorf("read %s-%d: %w", e.Topic, e.Partition, r.cl.Cause(e.Err))
		}
		if cause := r.cl.Cause(e.Err); !absent(cause) {
			r.t.log.Warn("read", "topic", e.Topic, "partition", e.Partition, "error", cause)
		}
	}
	n := fetches.NumRecords()
	if n == 0 {
		return r.putAll(ctx, nil)
	}
	records := make([]*connect.Record, 0, n)
	storage := make([]connect.Record, n)
	next := make(map[connect.TopicPartition]kgo.EpochOffset)
	if r.errors.tolerate || r.errors.producer != nil {
		r.originals = make(map[*connect.Record]*kgo.Record, n)
	}
	for _, fetch := range fetches {
		for _, topic := range fetch.Topics {
			for _, p := range topic.Partitions {
				for _, raw := range p.Records {
					rec := &storage[0]
					storage = storage[1:]
					rec, err := r.convert(ctx, raw, rec)
					if err != nil {
						return err
					}
					if rec == nil {
						continue
					}
					records = append(records, rec)
					if r.originals != nil {
						r.originals[rec] = raw
					}
				}
				if k := len(p.Records); k > 0 {
					last := p.Records[k-1]
					next[connect.TopicPartition{Topic: topic.Topic, Partition: p.Partition}] = kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1}
				}
			}
		}
	}
	if err := r.putAll(ctx, records); err != nil {
		return err
	}
	maps.Copy(r.put, next)
	return nil
}

// putAll gives records to the task, again and again while it asks for that.
func (r *sinkRun) putAll(ctx context.Context, records []*connect.Record) error {
	for {
		err := r.task.Put(ctx, records)
		if err == nil || !errors.Is(err, connect.ErrRetriable) {
			if err != nil {
				return &connect.DataError{Class: "org.apache.kafka.connect.errors.ConnectException", Text: "Exiting WorkerSinkTask due to unrecoverable exception.", Cause: asData(err)}
			}
			return nil
		}
		r.t.log.Warn("put failed, trying again", "error", err)
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

func (r *sinkRun) convert(ctx context.Context, raw *kgo.Record, rec *connect.Record) (*connect.Record, error) {
	if raw.Topic != r.topic {
		r.topic = raw.Topic
		r.t.used(raw.Topic)
	}
	*rec = connect.Record{
		Topic: raw.Topic, Partition: raw.Partition, TimestampMs: raw.Timestamp.UnixMilli(), KafkaOffset: raw.Offset,
		Origin: connect.TopicPartition{Topic: raw.Topic, Partition: raw.Partition},
	}
	var err error
	at, class := stageKey, r.set.keyClass
	if rec.Key, err = r.set.key.ToConnect(raw.Topic, raw.Key); err == nil {
		at, class = stageValue, r.set.valueClass
		rec.Value, err = r.set.value.ToConnect(raw.Topic, raw.Value)
	}
	for _, h := range raw.Headers {
		if err != nil {
			break
		}
		at, class = stageHeader, r.set.headerClass
		var v connect.Value
		if v, err = r.set.header.ToConnect(raw.Topic, h.Value); err == nil {
			rec.Headers = append(rec.Headers, connect.Header{Key: h.Key, Value: v})
		}
	}
	if err == nil {
		rec, at, class, err = transform(ctx, r.errors, r.chain, rec)
	}
	if err != nil {
		return nil, r.errors.failed(ctx, at, class, raw, err)
	}
	return rec, nil
}

// commit flushes the task and commits what it has been given.
func (r *sinkRun) commit(ctx context.Context) error {
	r.committed = time.Now()
	if len(r.put) == 0 {
		return nil
	}
	next := make(map[connect.TopicPartition]int64, len(r.put))
	for tp, at := range r.put {
		next[tp] = at.Offset
	}
	var err error
	if p, ok := r.task.(connect.SinkPreCommitter); ok {
		next, err = p.PreCommit(ctx, next)
	} else {
		err = r.task.Flush(ctx, next)
	}
	if err != nil {
		return err
	}
	commit := make(map[string]map[int32]kgo.EpochOffset)
	for tp, offset := range next {
		at, ours := r.put[tp]
		if !ours {
			continue
		}
		if at.Offset != offset {
			at = kgo.EpochOffset{Epoch: -1, Offset: offset}
		}
		if commit[tp.Topic] == nil {
			commit[tp.Topic] = make(map[int32]kgo.EpochOffset)
		}
		commit[tp.Topic][tp.Partition] = at
	}
	if len(commit) == 0 {
		return nil
	}
	var failed error
	r.cl.CommitOffsetsSync(client.PlainCommits(ctx), commit, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		failed = err
		if resp == nil {
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if e := kerr.ErrorForCode(p.ErrorCode); e != nil && failed == nil {
					failed = e
				}
			}
		}
	})
	if failed != nil { // tried again at the next commit; the records would at worst be read again
		if cause := r.cl.Cause(failed); !absent(cause) {
			r.t.log.Warn("Commit of offsets failed", "error", cause)
		}
		return nil
	}
	maps.DeleteFunc(r.put, func(tp connect.TopicPartition, at kgo.EpochOffset) bool { return next[tp] == at.Offset })
	return nil
}

// openQueue makes the producer of the dead letter queue, and its topic where it is missing.
func (r *sinkRun) openQueue(ctx context.Context) error {
	name := r.errors.queue
	if name == "" {
		return nil
	}
	props := r.w.ClientProperties("producer", r.t.settings, map[string]string{"client.id": "connector-dlq-producer-" + r.t.ID.String()})
	opts, err := client.ProducerOptions(props)
	if err != nil {
		return err
	}
	cl, err := client.NewLasting(context.WithoutCancel(ctx), props, r.t.log, append(opts, kgo.UnknownTopicRetries(10))...)
	if err != nil {
		return err
	}
	replicas := int16(r.t.settings.Int("errors.deadletterqueue.topic.replication.factor", 3))
	err = untilPresent(ctx, cl, func() error {
		_, err := cl.Admin.CreateTopic(ctx, 1, replicas, nil, name)
		return err
	})
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		if _, known := cl.Admin.ListTopics(ctx, name); known != nil || errors.Is(err, kerr.InvalidReplicationFactor) {
			cl.Close()
			return fmt.Errorf("Could not initialize dead letter queue with topic=%s: %w", name, cl.Cause(err))
		}
	}
	r.errors.producer = cl
	return nil
}

// adjust tells the task of the partitions it gets, and reads on from where it says, not from the committed offsets.
func (r *sinkRun) adjust(_ context.Context, starts map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	opener, ok := r.task.(connect.SinkOpener)
	if !ok {
		return starts, nil
	}
	var list []connect.TopicPartition
	for topic, partitions := range starts {
		for p := range partitions {
			list = append(list, connect.TopicPartition{Topic: topic, Partition: p})
		}
	}
	offsets, err := opener.Open(list)
	if err != nil {
		r.failure.CompareAndSwap(nil, &err)
		return starts, err
	}
	for tp, at := range offsets {
		starts[tp.Topic][tp.Partition] = kgo.NewOffset().At(at)
	}
	return starts, nil
}

func (r *sinkRun) revoked(ctx context.Context, _ *kgo.Client, parts map[string][]int32) {
	if err := r.commit(ctx); err != nil {
		r.failure.CompareAndSwap(nil, &err)
	}
	r.lost(ctx, nil, parts)
}

func (r *sinkRun) lost(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
	all := flat(parts)
	for _, tp := range all {
		delete(r.put, tp)
	}
	if opener, ok := r.task.(connect.SinkOpener); ok {
		if err := opener.Close(all); err != nil {
			r.failure.CompareAndSwap(nil, &err)
		}
	}
}

func flat(parts map[string][]int32) []connect.TopicPartition {
	var out []connect.TopicPartition
	for topic, list := range parts {
		for _, p := range list {
			out = append(out, connect.TopicPartition{Topic: topic, Partition: p})
		}
	}
	return out
}

type sinkContext struct{ r *sinkRun }

func (c sinkContext) Logger() *slog.Logger { return c.r.t.log }

func (c sinkContext) Report(rec *connect.Record, err error) error {
	return c.r.errors.failed(context.Background(), stagePut, "org.apache.kafka.connect.sink.SinkTask", c.r.originals[rec], err)
}
