package api

// DeleteRecords, v0-v2: drop the records before an offset.
//
//   - -1 means all records up to the high watermark; beyond it is OFFSET_OUT_OF_RANGE.
//   - The answer waits until no living replica has the records any more, or until the timeout.
//   - Internal topics get INVALID_TOPIC_EXCEPTION, and topics without cleanup.policy=delete POLICY_VIOLATION.

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// DeleteRecords handles API key 21.
func (d *Data) DeleteRecords(r *wire.Request) {
	req := r.Body.(*kmsg.DeleteRecordsRequest)
	var partitions []replica.DeleteRecordsPartition
	for i := range req.Topics {
		t := &req.Topics[i]
		var err error
		if !d.topicAllowed(r, opDelete, t.Topic) {
			err = kerr.TopicAuthorizationFailed
		}
		for _, p := range t.Partitions {
			partitions = append(partitions, replica.DeleteRecordsPartition{TopicPartition: ident.TopicPartition{Topic: t.Topic, Partition: p.Partition}, BeforeOffset: p.Offset, Err: err})
		}
	}
	d.Replica.DeleteRecords(partitions, milliseconds(req.TimeoutMillis), func(results []replica.DeleteRecordsResult) {
		resp := respondKind[*kmsg.DeleteRecordsResponse](r)
		for i := range req.Topics {
			t := kmsg.NewDeleteRecordsResponseTopic()
			t.Topic = req.Topics[i].Topic
			for _, p := range req.Topics[i].Partitions {
				row := kmsg.NewDeleteRecordsResponseTopicPartition()
				row.Partition, row.LowWatermark, row.ErrorCode = p.Partition, results[0].LowWatermark, wire.ErrorCode(results[0].Err)
				t.Partitions = append(t.Partitions, row)
				results = results[1:]
			}
			resp.Topics = append(resp.Topics, t)
		}
		r.Respond(resp)
	})
}
