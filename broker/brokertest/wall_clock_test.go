//go:build slow

package brokertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestWallClockJumps sets the wall clock of some processes, and of all, ahead by more than any retention and back again, and then back into the past, under load.
// Sessions, leases and lags are the monotonic clock's: nobody is fenced, no ISR shrinks, no group rebalances. Retention doubts the clock, so that neither records
// nor committed offsets go.
//
// The processes are kgo as it is, built with a package time whose wall clock can be shifted.
func TestWallClockJumps(t *testing.T) {
	t.Setenv("KGO_FAULT_BINARY", buildWithShiftableClock(t))
	shifts := t.TempDir()
	t.Setenv("KGO_TEST_WALL_SHIFT", shifts)
	c := startCluster(t, clusterSpec{
		coordinators: 3, brokers: 3, everywhere: []string{"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500", "metadata.max.retention.ms=600000"},
		onBrokers: []string{
			"replica.lag.time.max.ms=4000", "log.retention.check.interval.ms=200", "log.initial.task.delay.ms=0", "offsets.retention.check.interval.ms=200",
			"producer.id.expiration.check.interval.ms=200", "log.message.timestamp.type=LogAppendTime",
		},
	})
	adm := kadm.NewClient(c.client())
	const topic, finished = workTopic, "finished"
	if _, err := adm.CreateTopic(t.Context(), workPartitions, 3, map[string]*string{"segment.bytes": new("1048576"), "segment.ms": new("300"), "min.insync.replicas": new("2")}, topic); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()

	// A group that has ended: its offsets would be the first to expire.
	commit := kadm.Offsets{}
	commit.Add(kadm.Offset{Topic: topic, Partition: 0, At: 5})
	c.until("a group's offsets", func(ctx context.Context) bool {
		got, err := adm.CommitOffsets(ctx, finished, commit)
		return err == nil && got.Error() == nil
	})
	var assigned atomic.Int64
	reader := c.client(kgo.ConsumerGroup("reading"), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(6*time.Second),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { assigned.Add(1) }))
	read := make(chan int)
	enough := make(chan int, 1)
	go func() {
		seen := make(map[string]bool)
		for want := -1; want < 0 || len(seen) < want; {
			poll, stop := context.WithTimeout(ctx, 100*time.Millisecond)
			reader.PollFetches(poll).EachRecord(func(r *kgo.Record) { seen[string(r.Value)] = true })
			stop()
			select {
			case want = <-enough:
			default:
			}
			if ctx.Err() != nil {
				break
			}
		}
		read <- len(seen)
	}()
	producer := c.client(kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0))
	written := 0
	write := func(count int) {
		t.Helper()
		for range count {
			if err := producer.ProduceSync(ctx, kgo.StringRecord(number(written))).FirstErr(); err != nil {
				t.Fatalf("record %d: %v", written, err)
			}
			written++
			pause(ctx, 5*time.Millisecond)
		}
	}
	write(100)
	c.until("the group", func(context.Context) bool { return assigned.Load() > 0 })
	epochs := leaderEpochs(ctx, t, adm)
	const day = 24 * time.Hour
	jumps := make(map[*member]int)
	shift := func(by time.Duration, members ...*member) {
		for _, m := range members {
			jumps[m]++
			if err := os.WriteFile(filepath.Join(shifts, strconv.Itoa(m.cmd.Process.Pid)), fmt.Append(nil, int64(by.Seconds())), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, jump := range []struct {
		name string
		by   time.Duration
		who  []*member
	}{
		{"one broker ahead", 30 * day, c.brokers[:1]},
		{"one broker right again", 0, c.brokers[:1]},
		{"the coordinators ahead", 30 * day, c.coordinators},
		{"the coordinators back", -30 * day, c.coordinators},
		{"all ahead", 400 * day, c.members()},
		{"all back to the time", 0, c.members()},
		{"all far back", -400 * day, c.members()},
		{"all right again", 0, c.members()},
	} {
		shift(jump.by, jump.who...)
		for _, b := range c.brokers {
			c.until(b.name+" to see the clock", func(context.Context) bool {
				write(5)
				text := b.output.String()
				return strings.Count(text, "the wall clock jumped forward")+strings.Count(text, "the wall clock was set back") >= jumps[b]
			})
		}
		write(100)
		known, err := adm.ListTopics(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range known[topic].Partitions {
			if len(p.ISR) != 3 {
				t.Errorf("%s: the ISR of partition %d is %v", jump.name, p.Partition, p.ISR)
			}
		}
		if now := leaderEpochs(ctx, t, adm); !slices.Equal(now, epochs) {
			t.Errorf("%s: leader epochs %v, were %v", jump.name, now, epochs)
		}
	}
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err != nil || starts.Error() != nil {
		t.Fatal(err, starts.Error())
	}
	starts.Each(func(o kadm.ListedOffset) {
		if o.Offset != 0 {
			t.Errorf("partition %d begins at %d: records expired", o.Partition, o.Offset)
		}
	})
	if offsets, err := fetchOffsets(ctx, adm, finished); err != nil {
		t.Error(err)
	} else if o, ok := offsets.Lookup(topic, 0); !ok || o.At != 5 {
		t.Errorf("the offsets of the group that has ended: %+v, want 5", o)
	}
	enough <- written
	if got := <-read; got != written {
		t.Errorf("the group read %d of %d records", got, written)
	}
	if n := assigned.Load(); n != 1 {
		t.Errorf("partitions were assigned %d times, want once", n)
	}
	for _, m := range c.members() {
		if strings.Contains(m.output.String(), "broker fenced") {
			t.Errorf("%s fenced a broker", m.name)
		}
	}
	t.Logf("%d records", written)
}

// leaderEpochs are the leaders and leader epochs of the work topic.
func leaderEpochs(ctx context.Context, t *testing.T, adm *kadm.Client) (all []string) {
	t.Helper()
	known, err := adm.ListTopics(ctx, workTopic)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range known[workTopic].Partitions.Sorted() {
		all = append(all, fmt.Sprintf("%d: %d in %d", p.Partition, p.Leader, p.LeaderEpoch))
	}
	return all
}

// shiftableClock is what the main package gets besides: the process's wall clock is off by the seconds in a file that has its process id for a name.
const shiftableClock = `package main

import (
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

func init() {
	path := os.Getenv("KGO_TEST_WALL_SHIFT") + "/" + strconv.Itoa(os.Getpid())
	go func() {
		for {
			if raw, err := os.ReadFile(path); err == nil {
				if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
					atomic.StoreInt64(&time.WallShift, n)
				}
			}
			time.Sleep(10 * time.Millisecond) // how often the process looks for its shift; the test waits for what the shift does
		}
	}()
}
`

// buildWithShiftableClock builds kgo with another package time, in which nothing differs but that Now adds WallShift to the wall clock.
func buildWithShiftableClock(t *testing.T) (path string) {
	t.Helper()
	dir := t.TempDir()
	goRoot, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(strings.TrimSpace(string(goRoot)), "src", "time", "time.go")
	raw, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for from, to := range map[string]string{
		"func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n": "var WallShift int64\n\nfunc Now() Time {\n\tsec, nsec, mono := runtimeNow()\n\tsec += atomic.LoadInt64(&WallShift)\n",
		"import (\n": "import (\n\t\"sync/atomic\"\n",
	} {
		if strings.Count(text, from) != 1 {
			t.Skipf("this Go's package time is written differently: %q is in it %d times", from, strings.Count(text, from))
		}
		text = strings.Replace(text, from, to, 1)
	}
	module, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string]map[string]string{"Replace": {original: filepath.Join(dir, "time.go"), filepath.Join(module, "cmd", "kgo", "wall_shift.go"): filepath.Join(dir, "wall_shift.go")}}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"time.go": text, "wall_shift.go": shiftableClock, "overlay.json": string(list)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(dir, "kgo")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-tags", "invariants", "-o", path, "github.com/kgo-project/kgo/cmd/kgo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}
