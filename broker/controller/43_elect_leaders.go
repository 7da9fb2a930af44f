package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// ElectLeaders: v0-v2
//
// Elects the preferred replica, or any live one at the price of lost records, as leader of the partitions named, or of all (null).
//
//   - Where nothing is to be done the answer is ELECTION_NOT_NEEDED; asked for all partitions, those are left out.
//
// v1: unclean election (KIP-460).
func (c *call) electLeaders(req *kmsg.ElectLeadersRequest) (Result, error) {
	kind := electPreferred
	switch req.ElectionType {
	case 0:
	case 1:
		kind = electUnclean
	default:
		return Result{}, failf(kerr.InvalidRequest, "Unknown election type %d", req.ElectionType)
	}
	resp := responseTo[*kmsg.ElectLeadersResponse](req)
	everything := req.Topics == nil
	wanted := req.Topics
	if everything {
		for _, t := range c.image.SortedTopics() {
			row := kmsg.ElectLeadersRequestTopic{Topic: t.Name}
			for id := range t.Partitions {
				row.Partitions = append(row.Partitions, int32(id))
			}
			wanted = append(wanted, row)
		}
	}
	for _, topic := range wanted {
		row := kmsg.NewElectLeadersResponseTopic()
		row.Topic = topic.Topic
		for _, id := range topic.Partitions {
			err := c.electLeader(topic.Topic, id, kind)
			if everything && errorCode(err) == kerr.ElectionNotNeeded.Code {
				continue
			}
			p := kmsg.NewElectLeadersResponseTopicPartition()
			p.Partition, p.ErrorCode, p.ErrorMessage = id, errorCode(err), errorMessage(err)
			row.Partitions = append(row.Partitions, p)
		}
		resp.Topics = append(resp.Topics, row)
	}
	return Result{Records: c.out, Response: resp}, nil
}

func (c *call) electLeader(topic string, id int32, kind election) error {
	t := c.image.Topic(topic)
	if t == nil {
		return failf(kerr.UnknownTopicOrPartition, "No such topic as %s", topic)
	}
	p := c.partition(t, id)
	if p == nil {
		return failf(kerr.UnknownTopicOrPartition, "No such partition as %s-%d", topic, id)
	}
	if kind == electPreferred && p.Leader == p.PreferredReplica() || kind == electUnclean && p.Leader != ident.NoBroker {
		return failf(kerr.ElectionNotNeeded, "Leader election not needed for topic partition.")
	}
	change := c.newPartitionChange(t, id, c.effectiveMinIsr(t))
	change.election = kind
	switch {
	case c.emitChange(change) != nil:
		return nil
	case kind == electPreferred:
		return failf(kerr.PreferredLeaderNotAvailable, "The preferred leader was not available.")
	}
	return failf(kerr.EligibleLeadersNotAvailable, "Eligible topic partition leaders are not available.")
}
