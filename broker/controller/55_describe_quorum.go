package controller

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeQuorum: v0-v2
//
// Who leads the metadata quorum, who its voters and observers are, and how far each is (KIP-595, KIP-836). The only partition that it knows is
// __cluster_metadata-0, and it must be asked for alone.
//
// v1: times. v2: directory ids and the voters' endpoints (KIP-853).
func (c *call) describeQuorum(req *kmsg.DescribeQuorumRequest) (Result, error) {
	resp := responseTo[*kmsg.DescribeQuorumResponse](req)
	if c.cfg.Quorum == nil {
		return Result{}, failf(kerr.UnsupportedVersion, "This controller's quorum can't be described.")
	}
	state := c.cfg.Quorum.DescribeQuorum()
	resp.ErrorMessage = new("")
	valid := len(req.Topics) == 1 && req.Topics[0].Topic == clusterMetadataTopic &&
		len(req.Topics[0].Partitions) == 1 && req.Topics[0].Partitions[0].Partition == 0
	for _, topic := range req.Topics {
		row := kmsg.NewDescribeQuorumResponseTopic()
		row.Topic = topic.Topic
		for _, p := range topic.Partitions {
			answer := kmsg.NewDescribeQuorumResponseTopicPartition()
			answer.Partition = p.Partition
			if valid {
				answer.ErrorMessage = new("")
				answer.LeaderID, answer.LeaderEpoch, answer.HighWatermark = int32(state.LeaderID), state.LeaderEpoch, state.HighWatermark
				answer.CurrentVoters, answer.Observers = replicaStates(state.Voters), replicaStates(state.Observers)
			} else {
				answer.ErrorCode, answer.ErrorMessage = kerr.UnknownTopicOrPartition.Code, new("This server does not host this topic-partition.")
			}
			row.Partitions = append(row.Partitions, answer)
		}
		resp.Topics = append(resp.Topics, row)
	}
	if !valid {
		return Result{Response: resp}, nil
	}
	for _, v := range state.Voters {
		node := kmsg.NewDescribeQuorumResponseNode()
		node.NodeID = int32(v.ID)
		listeners := v.Listeners
		if n := c.image.Controller(v.ID); n != nil && len(listeners) == 0 {
			listeners = n.Endpoints // a static quorum knows ids; the members registered where they are
		}
		for _, e := range listeners {
			node.Listeners = append(node.Listeners, kmsg.DescribeQuorumResponseNodeListener{Name: e.Name, Host: e.Host, Port: e.Port})
		}
		resp.Nodes = append(resp.Nodes, node)
	}
	return Result{Response: resp}, nil
}

func replicaStates(replicas []QuorumReplica) []kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
	out := make([]kmsg.DescribeQuorumResponseTopicPartitionReplicaState, 0, len(replicas))
	for _, r := range replicas {
		s := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
		s.ReplicaID, s.ReplicaDirectoryID, s.LogEndOffset = int32(r.ID), r.DirectoryID, r.LogEndOffset
		s.LastFetchTimestamp, s.LastCaughtUpTimestamp = millis(r.LastFetchTime), millis(r.LastCaughtUpTime)
		out = append(out, s)
	}
	return out
}

// millis is the protocol's time; -1 stands for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}
