package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// commitIdentity is who commits: OffsetCommit and TxnOffsetCommit name the same things.
type commitIdentity struct {
	groupID, memberID string
	instanceID        *string
	generation        int32
	transactional     bool
	version           int16
}

// validateCommit decides whether the member may commit.
func (s *shard) validateCommit(id commitIdentity) (commitCheck, error) {
	if g := s.consumers[id.groupID]; g != nil {
		return g.validateCommit(id)
	}
	return nil, s.validateClassicCommit(id)
}

// commitCheck decides about a single partition; nil accepts all.
type commitCheck func(topic ident.TopicID, partition int32) int16

func (s *shard) validateClassicCommit(id commitIdentity) error {
	g := s.group(id.groupID)
	if g == nil {
		if id.generation < 0 {
			return nil // no group management: an administrator or a consumer with partitions of its own choice
		}
		if id.version >= 9 && !id.transactional {
			return kerr.GroupIDNotFound
		}
		return kerr.IllegalGeneration
	}
	if id.generation < 0 && g.is(stateEmpty) {
		return nil
	}
	if id.generation >= 0 || id.memberID != "" || id.instanceID != nil {
		if err := g.validateMember(id.memberID, id.instanceID); err != nil {
			return err
		}
		if id.generation != g.generation {
			return kerr.IllegalGeneration
		}
	} else if !id.transactional && !g.is(stateEmpty) {
		return kerr.UnknownMemberID // would overwrite what the members commit
	}
	if !id.transactional && g.is(stateCompletingRebalance) {
		return kerr.RebalanceInProgress
	}
	return nil
}

// commit handles OffsetCommit for topics that exist: one record for each partition.
func (s *shard) commit(req *kmsg.OffsetCommitRequest, topics []commitTopic) error {
	check, err := s.validateCommit(commitIdentity{
		groupID: req.Group, memberID: req.MemberID, instanceID: req.InstanceID, generation: req.Generation, version: req.Version,
	})
	if err != nil {
		return err
	}
	if g := s.group(req.Group); g != nil && g.is(stateStable, statePreparingRebalance) {
		if m, ok := g.members[req.MemberID]; ok {
			s.expectHeartbeat(g, m) // a commit is a sign of life
		}
	}
	s.divisible = true // each partition's offset stands for itself
	now, expire := s.now.UnixMilli(), noExpireTimestamp
	if req.RetentionTimeMillis >= 0 && req.Version >= 2 && req.Version <= 4 {
		expire = now + req.RetentionTimeMillis
	}
	for i := range topics {
		for j := range topics[i].partitions {
			p := &topics[i].partitions[j]
			if p.code == 0 && check != nil {
				p.code = check(topics[i].id, p.partition)
			}
			if p.code == 0 {
				p.code = s.commitPartition(req, &topics[i], p, now, expire)
			}
		}
	}
	return nil
}

func (s *shard) commitPartition(req *kmsg.OffsetCommitRequest, t *commitTopic, p *commitPartition, now, expire int64) int16 {
	if len(p.metadata) > s.cfg.OffsetMetadataMaxBytes || expire != noExpireTimestamp && tooLongName(p.metadata) {
		return kerr.OffsetMetadataTooLarge.Code
	}
	o := committed{
		offset: p.offset, leaderEpoch: p.leaderEpoch, metadata: p.metadata, topicID: t.id,
		commitTimestamp: now, expireTimestamp: expire,
	}
	if p.timestamp >= 0 {
		o.commitTimestamp = p.timestamp
	}
	s.write(offsetRecord(req.Group, t.name, p.partition, o))
	return 0
}

// commitTopic and commitPartition are a commit request with its answer in the making.
type commitTopic struct {
	name       string
	id         ident.TopicID
	partitions []commitPartition
}

type commitPartition struct {
	partition   int32
	offset      int64
	leaderEpoch int32
	timestamp   int64 // -1: now; only version 1 has it
	metadata    string
	code        int16
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
