package group

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
)

// FuzzReplay loads a log of any bytes. It is refused or it makes a shard that works: nothing in it may panic later.
func FuzzReplay(f *testing.F) {
	w := newWorld()
	w.quiet = true
	w.topics["t"] = 4
	seed := func() {
		var b []byte
		for _, r := range w.log {
			b = appendChunk(appendChunk(b, r.Key), r.Value)
		}
		f.Add(b)
	}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.Version, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = "g", 3, 6000, 6000, "consumer"
	join.InstanceID = new("i")
	protocols := []protocol{{"range", subscription("t")}}
	w.do(func(s *shard) {
		s.join(&joinRequest{req: join, protocols: protocols, waiter: &joinWaiter{3, func(*kmsg.JoinGroupResponse) {}}})
	})
	w.advance(3 * time.Second)
	w.do(func(s *shard) {
		s.sync(&kmsg.SyncGroupRequest{Group: "g", MemberID: "i-1", Generation: 1}, &syncWaiter{3, func(*kmsg.SyncGroupResponse) {}})
		s.write(offsetRecord("g", "t", 1, committed{offset: 3, metadata: "m", expireTimestamp: noExpireTimestamp}))
		s.write(offsetRecord("old", "t", 1, committed{offset: 3, metadata: "m", expireTimestamp: 5}))
	})
	seed()
	beat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	beat.Group, beat.MemberID, beat.RebalanceTimeoutMillis, beat.SubscribedTopicNames = "c", "m", 1000, []string{"t"}
	beat.SubscribedTopicRegex, beat.InstanceID = new("t.*"), new("i")
	w.do(func(s *shard) { _, _ = s.consumerHeartbeat(RequestContext{}, beat) })
	seed()

	f.Fuzz(func(t *testing.T, log []byte) {
		cfg := DefaultConfig()
		s := newShard(&cfg, slog.New(slog.DiscardHandler), topicTable{"t": 4}, func() int { return 1 << 20 })
		for offset := int64(0); len(log) > 0; offset++ {
			var r coordinator.Replayed
			r.Offset, r.ProducerID = offset, -1
			r.Key, log = nextChunk(log)
			r.Value, log = nextChunk(log)
			if s.Replay(r) != nil {
				return
			}
		}
		now := time.UnixMilli(1e12)
		apply := func(o coordinator.Outcome) {
			for _, r := range o.Records {
				if r.Applied {
					continue
				}
				if err := s.Replay(coordinator.Replayed{ProducerID: -1, Key: r.Key, Value: r.Value}); err != nil {
					t.Fatalf("own record: %v", err)
				}
			}
		}
		apply(s.Loaded(now))
		for id := range s.groups {
			s.describe(id, 6)
			apply(s.do(now, func() {
				s.join(&joinRequest{req: join, protocols: protocols, waiter: &joinWaiter{3, func(*kmsg.JoinGroupResponse) {}}})
			}))
		}
		for id := range s.consumers {
			s.describeConsumer(id)
			again := *beat
			again.Group = id
			apply(s.do(now, func() { _, _ = s.consumerHeartbeat(RequestContext{}, &again) }))
		}
		for range 50 {
			if at, ok := s.NextDeadline(); ok && at.After(now) {
				now = at
			}
			apply(s.Tick(now))
		}
		s.Unloaded(kerr.NotCoordinator)
	})
}

func appendChunk(dst, chunk []byte) []byte {
	if chunk == nil {
		return append(dst, 0xff, 0xff)
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(chunk))), chunk...)
}

// nextChunk reads what appendChunk writes; length 0xffff is null, and one beyond the end is cut there.
func nextChunk(src []byte) (chunk, rest []byte) {
	if len(src) < 2 {
		return nil, nil
	}
	n := int(binary.BigEndian.Uint16(src))
	if src = src[2:]; n == 0xffff {
		return nil, src
	}
	n = min(n, len(src))
	return src[:n:n], src[n:]
}

// FuzzSubscription reads what clients send as their subscription.
func FuzzSubscription(f *testing.F) {
	f.Add(subscription("a", "b"))
	f.Add([]byte{0, 3, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, metadata []byte) {
		if topics, ok := subscribedTopics(metadata); ok && len(topics) > len(metadata) {
			t.Errorf("%d topics in %d bytes", len(topics), len(metadata))
		}
	})
}
