package storage

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
)

// TestFixturesOfApacheAreOpened opens log directories that Apache Kafka 4.3.1 wrote: testdata/log/README says how.
func TestFixturesOfApacheAreOpened(t *testing.T) {
	from := filepath.Join("..", "..", "testdata", "log")
	for _, marker := range []string{"", `{"version":0,"brokerEpoch":5}`} { // as after a crash, and after a clean stop
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		if marker != "" {
			if err := os.WriteFile(filepath.Join(dir, cleanShutdownMarkerName), []byte(marker), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		checkApacheLogs(t, dir, 1)
	}
}

// checkApacheLogs checks the logs that writeApacheLogs made.
func checkApacheLogs(t *testing.T, dir string, nodeID ident.BrokerID) {
	t.Helper()
	m, err := OpenManager(t.Context(), ManagerConfig{
		Dirs: []string{dir}, NodeID: nodeID, ClusterID: clusterIDOf(t, dir), Defaults: DefaultLogConfig(), Logger: slog.New(slog.DiscardHandler),
		Exclude: func(tp ident.TopicPartition) bool { return tp.Topic == "__cluster_metadata" },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	l, ok := m.Log(ident.TopicPartition{Topic: "codecs"})
	if !ok {
		t.Fatal("no log codecs-0")
	}
	if l.TopicID().IsZero() || l.LogEndOffset() != 200 || l.LatestEpoch() != 0 {
		t.Fatalf("topic id %s, end %d, epoch %d", l.TopicID(), l.LogEndOffset(), l.LatestEpoch())
	}
	codecs := make(map[batch.Codec]int)
	for _, b := range readAll(t, l, 700) {
		for _, err := range b.Records(1 << 20) {
			if err != nil {
				t.Fatal(err)
			}
			codecs[b.Codec()]++
		}
	}
	for _, c := range []batch.Codec{batch.None, batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd} {
		if codecs[c] != 40 {
			t.Errorf("%v: %d records", c, codecs[c])
		}
	}
	if found, err := l.OffsetForTimestamp(1_700_000_001_000); err != nil || found.Offset != 20 {
		t.Errorf("offset for a timestamp: %+v, %v", found, err)
	}
	if found, err := l.MaxTimestampOffset(); err != nil || found.Timestamp != 1_700_000_001_019 || found.Offset != 39 {
		t.Errorf("largest timestamp: %+v, %v", found, err)
	}
	if n := len(l.ActiveProducers()); n != 5 {
		t.Errorf("%d producers", n)
	}
	checkApacheTransactions(t, m)
}

func checkApacheTransactions(t *testing.T, m *Manager) {
	t.Helper()
	l, ok := m.Log(ident.TopicPartition{Topic: "txns"})
	if !ok {
		t.Fatal("no log txns-0")
	}
	l.SetHighWatermark(l.LogEndOffset())
	if l.LogEndOffset() != 8 || l.LastStableOffset() != 8 {
		t.Errorf("end %d, stable %d", l.LogEndOffset(), l.LastStableOffset())
	}
	aborted, err := l.AbortedTransactions(0, 8)
	if err != nil || len(aborted) != 2 || aborted[0].FirstOffset != 2 || aborted[0].LastOffset != 3 || aborted[1].FirstOffset != 6 {
		t.Errorf("aborted: %+v, %v", aborted, err)
	}
	if _, err := l.AppendAsLeader(recordsOf(t, 1, nil), 1, AppendOptions{}); err != nil {
		t.Error(err)
	}
}

func clusterIDOf(t *testing.T, dir string) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, metaPropertiesName)); errors.Is(err, fs.ErrNotExist) {
		return "fixture"
	}
	return ""
}
