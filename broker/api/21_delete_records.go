package api

// DeleteRecords, v0-v2: drop the records before an offset.
//
//   - -1 means all records up to the high watermark; beyond it is OFFSET_OUT_OF_RANGE.
//   - The answer waits until no living replica has the records any more, or until the timeout.
//   - A partition named twice is answered once, for the last offset; a topic without partitions has no row.
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
	seen := make(map[ident.TopicPartition]int)
	for i := range req.Topics {
		t := &req.Topics[i]
		var err error
		if !d.topicAllowed(r, opDelete, t.Topic) {
			err = kerr.TopicAuthorizationFailed
		}
		for _, p := range t.Partitions {
			asked := replica.DeleteRecordsPartition{TopicPartition: ident.TopicPartition{Topic: t.Topic, Partition: p.Partition}, BeforeOffset: p.Offset, Err: err}
			if at, ok := seen[asked.TopicPartition]; ok {
				partitions[at] = asked
				continue
			}
			seen[asked.TopicPartition] = len(partitions)
			partitions = append(partitions, asked)
		}
	}
	d.Replica.DeleteRecords(partitions, milliseconds(req.TimeoutMillis), func(results []replica.DeleteRecordsResult) {
		resp := respondKind[*kmsg.DeleteRecordsResponse](r)
		rows := make(map[string]int)
		for i := range partitions {
			tp := partitions[i].TopicPartition
			at, ok := rows[tp.Topic]
			if !ok {
				at = len(resp.Topics)
				rows[tp.Topic] = at
				t := kmsg.NewDeleteRecordsResponseTopic()
				t.Topic = tp.Topic
				resp.Topics = append(resp.Topics, t)
			}
			row := kmsg.NewDeleteRecordsResponseTopicPartition()
			row.Partition, row.LowWatermark, row.ErrorCode = tp.Partition, results[i].LowWatermark, wire.ErrorCode(results[i].Err)
			resp.Topics[at].Partitions = append(resp.Topics[at].Partitions, row)
		}
		r.Respond(resp)
	})
}
