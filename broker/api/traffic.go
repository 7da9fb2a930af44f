package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/metrics"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// countProduced counts a produce request's partitions: for their topics, and for all together.
func (d *Data) countProduced(partitions []replica.ProducePartition, results []replica.ProduceResult) {
	if d.Traffic == nil {
		return
	}
	for i := range results {
		p := &partitions[i]
		for _, c := range d.counters(p.TopicPartition.Topic) {
			c.ProduceRequests.Inc()
			if results[i].Err != nil {
				c.FailedProduce.Inc()
				c.BytesRejected.Add(int64(len(p.Records)))
				continue
			}
			c.BytesIn.Add(int64(len(p.Records)))
			c.MessagesIn.Add(recordsIn(p.Records))
		}
	}
}

// recordsIn is how many records the batches say they hold; a message of the old formats counts as one.
func recordsIn(records []byte) (n int64) {
	for len(records) > 0 {
		b, rest, err := batch.Next(records)
		if err != nil {
			return n + 1
		}
		n += int64(b.RecordCount())
		records = rest
	}
	return n
}

// countFetched counts the rows of a fetch response before they are sent.
func (d *Data) countFetched(r *wire.Request, rows []fetchRow) {
	if d.Traffic == nil {
		return
	}
	req := r.Body.(*kmsg.FetchRequest)
	follower := req.ReplicaID >= 0 || r.Version >= 15 && req.ReplicaState.ID >= 0
	for i := range rows {
		row := &rows[i]
		bytes := int64(len(row.converted))
		if row.converted == nil && row.Records != nil {
			bytes = int64(row.Records.Size())
		}
		if follower {
			d.Traffic.ReplicationBytesOut.Add(bytes)
			continue
		}
		for _, c := range d.counters(row.topic) {
			c.FetchRequests.Inc()
			c.BytesOut.Add(bytes)
			if row.Err != nil {
				c.FailedFetch.Inc()
			}
		}
	}
}

// counters are those of the topic, where it exists, and of all topics. Names that clients merely make up get no series.
func (d *Data) counters(topic string) []*metrics.TopicCounters {
	if topic == "" || d.Metadata.Current().Topic(topic) == nil {
		return []*metrics.TopicCounters{d.Traffic.All}
	}
	return []*metrics.TopicCounters{d.Traffic.All, d.Traffic.Topic(topic)}
}
