package replica

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// want is a partition that is to be fetched, and where from.
type want struct {
	key         sessionKey
	topic       string
	leaderEpoch int32
	position    position
}

// clientSession is the fetching side of a fetch session (KIP-227): it knows what the leader was told, and makes requests that say only what
// is new. It belongs to one goroutine.
type clientSession struct {
	id    int32
	epoch int32
	told  map[sessionKey]want
}

// reset forgets the session: the next request is a full one that asks for a new session.
func (s *clientSession) reset() { *s = clientSession{} }

// next makes the request that has the leader answer for exactly these partitions. A leader that gives no session gets the full list each time.
func (s *clientSession) next(wants []want) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SessionID, req.SessionEpoch = s.id, s.epoch
	full := s.epoch == initialSessionEpoch
	now := make(map[sessionKey]want, len(wants))
	for _, w := range wants {
		now[w.key] = w
		if told, ok := s.told[w.key]; full || !ok || told != w {
			addWant(req, w)
		}
	}
	if !full {
		for _, gone := range missing(s.told, now) {
			forget(req, gone)
		}
	}
	s.told = now
	return req
}

// missing lists what is in old and not in now, by name.
func missing(old, now map[sessionKey]want) (gone []want) {
	for key, w := range old {
		if _, ok := now[key]; !ok {
			gone = append(gone, w)
		}
	}
	slices.SortFunc(gone, func(a, b want) int { return slices.Compare(a.key.topicID[:], b.key.topicID[:]) })
	return gone
}

func addWant(req *kmsg.FetchRequest, w want) {
	n := len(req.Topics)
	if n == 0 || req.Topics[n-1].TopicID != w.key.topicID {
		t := kmsg.NewFetchRequestTopic()
		t.Topic, t.TopicID = w.topic, w.key.topicID
		req.Topics = append(req.Topics, t)
		n++
	}
	row := kmsg.NewFetchRequestTopicPartition()
	row.Partition, row.CurrentLeaderEpoch, row.FetchOffset = w.key.partition, w.leaderEpoch, w.position.fetchOffset
	row.LastFetchedEpoch, row.LogStartOffset, row.HighWatermark = w.position.lastFetchedEpoch, w.position.logStartOffset, w.position.highWatermark
	req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, row)
}

func forget(req *kmsg.FetchRequest, w want) {
	n := len(req.ForgottenTopics)
	if n == 0 || req.ForgottenTopics[n-1].TopicID != w.key.topicID {
		t := kmsg.NewFetchRequestForgottenTopic()
		t.Topic, t.TopicID = w.topic, w.key.topicID
		req.ForgottenTopics = append(req.ForgottenTopics, t)
		n++
	}
	req.ForgottenTopics[n-1].Partitions = append(req.ForgottenTopics[n-1].Partitions, w.key.partition)
}

// answered takes the leader's answer to the request made last. again says that the leader has lost the session, so that
// the same has to be asked anew; other errors are returned.
func (s *clientSession) answered(resp *kmsg.FetchResponse) (again bool, err error) {
	switch resp.ErrorCode {
	case 0:
	case kerr.FetchSessionIDNotFound.Code, kerr.InvalidFetchSessionEpoch.Code, kerr.FetchSessionTopicIDError.Code:
		s.reset()
		return true, nil
	default:
		return false, kerr.ErrorForCode(resp.ErrorCode)
	}
	if resp.SessionID == 0 {
		s.reset()
		return false, nil
	}
	s.id = resp.SessionID
	s.epoch = nextSessionEpoch(s.epoch)
	return false, nil
}
