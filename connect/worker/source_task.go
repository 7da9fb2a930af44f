package worker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/transforms"
)

// batch is what one Poll returned. Its offsets may be committed when all its records, and those of the batches before it, are
// acknowledged.
type batch struct {
	offsets map[string]map[string]any // by the store's key; the last of each source partition
	pending int                       // guarded by sourceRun.mu
}

// sourceRun is a source task at work.
type sourceRun struct {
	w       *Worker
	t       *Task
	task    connect.SourceTask
	cl      *client.Client
	set     converterSet
	chain   []transforms.Step
	errors  *errorHandler
	failure chan error
	create  *topicCreation // nil: left to the brokers

	mu      sync.Mutex
	batches []*batch                  // sent, in order; guarded by mu
	ready   map[string]map[string]any // acknowledged, not yet stored; guarded by mu

	lastMap uintptr // the source partition whose key lastKey is
	lastKey string
	topic   string // the last one reported as used
}

func (w *Worker) runSource(ctx context.Context, plugin *connect.Plugin, t *Task) (err error) {
	r := &sourceRun{w: w, t: t, task: plugin.NewSource(), errors: newErrorHandler(t), failure: make(chan error, 1), ready: make(map[string]map[string]any)}
	if r.set, err = w.converters(t.settings); err != nil {
		return err
	}
	if r.chain, err = transforms.Chain(t.settings); err != nil {
		return err
	}
	if r.create, err = newTopicCreation(w.Config, t.settings); err != nil {
		return err
	}
	if r.create != nil {
		admin, err := client.NewLasting(ctx, w.ClientProperties("admin", t.settings, map[string]string{"client.id": "connector-adminclient-" + t.ID.String()}), t.log)
		if err != nil {
			return err
		}
		defer admin.Close()
		r.create.admin = admin
	}
	props := w.ClientProperties("producer", t.settings, map[string]string{"client.id": "connector-producer-" + t.ID.String()})
	opts, err := client.ProducerOptions(props)
	if err != nil {
		return err
	}
	// The client outlives ctx: what has been read is still sent when the task stops.
	r.cl, err = client.NewLasting(context.WithoutCancel(ctx), props, t.log, append(opts, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1))...)
	if err != nil {
		return err
	}
	defer r.cl.Close()
	if err := r.task.Start(sourceContext{w, t}, t.settings); err != nil {
		return err
	}
	flushed := make(chan struct{})
	stopFlushing := make(chan struct{})
	go func() {
		defer close(flushed)
		r.flushRegularly(stopFlushing)
	}()
	err = r.loop(ctx)
	close(stopFlushing)
	<-flushed
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.stopPatience())
	defer cancel()
	if bad := r.cl.Flush(wait); bad != nil {
		t.log.Warn("stopped with records unsent; they will be read again", "error", r.cl.Cause(bad))
	}
	if bad := r.commit(); bad != nil && err == nil {
		err = bad
	}
	if bad := r.task.Stop(); bad != nil && err == nil {
		err = bad
	}
	return err
}

func (r *sourceRun) loop(ctx context.Context) error {
	for r.t.whilePaused(ctx) {
		select {
		case err := <-r.failure:
			return err
		default:
		}
		var records []*connect.Record
		err := r.errors.retry(ctx, func() (err error) {
			records, err = r.task.Poll(ctx)
			return err
		})
		if ctx.Err() != nil && len(records) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if len(records) > 0 {
			if err := r.send(ctx, records); err != nil {
				return err
			}
		}
	}
	return nil
}

// send hands the records of one Poll to the producer.
func (r *sourceRun) send(ctx context.Context, records []*connect.Record) error {
	b := &batch{offsets: make(map[string]map[string]any, 1), pending: 1} // 1: until all are handed over
	out := make([]kgo.Record, 0, len(records))
	for _, rec := range records {
		if rec.SourcePartition != nil && rec.SourceOffset != nil {
			key, err := r.offsetKey(rec.SourcePartition)
			if err != nil {
				return err
			}
			b.offsets[key] = rec.SourceOffset
		}
		n := len(out)
		out = out[:n+1]
		keep, err := r.convert(ctx, rec, &out[n])
		if err != nil {
			return err
		}
		if !keep {
			out = out[:n]
		}
	}
	r.mu.Lock()
	b.pending += len(out)
	r.batches = append(r.batches, b)
	r.mu.Unlock()
	for i := range out {
		r.cl.Produce(context.WithoutCancel(ctx), &out[i], func(rec *kgo.Record, err error) { r.acknowledged(b, rec, err) }) //nolint:contextcheck // a commit outlives the poll
	}
	r.acknowledged(b, nil, nil) //nolint:contextcheck // a commit outlives the poll
	return nil
}

func (r *sourceRun) convert(ctx context.Context, rec *connect.Record, out *kgo.Record) (keep bool, err error) {
	rec, at, class, err := transform(ctx, r.errors, r.chain, rec)
	if err != nil {
		return false, r.errors.failed(ctx, at, class, nil, err)
	}
	if rec == nil {
		return false, nil
	}
	*out = kgo.Record{Topic: rec.Topic, Partition: rec.Partition}
	if rec.TimestampMs != connect.NoTimestamp {
		out.Timestamp = time.UnixMilli(rec.TimestampMs)
	}
	at, class = stageKey, r.set.keyClass
	if out.Key, err = r.set.key.FromConnect(rec.Topic, rec.Key); err == nil {
		at, class = stageValue, r.set.valueClass
		out.Value, err = r.set.value.FromConnect(rec.Topic, rec.Value)
	}
	for _, h := range rec.Headers {
		if err != nil {
			break
		}
		at, class = stageHeader, r.set.headerClass
		var value []byte
		if value, err = r.set.header.FromConnect(rec.Topic, h.Value); err == nil {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: value})
		}
	}
	if err != nil {
		return false, r.errors.failed(ctx, at, class, nil, err)
	}
	if rec.Topic != r.topic {
		if err := r.create.ensure(ctx, rec.Topic); err != nil {
			return false, err
		}
		r.topic = rec.Topic
		r.t.used(rec.Topic)
	}
	return true, nil
}

// transform applies a chain; a nil record means that it was dropped.
func transform(ctx context.Context, h *errorHandler, chain []transforms.Step, rec *connect.Record) (*connect.Record, stage, string, error) {
	for i := range chain {
		step := &chain[i]
		var next *connect.Record
		err := h.retry(ctx, func() (err error) {
			next, err = step.Apply(rec)
			return err
		})
		if err != nil || next == nil {
			return nil, stageTransform, step.Class, err
		}
		rec = next
	}
	return rec, "", "", nil
}

func (r *sourceRun) acknowledged(b *batch, rec *kgo.Record, err error) {
	if err != nil {
		err = fmt.Errorf("write to %s: %w", rec.Topic, r.cl.Cause(err))
		if bad := r.errors.failed(context.Background(), stageProduce, "org.apache.kafka.connect.runtime.WorkerSourceTask", nil, err); bad != nil {
			select {
			case r.failure <- bad:
			default:
			}
			return // the batch never completes, so that its offsets are never stored
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b.pending--
	for len(r.batches) > 0 && r.batches[0].pending == 0 {
		maps.Copy(r.ready, r.batches[0].offsets)
		r.batches = r.batches[1:]
	}
}

func (r *sourceRun) flushRegularly(stop <-chan struct{}) {
	ticker := time.NewTicker(r.w.flushInterval())
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			if err := r.commit(); err != nil {
				r.t.log.Error("Failed to commit offsets", "error", err)
			}
		}
	}
}

// commit stores the offsets of what has been acknowledged.
func (r *sourceRun) commit() error {
	r.mu.Lock()
	ready := r.ready
	r.ready = make(map[string]map[string]any)
	r.mu.Unlock()
	if len(ready) == 0 {
		return nil
	}
	out := make(map[string][]byte, len(ready))
	for k, offset := range ready {
		b, err := Plain(offset)
		if err != nil {
			return err
		}
		out[k] = b
	}
	err := r.w.Offsets.Set(out)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		for k, v := range ready {
			if _, newer := r.ready[k]; !newer {
				r.ready[k] = v
			}
		}
	}
	return err
}

// offsetKey is OffsetKey, remembering the last answer: connectors use the same map for many records.
func (r *sourceRun) offsetKey(partition map[string]any) (string, error) {
	p := reflect.ValueOf(partition).Pointer()
	if p == r.lastMap {
		return r.lastKey, nil
	}
	key, err := OffsetKey(r.t.ID.Connector, partition)
	r.lastMap, r.lastKey = p, key
	return key, err
}

// OffsetKey is the key under which a source partition's offset is stored.
func OffsetKey(connector string, partition map[string]any) (string, error) {
	b, err := Plain([]any{connector, partition})
	return string(b), err
}

type sourceContext struct {
	w *Worker
	t *Task
}

func (c sourceContext) Logger() *slog.Logger { return c.t.log }

func (c sourceContext) Offset(partition map[string]any) (map[string]any, error) {
	key, err := OffsetKey(c.t.ID.Connector, partition)
	if err != nil {
		return nil, err
	}
	b, ok := c.w.Offsets.Get(key)
	if !ok {
		return nil, nil
	}
	return DecodeOffset(b)
}
