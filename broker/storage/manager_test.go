package storage

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

func managerConfig(fsys vfs.FS, dirs ...string) ManagerConfig {
	cfg := DefaultLogConfig()
	cfg.FileDeleteDelayMs = 0
	return ManagerConfig{
		FS: fsys, Dirs: dirs, ClusterID: "c", NodeID: 4, Defaults: cfg, RecoveryThreads: 2, Logger: slog.New(slog.DiscardHandler),
	}
}

func openTestManager(t *testing.T, cfg ManagerConfig) *Manager {
	t.Helper()
	m, err := OpenManager(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func tpOf(partition int32) ident.TopicPartition {
	return ident.TopicPartition{Topic: "t.with-dash", Partition: partition}
}

func TestManagerFindsItsLogsAgain(t *testing.T) {
	mem := vfs.NewMem()
	m := openTestManager(t, managerConfig(mem, "a", "b"))
	m.SetBrokerEpoch(9)
	id := NewUUID()
	for i := range int32(6) {
		l, err := m.GetOrCreate(tpOf(i), id, m.cfg.Defaults, "")
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, recordsOf(t, int(i)+1, nil), 1)
	}
	if l, _ := m.Log(tpOf(1)); l.ParentDir() == m.cfg.Dirs[0] == func() bool { o, _ := m.Log(tpOf(0)); return o.ParentDir() == m.cfg.Dirs[0] }() {
		t.Error("the logs are not spread over the directories")
	}
	l, _ := m.Log(tpOf(5))
	l.SetHighWatermark(4)
	if err := l.IncrementLogStartOffset(3); err != nil {
		t.Fatal(err)
	}
	infos := m.Dirs()
	crashed := mem.CrashClone(100, 1)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for name, fsys := range map[string]*vfs.Mem{"clean": mem, "killed": crashed} {
		cfg := managerConfig(fsys, "a", "b")
		cfg.ClusterID = ""
		m := openTestManager(t, cfg)
		if m.ClusterID() != "c" || m.Dirs()[1].DirectoryID != infos[1].DirectoryID {
			t.Errorf("%s: cluster %q, directory ids changed", name, m.ClusterID())
		}
		if epoch := m.PreviousBrokerEpoch(); (name == "clean") != (epoch == 9) {
			t.Errorf("%s: previous broker epoch %d", name, epoch)
		}
		for i := range int32(6) {
			l, ok := m.Log(tpOf(i))
			if !ok || l.LogEndOffset() != int64(i)+1 || l.TopicID() != id {
				t.Fatalf("%s: log %d: %v", name, i, ok)
			}
		}
		if l, _ := m.Log(tpOf(5)); name == "clean" && l.LogStartOffset() != 3 {
			t.Errorf("%s: log start offset %d", name, l.LogStartOffset())
		}
		if _, err := m.GetOrCreate(tpOf(0), NewUUID(), m.cfg.Defaults, ""); !errors.Is(err, kerr.InconsistentTopicID) {
			t.Errorf("%s: another topic id: %v", name, err)
		}
	}
}

func TestManagerRefusesWhatIsNotItsOwn(t *testing.T) {
	mem := vfs.NewMem()
	m := openTestManager(t, managerConfig(mem, "a"))
	var held *vfs.LockedError
	if _, err := OpenManager(context.Background(), managerConfig(mem, "a")); !errors.As(err, &held) || !strings.Contains(err.Error(), "pid ") {
		t.Fatalf("a second manager: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	var foreign *ForeignDirError
	for _, change := range []func(cfg *ManagerConfig){func(cfg *ManagerConfig) { cfg.NodeID = 5 }, func(cfg *ManagerConfig) { cfg.ClusterID = "d" }} {
		cfg := managerConfig(mem, "a")
		change(&cfg)
		if _, err := OpenManager(context.Background(), cfg); !errors.As(err, &foreign) {
			t.Fatalf("%v", err)
		}
	}
}

func TestDeletedLogsLeaveTheDisk(t *testing.T) {
	mem := vfs.NewMem()
	m := openTestManager(t, managerConfig(mem, "a"))
	l, err := m.GetOrCreate(tpOf(0), NewUUID(), m.cfg.Defaults, "")
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, recordsOf(t, 3, nil), 0)
	r, err := l.Read(0, 1000, 3, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Delete(tpOf(0)); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Log(tpOf(0)); ok {
		t.Fatal("the log is still there")
	}
	if _, err := l.AppendAsLeader(recordsOf(t, 1, nil), 0, AppendOptions{}); !errors.Is(err, ErrClosed) {
		t.Fatalf("append to a deleted log: %v", err)
	}
	if raw, err := r.Bytes(nil); err != nil || len(raw) == 0 {
		t.Fatalf("a reader of the deleted log: %v", err)
	}
	r.Release()
	again, err := m.GetOrCreate(tpOf(0), NewUUID(), m.cfg.Defaults, "")
	if err != nil || again.LogEndOffset() != 0 {
		t.Fatalf("made again: %v", err)
	}
	m.trash.running.Wait()
	if names, _ := mem.List("a"); slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, deleteDirSuffix) }) {
		t.Fatalf("left on the disk: %v", names)
	}
}

func TestAFailingDirectoryTakesOnlyItsLogsOffline(t *testing.T) {
	mem := vfs.NewMem()
	failing := false
	inject := errorfs.InjectorFunc(func(op errorfs.Op, name string) error {
		if failing && op == errorfs.OpWrite && strings.HasPrefix(name, "a") {
			return errorfs.ErrInjected
		}
		return nil
	})
	cfg := managerConfig(errorfs.Wrap(mem, inject), "a", "b")
	told := make(chan string, 1)
	cfg.OnDirFailure = func(dir string, _ error) { told <- dir }
	m := openTestManager(t, cfg)
	var inA, inB []*Log
	for i := range int32(4) {
		l, err := m.GetOrCreate(tpOf(i), NewUUID(), cfg.Defaults, []string{"a", "b"}[i%2])
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			inA = append(inA, l)
		} else {
			inB = append(inB, l)
		}
	}
	failing = true
	_, err := inA[0].AppendAsLeader(recordsOf(t, 1, nil), 0, AppendOptions{})
	var offline *OfflineError
	if !errors.As(err, &offline) || !errors.Is(err, kerr.KafkaStorageError) || !errors.Is(err, errorfs.ErrInjected) {
		t.Fatalf("the append that failed: %v", err)
	}
	if dir := <-told; dir != "a" {
		t.Fatalf("told of %s", dir)
	}
	if _, err := inA[1].Read(0, 1, 0, true); !errors.As(err, &offline) {
		t.Fatalf("the other log of the directory: %v", err)
	}
	for _, l := range inB {
		mustAppend(t, l, recordsOf(t, 1, nil), 0)
	}
	if _, err := m.GetOrCreate(tpOf(8), NewUUID(), cfg.Defaults, "a"); !errors.As(err, &offline) {
		t.Fatalf("a new log in the failed directory: %v", err)
	}
	l, err := m.GetOrCreate(tpOf(9), NewUUID(), cfg.Defaults, "")
	if err != nil || l.ParentDir() != "b" {
		t.Fatalf("a new log anywhere: %v", err)
	}
	if infos := m.Dirs(); infos[0].Err == nil || infos[1].Err != nil {
		t.Fatalf("%+v", infos)
	}
	if err := m.Close(); err == nil {
		t.Fatal("closing said nothing of the failed directory")
	}
	if _, err := mem.Stat(vfs.Join("a", cleanShutdownMarkerName)); err == nil {
		t.Fatal("the failed directory is marked as cleanly stopped")
	}
	if _, err := mem.Stat(vfs.Join("b", cleanShutdownMarkerName)); err != nil {
		t.Fatal("the other is not")
	}
}

func TestFutureLogsArePromoted(t *testing.T) {
	mem := vfs.NewMem()
	m := openTestManager(t, managerConfig(mem, "a", "b"))
	l, err := m.GetOrCreate(tpOf(0), NewUUID(), m.cfg.Defaults, "a")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		mustAppend(t, l, recordsOf(t, 2, nil), 3)
	}
	future, err := m.CreateFuture(tpOf(0), "b")
	if err != nil || !future.IsFuture() {
		t.Fatal(err)
	}
	if _, err := future.AppendAsFollower(readBytes(t, l), 3); err != nil {
		t.Fatal(err)
	}
	future.SetHighWatermark(10)
	moved, err := m.PromoteFuture(tpOf(0))
	if err != nil {
		t.Fatal(err)
	}
	if moved.ParentDir() != "b" || moved.IsFuture() || moved.LogEndOffset() != 10 || moved.HighWatermark() != 10 || moved.LatestEpoch() != 3 || moved.TopicID() != l.TopicID() {
		t.Fatalf("%s end %d hw %d", moved.Dir(), moved.LogEndOffset(), moved.HighWatermark())
	}
	if got, ok := m.Log(tpOf(0)); !ok || got != moved {
		t.Fatal("the manager has another log")
	}
	mustAppend(t, moved, recordsOf(t, 1, nil), 3)
}

func TestDirectoryNames(t *testing.T) {
	for name, want := range map[string]struct {
		topic     string
		partition int32
		kind      dirKind
	}{
		"orders-0":                     {"orders", 0, dirLog},
		"with-dash.and.dot-12":         {"with-dash.and.dot", 12, dirLog},
		"orders-3.0123456789ab-delete": {"orders", 3, dirDelete},
		"a.b-3.0123456789ab-future":    {"a.b", 3, dirFuture},
		"orders-3.0123456789ab-stray":  {"orders", 3, dirStray},
		"orders":                       {kind: dirForeign},
		"-1":                           {kind: dirForeign},
		"lost+found":                   {kind: dirForeign},
		"orders-x":                     {kind: dirForeign},
		"orders-delete":                {kind: dirForeign},
		"orders-99999999999":           {kind: dirForeign},
	} {
		tp, kind := parseDirName(name)
		if kind != want.kind || (kind != dirForeign && (tp.Topic != want.topic || tp.Partition != want.partition)) {
			t.Errorf("%s: %v, %d", name, tp, kind)
		}
	}
	long := ident.TopicPartition{Topic: strings.Repeat("x", 249), Partition: 1}
	if name := suffixedDirName(long, strings.Repeat("a", 32), deleteDirSuffix); len(name) != 255 {
		t.Errorf("a name of %d bytes", len(name))
	}
}

func TestTopicWhoseLogCannotBeOpenedCanBeDeletedAndMadeAgain(t *testing.T) {
	fsys := vfs.NewMem()
	m := openTestManager(t, managerConfig(fsys, "data"))
	tp := ident.TopicPartition{Topic: "orders"}
	if _, err := m.GetOrCreate(tp, ident.TopicID{1}, DefaultLogConfig(), ""); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFileAtomic(fsys, "data/orders-0", partitionMetadataName, []byte("version: 9")); err != nil {
		t.Fatal(err)
	}
	m = openTestManager(t, managerConfig(fsys, "data"))
	defer m.Close()
	if _, err := m.GetOrCreate(tp, ident.TopicID{1}, DefaultLogConfig(), ""); err == nil {
		t.Fatal("a log with a damaged partition.metadata was opened")
	}
	if err := m.Delete(tp); err != nil {
		t.Fatal(err)
	}
	l, err := m.GetOrCreate(tp, ident.TopicID{2}, DefaultLogConfig(), "")
	if err != nil || l.LogEndOffset() != 0 {
		t.Fatalf("the topic can't be made again: %v", err)
	}
}
