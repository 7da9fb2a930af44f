package api

// DescribeLogDirs, v0-v5: what lies in this broker's log directories (KIP-113).
//
//   - A null list of topics means all. A directory that has failed gets a row with KAFKA_STORAGE_ERROR and nothing in it.
//   - v3 a top-level error code. v4 size and free space of the volume (KIP-827). v5 whether the directory gets no new replicas (KIP-1066).

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// DescribeLogDirs handles API key 35.
func (d *Data) DescribeLogDirs(r *wire.Request) {
	req := r.Body.(*kmsg.DescribeLogDirsRequest)
	resp := respondKind[*kmsg.DescribeLogDirsResponse](r)
	if !d.allowed(r, opDescribe, resourceCluster, clusterName) {
		resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		r.Respond(resp)
		return
	}
	for _, dir := range d.Replica.DescribeLogDirs(selectedPartitions(req)) {
		out := kmsg.NewDescribeLogDirsResponseDir()
		out.Dir, out.ErrorCode = dir.Path, wire.ErrorCode(dir.Err)
		out.TotalBytes, out.UsableBytes = dir.TotalBytes, dir.FreeBytes
		out.Topics = describedTopics(dir.Replicas)
		resp.Dirs = append(resp.Dirs, out)
	}
	r.Respond(resp)
}

// selectedPartitions returns what the request asks for; nil for everything.
func selectedPartitions(req *kmsg.DescribeLogDirsRequest) func(ident.TopicPartition) bool {
	if req.Topics == nil {
		return nil
	}
	selected := make(map[ident.TopicPartition]bool)
	for i := range req.Topics {
		for _, p := range req.Topics[i].Partitions {
			selected[ident.TopicPartition{Topic: req.Topics[i].Topic, Partition: p}] = true
		}
	}
	return func(tp ident.TopicPartition) bool { return selected[tp] }
}

// describedTopics groups replicas, which are in order of their names.
func describedTopics(replicas []replica.LogDirReplica) []kmsg.DescribeLogDirsResponseDirTopic {
	topics := []kmsg.DescribeLogDirsResponseDirTopic{}
	for _, rep := range replicas {
		if n := len(topics); n == 0 || topics[n-1].Topic != rep.TopicPartition.Topic {
			t := kmsg.NewDescribeLogDirsResponseDirTopic()
			t.Topic = rep.TopicPartition.Topic
			topics = append(topics, t)
		}
		row := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		row.Partition, row.Size, row.OffsetLag, row.IsFuture = rep.TopicPartition.Partition, rep.SizeBytes, rep.OffsetLag, rep.Future
		last := &topics[len(topics)-1]
		last.Partitions = append(last.Partitions, row)
	}
	return topics
}
