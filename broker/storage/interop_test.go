//go:build interop

package storage

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
)

var updateFixtures = flag.Bool("update-fixtures", false, "write what Apache Kafka wrote to testdata/log")

// lab runs the real Apache Kafka, by the command that KAFKA_LAB_CMD names: LAB start NAME PORT, LAB dump-log ...
func lab(t *testing.T, args ...string) string {
	t.Helper()
	cmd := os.Getenv("KAFKA_LAB_CMD")
	if cmd == "" {
		t.Skip("KAFKA_LAB_CMD is not set: it names the command that starts Apache Kafka")
	}
	out, err := exec.CommandContext(t.Context(), cmd, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", cmd, args, err, out)
	}
	return string(out)
}

func labPort() int {
	if port, err := strconv.Atoi(os.Getenv("KAFKA_LAB_PORT")); err == nil {
		return port
	}
	return 21010
}

// startApache starts a broker and returns its address and log directory. settings are of the server.
func startApache(t *testing.T, name string, settings ...string) (addr, dir string, stop func()) {
	t.Helper()
	port := labPort()
	lab(t, append([]string{"start", name, strconv.Itoa(port)}, settings...)...)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			lab(t, "stop", name)
		}
	}
	root := os.Getenv("KAFKA_LAB")
	if root == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		root = filepath.Join(home, ".cache", "kafka-lab")
	}
	t.Cleanup(func() {
		stop()
		exec.Command(os.Getenv("KAFKA_LAB_CMD"), "wipe", name).Run() //nolint:errcheck // best effort
	})
	return fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(root, name, "data"), stop
}

// writeApacheLogs produces to topics of an Apache broker: every codec, idempotent and transactional.
func writeApacheLogs(t *testing.T, addr string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(c), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic("codecs"))
		if err != nil {
			t.Fatal(err)
		}
		for round := range 2 {
			var records []*kgo.Record
			for i := range 20 {
				records = append(records, &kgo.Record{
					Timestamp: time.UnixMilli(1_700_000_000_000 + int64(round*1000+i)), Key: fmt.Appendf(nil, "key-%d", i), Value: bytes.Repeat(fmt.Appendf(nil, "%d ", i), 10),
				})
			}
			if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		cl.Close()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.TransactionalID("fixture"), kgo.DefaultProduceTopic("txns"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(ctx, &kgo.Record{Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)), Value: fmt.Appendf(nil, "txn %d", i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(ctx, commit); err != nil {
			t.Fatal(err)
		}
	}
}

// TestApacheLogsAreOpened lets Apache Kafka write logs, stops it, and opens its directory as it is: after a clean stop and as after a crash.
func TestApacheLogsAreOpened(t *testing.T) {
	addr, dir, stop := startApache(t, "storage-logs", "num.partitions=1", "log.segment.bytes=1048576")
	adm, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	for _, topic := range []string{"codecs", "txns"} {
		if _, err := kadm.NewClient(adm).CreateTopic(t.Context(), 1, 1, map[string]*string{"index.interval.bytes": new("300")}, topic); err != nil {
			t.Fatal(err)
		}
	}
	writeApacheLogs(t, addr)
	stop()
	if *updateFixtures {
		copyFixtures(t, dir, filepath.Join("..", "..", "testdata", "log"))
	}
	work := t.TempDir()
	if err := os.CopyFS(work, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	checkApacheLogs(t, work, 1)
}

func copyFixtures(t *testing.T, from, to string) {
	for _, topic := range []string{"codecs-0", "txns-0"} {
		if err := os.RemoveAll(filepath.Join(to, topic)); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(to, topic), os.DirFS(filepath.Join(from, topic))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestApacheReadsWhatIsWrittenHere writes a log directory and lets Apache Kafka's dump tool and its broker read it.
func TestApacheReadsWhatIsWrittenHere(t *testing.T) {
	addr, dir, stop := startApache(t, "storage-back", "num.partitions=1", "log.segment.bytes=1048576")
	adm, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(adm).CreateTopic(t.Context(), 1, 1, nil, "back"); err != nil {
		t.Fatal(err)
	}
	adm.Close()
	stop()
	m, err := OpenManager(t.Context(), ManagerConfig{
		Dirs: []string{dir}, NodeID: 1, Defaults: DefaultLogConfig(), Logger: slog.New(slog.DiscardHandler),
		Exclude: func(tp ident.TopicPartition) bool { return tp.Topic == "__cluster_metadata" },
	})
	if err != nil {
		t.Fatal(err)
	}
	tp := ident.TopicPartition{Topic: "back"}
	l, ok := m.Log(tp)
	if !ok {
		t.Fatal("the log that Apache made was not found")
	}
	cfg := *l.Config()
	cfg.SegmentBytes, cfg.IndexIntervalBytes, cfg.TimestampAfterMaxMs = 20_000, 200, 1<<60
	l.UpdateConfig(cfg)
	count := 0
	for i := range int32(200) {
		info := mustAppend(t, l, recordsOf(t, 10, idempotent(4000, 0, 10*i)), 0)
		count += info.Records
	}
	mustAppend(t, l, recordsOf(t, 2, transactional(4001, 0, 0)), 0)
	if _, err := l.AppendAsLeader(batch.AppendEndTxnMarker(nil, 0, 0, 1_700_000_000_000, 4001, 0, batch.EndTxnMarker{CoordinatorEpoch: 0}), 0,
		AppendOptions{Origin: OriginCoordinator}); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	var files []string
	names, err := filepath.Glob(filepath.Join(dir, "back-0", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		switch filepath.Ext(name) {
		case ".log", ".index", ".timeindex", ".txnindex", ".snapshot":
			files = append(files, name)
		}
	}
	dump := lab(t, "dump-log", "--deep-iteration", "--files", strings.Join(files, ","))
	for _, complaint := range []string{"mismatch", "not valid", "isvalid: false", "Found", "non-consecutive", "xception", "corrupt"} {
		if strings.Contains(dump, complaint) {
			t.Errorf("the dump tool complains:\n%s", grep(dump, complaint))
		}
	}
	if !strings.Contains(dump, "producerId: 4001") || !strings.Contains(dump, "endTxnMarker: ABORT") {
		t.Errorf("the dump lacks the transaction:\n%.3000s", dump)
	}
	if n := strings.Count(dump, "| offset:"); n != count+3 {
		t.Errorf("the dump has %d records, %d were written", n, count+3)
	}
	// And the broker itself takes it as its own after a clean stop.
	lab(t, "start", "storage-back", strconv.Itoa(labPort()))
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("back"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := 0
	for got < count {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("after %d records: %v", got, err)
		}
		got += f.NumRecords()
	}
	lab(t, "stop", "storage-back")
	log, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range []string{"Recovering unflushed segment", "ebuilding", "corrupt", "Could not find offset index"} {
		if found := grep(string(log), complaint); strings.Contains(found, "back-0") {
			t.Errorf("the broker had to repair:\n%s", found)
		}
	}
}

func grep(text, word string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found = append(found, line)
		}
	}
	return strings.Join(found[:min(len(found), 10)], "")
}
