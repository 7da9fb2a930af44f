package clean

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

func expect(t *testing.T, b *bench, want string) {
	t.Helper()
	if got := contents(t, b.log); got != want {
		t.Errorf("log holds\n%s\nwant\n%s", got, want)
	}
}

func TestCompactionKeepsTheLastValueOfEachKey(t *testing.T) {
	for _, codec := range []batch.Codec{batch.None, batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			b := newBench(t, vfs.NewMem(), "data", testLogConfig(), nil)
			b.putAs(nil, codec, "a=1", "b=1", "c=1")
			b.putAs(nil, codec, "a=2")
			b.putAs(nil, codec, "d=1", "b=2")
			b.roll()
			b.putAs(nil, codec, "a=3")
			r := b.clean()
			// The last batch of the round stays; the active segment is not touched.
			expect(t, b, "[2:c=1][3:a=2][4:d=1 5:b=2][6:a=3]")
			if r.From != 0 || r.To != 6 || r.RecordsRead != 6 || r.RecordsWritten != 4 {
				t.Errorf("result %+v", r)
			}
			for _, got := range readBatches(t, b.log) {
				if got.Codec() != codec {
					t.Errorf("codec %v became %v", codec, got.Codec())
				}
				for r, err := range got.Records(testLimit) {
					if err != nil || len(r.Headers) != 1 || r.Timestamp != testStart {
						t.Errorf("record %+v, %v", r, err)
					}
				}
			}
			b.roll()
			b.clean()
			expect(t, b, "[2:c=1][4:d=1 5:b=2][6:a=3]")
			b.close()
			b.open(nil)
			expect(t, b, "[2:c=1][4:d=1 5:b=2][6:a=3]")
			if r := b.clean(); r.RecordsRead != 0 {
				t.Errorf("the checkpoint was forgotten: %+v", r)
			}
		})
	}
}

func TestTombstonesStayForDeleteRetention(t *testing.T) {
	b := newBench(t, vfs.NewMem(), "data", testLogConfig(), nil)
	b.put("a=1", "b=1")
	b.put("a")
	b.roll()
	b.put("x=1")
	b.clean()
	expect(t, b, "[1:b=1][2:a][3:x=1]")
	if horizon, ok := readBatches(t, b.log)[1].DeleteHorizon(); !ok || horizon != testStart+1000 {
		t.Errorf("delete horizon %d, %t", horizon, ok)
	}
	b.nowMs = testStart + 999
	b.put("y=0")
	b.roll()
	b.clean()
	expect(t, b, "[1:b=1][2:a][3:x=1][4:y=0]")
	b.nowMs = testStart + 1000
	b.put("y=1")
	b.roll()
	b.clean()
	expect(t, b, "[1:b=1][3:x=1][5:y=1]")
}

func TestRecordsWithoutKeysAreDropped(t *testing.T) {
	cfg := testLogConfig()
	cfg.Compact = false // they came before the topic was compacted
	b := newBench(t, vfs.NewMem(), "data", cfg, nil)
	b.builder.Reset(0, batch.Compression{})
	b.builder.Append(testStart, nil, []byte("v"))
	raw, err := b.builder.Finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.append(raw, storage.OriginClient)
	b.put("a=1")
	b.roll()
	if r := b.clean(); r.InvalidRecords != 1 {
		t.Errorf("result %+v", r)
	}
	expect(t, b, "[1:a=1]")
}

func TestAbortedTransactionsGoAndMarkersFollow(t *testing.T) {
	invariants.SetLuck(invariants.NoLuck) // a segment more, and more could be cleaned
	t.Cleanup(func() { invariants.SetLuck(nil) })
	b := newBench(t, vfs.NewMem(), "data", testLogConfig(), nil)
	txn := func(producerID int64, epoch int16, sequence int32) func(*batch.Builder) {
		return func(b *batch.Builder) { b.SetProducer(producerID, epoch, sequence); b.SetTransactional() }
	}
	b.put("a=old")                                     // 0
	b.putAs(txn(1, 0, 0), batch.None, "a=no")          // 1
	b.putAs(txn(2, 0, 0), batch.None, "b=yes")         // 2
	b.endTxn(1, 0, false)                              // 3
	b.endTxn(2, 0, true)                               // 4
	b.putAs(txn(1, 0, 1), batch.None, "c=1", "c=2")    // 5 6
	b.endTxn(1, 0, true)                               // 7
	b.putAs(txn(2, 0, 1), batch.None, "open", "d=dat") // 8 9, no end yet
	b.roll()
	b.put("z=1")
	b.clean()
	// The open transaction's segment is beyond the last stable offset.
	expect(t, b, "[0:a=old][1:a=no][2:b=yes][3:commit=false][4:commit=true][5:c=1 6:c=2][7:commit=true][8:open 9:d=dat][10:z=1]")
	b.endTxn(2, 0, true) // 11
	b.clean()
	// Producer 1's last data is offset 6; its aborted data at 1 goes, the marker at 3 stays this time.
	expect(t, b, "[0:a=old][2:b=yes][3:commit=false][4:commit=true][6:c=2][7:commit=true][8:open 9:d=dat][10:z=1][11:commit=true]")
	b.roll()
	b.clean()
	// Nothing is left of the transaction that the marker at 3 ended: it gets a delete horizon.
	if horizon, ok := readBatches(t, b.log)[2].DeleteHorizon(); !ok || horizon != testStart+1000 {
		t.Errorf("delete horizon of the marker: %d, %t", horizon, ok)
	}
	b.nowMs += 1000
	b.put("z=2") // 12
	b.roll()
	b.clean()
	expect(t, b, "[0:a=old][2:b=yes][4:commit=true][6:c=2][7:commit=true][9:d=dat][11:commit=true][12:z=2]")
}

func TestLastBatchOfActiveProducerStaysEmpty(t *testing.T) {
	b := newBench(t, vfs.NewMem(), "data", testLogConfig(), nil)
	b.putAs(func(b *batch.Builder) { b.SetProducer(7, 3, 40) }, batch.LZ4, "a=1", "a=2")
	b.put("a=3")
	b.roll()
	b.put("z=1")
	b.clean()
	expect(t, b, "[][2:a=3][3:z=1]")
	empty := readBatches(t, b.log)[0]
	if empty.LastSequence() != 41 || empty.ProducerEpoch() != 3 || empty.LastOffset() != 1 {
		t.Errorf("the empty batch ends at sequence %d of epoch %d, offset %d", empty.LastSequence(), empty.ProducerEpoch(), empty.LastOffset())
	}
	b.close()
	b.open(nil)
	b.putAs(func(b *batch.Builder) { b.SetProducer(7, 3, 42) }, batch.None, "q=1") // in sequence after the restart
	b.log.ExpireProducers(1 << 60)
	b.roll()
	b.put("z=2")
	b.clean()
	expect(t, b, "[2:a=3][3:z=1][4:q=1][5:z=2]")
}

func TestSmallMapNeedsSeveralRounds(t *testing.T) {
	b := newBench(t, vfs.NewMem(), "data", testLogConfig(), func(c *Config) { c.DedupeBufferSize = 1 }) // 16 slots
	for range 3 {
		for i := range 40 {
			b.put(string(rune('A'+i)) + "=v")
		}
	}
	b.roll()
	rounds := 0
	for b.clean().RecordsRead > 0 {
		if rounds++; rounds > 100 {
			t.Fatal("no end")
		}
	}
	if got := len(readBatches(t, b.log)); rounds < 3 || got != 40 {
		t.Errorf("%d batches after %d rounds", got, rounds)
	}
}

func TestMinCompactionLagHoldsSegmentsBack(t *testing.T) {
	cfg := testLogConfig()
	cfg.MinCompactionLagMs = 500
	b := newBench(t, vfs.NewMem(), "data", cfg, nil)
	b.put("a=1")
	b.put("a=2")
	b.roll()
	b.nowMs += 300
	b.put("a=3")
	b.roll()
	b.put("a=4")
	b.nowMs += 201 // 501 after the first segment's records
	b.clean()
	expect(t, b, "[1:a=2][2:a=3][3:a=4]")
	b.nowMs += 300
	b.clean()
	expect(t, b, "[2:a=3][3:a=4]")
}

func TestDueByRatioOrByMaxCompactionLag(t *testing.T) {
	cfg := testLogConfig()
	cfg.MinCleanableRatio = 0.9
	b := newBench(t, vfs.NewMem(), "data", cfg, nil)
	due := func() bool {
		c, err := b.cleaner.inspect(b.log, b.nowMs)
		if err != nil {
			t.Fatal(err)
		}
		return c.due()
	}
	if due() {
		t.Error("an empty log is due")
	}
	b.put("a=1", "b=1", "c=1")
	if due() {
		t.Error("an active segment is due")
	}
	b.roll()
	if !due() {
		t.Error("a log that is all dirty is not due")
	}
	b.clean()
	b.put("a=2")
	b.roll()
	if due() {
		t.Error("a log with little dirt is due")
	}
	cfg.MaxCompactionLagMs = 100
	b.log.UpdateConfig(cfg)
	if due() {
		t.Error("due before max.compaction.lag.ms")
	}
	b.nowMs += 101
	if !due() {
		t.Error("not due after max.compaction.lag.ms")
	}
}

func TestTruncationMakesTheRestDirtyAgain(t *testing.T) {
	b := newBench(t, vfs.NewMem(), "data", testLogConfig(), nil)
	b.put("a=1")
	b.put("b=1")
	b.roll()
	b.clean()
	if _, err := b.log.TruncateTo(1); err != nil {
		t.Fatal(err)
	}
	b.put("a=2")
	b.roll()
	b.clean()
	expect(t, b, "[1:a=2]")
}

func TestThreadsCleanWhatIsDueAndStop(t *testing.T) {
	cleaned := make(chan Result, 10)
	b := newBench(t, vfs.NewMem(), "data", testLogConfig(), func(c *Config) {
		c.Threads, c.Backoff = 2, time.Millisecond
		c.OnCleaned = func(r Result) { cleaned <- r }
	})
	b.put("a=1")
	b.put("a=2")
	b.roll()
	b.cleaner.Start()
	b.cleaner.Wake()
	select {
	case r := <-cleaned:
		if r.RecordsWritten != 1 {
			t.Errorf("result %+v", r)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was cleaned")
	}
	if err := b.cleaner.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, b, "[1:a=2]")
	if s := b.cleaner.Stats(); s.CleanerRecopyPercent <= 0 || s.CleanerRecopyPercent >= 100 || s.MaxBufferUtilizationPercent <= 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestPauseKeepsTheCleanerAway(t *testing.T) {
	b := newBench(t, vfs.NewMem(), "data", testLogConfig(), nil)
	b.put("a=1")
	b.roll()
	b.cleaner.Pause(testTP)
	if l, _ := b.cleaner.claimDirtiest(b.nowMs); l != nil {
		t.Error("a paused log was claimed")
	}
	b.cleaner.Resume(testTP)
	l, run := b.cleaner.claimDirtiest(b.nowMs)
	if l == nil {
		t.Fatal("a resumed log was not claimed")
	}
	paused := make(chan struct{})
	go func() {
		b.cleaner.Pause(testTP)
		close(paused)
	}()
	for b.cleaner.skipsPaused() == 0 { // until Pause has cancelled what is under way
		runtime.Gosched()
	}
	if _, err := run(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("a compaction under way ended with %v", err)
	}
	<-paused
}

// TestTruncationDuringCompactionStopsIt cuts off the newest value of a key when a compaction knows that it supersedes the older one: which must stay.
func TestTruncationDuringCompactionStopsIt(t *testing.T) {
	for _, change := range []struct {
		name string
		do   func(b *bench) error
		want string
	}{
		{"truncate", func(b *bench) error { _, err := b.log.TruncateTo(2); return err }, "[0:a=1][1:b=1]"},
		{"truncate fully", func(b *bench) error { return b.log.TruncateFullyAndStartAt(5) }, ""},
		{"delete", func(b *bench) error { return b.manager.Delete(testTP) }, ""},
	} {
		t.Run(change.name, func(t *testing.T) {
			b := newBench(t, vfs.NewMem(), "data", testLogConfig(), func(c *Config) { c.IOMaxBytesPerSecond = 1 })
			b.put("a=1")
			b.put("b=1")
			b.roll()
			b.put("a=2")
			b.roll()
			done := make(chan error, 1)
			go func() {
				_, err := b.cleaner.CleanNow(context.Background(), b.log, b.nowMs)
				done <- err
			}()
			for b.cleaner.busyLogs() == 0 { // until it reads, which takes minutes at this speed
				runtime.Gosched()
			}
			if err := change.do(b); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("the compaction ended with %v", err)
			}
			if change.name != "delete" {
				expect(t, b, change.want)
			}
		})
	}
}

func (c *Cleaner) busyLogs() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.busy)
}

func (c *Cleaner) skipsPaused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.paused)
}

func TestDamagedLogIsUncleanableAndLeftAsItWas(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, vfs.OS(), dir, testLogConfig(), nil)
	b.put("a=1")
	b.put("a=2")
	b.roll()
	f, err := b.fsys.OpenReadWrite(b.log.Segments()[0].Path())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, batch.HeaderSize+3); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = b.cleaner.CleanNow(t.Context(), b.log, b.nowMs)
	var corruption *storage.CorruptionError
	if !errors.As(err, &corruption) || corruption.Position != 0 {
		t.Fatal(err)
	}
	b.cleaner.failed(b.log, err)
	if l, _ := b.cleaner.claimDirtiest(b.nowMs); l != nil {
		t.Error("an uncleanable log was claimed")
	}
	if s := b.cleaner.Stats(); s.UncleanablePartitions[dir] != 1 || s.UncleanableBytes[dir] != b.log.Size() {
		t.Errorf("stats %+v", s)
	}
	names, err := b.fsys.List(b.log.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if len(name) > 8 && name[len(name)-8:] == ".cleaned" {
			t.Errorf("%s was left behind", name)
		}
	}
}

// A topic that is deleted while it is compacted, before any of the I/O operations: the compaction ends, and the directory stays online.
func TestDeletionDuringCompaction(t *testing.T) {
	for i := int64(1); ; i++ {
		var count atomic.Int64
		var armed atomic.Bool
		var b *bench
		done := make(chan error, 1)
		inject := errorfs.InjectorFunc(func(errorfs.Op, string) error {
			if armed.Load() && count.Add(1) == i {
				armed.Store(false)
				go func() { done <- b.manager.Delete(testTP) }()
				select { // the deletion overtakes the operation, unless that holds a lock which it needs
				case err := <-done:
					done <- err
				case <-time.After(5 * time.Millisecond):
				}
			}
			return nil
		})
		b = newBench(t, errorfs.Wrap(vfs.NewMem(), inject), "data", testLogConfig(), nil)
		b.put("a=1")
		b.putAs(func(b *batch.Builder) { b.SetProducer(1, 0, 0); b.SetTransactional() }, batch.None, "a=no")
		b.endTxn(1, 0, false)
		b.roll()
		b.put("a=2")
		b.roll()
		if err := b.log.Flush(b.log.LogEndOffset()); err != nil { // nothing is written in the background any more
			t.Fatal(err)
		}
		armed.Store(true)
		_, err := b.cleaner.CleanNow(t.Context(), b.log, b.nowMs)
		if armed.Swap(false) {
			if i < 20 {
				t.Fatalf("only %d operations", i)
			}
			return
		}
		if err != nil && !errors.Is(err, storage.ErrClosed) && !errors.Is(err, context.Canceled) {
			t.Fatalf("deleted at operation %d: %v", i, err)
		}
		if err := <-done; err != nil {
			t.Fatalf("deleted at operation %d: %v", i, err)
		}
		for _, d := range b.manager.Dirs() {
			if d.Err != nil {
				t.Fatalf("deleted at operation %d: the directory went offline: %v", i, d.Err)
			}
		}
		b.close()
	}
}

// A change of log.cleaner.* takes effect while the cleaner runs, and a stopped one stays stopped.
func TestReconfigure(t *testing.T) {
	cleaned := make(chan Result, 10)
	b := newBench(t, vfs.NewMem(), "data", testLogConfig(), func(c *Config) {
		c.Threads, c.Backoff = 1, time.Hour
		c.OnCleaned = func(r Result) { cleaned <- r }
	})
	b.cleaner.Start()
	b.put("a=1")
	b.put("a=2")
	b.roll()
	cfg := b.cleaner.cfg
	cfg.Threads, cfg.Backoff, cfg.IOMaxBytesPerSecond = 3, time.Millisecond, 1e9
	b.cleaner.Reconfigure(cfg)
	select {
	case <-cleaned:
	case <-time.After(30 * time.Second):
		t.Fatal("the threads of the new configuration do not compact")
	}
	if err := b.cleaner.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, b, "[1:a=2]")
	cfg.Threads = 2
	b.cleaner.Reconfigure(cfg)
	if b.cleaner.cfg.Threads != 3 {
		t.Error("a closed cleaner was started again")
	}
}
