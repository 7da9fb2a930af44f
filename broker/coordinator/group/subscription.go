package group

import (
	"encoding/binary"

	"github.com/kgo-project/kgo/broker/record"
)

// computeSubscribed works out which topics the members of a group of consumers read, for offset expiry and OffsetDelete.
func (g *classicGroup) computeSubscribed() {
	g.subscribed = nil
	if g.protocolType == "" {
		return
	}
	if len(g.members) == 0 {
		g.subscribed = map[string]bool{}
		return
	}
	if g.protocolName == nil || !g.usesConsumerProtocol() {
		return
	}
	topics := make(map[string]bool)
	for _, m := range g.members {
		names, ok := subscribedTopics(m.metadata(*g.protocolName))
		if !ok {
			return // a client's own format: unknown, so that nothing expires that may be in use
		}
		for _, name := range names {
			topics[name] = true
		}
	}
	g.subscribed = topics
}

// isSubscribed says whether a member may read the topic. If the subscriptions can't be read, consumers may read any.
func (g *classicGroup) isSubscribed(topic string) bool {
	if g.subscribed == nil {
		return g.usesConsumerProtocol()
	}
	return g.subscribed[topic]
}

// subscribedTopics reads the topics from a consumer's subscription. Only the part that all versions share is looked at.
func subscribedTopics(metadata []byte) ([]string, bool) {
	if len(metadata) < 2 || int16(binary.BigEndian.Uint16(metadata)) < 0 {
		return nil, false
	}
	var sub record.ConsumerProtocolSubscription
	if _, err := sub.ReadFrom(metadata[2:], 0); err != nil {
		return nil, false
	}
	return sub.Topics, true
}
