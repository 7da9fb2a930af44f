package controller

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// AlterPartitionReassignments: v0-v1
//
// Moves partitions to other brokers, or cancels a move (KIP-455).
//
//		               all adding replicas in sync
//		  REASSIGNING -----------------------------> DONE: the removing replicas go, and with them, perhaps, the leader
//		    |  ^  |      (AlterPartition, or here at once if nothing has to be copied)
//		    |  |  +-- a new target: from the replicas of now, adding and removing are worked out anew
//		    |  +----- a target (replicas)
//		    v
//		  CANCELLED (replicas null): the adding replicas go. Refused where only they are in sync, unless the topic allows unclean elections.
//
//	  - While it is in progress, replicas = target followed by those to be removed.
//
// v1: may be told not to change the replication factor (KIP-860).
func (c *call) alterPartitionReassignments(req *kmsg.AlterPartitionAssignmentsRequest) (Result, error) {
	resp := responseTo[*kmsg.AlterPartitionAssignmentsResponse](req)
	factorMayChange := req.Version < 1 || req.AllowReplicationFactorChange
	resp.AllowReplicationFactorChange = factorMayChange
	for _, topic := range req.Topics {
		row := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		row.Topic = topic.Topic
		for _, p := range topic.Partitions {
			err := c.reassign(topic.Topic, p, factorMayChange)
			answer := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			answer.Partition, answer.ErrorCode, answer.ErrorMessage = p.Partition, errorCode(err), errorMessage(err)
			row.Partitions = append(row.Partitions, answer)
		}
		resp.Topics = append(resp.Topics, row)
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

func (c *call) reassign(topic string, req kmsg.AlterPartitionAssignmentsRequestTopicPartition, factorMayChange bool) error {
	t := c.image.Topic(topic)
	if t == nil {
		return failf(kerr.UnknownTopicOrPartition, "Unable to find a topic named %s.", topic)
	}
	p := c.partition(t, req.Partition)
	if p == nil {
		return failf(kerr.UnknownTopicOrPartition, "Unable to find partition %s:%d.", topic, req.Partition)
	}
	if req.Replicas == nil {
		return c.cancelReassignment(t, req.Partition)
	}
	if err := c.checkAssignment(req.Replicas, 0); err != nil {
		return err
	}
	if size := finalFactor(p); !factorMayChange && size != len(req.Replicas) {
		return failf(kerr.InvalidReplicationFactor, "The replication factor is changed from %d to %d", size, len(req.Replicas))
	}
	target := brokerIDs(req.Replicas)
	// DEVIATION(kafka): where a reassignment is in progress already, what it was adding still counts as new. Apache Kafka takes it for old, and
	// keeps the former lists where the new ones are empty: a partition that is sent back to where it was never gets there.
	settled := without(p.Replicas, p.AddingReplicas...)
	removing, adding := without(p.Replicas, target...), without(target, settled...)
	slices.Sort(removing)
	slices.Sort(adding)
	change := c.newPartitionChange(t, req.Partition, c.effectiveMinIsr(t))
	change.replicas, change.removing, change.adding = slices.Concat(target, removing), removing, adding
	c.emitChange(change)
	return nil
}

// finalFactor is how many replicas a partition has, or will have after the reassignment in progress.
func finalFactor(p *metadata.Partition) int {
	if !p.Reassigning() {
		return len(p.Replicas)
	}
	all := slices.Concat(p.Replicas, p.AddingReplicas)
	slices.Sort(all)
	return len(without(slices.Compact(all), p.RemovingReplicas...))
}

func (c *call) cancelReassignment(t *metadata.Topic, id int32) error {
	p := c.partition(t, id)
	if !p.Reassigning() {
		return fail(kerr.NoReassignmentInProgress)
	}
	replicas, isr := without(p.Replicas, p.AddingReplicas...), without(p.Isr, p.AddingReplicas...)
	scope := c.scopeOf(t)
	if len(isr) == 0 {
		if len(replicas) == 0 {
			return failf(kerr.InvalidReplicaAssignment, "Invalid replica assignment: addingReplicas contains all replicas.")
		}
		if !scope.unclean {
			return failf(kerr.InvalidReplicaAssignment, "Unable to revert partition assignment for %s:%d because it would require an unclean leader election.", t.Name, id)
		}
		isr = []ident.BrokerID{replicas[0]}
	}
	change := c.newPartitionChange(t, id, scope.minIsr)
	if scope.unclean {
		change.election = electUnclean
	}
	change.isr, change.replicas, change.removing, change.adding = isr, replicas, nil, nil
	c.emitChange(change)
	return nil
}
