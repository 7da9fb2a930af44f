package api

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/wire"
)

// dataPlane is a socket with the data plane behind it, and nothing else of a broker.
type dataPlane struct {
	addr    string
	topicID ident.TopicID
	store   *metadata.Store
	data    *Data
}

// newDataPlane serves topic t with two partitions.
func newDataPlane(t testing.TB) *dataPlane {
	t.Helper()
	store := metadata.NewStore("cluster")
	id := storage.NewUUID()
	logs, err := storage.OpenManager(t.Context(), storage.ManagerConfig{
		Dirs: []string{t.TempDir()}, ClusterID: "cluster", NodeID: 1, Defaults: storage.DefaultLogConfig(), RecoveryThreads: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	m := replica.New(replica.Config{
		BrokerID: 1, Storage: logs, Metadata: store, FetchSessionSlots: 10,
		LogConfig: func(string, map[string]string) storage.LogConfig { return storage.DefaultLogConfig() },
	})
	store.Subscribe(m)
	messages := []record.Message{&record.RegisterBrokerRecord{BrokerId: 1, BrokerEpoch: 1}, &record.TopicRecord{Name: "t", TopicId: id}}
	for p := range int32(2) {
		messages = append(messages, &record.PartitionRecord{PartitionId: p, TopicId: id, Replicas: []int32{1}, Isr: []int32{1}, Leader: 1})
	}
	if err := store.ApplyMessages(0, 1, 0, messages); err != nil {
		t.Fatal(err)
	}
	d := &dataPlane{topicID: id, store: store, data: &Data{Replica: m, Metadata: store, FetchMaxBytes: 55 << 20, Logger: slog.New(slog.DiscardHandler)}}
	server := wire.NewServer(wire.Config{}, wire.NewTable(d.data.Rows()))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln, wire.Listener{Name: "PLAINTEXT", Protocol: "PLAINTEXT"}) }()
	t.Cleanup(func() {
		if err := server.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if err := logs.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// client speaks one version of one request at a time.
type client struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
}

func (d *dataPlane) dial(t testing.TB) *client {
	t.Helper()
	nc, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, nc: nc, r: bufio.NewReader(nc)}
}

func (c *client) send(req kmsg.Request, version int16) {
	c.t.Helper()
	req.SetVersion(version)
	if _, err := c.nc.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, req, 1)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive(req kmsg.Request) kmsg.Response {
	c.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(c.r, size[:]); err != nil {
		c.t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c.r, body); err != nil {
		c.t.Fatal(err)
	}
	body = body[4:] // correlation id
	if req.IsFlexible() {
		body = body[1:] // tags
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if err := resp.ReadFrom(body); err != nil {
		c.t.Fatalf("response %d v%d: %v", req.Key(), req.GetVersion(), err)
	}
	return resp
}

func (c *client) do(req kmsg.Request, version int16) kmsg.Response {
	c.t.Helper()
	c.send(req, version)
	return c.receive(req)
}

// encoded makes records in the format that a produce request of this version carries.
func encoded(t testing.TB, version int16, values ...string) []byte {
	t.Helper()
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	for _, v := range values {
		b.Append(1234, []byte("key"), []byte(v))
	}
	out, err := b.Finish(nil)
	if err == nil && version < 3 {
		magic := batch.MagicV1
		if version < 2 {
			magic = batch.MagicV0
		}
		var old []byte
		if old, err = batch.DownConvert(nil, out, magic, 0, 1<<20); err == nil {
			return old
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// decoded reads the values out of fetched records of any format.
func decoded(t testing.TB, raw []byte) (values []string) {
	t.Helper()
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err == nil {
			for r, err := range b.Records(1 << 20) {
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, string(r.Value))
			}
			raw = rest
			continue
		}
		e, rest, err := batch.NextLegacy(raw)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range e.Records(1 << 20) {
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, string(r.Value))
		}
		raw = rest
	}
	return values
}

func (d *dataPlane) produceRequest(acks int16, records []byte, partitions ...int32) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 1000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = "t", d.topicID
	for _, p := range partitions {
		row := kmsg.NewProduceRequestTopicPartition()
		row.Partition, row.Records = p, records
		topic.Partitions = append(topic.Partitions, row)
	}
	req.Topics = append(req.Topics, topic)
	return req
}

func (d *dataPlane) fetchRequest(partition int32, offset int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MaxBytes, req.SessionEpoch, req.ReplicaState.ID, req.ReplicaState.Epoch = -1, 1<<20, -1, -1, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = "t", d.topicID
	row := kmsg.NewFetchRequestTopicPartition()
	row.Partition, row.FetchOffset, row.PartitionMaxBytes, row.CurrentLeaderEpoch, row.LastFetchedEpoch = partition, offset, 1<<20, -1, -1
	topic.Partitions = append(topic.Partitions, row)
	req.Topics = append(req.Topics, topic)
	return req
}

// TestEveryProduceVersionMeetsEveryFetchVersion writes with each version of Produce and reads all of it with each version of Fetch.
func TestEveryProduceVersionMeetsEveryFetchVersion(t *testing.T) {
	d := newDataPlane(t)
	c := d.dial(t)
	var want []string
	for v := range int16(14) {
		value := fmt.Sprint("produced by v", v)
		resp := c.do(d.produceRequest(-1, encoded(t, v, value), 0), v).(*kmsg.ProduceResponse)
		row := resp.Topics[0].Partitions[0]
		if row.ErrorCode != 0 || row.BaseOffset != int64(v) {
			t.Fatalf("produce v%d: error %v, offset %d", v, kerr.ErrorForCode(row.ErrorCode), row.BaseOffset)
		}
		want = append(want, value)
	}
	for v := range int16(19) {
		var got []string
		for len(got) < len(want) { // an answer ends with its segment
			row := c.do(d.fetchRequest(0, int64(len(got))), v).(*kmsg.FetchResponse).Topics[0].Partitions[0]
			if row.ErrorCode != 0 || row.HighWatermark != 14 || len(row.RecordBatches) == 0 {
				t.Fatalf("fetch v%d: error %v, high watermark %d, %d bytes", v, kerr.ErrorForCode(row.ErrorCode), row.HighWatermark, len(row.RecordBatches))
			}
			got = append(got, decoded(t, row.RecordBatches)...)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("fetch v%d: %q", v, got)
		}
	}
}

func TestProduceErrors(t *testing.T) {
	d := newDataPlane(t)
	c := d.dial(t)
	good := encoded(t, 9, "x")
	bad := append([]byte(nil), good...)
	bad[len(bad)-1] ^= 1
	for _, step := range []struct {
		name    string
		acks    int16
		version int16
		records []byte
		part    int32
		want    *kerr.Error
	}{
		{"acks 2", 2, 9, good, 0, kerr.InvalidRequiredAcks},
		{"unknown partition", -1, 9, good, 7, kerr.UnknownTopicOrPartition},
		{"wrong checksum", -1, 9, bad, 0, kerr.CorruptMessage},
		{"cut", -1, 9, good[:40], 0, kerr.InvalidRecord},
		{"nothing", -1, 9, nil, 0, kerr.InvalidRecord},
		{"two batches", -1, 9, append(append([]byte(nil), good...), good...), 0, kerr.InvalidRecord},
		{"old format in a new request", -1, 9, encoded(t, 0, "x"), 0, kerr.InvalidRecord},
	} {
		row := c.do(d.produceRequest(step.acks, step.records, step.part), step.version).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		if row.ErrorCode != step.want.Code || row.BaseOffset != -1 || row.Partition != step.part {
			t.Errorf("%s: error %v, offset %d", step.name, kerr.ErrorForCode(row.ErrorCode), row.BaseOffset)
		}
	}
	req := d.produceRequest(-1, good, 0)
	req.Topics[0].TopicID = ident.TopicID{1}
	if row := c.do(req, 13).(*kmsg.ProduceResponse).Topics[0].Partitions[0]; row.ErrorCode != kerr.UnknownTopicID.Code {
		t.Errorf("unknown id: %v", kerr.ErrorForCode(row.ErrorCode))
	}
}

func TestAcksNoneIsSilentUntilSomethingIsWrong(t *testing.T) {
	d := newDataPlane(t)
	c := d.dial(t)
	c.send(d.produceRequest(0, encoded(t, 9, "quiet"), 0), 9)
	row := c.do(d.fetchRequest(0, 0), 12).(*kmsg.FetchResponse).Topics[0].Partitions[0] // the next answer is the next request's
	if got := decoded(t, row.RecordBatches); len(got) != 1 {
		t.Errorf("fetched %q", got)
	}
	c.send(d.produceRequest(0, encoded(t, 9, "lost"), 99), 9)
	if _, err := c.r.ReadByte(); err != io.EOF {
		t.Errorf("the connection stays open: %v", err)
	}
}

func TestIncrementalFetchTellsNewsOnly(t *testing.T) {
	d := newDataPlane(t)
	c := d.dial(t)
	req := d.fetchRequest(0, 0)
	other := req.Topics[0].Partitions[0]
	other.Partition = 1
	req.Topics[0].Partitions = append(req.Topics[0].Partitions, other)
	req.SessionEpoch = 0
	resp := c.do(req, 13).(*kmsg.FetchResponse)
	if resp.SessionID == 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 2 {
		t.Fatalf("full fetch: %+v", resp)
	}
	next := kmsg.NewPtrFetchRequest()
	next.ReplicaID, next.MaxBytes, next.SessionID, next.SessionEpoch = -1, 1<<20, resp.SessionID, 1
	if resp = c.do(next, 13).(*kmsg.FetchResponse); resp.ErrorCode != 0 || len(resp.Topics) != 0 {
		t.Fatalf("nothing new: %+v", resp)
	}
	next.SessionEpoch, next.MaxWaitMillis, next.MinBytes = 2, 30_000, 1
	c.send(next, 13)
	d.dial(t).do(d.produceRequest(1, encoded(t, 9, "news"), 1), 9)
	resp = c.receive(next).(*kmsg.FetchResponse)
	if len(resp.Topics) != 1 || resp.Topics[0].TopicID != d.topicID || len(resp.Topics[0].Partitions) != 1 || resp.Topics[0].Partitions[0].Partition != 1 {
		t.Fatalf("news: %+v", resp)
	}
	if got := decoded(t, resp.Topics[0].Partitions[0].RecordBatches); fmt.Sprint(got) != "[news]" {
		t.Errorf("fetched %q", got)
	}
	next.SessionEpoch = 9
	if resp = c.do(next, 13).(*kmsg.FetchResponse); resp.ErrorCode != kerr.InvalidFetchSessionEpoch.Code {
		t.Errorf("wrong epoch: %v", kerr.ErrorForCode(resp.ErrorCode))
	}
	next.SessionID, next.SessionEpoch = math.MaxInt32, 1
	if resp = c.do(next, 13).(*kmsg.FetchResponse); resp.ErrorCode != kerr.FetchSessionIDNotFound.Code {
		t.Errorf("unknown session: %v", kerr.ErrorForCode(resp.ErrorCode))
	}
}

func TestListOffsetsVersions(t *testing.T) {
	d := newDataPlane(t)
	c := d.dial(t)
	c.do(d.produceRequest(-1, encoded(t, 9, "a", "b", "c"), 0), 9)
	for v := range int16(12) {
		for _, ts := range []int64{-1, -2, -3, -4, -5, -6} {
			req := kmsg.NewPtrListOffsetsRequest()
			req.ReplicaID = -1
			topic := kmsg.NewListOffsetsRequestTopic()
			topic.Topic = "t"
			row := kmsg.NewListOffsetsRequestTopicPartition()
			row.Timestamp, row.MaxNumOffsets = ts, 1
			topic.Partitions = append(topic.Partitions, row)
			req.Topics = append(req.Topics, topic)
			got := c.do(req, v).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
			if !timestampKnown(ts, v) {
				if got.ErrorCode != kerr.UnsupportedVersion.Code {
					t.Errorf("v%d, timestamp %d: error %d", v, ts, got.ErrorCode)
				}
				continue
			}
			want := map[int64]int64{-1: 3, -2: 0, -3: 0, -4: 0, -5: -1, -6: -1}[ts]
			if v == 0 {
				got.Offset = got.OldStyleOffsets[0]
			}
			if got.ErrorCode != 0 || got.Offset != want {
				t.Errorf("v%d, timestamp %d: offset %d, error %d; want %d", v, ts, got.Offset, got.ErrorCode, want)
			}
		}
	}
}

// BenchmarkProduceFetch is one small produce request and one fetch of it on a socket, after one another.
func BenchmarkProduceFetch(b *testing.B) {
	d := newDataPlane(b)
	c := d.dial(b)
	records := encoded(b, 9, "a value of some length, as they are")
	produce, fetch := d.produceRequest(-1, records, 0), d.fetchRequest(0, 0)
	b.ReportAllocs()
	for offset := int64(0); b.Loop(); offset++ {
		c.do(produce, 12)
		fetch.Topics[0].Partitions[0].FetchOffset = offset
		if r := c.do(fetch, 12).(*kmsg.FetchResponse); len(r.Topics[0].Partitions[0].RecordBatches) == 0 {
			b.Fatal("nothing fetched")
		}
	}
}
