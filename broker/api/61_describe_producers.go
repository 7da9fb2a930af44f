package api

// DescribeProducers, v0: the idempotent and transactional producers that a partition's log knows (KIP-664).

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/wire"
)

// DescribeProducers handles API key 61.
func (d *Data) DescribeProducers(r *wire.Request) {
	req := r.Body.(*kmsg.DescribeProducersRequest)
	resp := respondKind[*kmsg.DescribeProducersResponse](r)
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.NewDescribeProducersResponseTopic()
		out.Topic = t.Topic
		allowed := d.topicAllowed(r, opRead, t.Topic)
		for _, partition := range t.Partitions {
			row := kmsg.NewDescribeProducersResponseTopicPartition()
			row.Partition, row.ErrorCode = partition, kerr.TopicAuthorizationFailed.Code
			if allowed {
				d.describeProducers(ident.TopicPartition{Topic: t.Topic, Partition: partition}, &row)
			}
			out.Partitions = append(out.Partitions, row)
		}
		resp.Topics = append(resp.Topics, out)
	}
	r.Respond(resp)
}

func (d *Data) describeProducers(tp ident.TopicPartition, row *kmsg.DescribeProducersResponseTopicPartition) {
	if err := validateTopicName(tp.Topic); err != nil {
		row.ErrorCode, row.ErrorMessage = wire.ErrorCode(err), wire.ErrorMessage(err)
		return
	}
	producers, err := d.Replica.ActiveProducers(tp)
	row.ErrorCode = wire.ErrorCode(err)
	if err != nil && d.Metadata.Current().Topic(tp.Topic) == nil {
		row.ErrorMessage = wire.ErrorMessage(err)
	}
	for _, p := range producers {
		out := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		out.ProducerID, out.ProducerEpoch, out.LastSequence, out.LastTimestamp = p.ProducerID, int32(p.ProducerEpoch), p.LastSequence, p.LastTimestamp
		out.CoordinatorEpoch, out.CurrentTxnStartOffset = p.CoordinatorEpoch, p.CurrentTxnStartOffset
		row.ActiveProducers = append(row.ActiveProducers, out)
	}
}
