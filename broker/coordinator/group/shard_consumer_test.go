package group

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// hb MEMBER epoch=0 [group=g] [topics=(t)] [regex=r] [has=(t:0+1,u:3)] [instance=i] [assignor=range]: a heartbeat of the consumer protocol
func (w *world) consumerHeartbeat(a args) {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch = 1, a.str("group", "g"), a.label(), int32(a.num("epoch", 0))
	req.InstanceID, req.ServerAssignor, req.SubscribedTopicRegex = a.optional("instance"), a.optional("assignor"), a.optional("regex")
	if a.has("topics") {
		req.SubscribedTopicNames = a.list("topics")
	}
	if req.MemberEpoch == joinEpoch {
		req.RebalanceTimeoutMillis, req.Topics = 60000, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	if a.has("has") {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for _, v := range a.list("has") {
			topic, partitions, _ := strings.Cut(v, ":")
			if topic == "" {
				continue
			}
			id, _ := w.topics.TopicID(topic)
			t := kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: id}
			for p := range strings.SplitSeq(partitions, "+") {
				n, _ := strconv.Atoi(p)
				t.Partitions = append(t.Partitions, int32(n))
			}
			req.Topics = append(req.Topics, t)
		}
	}
	if err := w.cfg.validateConsumerHeartbeat(req); err != nil {
		w.print("%s: %v", codeName(errorCode(err)), err)
		return
	}
	w.do(func(s *shard) {
		resp, err := s.consumerHeartbeat(RequestContext{ClientID: "c", ClientHost: "/127.0.0.1"}, req)
		s.reply(func(failed error) {
			if err := firstError(writeError(failed), err); err != nil {
				w.print("%s: %v", codeName(errorCode(err)), err)
				return
			}
			assigned := "unchanged"
			if resp.Assignment != nil {
				o := owned{}
				for _, t := range resp.Assignment.Topics {
					for _, p := range t.Partitions {
						o.put(t.TopicID, p, 0)
					}
				}
				assigned = o.String()
			}
			w.print("%s epoch=%d assignment=%s", deref(resp.MemberID), resp.MemberEpoch, assigned)
		})
	})
}

func (w *world) describeConsumer(a args) {
	g := w.shard.describeConsumer(a.str("group", "g"))
	w.print("%s %s state=%s epoch=%d assigned=%d assignor=%s", codeName(g.ErrorCode), deref(g.ErrorMessage), g.State, g.Epoch, g.AssignmentEpoch, g.AssignorName)
	show := func(as kmsg.Assignment) string {
		var b strings.Builder
		for _, t := range as.TopicPartitions {
			fmt.Fprintf(&b, "%s%v", t.Topic, t.Partitions)
		}
		return b.String()
	}
	for _, m := range g.Members {
		kind := ""
		if m.MemberType == memberTypeClassic {
			kind = " classic"
		}
		w.print("  %s %s epoch=%d has=%s target=%s%s", m.MemberID, deref(m.InstanceID), m.MemberEpoch, show(m.Assignment), show(m.TargetAssignment), kind)
	}
}

// String names topics by the letter in their test id.
func (o owned) String() string {
	s := []string{}
	o.sorted(func(topic ident.TopicID, partitions []int32) {
		s = append(s, fmt.Sprintf("%c%v", topic[1], partitions))
	})
	return "{" + strings.Join(s, " ") + "}"
}

func (a assignment) String() string {
	o := owned{}
	for topic, partitions := range a {
		for _, p := range partitions {
			o.put(topic, p, 0)
		}
	}
	return o.String()
}

func consumerString(g *consumerGroup, m *consumerMember) string {
	return fmt.Sprintf("%s %s epoch=%d/%d state=%d topics=%v%s has=%v revokes=%v target=%v",
		m.memberID, deref(m.instanceID), m.memberEpoch, m.previousEpoch, m.state, m.topics, m.regex, m.assigned, m.revoking, g.target[m.memberID])
}
