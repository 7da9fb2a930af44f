package quorum

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/batch"
)

// startAlone opens a lone voter and waits until it leads.
func startAlone(t *testing.T, cfg Config) (*Node, *journal, int32) {
	t.Helper()
	j := newJournal()
	n, err := OpenNode(t.Context(), cfg, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	j.await(t, "leader", func() bool { return j.leader == cfg.NodeID })
	_, _, epoch := j.snapshot()
	return n, j, epoch
}

func mustPropose(t *testing.T, n *Node, epoch int32, names ...string) int64 {
	t.Helper()
	var records [][]byte
	for _, name := range names {
		records = append(records, topicRecord(name))
	}
	offset, err := n.Propose(t.Context(), epoch, records)
	if err != nil {
		t.Fatal(err)
	}
	return offset
}

func TestLoneVoterLeadsAtOnceAndCommits(t *testing.T) {
	cfg := testConfig(t, 0, 0)
	start := time.Now()
	n, j, epoch := startAlone(t, cfg)
	t.Logf("leader after %v", time.Since(start))
	if offset := mustPropose(t, n, epoch, "a", "b"); offset != 1 { // the LeaderChange record is at 0
		t.Errorf("base offset %d", offset)
	}
	if offset := mustPropose(t, n, epoch, "c"); offset != 3 {
		t.Errorf("base offset %d", offset)
	}
	if values, _, _ := j.snapshot(); !slices.Equal(values, []string{"a", "b", "c"}) {
		t.Errorf("applied %v", values)
	}
	if hw := n.HighWatermark(); hw != 4 {
		t.Errorf("high watermark %d", hw)
	}
	if _, err := n.Propose(t.Context(), epoch-1, [][]byte{topicRecord("late")}); !errors.Is(err, ErrNotLeader) {
		t.Errorf("proposal of an old epoch: %v", err)
	}
	if _, err := n.Propose(t.Context(), epoch, [][]byte{make([]byte, MaxBatchBytes)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("proposal of a giant: %v", err)
	}
}

func TestRestartKeepsTheLogAndRaisesTheEpoch(t *testing.T) {
	cfg := testConfig(t, 7, 7)
	n, _, epoch := startAlone(t, cfg)
	for i := range 100 {
		mustPropose(t, n, epoch, fmt.Sprint("t", i))
	}
	closeNode(t, n)
	start := time.Now()
	n, j, again := startAlone(t, cfg)
	t.Logf("leader again after %v", time.Since(start))
	if again <= epoch {
		t.Errorf("leader epoch %d after %d", again, epoch)
	}
	if values, _, _ := j.snapshot(); len(values) != 100 || values[99] != "t99" {
		t.Errorf("applied %d values", len(values))
	}
	if offset := mustPropose(t, n, again, "after"); offset != 102 {
		t.Errorf("base offset %d", offset)
	}
}

func TestManyProposalsShareTheirFsync(t *testing.T) {
	n, j, epoch := startAlone(t, testConfig(t, 1, 1))
	const count = 2000
	var wg sync.WaitGroup
	var mu sync.Mutex
	var offsets []int64
	wg.Add(count)
	for i := range count {
		n.ProposeAsync(epoch, [][]byte{topicRecord(strconv.Itoa(i))}, func(offset int64, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			offsets = append(offsets, offset)
			wg.Done()
		})
	}
	wg.Wait()
	if !slices.IsSorted(offsets) || len(slices.Compact(offsets)) != count {
		t.Error("answers out of order")
	}
	values, _, _ := j.snapshot()
	for i, v := range values {
		if v != strconv.Itoa(i) {
			t.Fatalf("value %d is %s", i, v)
		}
	}
}

func TestSnapshotsBoundTheLog(t *testing.T) {
	cfg := testConfig(t, 1, 1)
	cfg.SnapshotBytes, cfg.RetentionBytes, cfg.SegmentBytes = 2000, 6000, 1500
	n, _, epoch := startAlone(t, cfg)
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprint("topic-", i))
		mustPropose(t, n, epoch, want[i])
	}
	waitFor(t, n, "log start", func() bool { return n.log.LogStartOffset() > 0 })
	id := n.NewestSnapshot()
	data, size, err := n.FetchSnapshot(id, 0, 1<<20)
	if err != nil || int64(len(data)) != size || size == 0 {
		t.Fatalf("snapshot %v: %d of %d bytes, %v", id, len(data), size, err)
	}
	closeNode(t, n)
	n, j, epoch := startAlone(t, cfg)
	if values, _, _ := j.snapshot(); !slices.Equal(values, want) || j.restored != 1 {
		t.Errorf("after the restart: %d values, restored %d times", len(values), j.restored)
	}
	mustPropose(t, n, epoch, "more")
	closeNode(t, n)
	_, j, _ = startAlone(t, cfg)
	if values, _, _ := j.snapshot(); !slices.Equal(values, append(want, "more")) {
		t.Errorf("after the second restart: %d values", len(values))
	}
}

// waitFor waits until cond holds, looking again whenever the node's view changes.
func waitFor(t *testing.T, n *Node, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		wake := n.commits.next()
		if cond() {
			return
		}
		select {
		case <-wake:
		case <-ctx.Done():
			t.Fatalf("no %s within the deadline", what)
		}
	}
}

func TestObserverFetch(t *testing.T) {
	n, _, epoch := startAlone(t, testConfig(t, 1, 1))
	mustPropose(t, n, epoch, "a")
	resp, err := n.Fetch(FetchRequest{Offset: 0, LastFetchedEpoch: 0, MaxBytes: 1 << 20})
	if err != nil || resp.HighWatermark != 2 || resp.Leader != 1 || resp.LeaderEpoch != epoch {
		t.Fatalf("%+v: %v", resp, err)
	}
	var offsets []int64
	for len(offsets) < 2 { // a fetch ends with its segment, and one begins where luck has it
		raw, err := resp.Records.Bytes(nil)
		resp.Records.Release()
		if err != nil || len(raw) == 0 {
			t.Fatalf("%d bytes after %v: %v", len(raw), offsets, err)
		}
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			if err == nil {
				err = b.Validate()
			}
			if err != nil || b.PartitionLeaderEpoch() != epoch {
				t.Fatalf("batch of epoch %d: %v", b.PartitionLeaderEpoch(), err)
			}
			offsets, raw = append(offsets, b.BaseOffset()), rest
		}
		if resp, err = n.Fetch(FetchRequest{Offset: int64(len(offsets)), LastFetchedEpoch: epoch, MaxBytes: 1 << 20}); err != nil {
			t.Fatal(err)
		}
	}
	resp.Records.Release()
	if !slices.Equal(offsets, []int64{0, 1}) {
		t.Errorf("batches at %v", offsets)
	}
	resp, err = n.Fetch(FetchRequest{Offset: 5, LastFetchedEpoch: epoch, MaxBytes: 1})
	if err != nil || resp.Diverging == nil || *resp.Diverging != (EpochEnd{epoch, 2}) {
		t.Errorf("beyond the end: %+v, %v", resp, err)
	}
	done := make(chan error, 1)
	go func() { done <- n.WaitCommitted(t.Context(), 2) }()
	mustPropose(t, n, epoch, "b")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestResignRaisesTheEpoch(t *testing.T) {
	n, j, epoch := startAlone(t, testConfig(t, 1, 1))
	n.Resign(epoch)
	j.await(t, "new epoch", func() bool { return j.leader == 1 && j.epoch > epoch })
	if _, err := n.Propose(t.Context(), epoch, [][]byte{topicRecord("x")}); !errors.Is(err, ErrNotLeader) {
		t.Errorf("proposal of the resigned epoch: %v", err)
	}
	_, _, now := j.snapshot()
	mustPropose(t, n, now, "y")
}

// TestOpensApacheKafkasLog takes over the metadata log of an Apache Kafka controller, vote and all.
func TestOpensApacheKafkasLog(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/log/kafka-4.3.1/metadata.log")
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(t, 1, 1)
	dir := filepath.Join(cfg.Dir, Topic+"-0")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	vote := `{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}`
	for name, content := range map[string][]byte{"00000000000000000000.log": raw, quorumStateFile: []byte(vote)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	n, j, epoch := startAlone(t, cfg)
	if epoch != 2 {
		t.Errorf("leader epoch %d", epoch)
	}
	if values, _, _ := j.snapshot(); len(values) != 313 || j.offsets[312] != 313 {
		t.Errorf("%d records, the last at %d", len(values), j.offsets[len(values)-1])
	}
	if offset := mustPropose(t, n, epoch, "more"); offset != 315 {
		t.Errorf("base offset %d", offset)
	}
}

func TestVotersAreChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"none":      {Dir: t.TempDir()},
		"twice":     {Dir: t.TempDir(), Voters: []Voter{{ID: 1}, {ID: 1}}},
		"negative":  {Dir: t.TempDir(), Voters: []Voter{{ID: -1}}},
		"directory": {Voters: []Voter{{ID: 1}}},
	} {
		if _, err := OpenNode(t.Context(), cfg, newJournal(), nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
