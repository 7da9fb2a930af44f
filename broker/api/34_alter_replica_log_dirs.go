package api

// AlterReplicaLogDirs, v0-v2: move replicas between the log directories of this broker (KIP-113).
//
//   - The answer comes when the moves have begun; DescribeLogDirs shows their progress. A directory that isn't one of log.dirs is
//     LOG_DIR_NOT_FOUND, one that has failed KAFKA_STORAGE_ERROR.

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/wire"
)

// AlterReplicaLogDirs handles API key 34.
func (d *Data) AlterReplicaLogDirs(r *wire.Request) {
	req := r.Body.(*kmsg.AlterReplicaLogDirsRequest)
	resp := respondKind[*kmsg.AlterReplicaLogDirsResponse](r)
	allowed := d.allowed(r, opAlter, resourceCluster, clusterName)
	index := make(map[string]int)
	seen := make(map[ident.TopicPartition]bool) // a partition named twice goes where it was named first
	for i := range req.Dirs {
		dir := &req.Dirs[i]
		for k := range dir.Topics {
			t := &dir.Topics[k]
			at, ok := index[t.Topic]
			if !ok && len(t.Partitions) > 0 {
				at = len(resp.Topics)
				index[t.Topic] = at
				out := kmsg.NewAlterReplicaLogDirsResponseTopic()
				out.Topic = t.Topic
				resp.Topics = append(resp.Topics, out)
			}
			for _, partition := range t.Partitions {
				tp := ident.TopicPartition{Topic: t.Topic, Partition: partition}
				if seen[tp] {
					continue
				}
				seen[tp] = true
				row := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
				row.Partition, row.ErrorCode = partition, kerr.ClusterAuthorizationFailed.Code
				if allowed {
					row.ErrorCode = wire.ErrorCode(d.Replica.AlterLogDir(tp, dir.Dir))
				}
				resp.Topics[at].Partitions = append(resp.Topics[at].Partitions, row)
			}
		}
	}
	r.Respond(resp)
}
