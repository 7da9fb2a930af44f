package brokertest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestLogDirectoryFails has one of two log directories of a broker fail under load, by its disk being full: the replicas in it go offline, the partitions that they led get other leaders,
// and the broker goes on leading those in its other directory (KIP-112, KIP-858). No producer sees an error. With space and a restart all replicas are in sync again.
func TestLogDirectoryFails(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler, data := filepath.Join(small, "filler"), filepath.Join(small, "data")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	large := t.TempDir()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 3, everywhere: []string{"auto.leader.rebalance.enable=false"}, perBroker: func(i int) []string {
		if i == 0 {
			return []string{"log.dirs=" + large + "," + data}
		}
		return nil
	}})
	broker := c.brokers[0]
	const partitions = 6
	c.assign(workTopic, slices.Repeat([][]int32{{1, 2, 3}}, partitions), "min.insync.replicas", "2", "segment.bytes", "1048576")
	adm := kadm.NewClient(c.client())
	c.awaitInSync(adm)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cl := c.client(kgo.DefaultProduceTopic(workTopic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	payload := strings.Repeat("z", 50_000)
	var acked [partitions]int
	write := func(partition int32) {
		t.Helper()
		r := &kgo.Record{Partition: partition, Value: fmt.Appendf(nil, "%d/%d %s", partition, acked[partition], payload)}
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatalf("partition %d, record %d: %v", partition, acked[partition], err)
		}
		acked[partition]++
	}
	for partition := range int32(partitions) {
		write(partition)
	}
	inSmall := partitionsIn(t, data)
	if len(inSmall) == 0 || len(inSmall) == partitions {
		t.Fatalf("partitions in the small directory: %v, want some of %d", inSmall, partitions)
	}
	type state struct {
		leader int32
		isr    []int32
	}
	states := func(ctx context.Context) (all [partitions]state, ok bool) {
		known, err := adm.ListTopics(ctx, workTopic)
		if err != nil || len(known[workTopic].Partitions) != partitions {
			return all, false
		}
		for id, p := range known[workTopic].Partitions {
			slices.Sort(p.ISR)
			all[id] = state{p.Leader, p.ISR}
		}
		return all, true
	}
	var seen [partitions]state
	c.until("the full directory's leaders to move", func(ctx context.Context) bool {
		for partition := range int32(partitions) {
			write(partition)
		}
		var ok bool
		if seen, ok = states(ctx); !ok {
			return false
		}
		for partition := range inSmall {
			if seen[partition].leader == 1 || !slices.Equal(seen[partition].isr, []int32{2, 3}) {
				return false
			}
		}
		return true
	})
	for partition := range int32(partitions) {
		if s := seen[partition]; !inSmall[partition] && (s.leader != 1 || !slices.Equal(s.isr, []int32{1, 2, 3})) {
			t.Errorf("partition %d is in the other directory: leader %d, ISR %v", partition, s.leader, s.isr)
		}
		write(partition)
	}
	if !strings.Contains(broker.output.String(), "no space left on device") {
		t.Error("the broker's log does not say why the directory is offline")
	}
	dirs, err := adm.DescribeBrokerLogDirs(ctx, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if dirs[data].Err == nil || dirs[large].Err != nil {
		t.Errorf("log directories: %v, %v; want an error for the first alone", dirs[data].Err, dirs[large].Err)
	}

	broker.terminate()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	broker.launch()
	if err := broker.awaitServing(); err != nil {
		t.Fatal(err)
	}
	c.until("all replicas in sync", func(ctx context.Context) bool {
		all, ok := states(ctx)
		return ok && !slices.ContainsFunc(all[:], func(s state) bool { return len(s.isr) < 3 })
	})
	var found [partitions]int
	readAll(ctx, t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, workTopic, partitions, func(r *kgo.Record) {
		if want := fmt.Sprintf("%d/%d ", r.Partition, found[r.Partition]); !strings.HasPrefix(string(r.Value), want) {
			t.Errorf("partition %d, offset %d holds %.20q, want %q", r.Partition, r.Offset, r.Value, want)
		}
		found[r.Partition]++
	})
	if found != acked {
		t.Errorf("records acknowledged %v, found %v", acked, found)
	}
}
