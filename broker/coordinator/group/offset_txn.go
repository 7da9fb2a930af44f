package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
)

// producerOf is the transaction that a request writes in. The coordinator's writes are not sequenced.
func producerOf(req *kmsg.TxnOffsetCommitRequest) *coordinator.Producer {
	return &coordinator.Producer{ID: req.ProducerID, Epoch: req.ProducerEpoch, Sequence: -1}
}

// txnCommit handles TxnOffsetCommit: the offsets are written in the transaction and count when it commits.
func (s *shard) txnCommit(req *kmsg.TxnOffsetCommitRequest, topics []commitTopic) error {
	check, err := s.validateCommit(commitIdentity{
		groupID: req.Group, memberID: req.MemberID, instanceID: req.InstanceID, generation: req.Generation,
		transactional: true, version: req.Version,
	})
	if err != nil {
		return err
	}
	for i := range topics {
		t := &topics[i]
		for j := range t.partitions {
			p := &t.partitions[j]
			if p.code == 0 && check != nil {
				p.code = check(t.id, p.partition)
			}
			switch {
			case p.code != 0:
			case len(p.metadata) > s.cfg.OffsetMetadataMaxBytes:
				p.code = kerr.OffsetMetadataTooLarge.Code
			default:
				s.write(offsetRecord(req.Group, t.name, p.partition, committed{
					offset: p.offset, leaderEpoch: p.leaderEpoch, metadata: p.metadata, topicID: t.id,
					commitTimestamp: s.now.UnixMilli(), expireTimestamp: noExpireTimestamp,
				}))
			}
		}
	}
	return nil
}
