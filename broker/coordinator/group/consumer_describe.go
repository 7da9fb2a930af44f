package group

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// The member types of ConsumerGroupDescribe since version 1.
const (
	memberTypeClassic  = 0
	memberTypeConsumer = 1
)

// describeConsumer handles one group of ConsumerGroupDescribe.
func (s *shard) describeConsumer(groupID string) kmsg.ConsumerGroupDescribeResponseGroup {
	r := kmsg.NewConsumerGroupDescribeResponseGroup()
	r.Group = groupID
	g := s.consumers[groupID]
	if g == nil {
		err := notFound(groupID)
		if s.group(groupID) != nil {
			err = notA("consumer", groupID)
		}
		r.ErrorCode, r.ErrorMessage = errorCode(err), errorMessage(err)
		return r
	}
	r.State, r.Epoch, r.AssignmentEpoch, r.AssignorName = g.state(), g.groupEpoch, g.assignmentEpoch, s.preferredAssignor(g).name
	for _, memberID := range g.memberIDs() {
		m := g.members[memberID]
		rm := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		rm.MemberID, rm.InstanceID, rm.RackID, rm.MemberEpoch = m.memberID, m.instanceID, m.rackID, m.memberEpoch
		rm.ClientID, rm.ClientHost, rm.SubscribedTopics = m.clientID, m.clientHost, m.topics
		rm.SubscribedTopicRegex = &m.regex
		m.held().sorted(func(topic ident.TopicID, partitions []int32) { s.describeTopic(&rm.Assignment, topic, partitions) })
		for _, topic := range sortedIDs(g.target[memberID]) {
			s.describeTopic(&rm.TargetAssignment, topic, g.target[memberID][topic])
		}
		rm.MemberType = memberTypeConsumer
		if m.classic != nil {
			rm.MemberType = memberTypeClassic
		}
		r.Members = append(r.Members, rm)
	}
	return r
}

// describeTopic leaves out topics that are gone: the answer needs their names.
func (s *shard) describeTopic(a *kmsg.Assignment, topic ident.TopicID, partitions []int32) {
	name, ok := s.topics.TopicName(topic)
	if !ok {
		return
	}
	tp := kmsg.NewAssignmentTopicPartition()
	tp.TopicID, tp.Topic, tp.Partitions = topic, name, partitions
	a.TopicPartitions = append(a.TopicPartitions, tp)
}
