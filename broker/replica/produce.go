package replica

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// Produce appends to several partitions and calls done once, with a result for each in order: at once for acks 0 and 1, and for acks=all
// when the ISR has everything or the timeout is over. What the appends wake up is done after that, so that the producer doesn't wait for consumers.
func (m *Manager) Produce(req ProduceRequest, done func([]ProduceResult)) {
	results := make([]ProduceResult, len(req.Partitions))
	var (
		w       wakeups
		waiting []*Partition
		appends []appended
	)
	for i := range req.Partitions {
		p, a, more := m.produceOne(&req, i, &results[i])
		w.add(more)
		if results[i].Err != nil || req.Acks != AcksAll || a.acknowledged {
			continue
		}
		if waiting == nil {
			waiting, appends = make([]*Partition, len(results)), make([]appended, len(results))
		}
		waiting[i], appends[i] = p, a
	}
	if waiting == nil {
		done(results)
	} else {
		op := &delayedProduce{partitions: waiting, done: done}
		op.mu.results = results
		op.start(appends, req.Timeout)
	}
	w.run(m)
}

func (m *Manager) produceOne(req *ProduceRequest, i int, out *ProduceResult) (*Partition, appended, wakeups) {
	*out = ProduceResult{BaseOffset: noOffset, LogAppendTimeMs: noOffset, LogStartOffset: noOffset, Leader: NoHint}
	in := &req.Partitions[i]
	if in.Err != nil {
		out.Err = in.Err
		return nil, appended{}, wakeups{}
	}
	p, err := m.Partition(in.TopicPartition)
	if err == nil && !req.Internal && !req.AllowInternal && IsInternal(in.TopicPartition.Topic) {
		err = internalTopicError(in.TopicPartition.Topic)
	}
	if err == nil && !req.Acks.Valid() {
		err = kerr.InvalidRequiredAcks
	}
	if err != nil {
		out.Leader = m.hint(in.TopicPartition, nil, err)
		out.Err = err
		return nil, appended{}, wakeups{}
	}
	opts := storage.AppendOptions{}
	if req.Internal {
		opts.Origin = storage.OriginCoordinator
	}
	a, w, err := p.append(in.Records, anyEpoch, req.Acks, opts)
	if err != nil {
		out.Leader = m.hint(in.TopicPartition, p, err)
		out.refused(err, p)
		return p, a, w
	}
	out.BaseOffset, out.LogAppendTimeMs, out.LogStartOffset = a.info.FirstOffset, a.info.LogAppendTime, a.info.LogStartOffset
	return p, a, w
}

// fail turns a row whose records are in the log into an error: not replicated in time, or by too few. The offset stays in it, as with Kafka.
func (r *ProduceResult) fail(err error) { r.Err = err }

// refused fills in the answer to records that were not appended. The log start offset goes along, so that a producer sees that nothing but its
// records was lost, except with the errors that say nothing about the log's state (as in Apache Kafka).
func (r *ProduceResult) refused(err error, p *Partition) {
	r.Err = err
	if invalid, ok := errors.AsType[*storage.ValidationError](err); ok {
		r.RecordErrors = invalid.Records
	}
	switch codeOf(err) {
	case kerr.UnknownTopicOrPartition.Code, kerr.NotLeaderForPartition.Code, kerr.MessageTooLarge.Code,
		kerr.RecordListTooLarge.Code, kerr.CorruptMessage.Code, kerr.KafkaStorageError.Code:
		return
	}
	if log := p.log.Load(); log != nil {
		r.LogStartOffset = log.LogStartOffset()
	}
}

// The topics that the broker writes itself, and that clients may not produce to.
const (
	GroupOffsetsTopic     = "__consumer_offsets"
	TransactionStateTopic = "__transaction_state"
	ShareGroupStateTopic  = "__share_group_state"
)

// IsInternal reports whether a topic is one of the broker's own.
func IsInternal(topic string) bool {
	return topic == GroupOffsetsTopic || topic == TransactionStateTopic || topic == ShareGroupStateTopic
}

// internalTopicError is Kafka's answer to who would change an internal topic.
func internalTopicError(topic string) error {
	return &refusal{kerr.InvalidTopicException, "Cannot append to internal topic " + topic}
}

// refusal is a protocol error with the words that clients get to read.
type refusal struct {
	err     *kerr.Error
	message string
}

func (e *refusal) Error() string { return e.message }
func (e *refusal) Unwrap() error { return e.err }

// Append writes record batches to a partition this broker leads in leaderEpoch, with acks=all, for a coordinator. It calls done exactly once:
// with the first record's offset when the high watermark has passed the last one, or with the error. It may do so before it returns.
// records belongs to the log until then.
func (m *Manager) Append(tp ident.TopicPartition, leaderEpoch int32, records []byte, done func(baseOffset int64, err error)) {
	p, err := m.Partition(tp)
	if err != nil {
		done(noOffset, err)
		return
	}
	a, w, err := p.append(records, leaderEpoch, AcksAll, storage.AppendOptions{Origin: storage.OriginCoordinator})
	if err != nil {
		done(noOffset, err)
	} else if a.acknowledged {
		done(a.info.FirstOffset, nil)
	} else {
		op := &coordinatorAppend{baseOffset: a.info.FirstOffset, done: done}
		if finished, err := p.await(a, op, 0); finished {
			op.acknowledge(0, err)
		}
	}
	w.run(m)
}

// coordinatorAppend waits for the ISR without a time limit: it ends with the high watermark or with the leadership.
type coordinatorAppend struct {
	baseOffset int64
	done       func(int64, error)
}

func (a *coordinatorAppend) acknowledge(_ int, err error) {
	if err != nil {
		a.done(noOffset, err)
		return
	}
	a.done(a.baseOffset, nil)
}
