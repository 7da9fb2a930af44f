package storage

import (
	"context"
	"log/slog"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// A replica of a compacted topic has gaps, also where a segment ends. A broker opens its logs before it has the metadata, so a kill must not cost it what is
// behind such a gap; of a topic that isn't compacted that is dropped, once the topic is known, for the leader has what is missing.
func TestGapBetweenSegmentsAfterAKill(t *testing.T) {
	for name, compacted := range map[string]bool{"compacted": true, "not compacted": false} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultLogConfig()
			cfg.Compact, cfg.Delete, cfg.SegmentBytes = compacted, !compacted, 300
			tp := ident.TopicPartition{Topic: "t"}
			open := func(fsys vfs.FS) *Manager {
				m, err := OpenManager(context.Background(), ManagerConfig{
					FS: fsys, Dirs: []string{"data"}, ClusterID: "c", NodeID: 1, Defaults: DefaultLogConfig(), RecoveryThreads: 1, Logger: slog.New(slog.DiscardHandler),
				})
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			disk, id := vfs.NewMem(), NewUUID()
			m := open(disk)
			l, err := m.GetOrCreate(tp, id, cfg, "")
			if err != nil {
				t.Fatal(err)
			}
			m.checkpointRecoveryPoints() // that nothing is known to be on the disk is known, too
			for _, base := range []int64{0, 1, 2, 3, 500, 501, 502} {
				var b batch.Builder
				b.Reset(0, batch.Compression{})
				b.Append(1000, []byte("key"), make([]byte, 60))
				raw, err := b.Finish(nil)
				if err != nil {
					t.Fatal(err)
				}
				raw.SetBaseOffset(base)
				raw.SetPartitionLeaderEpoch(0)
				if base == 500 {
					l.mu.Lock()
					_, err = l.rollLocked(base, 0)
					l.mu.Unlock()
					if err != nil {
						t.Fatal(err)
					}
				}
				if _, err := l.AppendAsFollower(raw, 0); err != nil {
					t.Fatal(err)
				}
			}
			again := open(disk.CrashClone(100, 1))
			l, err = again.GetOrCreate(tp, id, cfg, "")
			if err != nil {
				t.Fatal(err)
			}
			want := int64(4)
			if compacted {
				want = 503
			}
			if end := l.LogEndOffset(); end != want {
				t.Errorf("the log ends at %d, want %d", end, want)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
