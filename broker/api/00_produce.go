package api

// Produce, v0-v13: append records.
//
//   - acks 0 gets no answer; when something is wrong with it the connection is closed, which is how such a producer learns of a new leader.
//   - acks -1 is answered when the whole ISR has the records: the request waits in the partitions, the connection goes on.
//   - v0-v2 carry message sets of the formats 0 and 1, which the log converts. v3 (KIP-98) one batch of the current format for each partition.
//   - v7 allows zstd (KIP-110). v8 names the records that had their batch refused (KIP-467).
//   - v10 says who leads instead, in answer to NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH (KIP-951).
//   - v13 topics by id (KIP-516).
//
// Records stay where they were received: the log writes them from the connection's buffer.
//
// Not implemented: checking that a transaction knows of the partition (KIP-890), which needs the transaction coordinator.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/wire"
)

// Produce handles API key 0.
func (d *Data) Produce(r *wire.Request) {
	req := r.Body.(*kmsg.ProduceRequest)
	image := d.Metadata.Current()
	in := replica.ProduceRequest{
		Acks: replica.Acks(req.Acks), Timeout: milliseconds(req.TimeoutMillis),
		AllowInternal: clientIDOf(r) == adminClientID,
		Partitions:    make([]replica.ProducePartition, 0, countProduced(req)),
	}
	refused := d.refusesProduce(r, req)
	for i := range req.Topics {
		t := &req.Topics[i]
		name, err := d.producedTopic(r, image, t)
		if refused != nil {
			err = refused
		}
		for k := range t.Partitions {
			p := &t.Partitions[k]
			rowErr := err
			if rowErr == nil {
				rowErr = checkProduced(p.Records, r.Version)
			}
			in.Partitions = append(in.Partitions, replica.ProducePartition{
				TopicPartition: ident.TopicPartition{Topic: name, Partition: p.Partition}, Records: p.Records, Err: rowErr,
			})
		}
	}
	d.Replica.Produce(in, func(results []replica.ProduceResult) {
		d.countProduced(in.Partitions, results)
		d.produced(r, req, image, results)
	})
}

func countProduced(req *kmsg.ProduceRequest) (n int) {
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	return n
}

// refusesProduce returns the error that the whole request gets.
func (d *Data) refusesProduce(r *wire.Request, req *kmsg.ProduceRequest) error {
	if id := req.TransactionID; id == nil && !hasTransactional(req) || id != nil && d.allowed(r, opWrite, resourceTransactionalID, *id) {
		return nil
	}
	return kerr.TransactionalIDAuthorizationFailed
}

// hasTransactional reports whether any batch is part of a transaction, which only a request that names the transaction may carry.
func hasTransactional(req *kmsg.ProduceRequest) bool {
	for i := range req.Topics {
		for k := range req.Topics[i].Partitions {
			if b, _, err := batch.Next(req.Topics[i].Partitions[k].Records); err == nil && b.IsTransactional() {
				return true
			}
		}
	}
	return false
}

// producedTopic returns the name of a topic that is to be written, or why it can't be.
func (d *Data) producedTopic(r *wire.Request, image *metadata.Image, t *kmsg.ProduceRequestTopic) (string, error) {
	name := t.Topic
	if r.Version >= 13 {
		topic := image.TopicByID(t.TopicID)
		if topic == nil {
			return "", kerr.UnknownTopicID
		}
		name = topic.Name
	}
	if !d.topicAllowed(r, opWrite, name) {
		return name, kerr.TopicAuthorizationFailed
	}
	return name, nil
}

// smallestRecord is how long a message of the oldest format is at least.
const smallestRecord = 14

// checkProduced holds the rules of the request's version; the log checks the rest. From v3 on it is one batch of the current format.
func checkProduced(records []byte, version int16) error {
	if version < 3 {
		return nil
	}
	if len(records) == 0 {
		return fmt.Errorf("%w: produce requests of version %d must have a record batch for each partition", kerr.InvalidRecord, version)
	}
	b, rest, err := batch.Next(records)
	switch {
	case errors.Is(err, batch.ErrLegacy):
		return fmt.Errorf("%w: produce requests of version %d carry record batches of format 2 only", kerr.InvalidRecord, version)
	case errors.Is(err, batch.ErrTruncated):
		return fmt.Errorf("%w: %w", kerr.InvalidRecord, err)
	case err != nil && len(records) > batch.LogOverhead: // Apache Kafka's words for what it can't even take for a batch
		if size := int32(binary.BigEndian.Uint32(records[8:])); size < smallestRecord {
			return wire.Refusef(kerr.CorruptMessage, "Record size %d is less than the minimum record overhead (%d)", size, smallestRecord)
		}
		if magic := int8(records[16]); magic < 0 || magic > batch.MagicV2 {
			return wire.Refusef(kerr.CorruptMessage, "Invalid magic found in record: %d", magic)
		}
		return err
	case err != nil:
		return err
	case len(rest) > 0:
		return fmt.Errorf("%w: produce requests of version %d must have exactly one record batch for each partition", kerr.InvalidRecord, version)
	case version < 7 && b.Codec() == batch.Zstd:
		return kerr.UnsupportedCompressionType
	}
	return nil
}

// produced answers the request.
func (d *Data) produced(r *wire.Request, req *kmsg.ProduceRequest, image *metadata.Image, results []replica.ProduceResult) {
	wait := d.Quotas.Record(quota.Produce, quotaClient(r), r.Size, time.Now())
	r.Throttle(wait)
	d.noteRefusals(r, image, req, results)
	if req.Acks == 0 {
		for i := range results {
			if err := results[i].Err; err != nil {
				r.Close(fmt.Errorf("produce with acks=0: %w", err))
				return
			}
		}
		r.NoResponse()
		return
	}
	leaders := endpoints{image: image, listener: r.Conn.Listener().Name}
	resp := respondKind[*kmsg.ProduceResponse](r)
	resp.ThrottleMillis = int32(wait.Milliseconds())
	resp.Topics = make([]kmsg.ProduceResponseTopic, 0, len(req.Topics))
	rows := make([]kmsg.ProduceResponseTopicPartition, len(results))
	for i := range req.Topics {
		t := &req.Topics[i]
		n := len(t.Partitions)
		if n == 0 {
			continue
		}
		topic := kmsg.ProduceResponseTopic{Topic: t.Topic, TopicID: t.TopicID, Partitions: rows[:n:n]}
		for k := range t.Partitions {
			fillProduced(&rows[k], t.Partitions[k].Partition, &results[k])
			if r.Version >= 10 && leaders.add(results[k].Leader) {
				rows[k].CurrentLeader.LeaderID, rows[k].CurrentLeader.LeaderEpoch = int32(results[k].Leader.LeaderID), results[k].Leader.LeaderEpoch
			}
		}
		resp.Topics = append(resp.Topics, topic)
		rows, results = rows[n:], results[n:]
	}
	for _, e := range leaders.list {
		resp.Brokers = append(resp.Brokers, kmsg.ProduceResponseBroker{NodeID: int32(e.id), Host: e.host, Port: e.port, Rack: e.rack})
	}
	r.Respond(resp)
}

// noteRefusals logs what a producer should never be told: it, or the log, has lost the thread.
func (d *Data) noteRefusals(r *wire.Request, image *metadata.Image, req *kmsg.ProduceRequest, results []replica.ProduceResult) {
	for i := range req.Topics {
		t := &req.Topics[i]
		for k := range t.Partitions {
			switch err := results[k].Err; wire.ErrorCode(err) {
			case kerr.OutOfOrderSequenceNumber.Code, kerr.UnknownProducerID.Code, kerr.CorruptMessage.Code:
				d.Logger.Info("records refused", "client", r.Conn.RemoteAddr().String(), "topic", topicName(image, t.Topic, t.TopicID, r.Version), "partition", t.Partitions[k].Partition, "error", err)
			}
		}
		results = results[len(t.Partitions):]
	}
}

func fillProduced(row *kmsg.ProduceResponseTopicPartition, partition int32, result *replica.ProduceResult) {
	row.Default()
	row.Partition, row.ErrorCode = partition, wire.ErrorCode(result.Err)
	row.BaseOffset, row.LogAppendTime, row.LogStartOffset = result.BaseOffset, result.LogAppendTimeMs, result.LogStartOffset
	if refused, ok := errors.AsType[*wire.Refusal](result.Err); ok {
		row.ErrorMessage = &refused.Text
	}
	if len(result.RecordErrors) == 0 {
		return
	}
	if invalid, ok := errors.AsType[*storage.ValidationError](result.Err); ok {
		row.ErrorMessage = &invalid.Message
	}
	for _, e := range result.RecordErrors {
		culprit := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		culprit.RelativeOffset, culprit.ErrorMessage = e.BatchIndex, &e.Message
		row.ErrorRecords = append(row.ErrorRecords, culprit)
	}
}
