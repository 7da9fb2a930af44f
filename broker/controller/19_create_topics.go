package controller

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// CreateTopics: v2-v7 (and the older ones that kmsg decodes)
//
// Creates topics; each one succeeds or fails for itself, and all that succeed are written as one batch.
//
//   - Replicas are placed by the controller (partitions and replication factor, -1 for the server's defaults, KIP-464) or given by hand.
//   - A name that is wrong, collides with another but for '.' and '_', is taken, or comes twice in the request is refused.
//   - Configs are checked before anything else of the topic.
//   - validateOnly answers what would have happened.
//   - A request may create 10,000 partitions.
//
// v5: the answer holds the new topic's configs (KIP-525). v7: and its id (KIP-516).
// Not implemented: create.topic.policy.class.name, which is a Java class.
func (c *call) createTopics(req *kmsg.CreateTopicsRequest) (Result, error) {
	resp := responseTo[*kmsg.CreateTopicsResponse](req)
	if err := c.checkPartitionTotal(req.Topics); err != nil {
		return Result{}, err
	}
	requested := newNameSet(req.Topics, func(t kmsg.CreateTopicsRequestTopic) string { return t.Topic })
	for _, t := range req.Topics {
		if requested.duplicate(t.Topic) || t.Topic == clusterMetadataTopic {
			continue
		}
		rows := len(c.out)
		result, err := c.createTopic(&t)
		if err != nil {
			c.out = c.out[:rows]
			result = kmsg.NewCreateTopicsResponseTopic()
			result.ErrorCode, result.ErrorMessage = errorCode(err), errorMessage(err)
		}
		result.Topic = t.Topic
		resp.Topics = append(resp.Topics, result)
	}
	refuse := func(name, why string) {
		result := kmsg.NewCreateTopicsResponseTopic()
		result.Topic, result.ErrorCode, result.ErrorMessage = name, kerr.InvalidRequest.Code, new(why)
		resp.Topics = append(resp.Topics, result)
	}
	for _, name := range requested.duplicates {
		refuse(name, "Duplicate topic name.")
	}
	if requested.once(clusterMetadataTopic) {
		refuse(clusterMetadataTopic, "Creation of internal topic __cluster_metadata is prohibited.")
	}
	if req.ValidateOnly {
		c.out = nil
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

func (c *call) checkPartitionTotal(topics []kmsg.CreateTopicsRequestTopic) error {
	total := 0
	for _, t := range topics {
		switch {
		case len(t.ReplicaAssignment) > 0:
			total += len(t.ReplicaAssignment)
		case t.NumPartitions == -1:
			total += int(c.cfg.DefaultPartitions)
		case t.NumPartitions > 0:
			total += int(t.NumPartitions)
		}
	}
	if total > maxRecordsPerBatch {
		return failf(kerr.PolicyViolation, "Excessively large number of partitions per request.")
	}
	return nil
}

// createTopic emits the records of one new topic and returns its row of the response.
func (c *call) createTopic(t *kmsg.CreateTopicsRequestTopic) (kmsg.CreateTopicsResponseTopic, error) {
	row := kmsg.NewCreateTopicsResponseTopic()
	if err := c.checkNewName(t.Topic); err != nil {
		return row, err
	}
	configs, err := c.creationConfigs(t)
	if err != nil {
		return row, err
	}
	partitions, err := c.placeNewTopic(t)
	if err != nil {
		return row, err
	}
	if err := c.chargePartitions(len(partitions)); err != nil {
		return row, err
	}
	id := c.randomID()
	c.emit(&record.TopicRecord{Name: t.Topic, TopicId: id}, 0)
	values := make(map[string]string, len(configs))
	for _, r := range configs {
		values[r.Name] = *r.Value
		c.emit(r, 0)
	}
	c.emitClearElr(configs)
	mv := c.image.MetadataVersion()
	for i, p := range partitions {
		c.emit(p.Record(id, int32(i), mv, c.elrEnabled()), mv.PartitionVersion())
	}
	row.TopicID = id
	if c.ctx.DescribeConfigs != nil && !c.ctx.DescribeConfigs(t.Topic) {
		row.ConfigErrorCode = kerr.TopicAuthorizationFailed.Code
		return row, nil
	}
	row.NumPartitions, row.ReplicationFactor = int32(len(partitions)), int16(len(partitions[0].Replicas))
	for _, cfg := range c.cfg.Schema.Topic(values, c.thisNodeConfig(), c.image.Config(metadata.ConfigBroker, "")) {
		line := kmsg.NewCreateTopicsResponseTopicConfig()
		line.Name, line.Source, line.ReadOnly, line.IsSensitive = cfg.Name, cfg.Source, cfg.ReadOnly, cfg.Sensitive
		if !cfg.Sensitive {
			line.Value = cfg.Value
		}
		row.Configs = append(row.Configs, line)
	}
	return row, nil
}

func (c *call) checkNewName(name string) error {
	if c.image.Topic(name) != nil {
		return failf(kerr.TopicAlreadyExists, "Topic '%s' already exists.", name)
	}
	if other, ok := c.index.collides(name); ok {
		return failf(kerr.InvalidTopicException, "Topic '%s' collides with existing topic: %s", name, other)
	}
	return validateTopicName(name)
}

func (c *call) creationConfigs(t *kmsg.CreateTopicsRequestTopic) ([]*record.ConfigRecord, error) {
	var nulls []string
	changes := make(map[string]configChange, len(t.Configs))
	for _, cfg := range t.Configs {
		if cfg.Value == nil {
			nulls = append(nulls, cfg.Name)
		}
		changes[cfg.Name] = configChange{op: kmsg.IncrementalAlterConfigOpSet, value: cfg.Value}
	}
	if len(nulls) > 0 {
		return nil, failf(kerr.InvalidConfig, "Null value not supported for topic configs: %s", strings.Join(nulls, ","))
	}
	return c.alterResource(metadata.ConfigResource{Type: metadata.ConfigTopic, Name: t.Topic}, changes, true)
}

// placeNewTopic returns the partitions of a new topic, by the assignment given or by one of its own making.
func (c *call) placeNewTopic(t *kmsg.CreateTopicsRequestTopic) ([]*metadata.Partition, error) {
	if len(t.ReplicaAssignment) > 0 {
		return c.placeByHand(t)
	}
	if t.ReplicationFactor < -1 || t.ReplicationFactor == 0 {
		return nil, failf(kerr.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	}
	if t.NumPartitions < -1 || t.NumPartitions == 0 {
		return nil, failf(kerr.InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	count, factor := t.NumPartitions, t.ReplicationFactor
	if count == -1 {
		count = c.cfg.DefaultPartitions
	}
	if factor == -1 {
		factor = c.cfg.DefaultReplicationFactor
	}
	placer := newStripedPlacer(c.cfg.Rand, c.usableBrokers())
	if err := placer.check(int(factor)); err != nil {
		return nil, failf(kerr.InvalidReplicationFactor, "Unable to replicate the partition %d time(s): %s", factor, err)
	}
	return c.place(placer, int(count), int(factor))
}

// place puts count new partitions on the cluster's brokers. REQUIRES: placer.check(replicationFactor) == nil.
func (c *call) place(placer *stripedPlacer, count, replicationFactor int) ([]*metadata.Partition, error) {
	partitions := make([]*metadata.Partition, count)
	for i := range partitions {
		if partitions[i] = c.newPartition(placer.place(replicationFactor)); partitions[i] == nil {
			return nil, failf(kerr.InvalidReplicationFactor, "Unable to replicate the partition %d time(s): All brokers are currently fenced or in controlled shutdown.", replicationFactor)
		}
	}
	return partitions, nil
}

func (c *call) placeByHand(t *kmsg.CreateTopicsRequestTopic) ([]*metadata.Partition, error) {
	if t.ReplicationFactor != -1 {
		return nil, failf(kerr.InvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1.")
	}
	if t.NumPartitions != -1 {
		return nil, failf(kerr.InvalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
	}
	byID := make(map[int32]*metadata.Partition, len(t.ReplicaAssignment))
	factor := 0
	for _, a := range t.ReplicaAssignment {
		if byID[a.Partition] != nil {
			return nil, failf(kerr.InvalidReplicaAssignment, "Found multiple manual partition assignments for partition %d", a.Partition)
		}
		p, err := c.partitionByHand(a.Partition, a.Replicas, factor)
		if err != nil {
			return nil, err
		}
		byID[a.Partition], factor = p, len(a.Replicas)
	}
	partitions := make([]*metadata.Partition, len(byID))
	for i := range partitions {
		if partitions[i] = byID[int32(i)]; partitions[i] == nil {
			return nil, failf(kerr.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
	}
	return partitions, nil
}

// partitionByHand checks the replicas that a client chose for a new partition.
func (c *call) partitionByHand(id int32, replicas []int32, factor int) (*metadata.Partition, error) {
	if err := c.checkAssignment(replicas, factor); err != nil {
		return nil, err
	}
	p := c.newPartition(brokerIDs(replicas))
	if p == nil {
		return nil, failf(kerr.InvalidReplicaAssignment, "All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", id)
	}
	return p, nil
}

// checkAssignment refuses replica lists that name nobody, strangers, or someone twice, or that have another length than factor; 0: any.
func (c *call) checkAssignment(replicas []int32, factor int) error {
	if len(replicas) == 0 {
		return failf(kerr.InvalidReplicaAssignment, "The manual partition assignment includes an empty replica list.")
	}
	sorted := slices.Sorted(slices.Values(replicas))
	for i, id := range sorted {
		if c.image.Broker(ident.BrokerID(id)) == nil {
			return failf(kerr.InvalidReplicaAssignment, "The manual partition assignment includes broker %d, but no such broker is registered.", id)
		}
		if i > 0 && id == sorted[i-1] {
			return failf(kerr.InvalidReplicaAssignment, "The manual partition assignment includes the broker %d more than once.", id)
		}
	}
	if factor > 0 && len(replicas) != factor {
		return failf(kerr.InvalidReplicaAssignment, "The manual partition assignment includes a partition with %d replica(s), but this is not consistent with previous partitions, which have %d replica(s).", len(replicas), factor)
	}
	return nil
}

// newPartition is a partition that starts with its live replicas in sync and the first of them as leader; nil where none is live.
func (c *call) newPartition(replicas []ident.BrokerID) *metadata.Partition {
	p := &metadata.Partition{Replicas: replicas, Directories: make([]ident.UUID, len(replicas))}
	for i, id := range replicas {
		p.Directories[i] = c.defaultDirectory(id)
		if c.isActive(id) {
			p.Isr = append(p.Isr, id)
		}
	}
	if len(p.Isr) == 0 {
		return nil
	}
	p.Leader = p.Isr[0]
	return p
}

// usableBrokers are those that may get new replicas, by id. A fenced broker may: it is expected back.
func (c *Core) usableBrokers() []usableBroker {
	var out []usableBroker
	for b := range c.image.Brokers() {
		if s := c.heartbeats.brokers[b.ID]; s == nil || s.shutdownOffset >= 0 || b.InControlledShutdown && !b.Fenced || allCordoned(b) {
			continue
		}
		u := usableBroker{id: b.ID, fenced: b.Fenced}
		if b.Rack != nil {
			u.rack, u.racked = *b.Rack, true
		}
		out = append(out, u)
	}
	return out
}

// allCordoned reports whether all of a broker's directories are closed to new replicas.
func allCordoned(b *metadata.Broker) bool {
	return len(b.Directories) > 0 && len(b.CordonedDirectories) > 0 &&
		!slices.ContainsFunc(b.Directories, func(d ident.UUID) bool { return !slices.Contains(b.CordonedDirectories, d) })
}

func (c *call) chargePartitions(n int) error {
	if c.ctx.PartitionQuota == nil {
		return nil
	}
	return c.ctx.PartitionQuota(n)
}

// nameSet tells names that come once from those that come more often. Duplicates are in the order in which they first came.
type nameSet struct {
	times      map[string]int
	duplicates []string
}

func newNameSet[T any](rows []T, name func(T) string) nameSet {
	s := nameSet{times: make(map[string]int, len(rows))}
	for _, row := range rows {
		n := name(row)
		if s.times[n]++; s.times[n] == 2 {
			s.duplicates = append(s.duplicates, n)
		}
	}
	return s
}

func (s nameSet) duplicate(name string) bool { return s.times[name] > 1 }
func (s nameSet) once(name string) bool      { return s.times[name] == 1 }
