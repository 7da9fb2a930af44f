package api

import (
	"context"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

// The topics that the broker keeps its own state in.
const (
	offsetsTopic      = "__consumer_offsets"
	transactionTopic  = "__transaction_state"
	shareTopic        = "__share_group_state"
	maxTopicNameBytes = 249
)

func isInternalTopic(name string) bool {
	return name == offsetsTopic || name == transactionTopic || name == shareTopic
}

// validateTopicName holds Kafka's rules for a topic's name; the texts are Apache Kafka's.
func validateTopicName(name string) error {
	switch {
	case name == "":
		return wire.Refusef(kerr.InvalidTopicException, "Topic name is invalid: the empty string is not allowed")
	case name == "." || name == "..":
		return wire.Refusef(kerr.InvalidTopicException, "Topic name is invalid: '.' or '..' is not allowed")
	case len(name) > maxTopicNameBytes:
		return wire.Refusef(kerr.InvalidTopicException, "Topic name is invalid: the length of '%s' is longer than the max allowed length %d", name, maxTopicNameBytes)
	}
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return wire.Refusef(kerr.InvalidTopicException, "Topic name is invalid: '%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
		}
	}
	return nil
}

// minSegmentBytes is the least that a topic's segment.bytes may be. DEVIATION(kafka): offsets.topic.segment.bytes may be less, and counts as this; Apache
// Kafka, which allowed less before, starts with it and can't make the topic.
const minSegmentBytes = 1 << 20

// newTopic is the creation of a topic that nobody described: the broker's defaults, or what an internal topic needs.
func (h *Handlers) newTopic(name string) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	own := h.Config().Topics
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, own.NumPartitions, own.ReplicationFactor
	if name != offsetsTopic {
		return t
	}
	g := h.Config().Groups
	t.NumPartitions = g.Partitions
	// One node is a cluster too: with fewer live brokers than offsets.topic.replication.factor asks for (default 3), Apache Kafka serves no
	// group until more arrive. DEVIATION(kafka): the factor is what the brokers there are can hold.
	t.ReplicationFactor = min(g.ReplicationFactor, int16(liveBrokers(h.Metadata.Current())))
	for _, c := range [][2]string{{"cleanup.policy", "compact"}, {"compression.type", "producer"}, {"segment.bytes", strconv.Itoa(max(g.SegmentBytes, minSegmentBytes))}} {
		row := kmsg.NewCreateTopicsRequestTopicConfig()
		row.Name, row.Value = c[0], new(c[1])
		t.Configs = append(t.Configs, row)
	}
	return t
}

func liveBrokers(image *metadata.Image) int {
	n := 0
	for b := range image.Brokers() {
		if !b.Fenced {
			n++
		}
	}
	return n
}

// topicWaiter lets handlers wait for a topic to show up in the image.
type topicWaiter struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next change of the topics; nil while nobody waits
}

// OnMetadata makes Handlers a metadata.Publisher.
func (h *Handlers) OnMetadata(delta *metadata.Delta, _ *metadata.Image) {
	if len(delta.ChangedTopics) == 0 && len(delta.ChangedBrokers) == 0 {
		return
	}
	h.topics.mu.Lock()
	next := h.topics.next
	h.topics.next = nil
	h.topics.mu.Unlock()
	if next != nil {
		close(next)
	}
}

// changed returns a channel that is closed when the topics change after this call.
func (w *topicWaiter) changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = make(chan struct{})
	}
	return w.next
}

// awaitTopic waits until a topic is in the image with a leader for each partition.
func (h *Handlers) awaitTopic(ctx context.Context, name string) (*metadata.Topic, error) {
	for {
		changed := h.topics.changed()
		if t := h.Metadata.Current().Topic(name); t != nil && allLed(t) {
			return t, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func allLed(t *metadata.Topic) bool {
	for _, p := range t.Partitions {
		if p.Leader < 0 {
			return false
		}
	}
	return true
}
