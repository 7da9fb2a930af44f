package replica

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
)

var (
	simSeed = flag.Uint64("sim.seed", 0, "replay the simulation with this seed, with a trace")
	simRuns = flag.Int("sim.runs", 40, "how many seeds to simulate")
)

// The simulation: three brokers' data planes (Manager, Partition, machine, log) over disks in memory, and the active controller's core, joined by a
// network of events that delays, reorders and loses, in virtual time and on one goroutine. Brokers are killed, lose power and with it what they had
// not synced, sleep, and are cut off from each other and from the controller; metadata reaches each at its own pace.
//
// Checked all along, by the names in docs/invariants.md: SingleLeaderPerEpoch, MonotonicHighWatermark, CommittedPrefixAgrees, AckedSurvivesFailover,
// and in the end, when all is well again, Progress and ReplicasAgree.
type sim struct {
	t     testing.TB
	rnd   *rand.Rand
	trace bool
	core  *controller.Core
	log   []record.Message // the metadata log, committed
	nodes []*simNode
	queue []simEvent
	seq   int
	cuts  map[[2]int]time.Time // until when a link is cut; node 0 is the controller
	calm  bool                 // no more faults
	lost  ident.UUID           // the life of a broker that ended last in a loss of power

	history  *simHistory
	produced int
	sabotage func(*FetchPartition) // makes followers lie, to see whether it is noticed; nil: they don't
	found    []string              // what a sabotaged history broke
}

type simEvent struct {
	at  time.Time
	seq int
	do  func()
}

const (
	simTopic      = "t"
	simPartitions = 3
	simController = 0
	simSession    = time.Second
	simFaultsFor  = 20 * time.Second // virtual
)

// simNode is a broker, in one life after another.
type simNode struct {
	s        *sim
	id       ident.BrokerID
	disk     *vfs.Mem
	life     int
	up       bool
	asleep   time.Time // until when
	epoch    int64
	applied  int // records of the metadata log
	storage  *storage.Manager
	store    *metadata.Store
	manager  *Manager
	fetcher  *fetcher
	follows  map[*Partition]*simFollow
	checked  map[ident.TopicPartition]int64 // up to where the committed prefix was compared
	told     map[ident.TopicPartition]bool  // a leader answered in this life, and agreed
	identity ident.UUID
}

type simFollow struct {
	followed *followed
	leader   ident.BrokerID
	waiting  time.Time // for an answer, until then
	asks     int       // how many fetches were sent
}

func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		simulate(t, *simSeed, true)
		return
	}
	for seed := uint64(1); seed <= uint64(*simRuns); seed++ {
		if !t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { simulate(t, seed, false) }) {
			return
		}
	}
}

// TestSimulationNoticesFaults simulates followers with faults that were put into them.
func TestSimulationNoticesFaults(t *testing.T) {
	for name, sabotage := range map[string]func(*FetchPartition){
		"followers claim one record more than they have":   func(ask *FetchPartition) { ask.FetchOffset++ },
		"followers do not say of which epoch their end is": func(ask *FetchPartition) { ask.LastFetchedEpoch = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 30; seed++ {
				if found := simulateWith(t, seed, false, sabotage); len(found) > 0 {
					t.Logf("seed %d: %s", seed, found[0])
					return
				}
			}
			t.Error("nothing was noticed")
		})
	}
}

func simulate(t *testing.T, seed uint64, trace bool) {
	t.Cleanup(func() {
		if t.Failed() && !trace {
			t.Logf("replay it with: make sim-replica SEED=%d", seed)
		}
	})
	simulateWith(t, seed, trace, nil)
}

// simulateWith simulates one history. With a sabotage it ends when something is broken, and returns what.
func simulateWith(t *testing.T, seed uint64, trace bool, sabotage func(*FetchPartition)) (found []string) {
	luck := rand.New(rand.NewPCG(seed, 3))
	invariants.SetLuck(luck.IntN)
	t.Cleanup(func() { invariants.SetLuck(nil) })
	synctest.Test(t, func(t *testing.T) {
		s := &sim{
			t: t, rnd: rand.New(rand.NewPCG(seed, 7)), trace: trace, cuts: make(map[[2]int]time.Time),
			sabotage: sabotage,
		}
		s.history = newSimHistory(s.broken)
		defer func() { found = s.found }()
		s.core = controller.NewCore(controller.Config{
			NodeID: 100, ClusterID: "cluster", Schema: simSchema{}, Rand: rand.New(rand.NewPCG(seed, 8)), DefaultPartitions: 1, DefaultReplicationFactor: 3,
			MinInsyncReplicas: 2, SessionTimeout: simSession, AutoLeaderRebalance: true, LeaderImbalanceInterval: 3 * time.Second,
		}, metadata.NewImage("cluster"))
		s.commit(s.core.Activate(s.core.Image(), false, time.Now()))
		for id := range 3 {
			n := &simNode{s: s, id: ident.BrokerID(id + 1), disk: vfs.NewMem()}
			s.nodes = append(s.nodes, n)
			n.start()
		}
		s.every(100*time.Millisecond, func() {
			for more := true; more; {
				var records []controller.Record
				records, more = s.core.Tick(time.Now())
				s.commit(records)
			}
		})
		s.runUntil(10*time.Second, "all brokers", func() bool {
			return !slices.ContainsFunc(s.nodes, func(n *simNode) bool { return !s.core.Image().Broker(n.id).Active() })
		})
		create := kmsg.NewPtrCreateTopicsRequest()
		create.Version = 7
		create.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: simTopic, NumPartitions: simPartitions, ReplicationFactor: 3}}
		if _, err := s.ask(create); err != nil {
			t.Fatal(err)
		}
		s.every(15*time.Millisecond, s.produce)
		s.every(400*time.Millisecond, s.fault)
		s.run(simFaultsFor)
		s.heal()
		s.runUntil(time.Minute, "Progress: all replicas in sync and equal", s.whole)
		if s.over() {
			return
		}
		s.compare()
		if trace || seed%10 == 0 {
			t.Logf("seed %d: %d records sent, %d acknowledged, %d records of metadata", seed, s.produced, s.history.ackedCount(), len(s.log))
		}
		for _, n := range s.nodes {
			n.stop()
		}
	})
	return found
}

// broken is told of what does not hold.
func (s *sim) broken(format string, args ...any) {
	if s.sabotage == nil {
		s.t.Errorf(format, args...)
		return
	}
	s.found = append(s.found, fmt.Sprintf(format, args...))
}

// over reports whether there is no point in going on.
func (s *sim) over() bool { return s.t.Failed() || len(s.found) > 0 }

func (s *sim) logf(format string, args ...any) {
	if s.trace {
		s.t.Logf("%s "+format, append([]any{time.Now().Format("05.000")}, args...)...)
	}
}

// after schedules an event.
func (s *sim) after(d time.Duration, do func()) {
	s.seq++
	s.queue = append(s.queue, simEvent{time.Now().Add(d), s.seq, do})
}

func (s *sim) every(d time.Duration, do func()) {
	s.after(d, func() { do(); s.every(d, do) })
}

func (s *sim) jitter(limit time.Duration) time.Duration {
	return time.Duration(s.rnd.Int64N(int64(limit)))
}

// run carries out events for a while.
func (s *sim) run(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end) && !s.over(); {
		s.step()
	}
}

func (s *sim) runUntil(limit time.Duration, what string, ok func() bool) {
	for end := time.Now().Add(limit); !ok(); s.step() {
		if s.over() {
			return
		}
		if time.Now().After(end) {
			s.broken("waited in vain for %s: %s", what, s.describe())
			return
		}
	}
}

func (s *sim) step() {
	next := 0
	for i, e := range s.queue {
		if c := e.at.Compare(s.queue[next].at); c < 0 || c == 0 && e.seq < s.queue[next].seq {
			next = i
		}
	}
	e := s.queue[next]
	s.queue = slices.Delete(s.queue, next, next+1)
	time.Sleep(time.Until(e.at))
	e.do()
	synctest.Wait() // what a log does in the background is done before anything else happens
	for _, n := range s.nodes {
		if n.up {
			n.sendProposals()
			n.check()
		}
	}
}

// send carries something from one node to another, if the link holds. It arrives in the receiver's present life or not at all, later where that sleeps.
func (s *sim) send(from, to int, do func()) {
	if s.cut(from, to) {
		return
	}
	life := s.life(to)
	s.after(time.Millisecond+s.jitter(20*time.Millisecond), func() { s.arrive(from, to, life, do) })
}

func (s *sim) arrive(from, to, life int, do func()) {
	if s.cut(from, to) || s.life(to) != life {
		return
	}
	if to != simController {
		n := s.nodes[to-1]
		if !n.up {
			return
		}
		if left := time.Until(n.asleep); left > 0 {
			s.after(left+s.jitter(time.Millisecond), func() { s.arrive(from, to, life, do) })
			return
		}
	}
	do()
}

func (s *sim) life(node int) int {
	if node == simController {
		return 0
	}
	return s.nodes[node-1].life
}

func (s *sim) cut(a, b int) bool { return time.Now().Before(s.cuts[[2]int{min(a, b), max(a, b)}]) }

// commit writes records to the metadata log; the brokers get them when they get them.
func (s *sim) commit(records []controller.Record) {
	if len(records) == 0 {
		return
	}
	if err := s.core.Replay(records); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range records {
		if c, ok := r.Message.(*record.PartitionChangeRecord); ok {
			s.logf("metadata %d: partition %d leader %d isr %v elr %v", len(s.log), c.PartitionId, c.Leader, c.Isr, c.EligibleLeaderReplicas)
		}
		s.log = append(s.log, r.Message)
	}
	for _, n := range s.nodes {
		n.expectMetadata()
	}
}

func (s *sim) ask(req kmsg.Request) (kmsg.Response, error) {
	res, err := s.core.Handle(&controller.Context{}, req, time.Now())
	if err != nil {
		return nil, err
	}
	s.commit(res.Records)
	return res.Response, nil
}

// request sends a request to the controller and brings the answer; lost is called where there is none in time.
func (n *simNode) request(req kmsg.Request, done func(kmsg.Response, error), lost func()) {
	s, life, answered := n.s, n.life, false
	s.send(int(n.id), simController, func() {
		resp, err := s.ask(req)
		s.send(simController, int(n.id), func() {
			if !answered {
				answered = true
				done(resp, err)
			}
		})
	})
	s.after(300*time.Millisecond, func() {
		if !answered && n.life == life && n.up {
			answered = true
			lost()
		}
	})
}

// start begins a life of the node.
func (n *simNode) start() {
	n.life++
	n.up, n.epoch, n.applied = true, -1, 0
	n.identity = ident.UUID{0: byte(n.id), 1: byte(n.life), 2: byte(n.life >> 8), 15: 1}
	n.follows, n.checked = make(map[*Partition]*simFollow), make(map[ident.TopicPartition]int64)
	n.told = make(map[ident.TopicPartition]bool)
	config := storage.DefaultLogConfig()
	config.MinInsyncReplicas, config.SegmentBytes = 2, 4096
	var err error
	n.storage, err = storage.OpenManager(context.Background(), storage.ManagerConfig{
		FS: n.disk, Dirs: []string{"data"}, ClusterID: "cluster", NodeID: n.id, Defaults: config, RecoveryThreads: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		n.s.t.Fatalf("node %d: %v", n.id, err)
	}
	n.store = metadata.NewStore("cluster")
	n.manager = New(Config{
		BrokerID: n.id, Storage: n.storage, Metadata: n.store, LogConfig: func(string, map[string]string) storage.LogConfig { return config },
		ReplicaLagTimeMax: 600 * time.Millisecond, FetchSessionSlots: 10, BrokerEpoch: func() int64 { return n.epoch }, IncarnationID: n.identity, Fetcher: (*simFetcher)(n),
		Logger: simLogger(n),
	})
	n.fetcher = &fetcher{owner: NewFetchers(FetcherConfig{BrokerID: n.id, Backoff: 50 * time.Millisecond, Logger: simLogger(n)}), client: (*simRequester)(n), ctx: context.Background()}
	n.store.Subscribe(n.manager)
	n.s.logf("node %d starts, life %d", n.id, n.life)
	life := n.life
	repeat := func(d time.Duration, do func()) {
		var again func()
		again = func() {
			if n.life != life || !n.up {
				return
			}
			if left := time.Until(n.asleep); left > 0 {
				n.s.after(left, again)
				return
			}
			do()
			n.s.after(d/2+n.s.jitter(d), again)
		}
		n.s.after(n.s.jitter(d), again)
	}
	repeat(200*time.Millisecond, n.heartbeat)
	repeat(30*time.Millisecond, n.fetchAll)
	repeat(300*time.Millisecond, n.manager.tick)
	repeat(time.Second, n.manager.marks.write)
	n.apply(n.s.rnd.IntN(len(n.s.log)+1), life) // what its own disk knows of the cluster, which may be long past
	n.expectMetadata()
}

// stop ends the simulation cleanly.
func (n *simNode) stop() {
	n.up = false
	n.fetcher.owner.Close()
	if err := errors.Join(n.manager.Close(), n.storage.Close()); err != nil {
		n.s.t.Error(err)
	}
}

// crash ends a life: percent of what was not synced stays.
func (n *simNode) crash(percent int) {
	n.s.logf("node %d crashes, %d%% of what is not synced stays", n.id, percent)
	n.disk = n.disk.CrashClone(percent, n.s.rnd.Uint64())
	n.up = false
	n.life++
	n.fetcher.owner.Close()
}

// expectMetadata has the node apply what is committed a little later.
func (n *simNode) expectMetadata() {
	if n.up {
		upTo, life := len(n.s.log), n.life
		n.s.send(simController, int(n.id), func() { n.apply(upTo, life) })
	}
}

func (n *simNode) apply(upTo, life int) {
	if n.life != life || upTo <= n.applied {
		return
	}
	if err := n.store.ApplyMessages(int64(n.applied), 1, 0, n.s.log[n.applied:upTo]); err != nil {
		n.s.t.Fatalf("node %d: %v", n.id, err)
	}
	n.applied = upTo
}

func (n *simNode) heartbeat() {
	if upTo := len(n.s.log); upTo > n.applied {
		n.expectMetadata() // what was lost on the way
	}
	if n.epoch < 0 {
		n.register()
		return
	}
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.Version = 1
	req.BrokerID, req.BrokerEpoch = int32(n.id), n.epoch
	req.CurrentMetadataOffset = n.store.Current().Provenance.LastOffset
	req.WantFence = req.CurrentMetadataOffset < n.epoch
	n.request(req, func(kmsg.Response, error) {}, func() {})
}

func (n *simNode) register() {
	req := kmsg.NewPtrBrokerRegistrationRequest()
	req.Version, req.BrokerID, req.ClusterID, req.IncarnationID, req.PreviousBrokerEpoch = 4, int32(n.id), "cluster", n.identity, -1
	for _, d := range n.storage.Dirs() {
		req.LogDirs = append(req.LogDirs, d.DirectoryID)
	}
	req.Listeners = []kmsg.BrokerRegistrationRequestListener{{Name: "PLAINTEXT", Host: "localhost", Port: uint16(9000 + n.id)}}
	for _, f := range metadata.SupportedFeatures() {
		req.Features = append(req.Features, kmsg.BrokerRegistrationRequestFeature{Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	n.request(req, func(resp kmsg.Response, err error) {
		if err == nil {
			n.epoch = resp.(*kmsg.BrokerRegistrationResponse).BrokerEpoch
		}
	}, func() {})
}

// sendProposals takes what the manager would send to the controller.
func (n *simNode) sendProposals() {
	c := n.manager.isr
	c.mu.Lock()
	proposals := c.mu.queue
	c.mu.queue = nil
	c.mu.Unlock()
	if len(proposals) == 0 {
		return
	}
	retry := func() {
		n.s.after(50*time.Millisecond, func() {
			if n.up && n.manager.isr == c {
				for _, p := range proposals {
					c.end(p, isrRetry, nil)
				}
			}
		})
	}
	req := c.request(proposals)
	req.Version = 3
	n.request(req, func(resp kmsg.Response, err error) {
		answer, ok := resp.(*kmsg.AlterPartitionResponse)
		if err != nil || !ok || answer.ErrorCode != 0 {
			retry()
			return
		}
		for _, p := range proposals {
			row := findAlterRow(answer, p.partition)
			c.end(p, outcomeOf(row), row)
		}
	}, retry)
}
