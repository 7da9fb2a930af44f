package group

import (
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetArgs reads offsets=(topic/partition:offset, ...).
func offsetArgs(a args) []commitTopic {
	var topics []commitTopic
	for _, v := range a.list("offsets") {
		tp, offset, _ := strings.Cut(v, ":")
		topic, partition, _ := strings.Cut(tp, "/")
		p, _ := strconv.Atoi(partition)
		o, _ := strconv.ParseInt(offset, 10, 64)
		topics = append(topics, commitTopic{name: topic, partitions: []commitPartition{{
			partition: int32(p), offset: o, leaderEpoch: int32(a.num("epoch", -1)), timestamp: -1, metadata: a.str("metadata", ""),
		}}})
	}
	return topics
}

func (w *world) printCommit(topics []commitTopic, err error) {
	for _, t := range topics {
		for _, p := range t.partitions {
			if err != nil {
				p.code = errorCode(err)
			}
			w.print("%s-%d: %s", t.name, p.partition, codeName(p.code))
		}
	}
}

// commit [member=LABEL generation=1] offsets=(t/0:5) [metadata=text] [epoch=3] [version=9] [retention=1h]
func (w *world) commit(a args) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version = int16(a.num("version", 9))
	req.Group, req.MemberID, req.InstanceID = a.str("group", "g"), w.member(a), a.optional("instance")
	req.Generation = int32(a.num("generation", -1))
	if a.has("retention") {
		req.RetentionTimeMillis = a.dur("retention", 0).Milliseconds()
	}
	topics := offsetArgs(a)
	w.do(func(s *shard) {
		result := s.commit(req, topics)
		s.reply(func(err error) { w.printCommit(topics, firstError(writeError(err), result)) })
	})
}

func (w *world) txnCommit(a args) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version, req.Group, req.MemberID = int16(a.num("version", 5)), a.str("group", "g"), w.member(a)
	req.Generation, req.ProducerID = int32(a.num("generation", -1)), a.num("producer", 1)
	topics := offsetArgs(a)
	s := w.shard
	o := s.do(w.now, func() {
		result := s.txnCommit(req, topics)
		s.reply(func(err error) { w.printCommit(topics, firstError(err, result)) })
	})
	o.Producer = producerOf(req)
	w.apply(o)
}

func (w *world) endTxn(a args) {
	r := logged{endTxn: true, commit: a.has("commit")}
	r.ProducerID, r.Offset = a.num("producer", 1), int64(len(w.log))
	w.log = append(w.log, r)
	if err := w.shard.ReplayEndTxn(r.ProducerID, 0, r.commit); err != nil {
		panic(err)
	}
}

// fetch [group=g] [offsets=(t/0,...)] [stable]; without offsets: all
func (w *world) fetch(a args) {
	group := a.str("group", "g")
	var topics []fetchTopic
	for _, v := range a.list("offsets") {
		topic, partition, _ := strings.Cut(v, "/")
		p, _ := strconv.Atoi(partition)
		topics = append(topics, fetchTopic{name: topic, partitions: []fetchPartition{noOffset(int32(p), 0)}})
	}
	w.do(func(s *shard) {
		if topics == nil {
			topics = s.fetchAll(group, a.has("stable"))
		} else {
			s.fetch(group, topics, a.has("stable"))
		}
	})
	for _, t := range topics {
		for _, p := range t.partitions {
			w.print("%s-%d: %s offset=%d epoch=%d metadata=%q", t.name, p.partition, codeName(p.code), p.offset, p.leaderEpoch, p.metadata)
		}
	}
}

func (w *world) deleteOffsets(a args) {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = a.str("group", "g")
	for _, v := range a.list("offsets") {
		topic, partition, _ := strings.Cut(v, "/")
		p, _ := strconv.Atoi(partition)
		req.Topics = append(req.Topics, kmsg.OffsetDeleteRequestTopic{Topic: topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: int32(p)}}})
	}
	w.do(func(s *shard) {
		topics, err := s.deleteOffsets(req, func(string, int32) int16 { return 0 })
		s.reply(func(error) {
			w.print("%s", codeName(errorCode(err)))
			for _, t := range topics {
				for _, p := range t.Partitions {
					w.print("  %s-%d: %s", t.Topic, p.Partition, codeName(p.ErrorCode))
				}
			}
		})
	})
}
