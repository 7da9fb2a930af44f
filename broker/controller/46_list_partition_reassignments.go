package controller

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
)

// ListPartitionReassignments: v0
//
// Lists the reassignments in progress, of the partitions named or of all (null). Topics and partitions that don't exist are left out.
func (c *call) listPartitionReassignments(req *kmsg.ListPartitionReassignmentsRequest) (Result, error) {
	resp := responseTo[*kmsg.ListPartitionReassignmentsResponse](req)
	add := func(t *metadata.Topic, ids []int32) {
		row := kmsg.NewListPartitionReassignmentsResponseTopic()
		row.Topic = t.Name
		for _, id := range ids {
			p := t.Partition(id)
			if p == nil || !p.Reassigning() {
				continue
			}
			answer := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
			answer.Partition, answer.Replicas = id, metadata.Int32s(p.Replicas)
			answer.AddingReplicas, answer.RemovingReplicas = metadata.Int32s(p.AddingReplicas), metadata.Int32s(p.RemovingReplicas)
			row.Partitions = append(row.Partitions, answer)
		}
		if len(row.Partitions) > 0 {
			resp.Topics = append(resp.Topics, row)
		}
	}
	if req.Topics == nil {
		for _, t := range topics(c.image, c.index.reassigning) {
			ids := make([]int32, len(t.Partitions))
			for i := range ids {
				ids[i] = int32(i)
			}
			add(t, ids)
		}
	}
	for _, topic := range req.Topics {
		if t := c.image.Topic(topic.Topic); t != nil {
			add(t, topic.Partitions)
		}
	}
	return Result{Response: resp}, nil
}
