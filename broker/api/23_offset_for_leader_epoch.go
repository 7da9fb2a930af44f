package api

// OffsetForLeaderEpoch, v0-v4: where a leader epoch ends, for followers and consumers that may have diverged.
//
//   - The answer names the largest epoch that is not larger than the one asked for, and the offset after its last record.
//   - v2 checks the asker's own leader epoch (KIP-320). v3 says who asks.

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/wire"
)

// OffsetForLeaderEpoch handles API key 23.
func (d *Data) OffsetForLeaderEpoch(r *wire.Request) {
	req := r.Body.(*kmsg.OffsetForLeaderEpochRequest)
	resp := respondKind[*kmsg.OffsetForLeaderEpochResponse](r)
	clusterAllowed := r.Version >= 3 && req.ReplicaID >= 0 && d.allowed(r, opClusterAction, resourceCluster, clusterName)
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.NewOffsetForLeaderEpochResponseTopic()
		out.Topic = t.Topic
		allowed := clusterAllowed || d.topicAllowed(r, opDescribe, t.Topic)
		for k := range t.Partitions {
			p := &t.Partitions[k]
			row := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			row.Partition, row.LeaderEpoch, row.EndOffset = p.Partition, -1, -1
			row.ErrorCode = kerr.TopicAuthorizationFailed.Code
			if allowed {
				current := p.CurrentLeaderEpoch
				if r.Version < 2 {
					current = -1
				}
				end, err := d.Replica.EpochEnd(ident.TopicPartition{Topic: t.Topic, Partition: p.Partition}, current, p.LeaderEpoch)
				row.LeaderEpoch, row.EndOffset, row.ErrorCode = end.LeaderEpoch, end.EndOffset, wire.ErrorCode(err)
			}
			out.Partitions = append(out.Partitions, row)
		}
		resp.Topics = append(resp.Topics, out)
	}
	r.Respond(resp)
}
