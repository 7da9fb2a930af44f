package group

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/ident"
)

// OffsetCommit resolves topic ids (v10) and refuses unknown topics and partitions; the caller has taken out what the client may not read.
// The empty group id is allowed, as old clients use it.
func (s *Service) OffsetCommit(_ RequestContext, req *kmsg.OffsetCommitRequest, done func(*kmsg.OffsetCommitResponse)) {
	topics := make([]commitTopic, len(req.Topics))
	anyValid := false
	for i := range req.Topics {
		rt := &req.Topics[i]
		t := commitTopic{name: rt.Topic, id: rt.TopicID, partitions: make([]commitPartition, len(rt.Partitions))}
		code, count := s.resolve(&t.name, &t.id, req.Version >= 10)
		for j := range rt.Partitions {
			rp := &rt.Partitions[j]
			p := commitPartition{
				partition: rp.Partition, offset: rp.Offset, leaderEpoch: -1, timestamp: -1, metadata: deref(rp.Metadata),
				code: partitionCode(code, rp.Partition, count),
			}
			if req.Version >= 6 {
				p.leaderEpoch = rp.LeaderEpoch
			}
			if req.Version == 1 {
				p.timestamp = rp.Timestamp
			}
			anyValid = anyValid || p.code == 0
			t.partitions[j] = p
		}
		topics[i] = t
	}
	answer := func(err error) { done(commitResponse(req, topics, err)) }
	switch {
	case tooLongName(req.Group):
		answer(kerr.InvalidGroupID)
	case !anyValid:
		answer(nil)
	default:
		s.submit(s.PartitionFor(req.Group), answer, func(sh *shard) {
			result := sh.commit(req, topics)
			sh.reply(func(err error) { answer(firstError(writeError(err), result)) })
		})
	}
}

func commitResponse(req *kmsg.OffsetCommitRequest, topics []commitTopic, err error) *kmsg.OffsetCommitResponse {
	resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, 0, len(topics))
	failed := errorCode(err)
	for i, t := range topics {
		if len(t.partitions) == 0 {
			continue
		}
		resp.Topics = append(resp.Topics, kmsg.OffsetCommitResponseTopic{})
		rt := &resp.Topics[len(resp.Topics)-1]
		rt.Topic, rt.TopicID = req.Topics[i].Topic, req.Topics[i].TopicID
		rt.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(t.partitions))
		for j, p := range t.partitions {
			rt.Partitions[j] = kmsg.OffsetCommitResponseTopicPartition{Partition: p.partition, ErrorCode: p.code}
			if p.code == 0 {
				rt.Partitions[j].ErrorCode = failed
			}
		}
	}
	return resp
}

// TxnOffsetCommit is OffsetCommit inside a transaction. The caller has checked that the transaction holds the group's partition.
func (s *Service) TxnOffsetCommit(_ RequestContext, req *kmsg.TxnOffsetCommitRequest, done func(*kmsg.TxnOffsetCommitResponse)) {
	topics := make([]commitTopic, len(req.Topics))
	anyValid := false
	for i := range req.Topics {
		rt := &req.Topics[i]
		t := commitTopic{name: rt.Topic, id: rt.TopicID, partitions: make([]commitPartition, len(rt.Partitions))}
		code, count := s.resolve(&t.name, &t.id, req.Version >= 6)
		for j := range rt.Partitions {
			rp := &rt.Partitions[j]
			p := commitPartition{
				partition: rp.Partition, offset: rp.Offset, leaderEpoch: -1, metadata: deref(rp.Metadata),
				code: partitionCode(code, rp.Partition, count),
			}
			if req.Version >= 2 {
				p.leaderEpoch = rp.LeaderEpoch
			}
			anyValid = anyValid || p.code == 0
			t.partitions[j] = p
		}
		topics[i] = t
	}
	answer := func(err error) { done(txnCommitResponse(req, topics, err)) }
	switch {
	case req.Group == "" || tooLongName(req.Group):
		answer(kerr.InvalidGroupID)
	case !anyValid:
		answer(nil)
	default:
		s.runtime.Submit(s.PartitionFor(req.Group), coordinator.Op[*shard]{
			Fail: answer,
			Run: func(sh *shard, now time.Time) coordinator.Outcome {
				o := sh.do(now, func() {
					result := sh.txnCommit(req, topics)
					sh.reply(func(err error) { answer(firstError(writeError(err), result)) })
				})
				o.Producer = producerOf(req)
				return o
			},
		})
	}
}

func txnCommitResponse(req *kmsg.TxnOffsetCommitRequest, topics []commitTopic, err error) *kmsg.TxnOffsetCommitResponse {
	resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	resp.Topics = make([]kmsg.TxnOffsetCommitResponseTopic, len(topics))
	failed := errorCode(err)
	for i, t := range topics {
		rt := &resp.Topics[i]
		rt.Topic, rt.TopicID = req.Topics[i].Topic, req.Topics[i].TopicID
		rt.Partitions = make([]kmsg.TxnOffsetCommitResponseTopicPartition, len(t.partitions))
		for j, p := range t.partitions {
			rt.Partitions[j] = kmsg.TxnOffsetCommitResponseTopicPartition{Partition: p.partition, ErrorCode: p.code}
			if p.code == 0 {
				rt.Partitions[j].ErrorCode = failed
			}
		}
	}
	return resp
}

// EndTxn ends a transaction on a partition of __consumer_offsets: the offsets that it committed count from now on, or never did.
// done gets the error to answer WriteTxnMarkers with.
func (s *Service) EndTxn(partition int32, end coordinator.EndTxn, done func(error)) {
	s.runtime.Submit(partition, coordinator.Op[*shard]{
		Fail: done,
		Run: func(*shard, time.Time) coordinator.Outcome {
			return coordinator.Outcome{EndTxn: &end, Done: func(err error) { done(writeError(err)) }}
		},
	})
}

// resolve finds a topic by name or by id, fills in the other, and counts its partitions.
func (s *Service) resolve(name *string, id *ident.TopicID, byID bool) (code int16, partitions int32) {
	if byID {
		n, ok := s.topics.TopicName(*id)
		if !ok {
			return kerr.UnknownTopicID.Code, 0
		}
		*name = n
	} else {
		*id, _ = s.topics.TopicID(*name)
	}
	count := s.topics.PartitionCount(*name)
	if count == 0 {
		return kerr.UnknownTopicOrPartition.Code, 0
	}
	return 0, count
}

func partitionCode(topicCode int16, partition, count int32) int16 {
	if topicCode == 0 && (partition < 0 || partition >= count) {
		return kerr.UnknownTopicOrPartition.Code
	}
	return topicCode
}

// OffsetFetch answers all forms (v0-v10). A null topic list means all topics: the caller filters the response by what the client may describe.
func (s *Service) OffsetFetch(_ RequestContext, req *kmsg.OffsetFetchRequest, done func(*kmsg.OffsetFetchResponse)) {
	groups := fetchRequests(req)
	results := make([]groupFetch, len(groups))
	gather := newGather(len(groups), func() { done(fetchResponse(req, results)) })
	for i, rg := range groups {
		result := &results[i]
		result.group = rg.Group
		all := rg.Topics == nil && req.Version >= 2
		for _, rt := range rg.Topics {
			result.topics = append(result.topics, s.fetchTopic(rt, req.Version >= 10))
		}
		refuse := func(err error) {
			result.code = errorCode(writeError(err))
			gather.done()
		}
		s.submit(s.PartitionFor(rg.Group), refuse, func(sh *shard) {
			invalid := sh.validateFetch(&rg)
			switch {
			case invalid != nil:
			case all:
				result.topics = sh.fetchAll(rg.Group, req.RequireStable)
			default:
				sh.fetch(rg.Group, result.topics, req.RequireStable)
			}
			sh.reply(func(err error) {
				result.code = errorCode(firstError(writeError(err), invalid))
				if all && req.Version >= 10 {
					s.fillTopicIDs(result)
				}
				gather.done()
			})
		})
	}
}

func (s *Service) fetchTopic(rt kmsg.OffsetFetchRequestGroupTopic, byID bool) fetchTopic {
	t := fetchTopic{name: rt.Topic, id: rt.TopicID}
	code := int16(0)
	if byID {
		name, ok := s.topics.TopicName(rt.TopicID)
		if !ok {
			code = kerr.UnknownTopicID.Code
		}
		t.name = name
	} else {
		t.id, _ = s.topics.TopicID(rt.Topic)
	}
	for _, p := range rt.Partitions {
		t.partitions = append(t.partitions, noOffset(p, code))
	}
	return t
}

// fillTopicIDs names the topics of an all-topics answer by id; one that is gone can't be named and is left out.
func (s *Service) fillTopicIDs(result *groupFetch) {
	kept := result.topics[:0]
	for _, t := range result.topics {
		if id, ok := s.topics.TopicID(t.name); ok {
			t.id = id
			kept = append(kept, t)
		}
	}
	result.topics = kept
}

// groupFetch is one group's answer to OffsetFetch in the making.
type groupFetch struct {
	group  string
	topics []fetchTopic
	code   int16
}

// fetchRequests gives the request of any version the form of version 8 and later.
func fetchRequests(req *kmsg.OffsetFetchRequest) []kmsg.OffsetFetchRequestGroup {
	if req.Version >= 8 {
		return req.Groups
	}
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = req.Group
	if req.Topics != nil {
		g.Topics = make([]kmsg.OffsetFetchRequestGroupTopic, len(req.Topics))
		for i, t := range req.Topics {
			g.Topics[i].Topic, g.Topics[i].Partitions = t.Topic, t.Partitions
		}
	}
	return []kmsg.OffsetFetchRequestGroup{g}
}

func fetchResponse(req *kmsg.OffsetFetchRequest, results []groupFetch) *kmsg.OffsetFetchResponse {
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	if req.Version < 8 {
		resp.ErrorCode = results[0].code
		resp.Topics = fetchResponseV0(&results[0], req.Version)
		return resp
	}
	for i := range results {
		r := &results[i]
		rg := kmsg.NewOffsetFetchResponseGroup()
		rg.Group, rg.ErrorCode = r.group, r.code
		if r.code == 0 {
			for _, t := range r.topics {
				rt := kmsg.NewOffsetFetchResponseGroupTopic()
				rt.Topic, rt.TopicID = t.name, t.id
				for _, p := range t.partitions {
					rt.Partitions = append(rt.Partitions, kmsg.OffsetFetchResponseGroupTopicPartition{
						Partition: p.partition, Offset: p.offset, LeaderEpoch: p.leaderEpoch, Metadata: new(p.metadata), ErrorCode: p.code,
					})
				}
				rg.Topics = append(rg.Topics, rt)
			}
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}

// fetchResponseV0 is the form with one group. Versions 0 and 1 have no error for the group: each partition carries it.
func fetchResponseV0(r *groupFetch, version int16) (topics []kmsg.OffsetFetchResponseTopic) {
	if r.code != 0 && version >= 2 {
		return nil
	}
	for _, t := range r.topics {
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic = t.name
		for _, p := range t.partitions {
			if r.code != 0 {
				p = noOffset(p.partition, r.code)
			}
			rt.Partitions = append(rt.Partitions, kmsg.OffsetFetchResponseTopicPartition{
				Partition: p.partition, Offset: p.offset, LeaderEpoch: p.leaderEpoch, Metadata: new(p.metadata), ErrorCode: p.code,
			})
		}
		topics = append(topics, rt)
	}
	return topics
}

// OffsetDelete deletes committed offsets of topics that nobody in the group reads.
func (s *Service) OffsetDelete(_ RequestContext, req *kmsg.OffsetDeleteRequest, done func(*kmsg.OffsetDeleteResponse)) {
	answer := func(topics []kmsg.OffsetDeleteResponseTopic, err error) {
		resp := req.ResponseKind().(*kmsg.OffsetDeleteResponse)
		if resp.ErrorCode = errorCode(err); err == nil {
			resp.Topics = topics
		}
		done(resp)
	}
	refuse := func(err error) { answer(nil, err) }
	if req.Group == "" {
		refuse(kerr.InvalidGroupID)
		return
	}
	unknown := func(topic string, partition int32) int16 {
		return partitionCode(0, partition, s.topics.PartitionCount(topic))
	}
	s.submit(s.PartitionFor(req.Group), refuse, func(sh *shard) {
		topics, result := sh.deleteOffsets(req, unknown)
		sh.reply(func(err error) { answer(topics, firstError(writeError(err), result)) })
	})
}

// gather calls then when n parts are done.
type gather struct {
	mu   sync.Mutex
	left int
	then func()
}

func newGather(n int, then func()) *gather {
	if n == 0 {
		then()
	}
	return &gather{left: n, then: then}
}

func (g *gather) done() {
	g.mu.Lock()
	g.left--
	last := g.left == 0
	g.mu.Unlock()
	if last {
		g.then()
	}
}
