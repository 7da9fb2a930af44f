package metadata

import (
	"iter"

	"github.com/kgo-project/kgo/broker/ident"
)

// Image is the state of the cluster after one record of the metadata log. It is immutable, and so is everything reached from it:
// callers must not modify the structs, slices and maps that its methods return.
type Image struct {
	// Provenance says up to which record of the metadata log this image goes.
	Provenance Provenance
	// ClusterID is the cluster.id of meta.properties; it isn't in the log.
	ClusterID string

	topicsByName pmap[string, *Topic]
	topicsByID   pmap[ident.TopicID, *Topic]
	brokers      orderedMap[ident.BrokerID, *Broker]
	controllers  orderedMap[ident.BrokerID, *Controller]
	configs      pmap[ConfigResource, map[string]string]
	features     orderedMap[string, int16]
	quotas       pmap[quotaKey, *ClientQuota]
	scram        pmap[ScramKey, *ScramCredential]
	acls         pmap[ident.UUID, *ACL]
	tokens       pmap[string, *DelegationToken]
	producerIDs  ProducerIDs
	partitions   int
}

// Provenance is the position in the metadata log that an image or a delta ends with.
type Provenance struct {
	LastOffset    int64 // offset of the last record contained; -1 for the empty image
	LastEpoch     int32 // the quorum's leader epoch at that offset
	LastTimestamp int64 // append time of that record, ms
}

// NewImage returns the image before the first record.
func NewImage(clusterID string) *Image {
	return &Image{Provenance: Provenance{LastOffset: -1, LastEpoch: -1}, ClusterID: clusterID, producerIDs: ProducerIDs{BrokerID: ident.NoBroker, BrokerEpoch: -1}}
}

// At returns the same image with another provenance: records that change nothing went by.
func (im *Image) At(p Provenance) *Image {
	next := *im
	next.Provenance = p
	return &next
}

// Topic returns the topic of this name, or nil.
func (im *Image) Topic(name string) *Topic {
	t, _ := im.topicsByName.get(name)
	return t
}

// TopicByID returns the topic of this id, or nil.
func (im *Image) TopicByID(id ident.TopicID) *Topic {
	t, _ := im.topicsByID.get(id)
	return t
}

// Partition returns one partition, or nil where the topic or the partition doesn't exist.
func (im *Image) Partition(topic string, partition int32) *Partition {
	return im.Topic(topic).Partition(partition)
}

// Topics yields all topics in no particular order; see SortedTopics.
func (im *Image) Topics() iter.Seq[*Topic] { return im.topicsByName.values() }

// SortedTopics returns all topics, by name. It sorts anew at each call.
func (im *Image) SortedTopics() []*Topic { return im.topicsByName.sortedValues(compareStrings) }

// TopicCount returns the number of topics.
func (im *Image) TopicCount() int { return im.topicsByName.len() }

// PartitionCount returns the number of partitions of all topics together.
func (im *Image) PartitionCount() int { return im.partitions }

// Broker returns a registered broker, fenced or not, or nil.
func (im *Image) Broker(id ident.BrokerID) *Broker {
	b, _ := im.brokers.get(id)
	return b
}

// Brokers yields the registered brokers by ascending id, fenced ones included.
func (im *Image) Brokers() iter.Seq[*Broker] { return im.brokers.values() }

// BrokerCount returns the number of registered brokers, fenced ones included.
func (im *Image) BrokerCount() int { return im.brokers.len() }

// Controller returns a registered controller, or nil.
func (im *Image) Controller(id ident.BrokerID) *Controller {
	c, _ := im.controllers.get(id)
	return c
}

// Controllers yields the registered controllers by ascending id.
func (im *Image) Controllers() iter.Seq[*Controller] { return im.controllers.values() }

// Config returns the values that were set on a resource; nil where there are none. Defaults are not in it.
func (im *Image) Config(typ ConfigResourceType, name string) map[string]string {
	m, _ := im.configs.get(ConfigResource{typ, name})
	return m
}

// Configs yields all resources that have values set, in no particular order.
func (im *Image) Configs() iter.Seq2[ConfigResource, map[string]string] { return im.configs.all() }

// FeatureLevel returns the finalized level of a feature; 0 means that it is off.
func (im *Image) FeatureLevel(name string) int16 {
	l, _ := im.features.get(name)
	return l
}

// Features yields the finalized features and their levels by name, metadata.version included.
func (im *Image) Features() iter.Seq2[string, int16] { return im.features.all() }

// MetadataVersion returns the finalized metadata.version; 0 before the log's first records.
func (im *Image) MetadataVersion() MetadataVersion {
	return MetadataVersion(im.FeatureLevel(FeatureMetadataVersion))
}

// ProducerIDs returns the state of the producer id blocks.
func (im *Image) ProducerIDs() ProducerIDs { return im.producerIDs }

// ScramCredential returns a user's credential for one mechanism, or nil.
func (im *Image) ScramCredential(user string, mechanism ScramMechanism) *ScramCredential {
	c, _ := im.scram.get(ScramKey{user, mechanism})
	return c
}

// ScramCredentials yields all SCRAM credentials, in no particular order.
func (im *Image) ScramCredentials() iter.Seq2[ScramKey, *ScramCredential] { return im.scram.all() }

// ACLs yields all access control entries, in no particular order.
func (im *Image) ACLs() iter.Seq[*ACL] { return im.acls.values() }

// ACL returns the entry with this id, or nil.
func (im *Image) ACL(id ident.UUID) *ACL {
	a, _ := im.acls.get(id)
	return a
}

// ClientQuotas yields the quota entities that have limits, in no particular order.
func (im *Image) ClientQuotas() iter.Seq[*ClientQuota] { return im.quotas.values() }

// ClientQuota returns the limits of exactly this entity, or nil.
func (im *Image) ClientQuota(entity []QuotaEntity) *ClientQuota {
	q, _ := im.quotas.get(keyOfQuota(entity))
	return q
}

// DelegationToken returns a token, or nil.
func (im *Image) DelegationToken(id string) *DelegationToken {
	t, _ := im.tokens.get(id)
	return t
}

// DelegationTokens yields all delegation tokens, in no particular order.
func (im *Image) DelegationTokens() iter.Seq[*DelegationToken] { return im.tokens.values() }
