package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// failingQuorum lets the next proposals fail, before or after they are committed.
type failingQuorum struct {
	*MemoryQuorum
	failBefore, failAfter atomic.Bool
	proposals             atomic.Int32
}

func (q *failingQuorum) Propose(ctx context.Context, epoch int32, records [][]byte) (int64, error) {
	q.proposals.Add(1)
	if q.failBefore.Swap(false) {
		return 0, errors.New("the disk is full")
	}
	base, err := q.MemoryQuorum.Propose(ctx, epoch, records)
	if q.failAfter.Swap(false) {
		return 0, errors.New("leadership was lost while the batch was on its way")
	}
	return base, err
}

type node struct {
	tb     testing.TB
	store  *metadata.Store
	quorum *failingQuorum
	ctl    *Controller
	epoch  int64
}

func startNode(tb testing.TB) *node {
	n := &node{tb: tb, store: metadata.NewStore("test")}
	n.quorum = &failingQuorum{MemoryQuorum: NewMemoryQuorum(100, n.store)}
	n.ctl = New(testConfig(1), n.quorum, n.store, slog.New(slog.DiscardHandler))
	tb.Cleanup(n.ctl.Close)
	n.quorum.Start(n.ctl.LeaderChanged)
	return n
}

func (n *node) submit(req kmsg.Request) kmsg.Response {
	n.tb.Helper()
	resp, err := n.ctl.Submit(context.Background(), nil, req)
	if err != nil {
		n.tb.Fatal(err)
	}
	return resp
}

func (n *node) join(id int32) {
	c := &cluster{tb: n.tb, cfg: testConfig(1), epochs: map[int32]int64{}}
	n.epoch = n.submit(c.registration(id, 1, nil, 1)).(*kmsg.BrokerRegistrationResponse).BrokerEpoch
	hb := kmsg.NewPtrBrokerHeartbeatRequest()
	hb.Version, hb.BrokerID, hb.BrokerEpoch, hb.CurrentMetadataOffset = 2, id, n.epoch, n.store.Current().Provenance.LastOffset
	if resp := n.submit(hb).(*kmsg.BrokerHeartbeatResponse); resp.IsFenced {
		n.tb.Fatalf("the first heartbeat leaves the broker fenced: %+v", resp)
	}
}

func creation(name string, partitions int32) *kmsg.CreateTopicsRequest {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version = 7
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, 1
	req.Topics = append(req.Topics, t)
	return req
}

func TestSingleNodeIsUnfencedByItsFirstHeartbeat(t *testing.T) {
	n := startNode(t)
	n.join(1)
	n.submit(creation("t", 3))
	if got := n.store.Current().Topic("t"); got == nil || len(got.Partitions) != 3 {
		t.Fatalf("the topic isn't in the store when the response comes: %+v", got)
	}
	if epoch := n.store.Current().Broker(1).Epoch; epoch != n.epoch {
		t.Fatalf("broker epoch %d, the response said %d", epoch, n.epoch)
	}
}

func TestConcurrentRequestsShareBatches(t *testing.T) {
	n := startNode(t)
	n.join(1)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { n.submit(creation(fmt.Sprintf("t%d", i), 1)) })
	}
	wg.Wait()
	if got := n.store.Current().TopicCount(); got != 200 {
		t.Fatalf("%d topics, want 200", got)
	}
}

func TestFailedCommitAnswersNotControllerAndStartsOver(t *testing.T) {
	for _, committed := range []bool{false, true} {
		t.Run(fmt.Sprintf("committed=%t", committed), func(t *testing.T) {
			n := startNode(t)
			n.join(1)
			n.quorum.failBefore.Store(!committed)
			n.quorum.failAfter.Store(committed)
			_, err := n.ctl.Submit(context.Background(), nil, creation("t", 1))
			if !errors.Is(err, kerr.NotController) {
				t.Fatalf("got %v, want NOT_CONTROLLER", err)
			}
			// The next leadership knows what was committed, and nothing else.
			resp := n.submit(creation("t", 1)).(*kmsg.CreateTopicsResponse)
			want := int16(0)
			if committed {
				want = kerr.TopicAlreadyExists.Code
			}
			if resp.Topics[0].ErrorCode != want {
				t.Fatalf("error code %d, want %d", resp.Topics[0].ErrorCode, want)
			}
		})
	}
}

func TestInactiveControllerAnswersNotController(t *testing.T) {
	store := metadata.NewStore("test")
	ctl := New(testConfig(1), NewMemoryQuorum(100, store), store, slog.New(slog.DiscardHandler))
	if _, err := ctl.Submit(t.Context(), nil, creation("t", 1)); !errors.Is(err, kerr.NotController) {
		t.Fatalf("got %v, want NOT_CONTROLLER", err)
	}
	ctl.Close()
	if _, err := ctl.Submit(t.Context(), nil, creation("t", 1)); !errors.Is(err, kerr.NotController) {
		t.Fatalf("after Close: got %v, want NOT_CONTROLLER", err)
	}
}

func TestSilentBrokerIsFencedByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t)
		n.join(1)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if n.store.Current().Broker(1).Fenced {
			t.Fatal("fenced within its session")
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		if !n.store.Current().Broker(1).Fenced {
			t.Fatal("not fenced after its session")
		}
		n.ctl.Close()
	})
}

func TestOwnNodeRegistersAgainAtOnce(t *testing.T) {
	n := startNode(t)
	n.join(100)
	c := &cluster{tb: t, cfg: testConfig(1), epochs: map[int32]int64{}}
	again := c.registration(100, 2, nil, 2)
	if _, err := n.ctl.Submit(t.Context(), nil, again); !errors.Is(err, kerr.DuplicateBrokerRegistration) {
		t.Fatalf("from outside: got %v, want DUPLICATE_BROKER_REGISTRATION", err)
	}
	if _, err := n.ctl.Request(t.Context(), again); err != nil {
		t.Fatalf("in process: %v", err)
	}
}

// TestSameDirectoriesAreTheSameBroker: who comes with the directories of the broker that is registered holds their locks, and need not wait for the end
// of a session that nobody keeps up.
func TestSameDirectoriesAreTheSameBroker(t *testing.T) {
	n := startNode(t)
	n.join(1)
	c := &cluster{tb: t, cfg: testConfig(1), epochs: map[int32]int64{}}
	if _, err := n.ctl.Submit(t.Context(), nil, c.registration(1, 2, nil, 2)); !errors.Is(err, kerr.DuplicateBrokerRegistration) {
		t.Fatalf("with another directory: got %v, want DUPLICATE_BROKER_REGISTRATION", err)
	}
	if _, err := n.ctl.Submit(t.Context(), nil, c.registration(1, 2, nil, 1)); err != nil {
		t.Fatalf("with the same directories: %v", err)
	}
}

func TestOversizedAtomicRequestIsRefused(t *testing.T) {
	n := startNode(t)
	n.join(1)
	n.submit(creation("t", 1))
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	huge := strings.Repeat("x", maxConfigValue)
	for i := range 300 {
		req.Resources = append(req.Resources, kmsg.IncrementalAlterConfigsRequestResource{
			ResourceType: 32, ResourceName: fmt.Sprint("group", i),
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "k", Value: &huge}},
		})
	}
	if _, err := n.ctl.Submit(t.Context(), nil, req); !errors.Is(err, kerr.PolicyViolation) {
		t.Fatalf("got %v, want POLICY_VIOLATION", err)
	}
	n.submit(creation("u", 1)) // the controller is none the worse
}

// TestMassiveFencingIsSplitIntoBatches lets a broker go that leads more partitions than one batch has room for.
func TestMassiveFencingIsSplitIntoBatches(t *testing.T) {
	n := startNode(t)
	n.join(1)
	for i := range 3 {
		n.submit(creation(fmt.Sprintf("t%d", i), 9_000))
	}
	hb := kmsg.NewPtrBrokerHeartbeatRequest()
	hb.Version, hb.BrokerID, hb.BrokerEpoch, hb.WantFence = 2, 1, n.epoch, true
	before := n.quorum.proposals.Load()
	n.submit(hb)
	if got := n.quorum.proposals.Load() - before; got < 3 {
		t.Errorf("27,000 changes in %d batches", got)
	}
	for topic := range n.store.Current().Topics() {
		for id, p := range topic.Partitions {
			if p.Leader != ident.NoBroker {
				t.Fatalf("%s-%d still has leader %d", topic.Name, id, p.Leader)
			}
		}
	}
}

// TestAcknowledgedTopicsSurviveFailures lets commits fail at random, before and after they take effect. Whatever was acknowledged must be there.
func TestAcknowledgedTopicsSurviveFailures(t *testing.T) {
	n := startNode(t)
	n.join(1)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 40 {
				if i%7 == worker%7 {
					n.quorum.failBefore.Store(worker%2 == 0)
					n.quorum.failAfter.Store(worker%2 == 1)
				}
				name := fmt.Sprintf("t-%d-%d", worker, i)
				for {
					resp, err := n.ctl.Submit(context.Background(), nil, creation(name, 2))
					if errors.Is(err, kerr.NotController) {
						continue // not known to be created: ask again, as clients do
					}
					if err != nil {
						t.Error(err)
					}
					row := resp.(*kmsg.CreateTopicsResponse).Topics[0]
					if row.ErrorCode != 0 && row.ErrorCode != kerr.TopicAlreadyExists.Code {
						t.Errorf("%s: code %d", name, row.ErrorCode)
					}
					if n.store.Current().Topic(name) == nil {
						t.Errorf("%s was acknowledged, but isn't in the store", name)
					}
					break
				}
			}
		})
	}
	wg.Wait()
	if got := n.store.Current().TopicCount(); got != 320 {
		t.Errorf("%d topics, want 320", got)
	}
}
