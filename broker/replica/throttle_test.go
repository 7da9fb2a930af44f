package replica

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/quota"
	"github.com/kgo-project/kgo/broker/record"
)

// The leader gives followers that are not in sync nothing of throttled partitions while the rate is exceeded, and others all.
func TestLeaderThrottle(t *testing.T) {
	q := new(quota.Replication)
	f := newFixture(t, func(c *Config) { c.LeaderThrottle = q }, 1)
	f.brokers(1, 2, 3)
	f.topic("t", 2, 1, 2, 3)
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Isr = []int32{1, 2} })
	f.change("t", 1, func(r *record.PartitionChangeRecord) { r.Isr = []int32{1, 2} })
	f.mustProduce("t", 0, 10)
	f.mustProduce("t", 1, 10)
	q.Throttle("t", quota.ParseThrottled("0:1", 1))
	q.SetRate(0)
	size := func(params FetchParams, partition int32) int {
		t.Helper()
		r := f.fetchOne(params, at("t", partition, 0))
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		return r.size()
	}
	if size(asFollower(3), 0) == 0 {
		t.Error("nothing, though nothing was copied yet")
	}
	if size(asFollower(3), 0) > 0 {
		t.Error("a throttled partition was copied beyond the rate")
	}
	if size(asFollower(3), 1) == 0 {
		t.Error("a partition that isn't throttled was held back")
	}
	if size(asFollower(2), 0) == 0 {
		t.Error("a member of the ISR was held back")
	}

	// A fetch that waits isn't answered with records that come meanwhile, and not held for longer than the throttle may last.
	params := asFollower(3)
	params.MaxWait = time.Minute
	waiting := f.fetch(params, at("t", 0, 0))
	f.mustProduce("t", 0, 1)
	r := within(t, waiting)
	if r[0].Err != nil || r[0].size() > 0 {
		t.Errorf("a fetch that waited got %d bytes, %v", r[0].size(), r[0].Err)
	}
	ReleaseAll(r)
	q.SetRate(quota.NoLimit)
	if size(asFollower(3), 0) == 0 {
		t.Error("nothing, without a limit")
	}
}

// A follower leaves throttled partitions out of its fetches while it is not in sync and the rate is exceeded.
func TestFollowerThrottle(t *testing.T) {
	f := newFixture(t, nil, 1)
	f.brokers(1, 2)
	f.topic("t", 2, 2, 1)
	q := new(quota.Replication)
	q.Throttle("t", quota.ParseThrottled("0:1", 1))
	q.SetRate(1)
	l := &fetcher{owner: NewFetchers(FetcherConfig{Throttle: q})}
	defer l.owner.Close()
	behind := &followed{partition: f.partition("t", 0)}
	other := &followed{partition: f.partition("t", 1)}
	l.mu.partitions = map[*Partition]*followed{behind.partition: behind, other.partition: other}
	now := time.Now()
	dueNow := func() string {
		due, _ := l.due(now)
		var names []string
		for _, p := range due {
			names = append(names, p.partition.tp.String())
		}
		return fmt.Sprint(names)
	}
	if got := dueNow(); got != "[t-0 t-1]" {
		t.Errorf("before anything is copied: %s", got)
	}
	q.Record("t", 0, 1000, now)
	if got := dueNow(); got != "[t-1]" {
		t.Errorf("beyond the rate: %s", got)
	}
	if _, next := l.due(now); !next.Equal(now.Add(throttlePoll)) {
		t.Errorf("looks again at %v", next.Sub(now))
	}
	behind.inSync = true
	if got := dueNow(); got != "[t-0 t-1]" {
		t.Errorf("in sync: %s", got)
	}
}

// A move between directories keeps to its throttle, and when the log is truncated and written anew meanwhile, the copy follows.
func TestThrottledMoveOfALogThatIsTruncated(t *testing.T) {
	q := new(quota.Replication)
	f := newFixture(t, func(c *Config) { c.DirThrottle = q }, 2)
	f.brokers(1, 2)
	f.topic("t", 1, 1, 2)
	p := f.partition("t", 0)
	for range 30 {
		<-f.produce(AcksLeader, time.Second, p.tp, largeBatch("old"))
	}
	to := f.dirs[0]
	if p.Log().ParentDir() == to {
		to = f.dirs[1]
	}
	q.ThrottleAll()
	q.SetRate(0)
	if err := f.AlterLogDir(p.tp, to); err != nil {
		t.Fatal(err)
	}
	future, ok := f.storage.FutureLog(p.tp)
	if !ok {
		t.Fatal("no future log")
	}
	eventually(t, "the first megabyte is copied", func() bool { return future.LogEndOffset() > 5 })
	f.change("t", 0, func(r *record.PartitionChangeRecord) { r.Leader = 2 })
	copied := future.LogEndOffset()
	if copied >= 30 {
		t.Fatalf("all %d records were copied, at a rate of 0", copied)
	}
	if err := p.restartAt(1, 3); err != nil { // as if the leader had nothing before offset 3
		t.Fatal(err)
	}
	for i := range 40 {
		b := batch.Batch(largeBatch("new"))
		b.SetBaseOffset(int64(3 + i))
		b.SetPartitionLeaderEpoch(1)
		if err := p.appendFollowed(b, 1, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	q.SetRate(quota.NoLimit)
	eventually(t, "the move is done", func() bool { return p.Log().ParentDir() == to })
	log := p.Log()
	if log.LogStartOffset() != 3 || log.LogEndOffset() != 43 {
		t.Errorf("the moved log has %d to %d, want 3 to 43", log.LogStartOffset(), log.LogEndOffset())
	}
	for at := int64(3); at < log.LogEndOffset(); {
		records, err := log.Read(at, 1<<20, log.LogEndOffset(), true)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := records.Bytes(nil)
		records.Release()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("old")) {
			t.Fatalf("at offset %d there are records that were cut", at)
		}
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			if err != nil {
				break // a read may end within a batch
			}
			at, raw = b.NextOffset(), rest
		}
	}
}

// largeBatch is a batch of one record of 100 KB.
func largeBatch(word string) []byte {
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	b.Append(1000, nil, bytes.Repeat([]byte(word), 100_000/len(word)))
	out, err := b.Finish(nil)
	if err != nil {
		panic(err)
	}
	return out
}
