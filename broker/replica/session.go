package replica

import (
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/syncx"
)

// The session epochs with a meaning of their own.
const (
	initialSessionEpoch int32 = 0  // a full fetch that asks for a session
	finalSessionEpoch   int32 = -1 // a full fetch without one; ends the session it names
)

// unknownHighWatermark is in a fetch that doesn't say what the fetcher knows: a consumer's, and any before version 18.
const unknownHighWatermark int64 = math.MaxInt64

// fetchSession is what the broker remembers of one fetcher between requests: the partitions it follows, where it is in each, and what
// it was told last. A request then names only what changed, and so does the answer.
type fetchSession struct {
	id           int32 // immutable once in the cache, like the next two
	privileged   bool  // a follower's
	usesTopicIDs bool

	created, lastUsed time.Time // guarded by the cache's lock
	cachedSize        int       // guarded by the cache's lock

	// mu guards the rest. Never held while reading a log.
	mu struct {
		syncx.Mutex
		epoch      int32 // that the next request must carry
		partitions map[sessionKey]*sessionPartition
		order      []*sessionPartition // those in partitions, the longest without data first; forgotten ones are weeded out at the next request
	}
}

// sessionKey names a partition in a session: by topic id from version 13 on, by name before.
type sessionKey struct {
	topic     string
	topicID   ident.TopicID
	partition int32
}

// sessionPartition is one partition of a session.
type sessionPartition struct {
	want           FetchPartition
	highWatermark  int64 // as last told; -1 makes the next answer have a row
	logStartOffset int64
	forgotten      bool
}

func keyOf(p *FetchPartition, usesTopicIDs bool) sessionKey {
	if usesTopicIDs {
		return sessionKey{topicID: p.TopicID, partition: p.TopicPartition.Partition}
	}
	return sessionKey{topic: p.TopicPartition.Topic, partition: p.TopicPartition.Partition}
}

// SessionRequest is the part of a fetch request that is about its session.
type SessionRequest struct {
	ID, Epoch    int32
	FromFollower bool
	UsesTopicIDs bool             // version 13 and up
	Partitions   []FetchPartition // all of them in a full fetch; those added or changed in an incremental one
	Forgotten    []FetchPartition // to leave out from now on; only the names count
}

// FetchContext is one fetch in the light of its session: which partitions to read, and which of the results to tell.
type FetchContext struct {
	// Err is the answer to the whole request where the session is not what the client thinks it is.
	Err error
	// Partitions are to be read, in this order. The caller may set Err in them.
	Partitions []FetchPartition

	cache   *SessionCache
	session *fetchSession // of an incremental fetch
	entries []*sessionPartition
	request SessionRequest
}

// Begin finds out what a request asks for. topicName resolves ids that were unknown when they came into the session; it returns "" for one
// that still is.
func (c *SessionCache) Begin(req SessionRequest, topicName func(ident.TopicID) string, now time.Time) *FetchContext {
	ctx := &FetchContext{cache: c, request: req, Partitions: req.Partitions}
	if req.Epoch == initialSessionEpoch || req.Epoch == finalSessionEpoch {
		if req.ID != 0 {
			c.remove(req.ID)
		}
		return ctx
	}
	s := c.get(req.ID)
	if s == nil {
		ctx.Err = kerr.FetchSessionIDNotFound
		return ctx
	}
	size := s.begin(ctx, topicName)
	switch {
	case ctx.Err != nil:
	case size == 0: // nothing left to follow: the session ends with this answer
		c.remove(s.id)
		ctx.session = nil
	default:
		c.touch(s, size, now)
	}
	return ctx
}

// begin applies the changes of an incremental fetch and lists what to read.
func (s *fetchSession) begin(ctx *FetchContext, topicName func(ident.TopicID) string) (size int) {
	req := &ctx.request
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.epoch != req.Epoch {
		ctx.Err = kerr.InvalidFetchSessionEpoch
		return 0
	}
	if s.usesTopicIDs != req.UsesTopicIDs {
		ctx.Err = kerr.FetchSessionTopicIDError
		return 0
	}
	for i := range req.Partitions {
		p := &req.Partitions[i]
		key := keyOf(p, s.usesTopicIDs)
		if sp := s.mu.partitions[key]; sp != nil {
			sp.want = *p
			if p.HighWatermark != unknownHighWatermark {
				sp.highWatermark = p.HighWatermark // what it was told may have been dropped: its role had changed meanwhile
			}
			continue
		}
		sp := &sessionPartition{want: *p, highWatermark: -1, logStartOffset: -1}
		s.mu.partitions[key] = sp
		s.mu.order = append(s.mu.order, sp)
	}
	for i := range req.Forgotten {
		key := keyOf(&req.Forgotten[i], s.usesTopicIDs)
		if sp := s.mu.partitions[key]; sp != nil {
			sp.forgotten = true
			delete(s.mu.partitions, key)
		}
	}
	ctx.session = s
	ctx.entries = make([]*sessionPartition, 0, len(s.mu.partitions))
	ctx.Partitions = make([]FetchPartition, 0, len(s.mu.partitions))
	for _, sp := range s.mu.order {
		if sp.forgotten {
			continue
		}
		if s.usesTopicIDs && sp.want.TopicPartition.Topic == "" {
			sp.want.TopicPartition.Topic = topicName(sp.want.TopicID)
		}
		ctx.entries = append(ctx.entries, sp)
		ctx.Partitions = append(ctx.Partitions, sp.want)
	}
	s.mu.order = append(s.mu.order[:0], ctx.entries...)
	s.mu.epoch = nextSessionEpoch(s.mu.epoch)
	return len(ctx.entries)
}

func nextSessionEpoch(epoch int32) int32 {
	if epoch < 0 {
		return finalSessionEpoch
	}
	return max(1, epoch+1) // after the largest comes 1: 0 asks for a new session
}

// SessionID is the session of an incremental fetch, 0 without one: for an answer that says nothing about any partition.
func (ctx *FetchContext) SessionID() int32 {
	if ctx.session == nil {
		return 0
	}
	return ctx.session.id
}

// FromFollower reports whether a replica asks.
func (ctx *FetchContext) FromFollower() bool { return ctx.request.FromFollower }

// Finish notes what the client is about to be told and returns the session id for the answer and, for each result, whether it
// needs a row: all of them in a full fetch (told is nil), the changed ones in an incremental one.
func (ctx *FetchContext) Finish(results []FetchResult, now time.Time) (sessionID int32, told []bool, err error) {
	switch {
	case ctx.Err != nil:
		return 0, nil, ctx.Err
	case ctx.session != nil:
		return ctx.finishIncremental(results)
	case ctx.request.Epoch != initialSessionEpoch:
		return 0, nil, nil
	}
	s := &fetchSession{privileged: ctx.request.FromFollower, usesTopicIDs: ctx.request.UsesTopicIDs}
	s.mu.epoch = nextSessionEpoch(initialSessionEpoch)
	s.mu.partitions = make(map[sessionKey]*sessionPartition, len(ctx.Partitions))
	for i := range ctx.Partitions {
		sp := &sessionPartition{want: ctx.Partitions[i]}
		sp.want.Err = nil
		sp.tell(&results[i])
		key := keyOf(&sp.want, s.usesTopicIDs)
		if s.mu.partitions[key] != nil {
			continue // named twice; the first counts
		}
		s.mu.partitions[key] = sp
		s.mu.order = append(s.mu.order, sp)
	}
	return ctx.cache.add(s, len(s.mu.partitions), now), nil, nil
}

func (ctx *FetchContext) finishIncremental(results []FetchResult) (sessionID int32, told []bool, err error) {
	s := ctx.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.epoch != nextSessionEpoch(ctx.request.Epoch) {
		// The client sent its next request without waiting for this answer, so neither side knows any more what was told.
		return 0, nil, kerr.InvalidFetchSessionEpoch
	}
	told = make([]bool, len(results))
	moved := false
	for i, sp := range ctx.entries {
		sp.want.partition = ctx.Partitions[i].partition
		told[i] = sp.tell(&results[i])
		moved = moved || results[i].size() > 0
	}
	if moved {
		s.mu.order = s.mu.order[:0]
		s.reorderLocked(ctx.entries, results, false)
		s.reorderLocked(ctx.entries, results, true)
	}
	return s.id, told, nil
}

// reorderLocked appends the entries whose results have data, or those that have none, to the order: who got data goes to the end, so that
// with a small max.bytes each partition gets its turn. REQUIRES: s.mu.
func (s *fetchSession) reorderLocked(entries []*sessionPartition, results []FetchResult, withData bool) {
	s.mu.AssertHeld()
	for i, sp := range entries {
		if (results[i].size() > 0) == withData {
			s.mu.order = append(s.mu.order, sp)
		}
	}
}

// tell notes a result as told and reports whether it says anything that the client doesn't know.
func (sp *sessionPartition) tell(r *FetchResult) bool {
	say := r.size() > 0 || r.Err != nil || r.DivergingEpoch != nil || r.PreferredReadReplica != ident.NoBroker ||
		r.HighWatermark != sp.highWatermark || r.LogStartOffset != sp.logStartOffset
	sp.highWatermark, sp.logStartOffset = r.HighWatermark, r.LogStartOffset
	if r.Err != nil {
		sp.highWatermark = -1 // so that the end of the error is told as well
	}
	return say
}
