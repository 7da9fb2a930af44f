package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestDiskFull fills one of two log directories. It goes offline, its partitions are refused, the other directory serves on, and with
// space and a restart every acknowledged record is there.
func TestDiskFull(t *testing.T) {
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler := filepath.Join(small, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(small, "data")
	p := startProcess(t, []string{t.TempDir(), data})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const partitions = 4
	if _, err := kadm.NewClient(p.client()).CreateTopic(ctx, partitions, 1, nil, workTopic); err != nil {
		t.Fatal(err)
	}
	full := partitionsIn(t, data)
	if len(full) == 0 || len(full) == partitions {
		t.Fatalf("partitions in the small directory: %v, want some of %d", full, partitions)
	}
	var acked [partitions]int64
	for partition := range int32(partitions) {
		err := fill(ctx, p, partition, 4<<20, &acked[partition])
		switch {
		case full[partition] && err == nil:
			t.Errorf("partition %d took 4 MB on a disk of 2", partition)
		case !full[partition] && err != nil:
			t.Errorf("partition %d is in the other directory: %v", partition, err)
		}
	}
	if err := p.awaitServing(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.output.String(), "no space left on device") {
		t.Errorf("the log does not say why the directory is offline:\n%s", p.output)
	}
	p.terminate()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	p.start()
	var found [partitions]int64
	readAll(ctx, t, p.client, workTopic, partitions, func(r *kgo.Record) {
		if want := fmt.Sprintf("%d/%d ", r.Partition, r.Offset); !strings.HasPrefix(string(r.Value), want) {
			t.Errorf("partition %d, offset %d holds %.20q, want %q", r.Partition, r.Offset, r.Value, want)
		}
		found[r.Partition] = r.Offset + 1
	})
	for partition, n := range acked {
		if found[partition] < n {
			t.Errorf("partition %d: %d records were acknowledged, %d are there", partition, n, found[partition])
		}
	}
	t.Logf("acknowledged %v, found %v", acked, found)
}

// partitionsIn lists the partitions of the work topic that a directory has.
func partitionsIn(t *testing.T, dir string) map[int32]bool {
	t.Helper()
	found := make(map[int32]bool)
	for partition := range int32(100) {
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("%s-%d", workTopic, partition))); err == nil {
			found[partition] = true
		}
	}
	return found
}

// fill writes to a partition until size is reached or an error comes; acked is how many records were acknowledged.
func fill(ctx context.Context, p *process, partition int32, size int, acked *int64) error {
	cl := p.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(workTopic), kgo.RecordRetries(2), kgo.DisableIdempotentWrite(),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordDeliveryTimeout(3*time.Second))
	defer cl.Close()
	payload := strings.Repeat("z", 100_000)
	for i := range size / len(payload) {
		r := &kgo.Record{Partition: partition, Value: fmt.Appendf(nil, "%d/%d %s", partition, i, payload)}
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			if errors.Is(err, kerr.KafkaStorageError) || errors.Is(err, kgo.ErrRecordRetries) || errors.Is(err, kgo.ErrRecordTimeout) {
				return err
			}
			return fmt.Errorf("not an answer a full disk should give: %w", err)
		}
		*acked++
	}
	return nil
}
