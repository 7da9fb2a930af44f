package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
)

// CreatePartitions: v0-v3
//
// Gives topics more partitions, placed by the controller or by hand. Partitions are never taken away.
//
//   - The replication factor is that of the topic's first partition.
//   - validateOnly answers what would have happened.
//
// v2: flexible. v3: THROTTLING_QUOTA_EXCEEDED (KIP-599).
func (c *call) createPartitions(req *kmsg.CreatePartitionsRequest) (Result, error) {
	resp := responseTo[*kmsg.CreatePartitionsResponse](req)
	add := func(name string, err error) {
		row := kmsg.NewCreatePartitionsResponseTopic()
		row.Topic, row.ErrorCode, row.ErrorMessage = name, errorCode(err), errorMessage(err)
		resp.Topics = append(resp.Topics, row)
	}
	requested := newNameSet(req.Topics, func(t kmsg.CreatePartitionsRequestTopic) string { return t.Topic })
	for _, name := range requested.duplicates {
		add(name, failf(kerr.InvalidRequest, "Duplicate topic name."))
	}
	for _, t := range req.Topics {
		if !requested.duplicate(t.Topic) {
			add(t.Topic, c.addPartitions(&t))
		}
	}
	if req.ValidateOnly {
		c.out = nil
	}
	return Result{Records: c.out, Response: resp, Atomic: true}, nil
}

func (c *call) addPartitions(req *kmsg.CreatePartitionsRequestTopic) error {
	t := c.image.Topic(req.Topic)
	if t == nil {
		return fail(kerr.UnknownTopicOrPartition)
	}
	have := len(t.Partitions)
	additional := int(req.Count) - have
	switch {
	case additional == 0:
		return failf(kerr.InvalidPartitions, "Topic already has %d partition(s).", have)
	case additional < 0:
		return failf(kerr.InvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.", t.Name, have, req.Count)
	case req.Assignment != nil && len(req.Assignment) != additional:
		return failf(kerr.InvalidReplicaAssignment, "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.", additional, len(req.Assignment))
	case len(c.out)+additional > maxRecordsPerBatch:
		return failf(kerr.PolicyViolation, "Unable to perform excessively large batch operation.")
	}
	if err := c.chargePartitions(additional); err != nil {
		return err
	}
	factor := len(t.Partitions[0].Replicas)
	var partitions []*metadata.Partition
	for i, a := range req.Assignment {
		p, err := c.partitionByHand(int32(have+i), a.Replicas, factor)
		if err != nil {
			return err
		}
		partitions = append(partitions, p)
	}
	if req.Assignment == nil {
		placer := newStripedPlacer(c.cfg.Rand, c.usableBrokers())
		err := placer.check(factor)
		if err == nil {
			partitions, err = c.place(placer, additional, factor)
		}
		if err != nil {
			return err
		}
	}
	mv := c.image.MetadataVersion()
	for i, p := range partitions {
		c.emit(p.Record(t.ID, int32(have+i), mv, c.elrEnabled()), mv.PartitionVersion())
	}
	return nil
}
