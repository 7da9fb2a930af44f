package metadata

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// ErrReplay is wrapped by every error about a record that can't be applied to the image it meets: it names what isn't there. On an
// active controller that is a bug; in a log it means that the log was damaged or written by something else.
var ErrReplay = errors.New("metadata record does not fit the image")

// Builder applies records to an image and makes the next one. It is used once, by one goroutine: NewBuilder, Replay for each
// record, Build.
type Builder struct {
	base *Image
	// Each map holds what changed so far; a topic in topics is the builder's own copy and may be written.
	topics      map[ident.TopicID]*topicEdit
	names       map[string]ident.TopicID // created or deleted names; the zero id: deleted
	brokers     map[ident.BrokerID]change[*Broker]
	controllers map[ident.BrokerID]change[*Controller]
	configs     map[ConfigResource]map[string]*string // nil value: the key goes
	dropConfigs map[ConfigResource]bool               // all earlier values of the resource go
	features    map[string]change[int16]
	quotas      map[quotaKey]*quotaEdit
	scram       map[ScramKey]change[*ScramCredential]
	acls        map[ident.UUID]change[*ACL]
	tokens      map[string]change[*DelegationToken]
	producerIDs *ProducerIDs
}

type topicEdit struct {
	old     *Topic // nil: created by this builder
	topic   *Topic // the builder's copy; nil: deleted
	changed map[int32]bool
}

type quotaEdit struct {
	entity []QuotaEntity
	values map[string]float64 // the builder's own copy
}

// NewBuilder starts from base.
func NewBuilder(base *Image) *Builder { return &Builder{base: base} }

// Replay applies one record. Records that hold nothing of the image (NoOp, transaction marks) are accepted and do nothing.
func (b *Builder) Replay(m record.Message) error {
	switch r := m.(type) {
	case *record.TopicRecord:
		return b.replayTopic(r)
	case *record.PartitionRecord:
		return b.replayPartition(r)
	case *record.PartitionChangeRecord:
		return b.replayPartitionChange(r)
	case *record.RemoveTopicRecord:
		return b.replayRemoveTopic(r)
	case *record.ClearElrRecord:
		return b.replayClearElr(r)
	case *record.RegisterBrokerRecord:
		b.setBroker(brokerOf(r))
	case *record.UnregisterBrokerRecord:
		return b.replayUnregister(r)
	case *record.BrokerRegistrationChangeRecord:
		return b.replayRegistrationChange(r)
	case *record.FenceBrokerRecord:
		return b.changeBroker(r.Id, r.Epoch, func(n *Broker) { n.Fenced = true })
	case *record.UnfenceBrokerRecord:
		return b.changeBroker(r.Id, r.Epoch, func(n *Broker) { n.Fenced = false })
	case *record.RegisterControllerRecord:
		put(&b.controllers, ident.BrokerID(r.ControllerId), controllerOf(r))
	case *record.ConfigRecord:
		b.replayConfig(r)
	case *record.FeatureLevelRecord:
		if r.FeatureLevel == 0 {
			drop(&b.features, r.Name)
		} else {
			put(&b.features, r.Name, r.FeatureLevel)
		}
	case *record.ClientQuotaRecord:
		b.replayQuota(r)
	case *record.ProducerIdsRecord:
		b.producerIDs = &ProducerIDs{BrokerID: ident.BrokerID(r.BrokerId), BrokerEpoch: r.BrokerEpoch, Next: r.NextProducerId}
	case *record.UserScramCredentialRecord:
		put(&b.scram, ScramKey{r.Name, ScramMechanism(r.Mechanism)},
			&ScramCredential{Salt: r.Salt, StoredKey: r.StoredKey, ServerKey: r.ServerKey, Iterations: r.Iterations})
	case *record.RemoveUserScramCredentialRecord:
		drop(&b.scram, ScramKey{r.Name, ScramMechanism(r.Mechanism)})
	case *record.AccessControlEntryRecord:
		put(&b.acls, r.Id, aclOf(r))
	case *record.RemoveAccessControlEntryRecord:
		drop(&b.acls, r.Id)
	case *record.DelegationTokenRecord:
		put(&b.tokens, r.TokenId, tokenOf(r))
	case *record.RemoveDelegationTokenRecord:
		drop(&b.tokens, r.TokenId)
	case *record.NoOpRecord, *record.ZkMigrationStateRecord, *record.BeginTransactionRecord, *record.EndTransactionRecord, *record.AbortTransactionRecord:
	default:
		return fmt.Errorf("%w: %T is not a metadata record", ErrReplay, m)
	}
	return nil
}

// Changed reports whether any record so far touched the image.
func (b *Builder) Changed() bool {
	return len(b.topics)+len(b.brokers)+len(b.controllers)+len(b.configs)+len(b.dropConfigs)+len(b.features)+len(b.quotas)+len(b.scram)+len(b.acls)+len(b.tokens) > 0 || b.producerIDs != nil
}

// Build returns the image that includes all replayed records and says what it changed. The Builder must not be used afterwards.
func (b *Builder) Build(end Provenance) (*Image, *Delta) {
	next := *b.base
	next.Provenance = end
	delta := &Delta{Old: b.base}
	b.buildTopics(&next, delta)
	b.buildConfigs(&next, delta)
	b.buildQuotas(&next, delta)
	for _, id := range slices.Sorted(maps.Keys(b.brokers)) {
		delta.ChangedBrokers = append(delta.ChangedBrokers, BrokerChange{ID: id, Old: b.base.Broker(id), New: b.brokers[id].value})
	}
	delta.ChangedControllers = slices.Sorted(maps.Keys(b.controllers))
	delta.ChangedFeatures = slices.Sorted(maps.Keys(b.features))
	delta.ChangedScram = slices.SortedFunc(maps.Keys(b.scram), compareScramKeys)
	delta.ChangedTokens = slices.Sorted(maps.Keys(b.tokens))
	delta.ChangedACLs = len(b.acls) > 0
	delta.ChangedProducerIDs = b.producerIDs != nil
	next.brokers = next.brokers.with(b.brokers)
	next.controllers = next.controllers.with(b.controllers)
	next.features = next.features.with(b.features)
	next.scram = next.scram.with(b.scram)
	next.acls = next.acls.with(b.acls)
	next.tokens = next.tokens.with(b.tokens)
	if b.producerIDs != nil {
		next.producerIDs = *b.producerIDs
	}
	return &next, delta
}

func put[K comparable, V any](m *map[K]change[V], key K, value V) {
	if *m == nil {
		*m = make(map[K]change[V])
	}
	(*m)[key] = change[V]{value: value}
}

func drop[K comparable, V any](m *map[K]change[V], key K) {
	if *m == nil {
		*m = make(map[K]change[V])
	}
	(*m)[key] = change[V]{absent: true}
}
