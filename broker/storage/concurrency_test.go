package storage

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/vfs"
)

// TestReadersSeeWholeBatchesWhileTheLogGrowsAndShrinks reads from several goroutines during appends, rolls and retention.
func TestReadersSeeWholeBatchesWhileTheLogGrowsAndShrinks(t *testing.T) {
	opts := testOptions(vfs.OS(), t.TempDir())
	opts.Config.SegmentBytes, opts.Config.IndexIntervalBytes, opts.Config.RetentionMs = 3000, 200, -1
	opts.Config.RetentionBytes = 20_000
	l := openTestLog(t, opts)
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			offset := int64(0)
			for !done.Load() || offset < l.LogEndOffset() {
				r, err := l.Read(offset, 700, l.LogEndOffset(), true)
				if errors.Is(err, kerr.OffsetOutOfRange) {
					offset = l.LogStartOffset()
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				raw, err := r.Bytes(nil)
				r.Release()
				if err != nil {
					t.Error(err)
					return
				}
				for len(raw) > 0 {
					b, rest, err := batch.Next(raw)
					if errors.Is(err, batch.ErrTruncated) {
						break
					}
					if err == nil {
						err = b.Validate()
					}
					if err != nil || b.BaseOffset() > offset && b.BaseOffset() > l.LogStartOffset() {
						t.Errorf("at %d: batch at %d, %v", offset, b.BaseOffset(), err)
						return
					}
					offset, raw = max(offset, b.NextOffset()), rest
				}
			}
		})
	}
	for i := range 3000 {
		mustAppend(t, l, recordsOf(t, 1+i%3, nil), 0)
		if i%50 == 0 {
			l.SetHighWatermark(l.LogEndOffset())
			if _, err := l.DeleteOldSegments(nowMs()); err != nil {
				t.Fatal(err)
			}
		}
	}
	done.Store(true)
	readers.Wait()
	if l.LogStartOffset() == 0 || l.Size() > 35_000 {
		t.Fatalf("retention left %d bytes from %d on", l.Size(), l.LogStartOffset())
	}
	l.abandon()
	if _, err := l.Read(l.LogStartOffset(), 1, 1<<60, true); !errors.Is(err, ErrClosed) {
		t.Fatalf("read of a closed log: %v", err)
	}
}

// TestConcurrentFlushesShareSyncs holds up the first fsync until all producers have appended: one more fsync must serve them all.
func TestConcurrentFlushesShareSyncs(t *testing.T) {
	const producers = 20
	mem := vfs.NewMem()
	var log atomic.Pointer[Log]
	var syncs atomic.Int32
	mem.OnChange = func(op, name string) {
		l := log.Load()
		if op != "sync" || l == nil || !strings.HasSuffix(name, logSuffix) {
			return
		}
		syncs.Add(1)
		for deadline := time.Now().Add(10 * time.Second); l.LogEndOffset() < producers && time.Now().Before(deadline); {
			runtime.Gosched()
		}
	}
	opts := testOptions(mem, "data")
	opts.Config.FlushMessages = 1
	l := openTestLog(t, opts)
	log.Store(l)
	var appending sync.WaitGroup
	for range producers {
		appending.Go(func() {
			info, err := l.AppendAsLeader(recordsOf(nil2{}, 1, nil), 0, AppendOptions{})
			if err != nil || l.RecoveryPoint() <= info.LastOffset {
				t.Errorf("acknowledged before it was on the disk: %+v, %v", info, err)
			}
		})
	}
	appending.Wait()
	if n := syncs.Load(); n > 2 && !invariants.Enabled { // builds with invariants roll at random
		t.Errorf("%d syncs for the appends of %d producers", n, producers)
	}
}

func TestRecordsAreSentToSockets(t *testing.T) {
	l := openTestLog(t, testOptions(vfs.OS(), t.TempDir()))
	for range 200 {
		mustAppend(t, l, recordsOf(t, 50, nil), 0)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	received := make(chan []byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			received <- nil
			return
		}
		raw, _ := io.ReadAll(conn) // compared below
		received <- raw
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Read(100, 1<<20, l.LogEndOffset(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	want, err := r.Bytes(nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.WriteTo(conn)
	if err != nil || n != int64(r.Size()) {
		t.Fatalf("%d of %d: %v", n, r.Size(), err)
	}
	conn.Close()
	if got := <-received; !bytes.Equal(got, want) {
		t.Fatalf("%d bytes arrived, %d were sent", len(got), len(want))
	}
	var copied bytes.Buffer
	if _, err := r.WriteTo(&copied); err != nil || !bytes.Equal(copied.Bytes(), want) {
		t.Fatalf("copy: %v", err)
	}
}

func TestRetentionByTimeKeepsWhatIsYoung(t *testing.T) {
	opts := testOptions(vfs.NewMem(), "data")
	opts.Config.SegmentBytes, opts.Config.RetentionMs = 300, 1000
	l := openTestLog(t, opts)
	for range 10 {
		mustAppend(t, l, recordsOf(t, 3, nil), 0) // timestamps 1_700_000_000_000 to ..002
	}
	if n, err := l.DeleteOldSegments(1_700_000_009_000); n != 0 || err != nil {
		t.Fatalf("%d segments above the high watermark went: %v", n, err)
	}
	l.SetHighWatermark(l.LogEndOffset())
	if n, err := l.DeleteOldSegments(1_700_000_001_002); n != 0 || err != nil {
		t.Fatalf("%d young segments went: %v", n, err)
	}
	if n, err := l.DeleteOldSegments(1_700_000_001_003); n == 0 || err != nil {
		t.Fatalf("%d old segments went: %v", n, err)
	}
	if l.LogStartOffset() != 30 || l.LogEndOffset() != 30 || len(l.Segments()) != 1 {
		t.Fatalf("%d to %d", l.LogStartOffset(), l.LogEndOffset())
	}
}

func TestFollowersKeepOffsetsAndEpochs(t *testing.T) {
	leader := openTestLog(t, testOptions(vfs.NewMem(), "data"))
	for i := range int32(6) {
		mustAppend(t, leader, recordsOf(t, 2, nil), i/2)
	}
	raw := readBytes(t, leader)
	follower := openTestLog(t, testOptions(vfs.NewMem(), "data"))
	info, err := follower.AppendAsFollower(bytes.Clone(raw[:len(raw)-5]), 2) // the last batch is cut
	if err != nil || info.LastOffset != 9 {
		t.Fatalf("%+v, %v", info, err)
	}
	if _, err := follower.AppendAsFollower(bytes.Clone(raw), 2); !errors.Is(err, kerr.OffsetOutOfRange) {
		t.Fatalf("an append of what is there: %v", err)
	}
	if _, err := follower.AppendAsFollower(bytes.Clone(raw[len(raw)/6*5:]), 1); !errors.Is(err, kerr.UnknownLeaderEpoch) {
		t.Fatalf("a batch from a newer epoch: %v", err)
	}
	if _, err := follower.AppendAsFollower(bytes.Clone(raw[len(raw)/6*5:]), 2); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(follower.EpochEntries(), leader.EpochEntries()) {
		t.Fatalf("%v, the leader has %v", follower.EpochEntries(), leader.EpochEntries())
	}
	for epoch, want := range map[int32]EpochEntry{-1: {-1, -1}, 0: {0, 4}, 1: {1, 8}, 2: {2, 12}, 3: {-1, -1}} {
		if e, end := follower.EndOffsetForEpoch(epoch); e != want.LeaderEpoch || end != want.StartOffset {
			t.Errorf("epoch %d ends at %d in %d, want %v", epoch, end, e, want)
		}
	}
	if _, err := leader.AppendAsLeader(recordsOf(t, 1, nil), 1, AppendOptions{}); !errors.Is(err, kerr.FencedLeaderEpoch) {
		t.Fatalf("a leader of the past: %v", err)
	}
}
