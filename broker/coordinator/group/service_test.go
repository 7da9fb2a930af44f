package group

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/coordinator/internal/memlog"
	"github.com/kgo-project/kgo/broker/ident"
)

// topicTable is the topics of a cluster.
type topicTable map[string]int32

func (t topicTable) TopicID(name string) (ident.TopicID, bool) {
	if t[name] == 0 {
		return ident.TopicID{}, false
	}
	return ident.TopicID{1, name[0]}, true
}

func (t topicTable) TopicName(id ident.TopicID) (string, bool) {
	for name := range t {
		if known, _ := t.TopicID(name); known == id {
			return name, true
		}
	}
	return "", false
}

func (t topicTable) TopicsVersion() int64 { return -1 }

func (t topicTable) TopicNames() []string { return slices.Sorted(maps.Keys(t)) }

func (t topicTable) PartitionCount(name string) int32 { return t[name] }

func newTestService(t *testing.T, log *memlog.Log, change func(*Config)) *Service {
	t.Helper()
	cfg := DefaultConfig()
	cfg.OffsetsTopicPartitions, cfg.InitialRebalanceDelay = 3, 0
	if change != nil {
		change(&cfg)
	}
	return NewService(cfg, Dependencies{Writer: log, Loader: log, Topics: topicTable{"t": 2, "u": 1}})
}

func electAll(s *Service) {
	for p := range s.cfg.OffsetsTopicPartitions {
		s.Elected(p, 1)
	}
	synctest.Wait()
}

// call sends any request of the group protocol; the channel gets the answer.
func call(s *Service, request kmsg.Request) <-chan kmsg.Response {
	ctx, out := RequestContext{ClientID: "c", ClientHost: "/127.0.0.1"}, make(chan kmsg.Response, 2)
	switch req := request.(type) {
	case *kmsg.JoinGroupRequest:
		s.JoinGroup(ctx, req, func(r *kmsg.JoinGroupResponse) { out <- r })
	case *kmsg.SyncGroupRequest:
		s.SyncGroup(ctx, req, func(r *kmsg.SyncGroupResponse) { out <- r })
	case *kmsg.HeartbeatRequest:
		s.Heartbeat(ctx, req, func(r *kmsg.HeartbeatResponse) { out <- r })
	case *kmsg.LeaveGroupRequest:
		s.LeaveGroup(ctx, req, func(r *kmsg.LeaveGroupResponse) { out <- r })
	case *kmsg.OffsetCommitRequest:
		s.OffsetCommit(ctx, req, func(r *kmsg.OffsetCommitResponse) { out <- r })
	case *kmsg.OffsetFetchRequest:
		s.OffsetFetch(ctx, req, func(r *kmsg.OffsetFetchResponse) { out <- r })
	case *kmsg.OffsetDeleteRequest:
		s.OffsetDelete(ctx, req, func(r *kmsg.OffsetDeleteResponse) { out <- r })
	case *kmsg.TxnOffsetCommitRequest:
		s.TxnOffsetCommit(ctx, req, func(r *kmsg.TxnOffsetCommitResponse) { out <- r })
	case *kmsg.DescribeGroupsRequest:
		s.DescribeGroups(ctx, req, func(r *kmsg.DescribeGroupsResponse) { out <- r })
	case *kmsg.ListGroupsRequest:
		s.ListGroups(ctx, req, func(r *kmsg.ListGroupsResponse) { out <- r })
	case *kmsg.DeleteGroupsRequest:
		s.DeleteGroups(ctx, req, func(r *kmsg.DeleteGroupsResponse) { out <- r })
	case *kmsg.ConsumerGroupHeartbeatRequest:
		s.ConsumerGroupHeartbeat(ctx, req, func(r *kmsg.ConsumerGroupHeartbeatResponse) { out <- r })
	case *kmsg.ConsumerGroupDescribeRequest:
		s.ConsumerGroupDescribe(ctx, req, func(r *kmsg.ConsumerGroupDescribeResponse) { out <- r })
	default:
		panic("no such request")
	}
	return out
}

// ask is call for requests that are answered without waiting for others.
func ask[R kmsg.Response](t *testing.T, s *Service, req kmsg.Request) R {
	t.Helper()
	out := call(s, req)
	synctest.Wait()
	select {
	case r := <-out:
		return r.(R)
	default:
		t.Fatalf("%T is not answered", req)
		panic("unreachable")
	}
}

func everyRequest() []kmsg.Request {
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = "g", 10000, 10000, "consumer"
	join.MemberID = "nobody" // unknown members are answered at once
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.ProtocolType, sync.Protocol = new("consumer"), new("range")
	sync.Group = "g"
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Group = "g"
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.Members = "g", []kmsg.LeaveGroupRequestMember{{MemberID: "nobody"}}
	tID, _ := topicTable{"t": 2}.TopicID("t")
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group = "g"
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", TopicID: tID, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 5, Timestamp: -1, LeaderEpoch: 2}}}}
	txn := kmsg.NewPtrTxnOffsetCommitRequest()
	txn.Group = "g"
	txn.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", TopicID: tID, Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Partition: 1, Offset: 5}}}}
	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.Group = "g"
	fetch.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0, 1}}}
	fetch.Groups = []kmsg.OffsetFetchRequestGroup{
		{Group: "g", MemberEpoch: -1, Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "t", TopicID: tID, Partitions: []int32{0}}}},
		{Group: "g", MemberEpoch: -1},
		{Group: "h", MemberEpoch: -1},
	}
	remove := kmsg.NewPtrOffsetDeleteRequest()
	remove.Group, remove.Topics = "g", []kmsg.OffsetDeleteRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 1}}}}
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{"g", "h", ""}
	list := kmsg.NewPtrListGroupsRequest()
	del := kmsg.NewPtrDeleteGroupsRequest()
	del.Groups = []string{"h", "i"}
	consumer := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	consumer.Group, consumer.MemberID, consumer.RebalanceTimeoutMillis = "c", "m", 10000
	consumer.SubscribedTopicNames, consumer.Topics = []string{"t"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	describeConsumer := kmsg.NewPtrConsumerGroupDescribeRequest()
	describeConsumer.Groups = []string{"c", "h"}
	return []kmsg.Request{join, sync, beat, leave, commit, txn, fetch, remove, describe, list, del, consumer, describeConsumer}
}

// TestEveryVersionIsAnswered sends each request in each version, and reads each answer back from its bytes.
func TestEveryVersionIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, elected := range []bool{false, true} {
			s := newTestService(t, &memlog.Log{}, nil)
			if elected {
				electAll(s)
			}
			for _, req := range everyRequest() {
				for v := range req.MaxVersion() + 1 {
					req.SetVersion(v)
					resp := ask[kmsg.Response](t, s, req)
					if resp.GetVersion() != v {
						t.Fatalf("%T version %d answered in version %d", req, v, resp.GetVersion())
					}
					again := req.ResponseKind()
					if err := again.ReadFrom(resp.AppendTo(nil)); err != nil {
						t.Fatalf("%T version %d: %v", resp, v, err)
					}
				}
			}
			s.Close()
		}
	})
}

// codesOf collects the error codes of any response, wherever it carries them.
func codesOf(r kmsg.Response) (codes []int16) {
	switch r := r.(type) {
	case *kmsg.OffsetCommitResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				codes = append(codes, p.ErrorCode)
			}
		}
	case *kmsg.TxnOffsetCommitResponse:
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				codes = append(codes, p.ErrorCode)
			}
		}
	case *kmsg.OffsetFetchResponse:
		codes = append(codes, r.ErrorCode)
		for _, g := range r.Groups {
			codes = append(codes, g.ErrorCode)
		}
	case *kmsg.DescribeGroupsResponse:
		for _, g := range r.Groups {
			codes = append(codes, g.ErrorCode)
		}
	case *kmsg.DeleteGroupsResponse:
		for _, g := range r.Groups {
			codes = append(codes, g.ErrorCode)
		}
	case *kmsg.JoinGroupResponse:
		codes = append(codes, r.ErrorCode)
	case *kmsg.SyncGroupResponse:
		codes = append(codes, r.ErrorCode)
	case *kmsg.HeartbeatResponse:
		codes = append(codes, r.ErrorCode)
	case *kmsg.LeaveGroupResponse:
		codes = append(codes, r.ErrorCode)
	case *kmsg.OffsetDeleteResponse:
		codes = append(codes, r.ErrorCode)
	case *kmsg.ConsumerGroupHeartbeatResponse:
		codes = append(codes, r.ErrorCode)
	case *kmsg.ConsumerGroupDescribeResponse:
		for _, g := range r.Groups {
			codes = append(codes, g.ErrorCode)
		}
	}
	return codes
}

// Since version 5 SyncGroup must say which protocol it is about.
func TestSyncGroupNamesItsProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t, &memlog.Log{}, nil)
		defer s.Close()
		req := kmsg.NewPtrSyncGroupRequest()
		req.Group, req.MemberID, req.ProtocolType = "g", "m", new("consumer")
		req.SetVersion(5)
		if got := ask[*kmsg.SyncGroupResponse](t, s, req); got.ErrorCode != kerr.InconsistentGroupProtocol.Code {
			t.Errorf("without a protocol's name: %v", kerr.ErrorForCode(got.ErrorCode))
		}
	})
}

func TestNotCoordinatorIsSaidEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t, &memlog.Log{}, nil)
		defer s.Close()
		for _, req := range everyRequest() {
			if _, isList := req.(*kmsg.ListGroupsRequest); isList {
				continue // lists what there is: nothing
			}
			req.SetVersion(req.MaxVersion())
			found := false
			for _, code := range codesOf(ask[kmsg.Response](t, s, req)) {
				found = found || code == kerr.NotCoordinator.Code
			}
			if !found {
				t.Errorf("%T is answered without NOT_COORDINATOR", req)
			}
		}
	})
}

func TestFailedAppendIsTranslated(t *testing.T) {
	for failure, want := range map[*kerr.Error]*kerr.Error{
		kerr.NotEnoughReplicas:     kerr.CoordinatorNotAvailable,
		kerr.NotLeaderForPartition: kerr.NotCoordinator,
		kerr.KafkaStorageError:     kerr.NotCoordinator,
		kerr.MessageTooLarge:       kerr.UnknownServerError,
	} {
		synctest.Test(t, func(t *testing.T) {
			log := &memlog.Log{}
			s := newTestService(t, log, nil)
			defer s.Close()
			electAll(s)
			log.Fail(failure)
			req := everyRequest()[4]
			req.SetVersion(9)
			if got := codesOf(ask[*kmsg.OffsetCommitResponse](t, s, req))[0]; got != want.Code {
				t.Errorf("%s is answered with %s, want %s", failure.Message, codeName(got), want.Message)
			}
		})
	}
}

// Names that newer requests can carry and records can't are refused; they must not reach the encoder, which panics.
func TestOverlongNamesAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t, &memlog.Log{}, nil)
		defer s.Close()
		electAll(s)
		long := strings.Repeat("x", 1<<15)
		join := func(change func(*kmsg.JoinGroupRequest)) kmsg.Request {
			r := everyRequest()[0].(*kmsg.JoinGroupRequest)
			r.Version, r.MemberID = 9, ""
			change(r)
			return r
		}
		commit := everyRequest()[4].(*kmsg.OffsetCommitRequest)
		commit.Version, commit.Group = 9, long
		consumer := everyRequest()[11].(*kmsg.ConsumerGroupHeartbeatRequest)
		consumer.Version, consumer.MemberID = 1, long
		for i, req := range []kmsg.Request{
			join(func(r *kmsg.JoinGroupRequest) { r.Group = long }),
			join(func(r *kmsg.JoinGroupRequest) { r.InstanceID = &long }),
			join(func(r *kmsg.JoinGroupRequest) { r.ProtocolType = long }),
			join(func(r *kmsg.JoinGroupRequest) { r.Protocols[0].Name = long }),
			commit, consumer,
		} {
			if code := codesOf(ask[kmsg.Response](t, s, req))[0]; code == 0 {
				t.Errorf("request %d is accepted", i)
			}
		}
	})
}

// A commit that one batch can't hold is appended in several.
func TestLargeCommitIsDivided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memlog.Log{MaxBatch: 300}
		s := newTestService(t, log, nil)
		defer s.Close()
		electAll(s)
		commit := everyRequest()[4].(*kmsg.OffsetCommitRequest)
		commit.Version = 9
		for range 20 {
			commit.Topics[0].Partitions = append(commit.Topics[0].Partitions, commit.Topics[0].Partitions[0])
		}
		before := log.Appends()
		for _, code := range codesOf(ask[kmsg.Response](t, s, commit)) {
			if code != 0 {
				t.Fatal(codeName(code))
			}
		}
		if n := log.Appends() - before; n < 3 {
			t.Errorf("%d appends", n)
		}
	})
}

func TestGroupsHaveSettingsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t, &memlog.Log{}, func(c *Config) {
			c.GroupConfig = func(string) map[string]string {
				return map[string]string{"consumer.session.timeout.ms": "50000", "consumer.heartbeat.interval.ms": "7000"}
			}
		})
		defer s.Close()
		electAll(s)
		req := everyRequest()[11].(*kmsg.ConsumerGroupHeartbeatRequest)
		req.Version = 1
		if r := ask[*kmsg.ConsumerGroupHeartbeatResponse](t, s, req); r.HeartbeatIntervalMillis != 7000 {
			t.Errorf("heartbeat interval %d", r.HeartbeatIntervalMillis)
		}
		time.Sleep(48 * time.Second)
		req.MemberEpoch = 2
		if r := ask[*kmsg.ConsumerGroupHeartbeatResponse](t, s, req); r.ErrorCode != 0 {
			t.Errorf("within the group's own session timeout: %s", codeName(r.ErrorCode))
		}
	})
}

func TestUnknownTopicsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t, &memlog.Log{}, nil)
		defer s.Close()
		electAll(s)
		commit := kmsg.NewPtrOffsetCommitRequest()
		commit.Version, commit.Group = 9, "g"
		commit.Topics = []kmsg.OffsetCommitRequestTopic{
			{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 1}, {Partition: 2}, {Partition: -1}}},
			{Topic: "gone", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}},
		}
		got := codesOf(ask[*kmsg.OffsetCommitResponse](t, s, commit))
		unknown := kerr.UnknownTopicOrPartition.Code
		for i, want := range []int16{0, unknown, unknown, unknown} {
			if got[i] != want {
				t.Errorf("partition %d: %s", i, codeName(got[i]))
			}
		}
		commit.Version = 10
		commit.Topics = []kmsg.OffsetCommitRequestTopic{{TopicID: ident.TopicID{9}, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}}}
		if got := codesOf(ask[*kmsg.OffsetCommitResponse](t, s, commit)); got[0] != kerr.UnknownTopicID.Code {
			t.Errorf("unknown id: %s", codeName(got[0]))
		}
	})
}

func TestOffsetsOfADeletedTopicAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t, &memlog.Log{}, nil)
		defer s.Close()
		electAll(s)
		all := everyRequest()
		commit, fetch := all[4], all[6]
		commit.SetVersion(9)
		fetch.SetVersion(9)
		ask[kmsg.Response](t, s, commit)
		if r := ask[*kmsg.OffsetFetchResponse](t, s, fetch); r.Groups[0].Topics[0].Partitions[0].Offset != 5 {
			t.Fatalf("committed offset: %+v", r)
		}
		s.TopicsDeleted([]string{"t"})
		if r := ask[*kmsg.OffsetFetchResponse](t, s, fetch); r.Groups[0].Topics[0].Partitions[0].Offset != -1 || len(r.Groups[1].Topics) != 0 {
			t.Fatalf("offset after the topic's deletion: %+v", r)
		}
	})
}

func TestTransactionsCommitOffsets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t, &memlog.Log{}, nil)
		defer s.Close()
		electAll(s)
		all := everyRequest()
		txn, fetch := all[5].(*kmsg.TxnOffsetCommitRequest), all[6].(*kmsg.OffsetFetchRequest)
		txn.Version, txn.ProducerID, fetch.Version, fetch.RequireStable = 5, 9, 7, true
		offset := func() (int64, int16) {
			p := ask[*kmsg.OffsetFetchResponse](t, s, fetch).Topics[0].Partitions[1]
			return p.Offset, p.ErrorCode
		}
		ask[kmsg.Response](t, s, txn)
		if _, code := offset(); code != kerr.UnstableOffsetCommit.Code {
			t.Fatalf("in the transaction: %s", codeName(code))
		}
		s.EndTxn(s.PartitionFor("g"), coordinator.EndTxn{ProducerID: 9, Commit: true}, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if o, code := offset(); o != 5 || code != 0 {
			t.Fatalf("after it: %d %s", o, codeName(code))
		}
	})
}

// TestSessionsEndInTime lets real timers run: a member that falls silent is removed, and its group carries on.
func TestSessionsEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestService(t, &memlog.Log{}, func(c *Config) { c.InitialRebalanceDelay = 3 * time.Second })
		defer s.Close()
		electAll(s)
		join := everyRequest()[0].(*kmsg.JoinGroupRequest)
		join.Version, join.MemberID = 3, ""
		begin := time.Now()
		joined := (<-call(s, join)).(*kmsg.JoinGroupResponse)
		if waited := time.Since(begin); joined.ErrorCode != 0 || waited != 3*time.Second {
			t.Fatalf("joined after %v: %+v", waited, joined)
		}
		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group, beat.MemberID, beat.Generation = "g", joined.MemberID, joined.Generation
		time.Sleep(10*time.Second - time.Millisecond)
		if r := ask[*kmsg.HeartbeatResponse](t, s, beat); r.ErrorCode != 0 {
			t.Fatalf("in time: %s", codeName(r.ErrorCode))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if r := ask[*kmsg.HeartbeatResponse](t, s, beat); r.ErrorCode != kerr.UnknownMemberID.Code {
			t.Fatalf("too late: %s", codeName(r.ErrorCode))
		}
	})
}

func TestPartitionForIsKafkas(t *testing.T) {
	for group, want := range map[string]int32{"": 0, "g": 3, "console-consumer-47754": 48, "grüße": 23, "a😀": 16} {
		if got := PartitionFor(group, 50); got != want {
			t.Errorf("PartitionFor(%q) = %d, want %d", group, got, want)
		}
	}
}
