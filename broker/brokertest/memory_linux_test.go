package brokertest_test

import (
	"context"
	enc "encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
)

// peakMemory is the most that the process ever had resident, in bytes.
func peakMemory(t *testing.T, p *process) int64 {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no VmHWM in\n%s", raw)
	return 0
}

// rawRequest is a request as it goes over a connection.
func frame(req kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("greedy")).AppendRequest(nil, req, 1)
}

func produceFrame(t *testing.T, topic string, records []byte) []byte {
	t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 9, 1, 60_000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic = topic
	row := kmsg.NewProduceRequestTopicPartition()
	row.Records = records
	rt.Partitions = append(rt.Partitions, row)
	req.Topics = append(req.Topics, rt)
	return frame(req)
}

// dialNode opens a connection that the test's end closes.
func dialNode(t *testing.T, p *process) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestMemoryIsBounded has many clients ask at once for more memory than there should be for them, and looks at how much the process had at most. It is the
// real binary under the Go runtime's own settings. Somebody else is served meanwhile.
func TestMemoryIsBounded(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "off")
	t.Setenv("GOMAXPROCS", "2") // as many batches are unfolded at a time
	for _, c := range []struct {
		name  string
		most  int64
		greed func(t *testing.T, p *process)
	}{
		{"compressed batches that unfold to 30 MB", 800 << 20, unfoldingBatches},
		{"frames of 50 MB that do not arrive", 400 << 20, unfinishedFrames},
		{"readers that do not read", 400 << 20, deafReaders},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := startProcess(t, []string{t.TempDir()}, "queued.max.request.bytes="+strconv.Itoa(64<<20), "connections.max.idle.ms=600000")
			adm := kadm.NewClient(p.client())
			if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "topic"); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cl := p.client(kgo.DefaultProduceTopic("topic"), kgo.ProducerBatchCompression(kgo.NoCompression()))
			if err := cl.ProduceSync(ctx, kgo.StringRecord("before")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			c.greed(t, p)
			if err := cl.ProduceSync(ctx, kgo.StringRecord("meanwhile")).FirstErr(); err != nil {
				t.Errorf("another client is not served: %v", err)
			}
			peak := peakMemory(t, p)
			t.Logf("at most %d MiB", peak>>20)
			if peak > c.most {
				t.Errorf("the process had %d MiB, more than %d", peak>>20, c.most>>20)
			}
		})
	}
}

const greedyClients = 200

// unfoldingBatches sends small batches of one large, empty record each, over many connections at once.
func unfoldingBatches(t *testing.T, p *process) {
	t.Helper()
	var requests [][]byte
	for _, codec := range []batch.Codec{batch.Gzip, batch.Snappy, batch.LZ4, batch.Zstd} {
		var b batch.Builder
		b.Reset(0, batch.Compression{Codec: codec})
		b.Append(time.Now().UnixMilli(), nil, make([]byte, 30<<20))
		raw, err := b.Finish(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) < 1<<20 { // what snappy makes of it is larger than a batch may be
			requests = append(requests, produceFrame(t, "topic", raw))
		}
	}
	var all sync.WaitGroup
	for i := range greedyClients / 2 { // it takes a while
		conn := dialNode(t, p)
		all.Go(func() {
			if _, err := conn.Write(requests[i%len(requests)]); err != nil {
				t.Error(err)
				return
			}
			var size [4]byte
			if _, err := io.ReadFull(conn, size[:]); err != nil {
				t.Errorf("no answer: %v", err)
			}
		})
	}
	all.Wait()
}

// unfinishedFrames announces large requests and sends less than it said.
func unfinishedFrames(t *testing.T, p *process) {
	t.Helper()
	part := enc.BigEndian.AppendUint32(nil, 50<<20)
	part = append(part, produceFrame(t, "topic", make([]byte, 1<<20))[4:]...)
	var all sync.WaitGroup
	for range greedyClients {
		conn := dialNode(t, p)
		all.Go(func() {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = conn.Write(part) // it may be left lying, or be closed
		})
	}
	all.Wait()
}

// deafReaders ask for all there is, again and again, and take nothing of it.
func deafReaders(t *testing.T, p *process) {
	t.Helper()
	cl := p.client(kgo.DefaultProduceTopic("topic"), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 30 {
		cl.Produce(t.Context(), kgo.SliceRecord(make([]byte, 900_000)), func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = 11, 100, 1, 50<<20, -1
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic = "topic"
	row := kmsg.NewFetchRequestTopicPartition()
	row.PartitionMaxBytes, row.CurrentLeaderEpoch = 50<<20, -1
	rt.Partitions = append(rt.Partitions, row)
	req.Topics = append(req.Topics, rt)
	raw := frame(req)
	var all sync.WaitGroup
	for range greedyClients {
		conn := dialNode(t, p)
		all.Go(func() {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			for range 50 {
				if _, err := conn.Write(raw); err != nil {
					return
				}
			}
			var some [1000]byte // the answer has begun
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.ReadFull(conn, some[:]); err != nil {
				t.Errorf("no answer: %v", err)
			}
		})
	}
	all.Wait()
}
