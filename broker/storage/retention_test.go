package storage

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kgo-project/kgo/broker/vfs"
)

// tenSegments is a log of ten segments with one record each.
func tenSegments(t testing.TB, opts LogOptions) (l *Log, size int64) {
	t.Helper()
	noLuck(t)
	l = openTestLog(t, opts)
	for i := range 10 {
		if i > 0 {
			if err := l.Roll(); err != nil {
				t.Fatal(err)
			}
		}
		mustAppend(t, l, oneAt(t, 1_700_000_000_000+int64(i)), 0)
	}
	l.background.Wait()
	return l, l.Size() / 10
}

func TestRetentionBySize(t *testing.T) {
	for name, c := range map[string]struct {
		keep      func(size int64) int64
		highMark  int64
		compacted bool
		want      int64 // the log's start afterwards
	}{
		"all":                    {func(int64) int64 { return -1 }, 10, false, 0},
		"more than there is":     {func(size int64) int64 { return 10 * size }, 10, false, 0},
		"as many as fit":         {func(size int64) int64 { return 3 * size }, 10, false, 7},
		"never less than that":   {func(size int64) int64 { return 3*size + 1 }, 10, false, 6},
		"nothing":                {func(int64) int64 { return 0 }, 10, false, 10},
		"not what isn't decided": {func(int64) int64 { return 0 }, 4, false, 4},
		"not what is compacted":  {func(int64) int64 { return 0 }, 10, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, size := tenSegments(t, testOptions(vfs.NewMem(), "data"))
			cfg := *l.Config()
			cfg.RetentionMs, cfg.RetentionBytes = -1, c.keep(size)
			cfg.Compact, cfg.Delete = c.compacted, !c.compacted
			l.UpdateConfig(cfg)
			l.SetHighWatermark(c.highMark)
			n, err := l.DeleteOldSegments(nowMs())
			if err != nil || int64(n) != c.want || l.LogStartOffset() != c.want {
				t.Errorf("%d segments went, the log begins at %d, want %d; error %v", n, l.LogStartOffset(), c.want, err)
			}
			if got := len(readAll(t, l, 1<<20)); int64(got) != 10-c.want {
				t.Errorf("%d records are left, want %d", got, 10-c.want)
			}
		})
	}
}

// TestDeletedFilesStayForTheDelay: file.delete.delay.ms, in which a deleted segment's files keep their records under another name. A stop in between leaves
// them to the next start.
func TestDeletedFilesStayForTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := vfs.NewMem()
		opts := testOptions(fsys, "data")
		opts.Config.FileDeleteDelayMs = 60_000
		l, _ := tenSegments(t, opts)
		deleted := func() (logs, all int) {
			t.Helper()
			names, err := fsys.List(opts.Dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if strings.HasSuffix(name, logSuffix+deletedSuffix) {
					logs++
				}
				if strings.HasSuffix(name, deletedSuffix) {
					all++
				}
			}
			return logs, all
		}
		l.SetHighWatermark(4)
		if n, err := l.DeleteOldSegments(1_800_000_000_000); n != 4 || err != nil {
			t.Fatalf("%d segments, %v", n, err)
		}
		time.Sleep(60*time.Second - time.Millisecond)
		if logs, _ := deleted(); logs != 4 {
			t.Fatalf("%d segments wait for their deletion", logs)
		}
		l.SetHighWatermark(7)
		if n, err := l.DeleteOldSegments(1_800_000_000_000); n != 3 || err != nil {
			t.Fatalf("%d segments, %v", n, err)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if logs, _ := deleted(); logs != 3 {
			t.Fatalf("%d segments wait for their deletion after the delay of the first", logs)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l.trash.close()
		opts.CleanShutdown, opts.RecoveryPoint, opts.LogStartOffset = true, 10, 7
		l = openTestLog(t, opts)
		if _, all := deleted(); all != 0 || l.LogStartOffset() != 7 || l.LogEndOffset() != 10 {
			t.Fatalf("after a restart %d files wait, the log goes from %d to %d", all, l.LogStartOffset(), l.LogEndOffset())
		}
	})
}

// TestBackgroundWork lets time pass over a manager's logs: what is overdue is flushed, the checkpoints are written, old segments and producers go.
func TestBackgroundWork(t *testing.T) {
	noLuck(t)
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		cfg := managerConfig(mem, "a")
		cfg.RetentionCheck, cfg.FlushCheck = 5*time.Minute, time.Hour
		cfg.CheckpointInterval, cfg.StartOffsetCheckpoint = time.Minute, 2*time.Minute
		cfg.ProducerIDExpiration, cfg.ProducerIDCheck = time.Hour, 10*time.Minute
		cfg.Defaults.FlushMs, cfg.Defaults.RetentionMs = 5000, (40 * time.Minute).Milliseconds()
		m := openTestManager(t, cfg)
		m.Start()
		l, err := m.GetOrCreate(tpOf(0), NewUUID(), cfg.Defaults, "")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		at := func(d time.Duration) {
			time.Sleep(time.Until(began.Add(d)))
			synctest.Wait()
		}
		mustAppend(t, l, oneAt(t, nowMs()), 0)
		mustAppend(t, l, oneAt(t, nowMs(), 5), 0)
		l.SetHighWatermark(2)
		at(4900 * time.Millisecond)
		if l.RecoveryPoint() != 0 {
			t.Error("flushed before flush.ms had passed")
		}
		at(6100 * time.Millisecond)
		if l.RecoveryPoint() != 2 {
			t.Error("not flushed after flush.ms")
		}
		checkpoint := func(name string) int64 {
			t.Helper()
			offsets, err := m.Checkpoint("a", name).Read()
			if err != nil {
				t.Fatal(err)
			}
			return offsets[tpOf(0)]
		}
		at(59 * time.Second)
		if got := checkpoint(RecoveryPointCheckpoint); got != 0 {
			t.Errorf("the recovery point's checkpoint says %d early", got)
		}
		at(61 * time.Second)
		if got := checkpoint(RecoveryPointCheckpoint); got != 2 {
			t.Errorf("the recovery point's checkpoint says %d", got)
		}
		if err := l.IncrementLogStartOffset(1); err != nil {
			t.Fatal(err)
		}
		at(121 * time.Second)
		if got := checkpoint(LogStartOffsetCheckpoint); got != 1 {
			t.Errorf("the start offset's checkpoint says %d", got)
		}
		if err := l.Roll(); err != nil { // a segment of its own for what is young
			t.Fatal(err)
		}
		mustAppend(t, l, oneAt(t, nowMs()), 0)
		if err := l.Roll(); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, oneAt(t, nowMs()+3_000_000), 0)
		l.SetHighWatermark(l.LogEndOffset())
		if got := baseOffsets(l); !slices.Equal(got, []int64{0, 2, 3}) {
			t.Fatalf("segments begin at %v", got)
		}
		if err := l.IncrementLogStartOffset(2); err != nil {
			t.Fatal(err)
		}
		at(5*time.Minute + time.Second)
		if got := baseOffsets(l); !slices.Equal(got, []int64{2, 3}) {
			t.Errorf("what lies before the log's start is still there: segments begin at %v", got)
		}
		at(40*time.Minute + time.Second)
		if got := baseOffsets(l); !slices.Equal(got, []int64{2, 3}) {
			t.Errorf("what is not old enough is gone: segments begin at %v", got)
		}
		at(45*time.Minute + time.Second)
		if got := baseOffsets(l); !slices.Equal(got, []int64{3}) {
			t.Errorf("what is old is still there: segments begin at %v", got)
		}
		at(59 * time.Minute)
		if n := len(l.ActiveProducers()); n != 1 {
			t.Errorf("%d producers, one was active within the hour", n)
		}
		at(71 * time.Minute)
		if n := len(l.ActiveProducers()); n != 0 {
			t.Errorf("%d producers, none was active within the hour", n)
		}
	})
}

// TestCleanStopIsEarnedByEachRun: the mark of a clean stop is gone from the disk before anything is written, and a directory on its way out is removed.
func TestCleanStopIsEarnedByEachRun(t *testing.T) {
	mem := vfs.NewMem()
	m := openTestManager(t, managerConfig(mem, "a"))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	marker := vfs.Join("a", cleanShutdownMarkerName)
	if _, err := mem.Stat(marker); err != nil {
		t.Fatalf("no mark of a clean stop: %v", err)
	}
	gone := vfs.Join("a", suffixedDirName(tpOf(7), "0123456789abcdef", deleteDirSuffix))
	if err := mem.MkdirAll(gone); err != nil {
		t.Fatal(err)
	}
	m = openTestManager(t, managerConfig(mem, "a"))
	m.trash.running.Wait()
	if _, err := mem.Stat(gone); !isNotExist(err) {
		t.Errorf("a deleted log's directory is still there: %v", err)
	}
	for _, percent := range []int{0, 100} { // nothing that isn't synced has reached the disk, or all of it
		if _, err := mem.CrashClone(percent, 1).Stat(marker); !isNotExist(err) {
			t.Errorf("after a loss of power the directory counts as cleanly stopped: %v", err)
		}
	}
}
