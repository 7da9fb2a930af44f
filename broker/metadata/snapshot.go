package metadata

import (
	"cmp"
	"maps"
	"slices"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// Emit receives one record and the version to write it at.
type Emit func(m record.Message, version int16) error

// WriteSnapshot emits the records that make this image from the empty one: features first (metadata.version before all), then
// brokers, controllers, topics each with its partitions, configs, quotas, producer ids, ACLs, SCRAM credentials, tokens, which is Apache Kafka's
// order. Within a kind the order is by name or id, so that equal images make equal snapshots on every node.
func (im *Image) WriteSnapshot(emit Emit) error {
	s := snapshotWriter{im: im, emit: emit, mv: im.MetadataVersion()}
	for _, part := range []func(){s.features, s.cluster, s.topics, s.configs, s.quotas, s.producerIDs, s.acls, s.scram, s.tokens} {
		if part(); s.err != nil {
			return s.err
		}
	}
	return nil
}

type snapshotWriter struct {
	im   *Image
	emit Emit
	mv   MetadataVersion
	err  error
}

func (s *snapshotWriter) put(m record.Message, version int16) {
	if s.err == nil {
		s.err = s.emit(m, version)
	}
}

func (s *snapshotWriter) features() {
	if s.mv != 0 {
		s.put(&record.FeatureLevelRecord{Name: FeatureMetadataVersion, FeatureLevel: int16(s.mv)}, 0)
	}
	for name, level := range s.im.Features() {
		if name != FeatureMetadataVersion {
			s.put(&record.FeatureLevelRecord{Name: name, FeatureLevel: level}, 0)
		}
	}
}

func (s *snapshotWriter) cluster() {
	for b := range s.im.Brokers() {
		s.put(b.Record(s.mv), s.mv.RegisterBrokerVersion())
	}
	if !s.mv.ControllerRegistration() {
		return
	}
	for c := range s.im.Controllers() {
		s.put(c.Record(), 0)
	}
}

func (s *snapshotWriter) topics() {
	elr := s.im.FeatureLevel(FeatureElr) > 0
	for _, t := range s.im.SortedTopics() {
		s.put(&record.TopicRecord{Name: t.Name, TopicId: t.ID}, 0)
		for i, p := range t.Partitions {
			s.put(p.Record(t.ID, int32(i), s.mv, elr), s.mv.PartitionVersion())
		}
	}
}

func (s *snapshotWriter) configs() {
	for _, res := range s.im.configs.sortedKeys(compareResources) {
		values := s.im.Config(res.Type, res.Name)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			value := values[key]
			s.put(&record.ConfigRecord{ResourceType: int8(res.Type), ResourceName: res.Name, Name: key, Value: &value}, 0)
		}
	}
}

func (s *snapshotWriter) quotas() {
	for _, q := range s.im.quotas.sortedValues(cmp.Compare) {
		for _, key := range slices.Sorted(maps.Keys(q.Values)) {
			r := &record.ClientQuotaRecord{Key: key, Value: q.Values[key]}
			for _, e := range q.Entity {
				r.Entity = append(r.Entity, record.ClientQuotaRecordEntityData{EntityType: e.Type, EntityName: e.Name})
			}
			s.put(r, 0)
		}
	}
}

func (s *snapshotWriter) producerIDs() {
	if p := s.im.producerIDs; p.Next > 0 {
		// Who got the last block matters to nobody after it was given; Apache Kafka leaves it out of snapshots too.
		s.put(&record.ProducerIdsRecord{BrokerId: -1, BrokerEpoch: -1, NextProducerId: p.Next}, 0)
	}
}

func (s *snapshotWriter) acls() {
	for _, a := range s.im.acls.sortedValues(compareUUIDs) {
		s.put(a.Record(), 0)
	}
}

func (s *snapshotWriter) scram() {
	for _, key := range s.im.scram.sortedKeys(compareScramKeys) {
		c := s.im.ScramCredential(key.User, key.Mechanism)
		s.put(&record.UserScramCredentialRecord{
			Name: key.User, Mechanism: int8(key.Mechanism),
			Salt: c.Salt, StoredKey: c.StoredKey, ServerKey: c.ServerKey, Iterations: c.Iterations,
		}, 0)
	}
}

func (s *snapshotWriter) tokens() {
	for _, t := range s.im.tokens.sortedValues(cmp.Compare) {
		s.put(&record.DelegationTokenRecord{
			Owner: t.Owner, Requester: t.Requester, Renewers: t.Renewers, IssueTimestamp: t.IssueTimestamp,
			MaxTimestamp: t.MaxTimestamp, ExpirationTimestamp: t.ExpirationTimestamp, TokenId: t.TokenID,
		}, 0)
	}
}

// Record is the partition as a record of its own, the form of new partitions and of snapshots.
func (p *Partition) Record(topic ident.TopicID, id int32, mv MetadataVersion, elr bool) *record.PartitionRecord {
	r := &record.PartitionRecord{
		PartitionId: id, TopicId: topic, Replicas: Int32s(p.Replicas), Isr: Int32s(p.Isr),
		RemovingReplicas: Int32s(p.RemovingReplicas), AddingReplicas: Int32s(p.AddingReplicas),
		Leader: int32(p.Leader), LeaderRecoveryState: int8(p.LeaderRecoveryState),
		LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch,
	}
	if elr && len(p.Elr) > 0 {
		r.EligibleLeaderReplicas = Int32s(p.Elr)
	}
	if elr && len(p.LastKnownElr) > 0 {
		r.LastKnownElr = Int32s(p.LastKnownElr)
	}
	if mv.DirectoryAssignment() {
		r.Directories = p.Directories
	}
	return r
}

// Record is the registration as a record.
func (b *Broker) Record(mv MetadataVersion) *record.RegisterBrokerRecord {
	r := &record.RegisterBrokerRecord{
		BrokerId: int32(b.ID), IncarnationId: b.IncarnationID, BrokerEpoch: b.Epoch, Rack: b.Rack,
		Fenced: b.Fenced, InControlledShutdown: b.InControlledShutdown,
	}
	if mv.DirectoryAssignment() {
		r.LogDirs = b.Directories
	}
	if mv.CordonedDirectories() {
		r.CordonedLogDirs = b.CordonedDirectories
	}
	for _, e := range b.Endpoints {
		r.EndPoints = append(r.EndPoints, record.RegisterBrokerRecordBrokerEndpoint{Name: e.Name, Host: e.Host, Port: e.Port, SecurityProtocol: int16(e.SecurityProtocol)})
	}
	for _, f := range b.Features {
		r.Features = append(r.Features, record.RegisterBrokerRecordBrokerFeature{Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	return r
}

// Record is the registration as a record.
func (c *Controller) Record() *record.RegisterControllerRecord {
	r := &record.RegisterControllerRecord{ControllerId: int32(c.ID), IncarnationId: c.IncarnationID}
	for _, e := range c.Endpoints {
		r.EndPoints = append(r.EndPoints, record.RegisterControllerRecordControllerEndpoint{Name: e.Name, Host: e.Host, Port: e.Port, SecurityProtocol: int16(e.SecurityProtocol)})
	}
	for _, f := range c.Features {
		r.Features = append(r.Features, record.RegisterControllerRecordControllerFeature{Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	return r
}

// Record is the entry as a record.
func (a *ACL) Record() *record.AccessControlEntryRecord {
	return &record.AccessControlEntryRecord{
		Id: a.ID, ResourceType: a.ResourceType, ResourceName: a.ResourceName, PatternType: a.PatternType,
		Principal: a.Principal, Host: a.Host, Operation: a.Operation, PermissionType: a.PermissionType,
	}
}
