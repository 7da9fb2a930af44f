package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/server"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

// TestFailingDisk has one of two disks fail with EIO from some write on. Its partitions answer KAFKA_STORAGE_ERROR, the others serve on,
// and a node that is started on the mended disk has every acknowledged record.
func TestFailingDisk(t *testing.T) {
	good, bad := t.TempDir(), t.TempDir()
	var failing atomic.Bool
	disk := errorfs.Wrap(vfs.OS(), errorfs.InjectorFunc(func(op errorfs.Op, name string) error {
		if failing.Load() && strings.HasPrefix(filepath.Clean(name), bad) && op&(errorfs.OpWrite|errorfs.OpSync) != 0 {
			return fmt.Errorf("%s: %w", name, syscall.EIO)
		}
		return nil
	}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node, addr := startOn(ctx, t, disk, good, bad)
	const partitions = 4
	cl := clientOf(t, addr)
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, 1, nil, workTopic); err != nil {
		t.Fatal(err)
	}
	var acked [partitions]int
	write := func(partition, count int) error {
		for range count {
			r := &kgo.Record{Topic: workTopic, Partition: int32(partition), Value: fmt.Append(nil, acked[partition])}
			if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
				return err
			}
			acked[partition]++
		}
		return nil
	}
	for partition := range partitions {
		if err := write(partition, 10); err != nil {
			t.Fatal(err)
		}
	}
	failing.Store(true)
	hurt := 0
	for partition := range partitions {
		l, err := filepath.Glob(filepath.Join(bad, fmt.Sprintf("%s-%d", workTopic, partition)))
		if err != nil {
			t.Fatal(err)
		}
		err = write(partition, 10)
		if len(l) == 0 && err != nil {
			t.Errorf("partition %d is on the good disk: %v", partition, err)
		}
		if len(l) == 1 {
			hurt++
			if !errors.Is(err, kerr.KafkaStorageError) && !errors.Is(err, kerr.LeaderNotAvailable) && !errors.Is(err, kerr.NotLeaderForPartition) { // the latter once the controller knows
				t.Errorf("partition %d is on the failing disk: %v", partition, err)
			}
		}
	}
	if hurt == 0 || hurt == partitions {
		t.Fatalf("%d of %d partitions are on the failing disk", hurt, partitions)
	}
	select {
	case <-node.Failed():
		t.Fatalf("the node gave up: %v", node.Err())
	default:
	}
	if err := node.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}

	node, addr = startOn(ctx, t, vfs.OS(), good, bad)
	ends, err := kadm.NewClient(clientOf(t, addr)).ListEndOffsets(ctx, workTopic)
	if err != nil || ends.Error() != nil {
		t.Fatal(err, ends.Error())
	}
	for partition, n := range acked {
		if o, _ := ends.Lookup(workTopic, int32(partition)); o.Offset < int64(n) {
			t.Errorf("partition %d: %d records were acknowledged, %d are there", partition, n, o.Offset)
		}
	}
	if err := node.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// startOn starts a node in this process on a file system of the test's.
func startOn(ctx context.Context, t *testing.T, fsys vfs.FS, dirs ...string) (*server.Server, string) {
	t.Helper()
	layers, cfg, _, err := config.Load(config.LoadOptions{Overrides: []string{
		"process.roles=broker,controller", "node.id=1", "listeners=PLAINTEXT://127.0.0.1:0", "log.dirs=" + strings.Join(dirs, ","),
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(ctx, server.Options{Layers: layers, Config: cfg, FS: fsys, Loggers: server.NewLoggers(slog.DiscardHandler, slog.LevelError)})
	if err != nil {
		t.Fatal(err)
	}
	return s, s.Addr(cfg.Network.Advertised[0].Name).String()
}

func clientOf(t *testing.T, addr string) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(),
		kgo.RecordRetries(1), kgo.RecordDeliveryTimeout(2*time.Second), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}
