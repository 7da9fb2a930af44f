package brokertest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestClusterFaults does to a cluster of real processes whatever the seed says, while idempotent producers work with acks=all, groups commit and
// readers read: processes are killed and paused, one by one or all at once, and logs lose their tails.
func TestClusterFaults(t *testing.T) {
	t.Parallel()
	clusterFaults(t, 6)
}

// faultPause is the longest moment between two faults, and the longest that a killed process stays away.
const faultPause = 600 * time.Millisecond

// clusterFaults is TestClusterFaults for any number of faults. others are more producers of the work topic, which say when they are
// under way: then it begins.
func clusterFaults(t *testing.T, faults int, others ...func(ctx context.Context, w *workload, underWay func())) {
	rnd := seeded(t)
	spec := clusterSpec{
		coordinators: []int{0, 1, 3}[rnd.IntN(3)], brokers: 3,
		everywhere: []string{"broker.session.timeout.ms=2000", "broker.heartbeat.interval.ms=400"},
		onBrokers:  []string{"num.replica.fetchers=2", "replica.lag.time.max.ms=3000", "replica.high.watermark.checkpoint.interval.ms=500"},
	}
	f := &faulty{cluster: startCluster(t, spec), rnd: rnd}
	f.adm = kadm.NewClient(f.client())
	t.Logf("%d coordinators, %d brokers", spec.coordinators, spec.brokers)
	minISR, segment := "2", "1048576"
	if _, err := f.adm.CreateTopic(t.Context(), workPartitions, 3, map[string]*string{"min.insync.replicas": &minISR, "segment.bytes": &segment}, workTopic); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &workload{t: t, connect: f.client, h: newHistory(), stop: cancel, groups: []string{"group-0", "group-1"}}
	for id := range 3 {
		w.wg.Go(func() { w.produce(ctx, id) })
	}
	var underWay sync.WaitGroup
	for _, produce := range others {
		underWay.Add(1)
		w.wg.Go(func() { produce(ctx, w, sync.OnceFunc(underWay.Done)) })
	}
	for _, group := range w.groups {
		w.wg.Go(func() { w.consume(ctx, group) })
	}
	for id := range 2 {
		w.wg.Go(func() { w.readOnAndOn(ctx, fmt.Sprintf("reader-%d", id)) })
	}
	w.wg.Go(func() { w.watchEnds(ctx) })
	underWay.Wait()
	w.awaitAcked(100)
	for range faults {
		fault := f.choose()
		began, before := time.Now(), w.h.acknowledged()
		t.Logf("%s ...", fault.name)
		fault.do(f)
		f.restoreAll()
		w.awaitAcked(100)
		t.Logf("%s: %v until 100 more records were acknowledged", fault.name, time.Since(began).Round(time.Millisecond))
		w.verifyCommits(ctx, before)
		f.rest()
	}
	f.awaitInSync(f.adm)
	w.finish()
	t.Logf("records acknowledged %d, read %d, sent by each producer %v", len(w.h.acked), len(w.h.seen), w.h.sent)
	for _, b := range f.brokers {
		b.terminate()
	}
	f.compareReplicas()
}

// faulty is a cluster to which things are done.
type faulty struct {
	*cluster
	rnd *rand.Rand
	adm *kadm.Client
}

type fault struct {
	name string
	do   func(*faulty)
}

// faultsKnown are the things that are done. None of them may lose what min.insync.replicas=2 promises: only one replica at a time loses its tail.
var faultsKnown = []fault{
	{"kill a broker", func(f *faulty) { f.one().kill(); f.rest() }},
	{"kill a leader", func(f *faulty) { f.leader().kill(); f.rest() }},
	{"kill two brokers", func(f *faulty) {
		killed := f.one()
		killed.kill()
		f.rest()
		f.oneBut(killed).kill()
		f.rest()
	}},
	{"kill all brokers", func(f *faulty) { f.atOnce(f.brokers, (*member).kill) }},
	{"kill everything", func(f *faulty) { f.atOnce(f.members(), (*member).kill) }},
	{"kill a coordinator", func(f *faulty) { f.coordinator().kill(); f.rest() }},
	{"pause a leader briefly", func(f *faulty) { f.leader().pause(); f.rest() }},
	{"pause a leader until it is fenced", func(f *faulty) {
		leader := f.leader()
		leader.pause()
		f.awaitFenced(leader)
	}},
	{"pause a follower until it is fenced", func(f *faulty) {
		follower := f.oneBut(f.leader())
		follower.pause()
		f.awaitFenced(follower)
	}},
	{"pause a coordinator", func(f *faulty) { f.coordinator().pause(); f.rest(); f.rest() }},
	{"pause everything", func(f *faulty) { f.atOnce(f.members(), (*member).pause); f.rest() }},
	{"stop a broker", func(f *faulty) { f.one().terminate(); f.rest() }},
	{"stop all brokers, one after the other", func(f *faulty) {
		for _, i := range f.rnd.Perm(len(f.brokers)) {
			f.brokers[i].terminate()
		}
	}},
	{"tear the tails of a broker", func(f *faulty) {
		f.awaitInSync(f.adm)
		b := f.one()
		b.kill()
		f.tearTails(b)
		b.launch()
		f.serving()
		f.awaitInSync(f.adm)
	}},
	{"kill one, tear the tails of another", func(f *faulty) {
		f.awaitInSync(f.adm)
		first := f.one()
		first.kill()
		f.rest()
		second := f.oneBut(first)
		second.kill()
		f.tearTails(second)
		second.launch()
		f.rest()
		first.launch()
		f.serving()
		f.awaitInSync(f.adm)
	}},
}

// choose takes the next fault. KGO_FAULT names one, to look for its seed.
func (f *faulty) choose() fault {
	if name := os.Getenv("KGO_FAULT"); name != "" {
		for _, k := range faultsKnown {
			if k.name == name {
				return k
			}
		}
	}
	return faultsKnown[f.rnd.IntN(len(faultsKnown))]
}

func (f *faulty) one() *member { return f.brokers[f.rnd.IntN(len(f.brokers))] }

func (f *faulty) oneBut(other *member) *member {
	for {
		if m := f.one(); m != other {
			return m
		}
	}
}

// leader leads some partition.
func (f *faulty) leader() (found *member) {
	partition := f.rnd.IntN(workPartitions)
	f.until("a leader", func(ctx context.Context) bool {
		known, err := f.adm.ListTopics(ctx, workTopic)
		if err != nil {
			return false
		}
		p := known[workTopic].Partitions[int32(partition)]
		if p.Leader < 1 {
			return false
		}
		found = f.brokers[p.Leader-1]
		return true
	})
	return found
}

// coordinator is a coordinator, or a broker where those are the voters.
func (f *faulty) coordinator() *member {
	if len(f.coordinators) == 0 {
		return f.one()
	}
	return f.coordinators[f.rnd.IntN(len(f.coordinators))]
}

// rest lets a while pass that the seed decides; nothing is awaited.
func (f *faulty) rest() { pause(f.t.Context(), time.Duration(f.rnd.Int64N(int64(faultPause)))) }

func (f *faulty) atOnce(all []*member, do func(*member)) {
	for _, i := range f.rnd.Perm(len(all)) {
		do(all[i])
	}
}

// awaitFenced waits until the others have taken a paused broker's leaderships away.
func (f *faulty) awaitFenced(paused *member) {
	f.until(paused.name+" to be fenced", func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		known, err := kadm.NewClient(f.oneBut(paused).client()).ListTopics(ctx, workTopic)
		if err != nil {
			return false
		}
		for _, p := range known[workTopic].Partitions {
			if p.Leader == int32(paused.id) || slices.Contains(p.ISR, int32(paused.id)) {
				return false
			}
		}
		return true
	})
}

// restoreAll has every process run again and waits until all brokers serve.
func (f *faulty) restoreAll() {
	for _, m := range f.members() {
		select {
		case <-m.done:
			m.launch()
		default:
			if m.paused {
				m.resume()
			}
		}
	}
	f.serving()
}

func (f *faulty) serving() {
	for _, b := range f.brokers {
		if err := b.awaitServing(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// tearTails does to a killed broker's logs what a loss of power may: their ends are missing, or garbage, or zeros.
func (f *faulty) tearTails(b *member) {
	segments, err := filepath.Glob(filepath.Join(b.dirs[0], workTopic+"-*", "*.log"))
	if err != nil || len(segments) == 0 {
		f.t.Fatalf("no segments in %s: %v", b.dirs[0], err)
	}
	newest := make(map[string]string) // by partition
	for _, s := range segments {
		newest[filepath.Dir(s)] = max(newest[filepath.Dir(s)], s)
	}
	for _, dir := range slices.Sorted(maps.Keys(newest)) {
		raw, err := os.ReadFile(newest[dir])
		if err != nil {
			f.t.Fatal(err)
		}
		tail := f.rnd.IntN(min(len(raw), 20_000) + 1)
		kept := raw[:len(raw)-tail]
		switch f.rnd.IntN(3) {
		case 0: // missing
		case 1:
			kept = append(kept, make([]byte, tail)...)
		case 2:
			for range tail {
				kept = append(kept, byte(f.rnd.Uint32()))
			}
		}
		if err := os.WriteFile(newest[dir], kept, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

// compareReplicas checks that all brokers have the same bytes, leader epochs included: how they are cut into segments is each one's own.
func (f *faulty) compareReplicas() {
	f.t.Helper()
	for partition := range workPartitions {
		var first []byte
		for _, b := range f.brokers {
			all := replicaBytes(f.t, b, partition)
			switch {
			case b == f.brokers[0]:
				first = all
			case !bytes.Equal(first, all):
				f.t.Errorf("ReplicasAgree: partition %d: %s has %d bytes (%x), %s has %d (%x)", partition, f.brokers[0].name, len(first), sha256.Sum256(first), b.name, len(all), sha256.Sum256(all))
			}
		}
	}
}

// readOnAndOn reads all partitions from their beginning, and begins anew now and then.
func (w *workload) readOnAndOn(ctx context.Context, name string) {
	for round := 0; ctx.Err() == nil; round++ {
		w.readFromTheStart(ctx, fmt.Sprintf("%s, round %d", name, round), 2*time.Second)
	}
}

func (w *workload) readFromTheStart(ctx context.Context, name string, howLong time.Duration) {
	cl := w.connect(kgo.ConsumeTopics(workTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(20*time.Millisecond))
	defer cl.Close()
	next := make(map[int32]int64)
	for until := time.Now().Add(howLong); ctx.Err() == nil && time.Now().Before(until); {
		poll, cancel := context.WithDeadline(ctx, until)
		fetches := cl.PollFetches(poll)
		cancel()
		fetches.EachError(func(_ string, _ int32, err error) {
			if loss := (*kgo.ErrDataLoss)(nil); errors.As(err, &loss) {
				w.h.lost(name, err)
			}
		})
		fetches.EachRecord(func(r *kgo.Record) {
			w.h.read(name, next, place{r.Partition, r.Offset}, messageOf(r))
		})
	}
}

// watchEnds asks for the ends of all partitions, over and over.
func (w *workload) watchEnds(ctx context.Context) {
	adm := kadm.NewClient(w.connect())
	for ; ctx.Err() == nil; pause(ctx, 5*time.Millisecond) {
		ends, err := adm.ListEndOffsets(ctx, workTopic)
		if err != nil {
			continue // nobody leads, or its answer is not to be had yet
		}
		ends.Each(func(o kadm.ListedOffset) {
			if o.Err == nil {
				w.h.end(o.Partition, o.Offset)
			}
		})
	}
}

// messageOf is what a record of the workload says it is.
func messageOf(r *kgo.Record) message {
	var m message
	if n, err := fmt.Sscanf(string(r.Value), "%d %d", &m.producer, &m.number); n != 2 || err != nil {
		return message{-1, -1}
	}
	return m
}
