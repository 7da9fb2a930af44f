package metadata

import "github.com/kgo-project/kgo/broker/ident"

// Delta says what an image changed against the one before. Every list is in a fixed order (names, ids), so that whoever acts on it
// does so in the same order on every node.
type Delta struct {
	// Old is the image before, never nil: the empty image at first.
	Old *Image
	// Snapshot is set where the new image came from a snapshot: the delta was found by comparing.
	Snapshot bool

	ChangedTopics      []TopicChange // created ones included, by name
	DeletedTopics      []*Topic      // by name; a topic deleted and created again is here with its old id and above with its new one
	ChangedBrokers     []BrokerChange
	ChangedControllers []ident.BrokerID
	ChangedConfigs     []ConfigResource
	ChangedFeatures    []string
	ChangedQuotas      []*ClientQuota // new limits; Values is empty where an entity has none left
	ChangedScram       []ScramKey
	ChangedACLs        bool
	ChangedTokens      []string
	ChangedProducerIDs bool
}

// TopicChange is what happened to one topic that exists in the new image.
type TopicChange struct {
	Old        *Topic // nil: the topic is new
	New        *Topic
	Partitions []int32 // ids of new and changed partitions, ascending
}

// BrokerChange is what happened to one broker's registration.
type BrokerChange struct {
	ID  ident.BrokerID
	Old *Broker // nil: it is new
	New *Broker // nil: it was unregistered
}

// Empty reports whether nothing changed.
func (d *Delta) Empty() bool {
	return len(d.ChangedTopics) == 0 && len(d.DeletedTopics) == 0 && len(d.ChangedBrokers) == 0 && len(d.ChangedControllers) == 0 &&
		len(d.ChangedConfigs) == 0 && len(d.ChangedFeatures) == 0 && len(d.ChangedQuotas) == 0 && len(d.ChangedScram) == 0 &&
		!d.ChangedACLs && len(d.ChangedTokens) == 0 && !d.ChangedProducerIDs
}
