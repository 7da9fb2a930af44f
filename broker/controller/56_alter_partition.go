package controller

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// AlterPartition: v2-v3
//
// A leader proposes a new ISR, or that it has recovered from an unclean election.
//
//   - Leader epoch and partition epoch must be those of the controller. Older ones are the sender's past; newer ones are this controller's, which is
//     then not the active one any more.
//   - A replica that is unregistered, fenced, shutting down or of an earlier incarnation doesn't enter the ISR (KIP-841, KIP-903).
//   - An ISR below min.insync.replicas leaves those who left in the ELR (KIP-966).
//   - A reassignment whose new replicas are all in sync is completed. If that takes the leadership away, the answer is NEW_LEADER_ELECTED.
//
// v2: topic ids (KIP-516). v3: broker epochs in the ISR (KIP-903).
// Not implemented: v0 and v1, which name topics; no release that can join a KRaft cluster of today sends them.
func (c *call) alterPartition(req *kmsg.AlterPartitionRequest) (Result, error) {
	b, err := c.checkBrokerEpoch(req.BrokerID, req.BrokerEpoch)
	if err != nil {
		return Result{}, err
	}
	resp := responseTo[*kmsg.AlterPartitionResponse](req)
	for i := range req.Topics {
		topic := &req.Topics[i]
		row := kmsg.NewAlterPartitionResponseTopic()
		row.TopidID = topic.TopicID
		t := c.image.TopicByID(topic.TopicID)
		for j := range topic.Partitions {
			p := &topic.Partitions[j]
			var answer kmsg.AlterPartitionResponseTopicPartition
			if t == nil {
				answer = kmsg.NewAlterPartitionResponseTopicPartition()
				answer.ErrorCode = kerr.UnknownTopicID.Code
			} else {
				answer = c.alterOnePartition(b, t, p, req.Version)
			}
			answer.Partition = p.Partition
			row.Partitions = append(row.Partitions, answer)
		}
		resp.Topics = append(resp.Topics, row)
	}
	return Result{Records: c.out, Response: resp}, nil
}

func (c *call) alterOnePartition(b *metadata.Broker, t *metadata.Topic, req *kmsg.AlterPartitionRequestTopicPartition, version int16) kmsg.AlterPartitionResponseTopicPartition {
	answer := kmsg.NewAlterPartitionResponseTopicPartition()
	isr := proposedIsr(req, version)
	p := c.partition(t, req.Partition)
	if refused := c.checkIsrChange(b.ID, p, req, isr); refused != nil {
		answer.ErrorCode = refused.Code
		return answer
	}
	scope := c.scopeOf(t)
	change := c.newPartitionChange(t, req.Partition, scope.minIsr)
	if scope.unclean {
		change.election = electUnclean
	}
	change.isr = make([]ident.BrokerID, len(isr))
	for i, r := range isr {
		change.isr[i] = r.id
	}
	change.recovery = metadata.LeaderRecoveryState(req.LeaderRecoveryState)
	if r := c.emitChange(change); r != nil && r.Leader != noLeaderChange && r.Leader != int32(b.ID) {
		answer.ErrorCode = kerr.NewLeaderElected.Code
		return answer
	}
	p = c.partition(t, req.Partition)
	answer.LeaderID, answer.LeaderEpoch, answer.PartitionEpoch = int32(p.Leader), p.LeaderEpoch, p.PartitionEpoch
	answer.ISR, answer.LeaderRecoveryState = metadata.Int32s(p.Isr), int8(p.LeaderRecoveryState)
	return answer
}

// isrMember is a replica that a leader wants in the ISR, with the broker epoch that it fetched with; -1: not known.
type isrMember struct {
	id    ident.BrokerID
	epoch int64
}

func proposedIsr(req *kmsg.AlterPartitionRequestTopicPartition, version int16) []isrMember {
	var isr []isrMember
	if version < 3 {
		for _, id := range req.NewISR {
			isr = append(isr, isrMember{ident.BrokerID(id), -1})
		}
		return isr
	}
	for _, m := range req.NewEpochISR {
		isr = append(isr, isrMember{ident.BrokerID(m.BrokerID), m.BrokerEpoch})
	}
	return isr
}

// checkIsrChange returns why the leader can't have what it wants, nil if it can.
func (c *call) checkIsrChange(leader ident.BrokerID, p *metadata.Partition, req *kmsg.AlterPartitionRequestTopicPartition, isr []isrMember) *kerr.Error {
	recovery := metadata.LeaderRecoveryState(req.LeaderRecoveryState)
	switch {
	case p == nil:
		return kerr.UnknownTopicOrPartition
	case req.LeaderEpoch > p.LeaderEpoch, req.PartitionEpoch > p.PartitionEpoch:
		return kerr.NotController
	case req.LeaderEpoch < p.LeaderEpoch:
		return kerr.FencedLeaderEpoch
	case leader != p.Leader:
		return kerr.InvalidRequest
	case req.PartitionEpoch < p.PartitionEpoch:
		return kerr.InvalidUpdateVersion
	case !validIsr(p, isr):
		return kerr.InvalidRequest
	case recovery != metadata.Recovered && recovery != metadata.Recovering:
		return kerr.InvalidRequest
	case recovery == metadata.Recovering && (len(isr) > 1 || p.LeaderRecoveryState == metadata.Recovered):
		return kerr.InvalidRequest
	case slices.ContainsFunc(isr, func(m isrMember) bool { return c.ineligible(p, m) }):
		return kerr.IneligibleReplica
	}
	return nil
}

// validIsr reports whether an ISR holds only replicas, each once, the leader among them.
func validIsr(p *metadata.Partition, isr []isrMember) bool {
	hasLeader := false
	for i, m := range isr {
		if !p.IsReplica(m.id) || slices.ContainsFunc(isr[:i], func(o isrMember) bool { return o.id == m.id }) {
			return false
		}
		hasLeader = hasLeader || m.id == p.Leader
	}
	return hasLeader
}

// DEVIATION(kafka): a replica whose log directory has failed is not eligible either. Apache Kafka relies on such a broker not to fetch.
func (c *call) ineligible(p *metadata.Partition, m isrMember) bool {
	b := c.image.Broker(m.id)
	return !b.Active() || m.epoch != -1 && m.epoch != b.Epoch || !b.HasOnlineDirectory(p.Directory(m.id))
}
