package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// AssignReplicasToDirs: v0
//
// A broker says in which of its log directories its replicas are (KIP-858). A replica in a directory that is offline, or unknown, leaves its ISR.
//
// DEVIATION(kafka): a replica whose directory the broker has no more was made anew, and is empty. While nobody leads its partition it is told to wait (ELIGIBLE_LEADERS_NOT_AVAILABLE): with
// its old directory it can't be elected, whatever it was eligible for, and with that directory back it can. Apache Kafka has such a replica lead, and the others cut what they have.
func (c *call) assignReplicasToDirs(req *kmsg.AssignReplicasToDirsRequest) (Result, error) {
	if !c.image.MetadataVersion().DirectoryAssignment() {
		return Result{}, failf(kerr.UnsupportedVersion, "Directory assignment is not supported yet.")
	}
	b, err := c.checkBrokerEpoch(req.BrokerID, req.BrokerEpoch)
	if err != nil {
		return Result{}, err
	}
	resp := responseTo[*kmsg.AssignReplicasToDirsResponse](req)
	var offline []replica
	for _, dir := range req.Directories {
		dirRow := kmsg.NewAssignReplicasToDirsResponseDirectory()
		dirRow.ID = dir.ID
		for _, topic := range dir.Topics {
			row := kmsg.NewAssignReplicasToDirsResponseDirectoryTopic()
			row.TopicID = topic.TopicID
			t := c.image.TopicByID(topic.TopicID)
			for _, p := range topic.Partitions {
				err := c.assignReplica(b, t, p.Partition, dir.ID)
				if err == nil && !b.HasOnlineDirectory(dir.ID) {
					offline = append(offline, replica{t, p.Partition})
				}
				answer := kmsg.NewAssignReplicasToDirsResponseDirectoryTopicPartition()
				answer.Partition, answer.ErrorCode = p.Partition, errorCode(err)
				row.Partitions = append(row.Partitions, answer)
			}
			dirRow.Topics = append(dirRow.Topics, row)
		}
		resp.Directories = append(resp.Directories, dirRow)
	}
	for _, r := range offline {
		c.changeIsr(c.scopeOf(r.topic), r.partition, removing(b.ID))
	}
	return Result{Records: c.out, Response: resp}, nil
}

type replica struct {
	topic     *metadata.Topic
	partition int32
}

func (c *call) assignReplica(b *metadata.Broker, t *metadata.Topic, id int32, dir ident.UUID) error {
	if t == nil {
		return fail(kerr.UnknownTopicID)
	}
	p := c.partition(t, id)
	if p == nil {
		return fail(kerr.UnknownTopicOrPartition)
	}
	if !p.IsReplica(b.ID) {
		return fail(kerr.NotLeaderForPartition)
	}
	if old := p.Directory(b.ID); len(p.Replicas) > 1 && p.Leader == ident.NoBroker && !metadata.DirectoryReserved(old) && !b.HasOnlineDirectory(old) {
		return fail(kerr.EligibleLeadersNotAvailable)
	}
	change := c.newPartitionChange(t, id, c.effectiveMinIsr(t))
	change.newDirectory = map[ident.BrokerID]ident.UUID{b.ID: dir}
	c.emitChange(change)
	return nil
}
