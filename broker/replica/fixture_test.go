package replica

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
)

// fixture is one broker's data plane on real files: storage, metadata and a Manager that follows it.
type fixture struct {
	t       testing.TB
	fsys    vfs.FS // nil: the system's
	dirs    []string
	store   *metadata.Store
	storage *storage.Manager
	*Manager

	offset int64                    // of the next metadata record
	config func(*storage.LogConfig) // changes the topics' configuration
	events []string                 // of the leadership listener
	names  map[string]ident.TopicID // topics made so far
}

const self ident.BrokerID = 1

func newFixture(t testing.TB, configure func(*Config), dirs int) *fixture {
	f := &fixture{t: t, store: metadata.NewStore("cluster"), names: make(map[string]ident.TopicID)}
	for i := range dirs {
		f.dirs = append(f.dirs, filepath.Join(t.TempDir(), strconv.Itoa(i)))
	}
	f.open(configure)
	t.Cleanup(f.close)
	return f
}

func (f *fixture) open(configure func(*Config)) {
	logConfig := func(_ string, own map[string]string) storage.LogConfig {
		cfg := storage.DefaultLogConfig()
		if f.config != nil {
			f.config(&cfg)
		}
		if v, err := strconv.Atoi(own["min.insync.replicas"]); err == nil {
			cfg.MinInsyncReplicas = v
		}
		if own["cleanup.policy"] == "compact" {
			cfg.Compact, cfg.Delete = true, false
		}
		return cfg
	}
	var err error
	f.storage, err = storage.OpenManager(context.Background(), storage.ManagerConfig{
		FS: f.fsys, Dirs: f.dirs, ClusterID: "cluster", NodeID: self, Defaults: storage.DefaultLogConfig(), RecoveryThreads: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	cfg := Config{
		BrokerID: self, Storage: f.storage, Metadata: f.store, LogConfig: logConfig,
		ReplicaLagTimeMax: 10 * time.Second, FetchSessionSlots: 100, Leadership: f,
	}
	if configure != nil {
		configure(&cfg)
	}
	f.Manager = New(cfg)
	f.store.Subscribe(f.Manager)
	f.Start()
}

func (f *fixture) close() {
	if err := f.Manager.Close(); err != nil {
		f.t.Error(err)
	}
	if err := f.storage.Close(); err != nil {
		f.t.Error(err)
	}
}

func (f *fixture) Elected(tp ident.TopicPartition, _ ident.TopicID, epoch int32) {
	f.events = append(f.events, fmt.Sprintf("%s elected %d", tp, epoch))
}

func (f *fixture) Resigned(tp ident.TopicPartition, _ ident.TopicID, epoch int32) {
	f.events = append(f.events, fmt.Sprintf("%s resigned %d", tp, epoch))
}

// apply commits metadata records.
func (f *fixture) apply(messages ...record.Message) {
	f.t.Helper()
	if err := f.store.ApplyMessages(f.offset, 1, time.Now().UnixMilli(), messages); err != nil {
		f.t.Fatal(err)
	}
	f.offset += int64(len(messages))
}

// brokers registers unfenced brokers with these ids, their epochs being 100 + id.
func (f *fixture) brokers(ids ...int32) {
	for _, id := range ids {
		f.apply(&record.RegisterBrokerRecord{BrokerId: id, BrokerEpoch: 100 + int64(id)})
	}
}

// topic makes a topic whose partitions all have these replicas; the first leads.
func (f *fixture) topic(name string, partitions int, replicas ...int32) ident.TopicID {
	id := storage.NewUUID()
	messages := []record.Message{&record.TopicRecord{Name: name, TopicId: id}}
	for i := range partitions {
		messages = append(messages, &record.PartitionRecord{PartitionId: int32(i), TopicId: id, Replicas: replicas, Isr: replicas, Leader: replicas[0]})
	}
	f.apply(messages...)
	f.names[name] = id
	return id
}

// change changes a partition: what fn sets in the record.
func (f *fixture) change(topic string, partition int32, fn func(*record.PartitionChangeRecord)) {
	r := &record.PartitionChangeRecord{TopicId: f.names[topic], PartitionId: partition, Leader: -2, LeaderRecoveryState: -1}
	fn(r)
	f.apply(r)
}

func tpOf(topic string, partition int32) ident.TopicPartition {
	return ident.TopicPartition{Topic: topic, Partition: partition}
}

// partition returns a partition that must be there.
func (f *fixture) partition(topic string, id int32) *Partition {
	f.t.Helper()
	p, err := f.Partition(tpOf(topic, id))
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// records makes one batch of n records.
func records(n int) []byte {
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	for i := range n {
		b.Append(int64(1000+i), nil, fmt.Append(nil, "value-", i))
	}
	out, err := b.Finish(nil)
	if err != nil {
		panic(err)
	}
	return out
}

// produce appends and returns the channel on which the answer comes.
func (f *fixture) produce(acks Acks, timeout time.Duration, tp ident.TopicPartition, records []byte) <-chan ProduceResult {
	ch := make(chan ProduceResult, 1)
	f.Produce(ProduceRequest{Acks: acks, Timeout: timeout, Partitions: []ProducePartition{{TopicPartition: tp, Records: records}}},
		func(r []ProduceResult) { ch <- r[0] })
	return ch
}

// mustProduce appends n records to a partition with acks=1.
func (f *fixture) mustProduce(topic string, partition int32, n int) int64 {
	f.t.Helper()
	r := <-f.produce(AcksLeader, time.Second, tpOf(topic, partition), records(n))
	if r.Err != nil {
		f.t.Fatal(r.Err)
	}
	return r.BaseOffset
}

func consumer(maxWait time.Duration, minBytes int) FetchParams {
	return FetchParams{ReplicaID: ident.NoBroker, ReplicaEpoch: -1, MaxWait: maxWait, MinBytes: minBytes, MaxBytes: 10 << 20}
}

func asFollower(id ident.BrokerID) FetchParams {
	return FetchParams{ReplicaID: id, ReplicaEpoch: 100 + int64(id), MaxBytes: 10 << 20, MinBytes: 1}
}

func at(topic string, partition int32, offset int64) FetchPartition {
	return FetchPartition{
		TopicPartition: tpOf(topic, partition), CurrentLeaderEpoch: -1, FetchOffset: offset, LastFetchedEpoch: -1,
		LogStartOffset: 0, HighWatermark: 1<<63 - 1, MaxBytes: 1 << 20,
	}
}

// fetch starts a fetch.
func (f *fixture) fetch(params FetchParams, partitions ...FetchPartition) <-chan []FetchResult {
	ch := make(chan []FetchResult, 1)
	f.Fetch(params, partitions, func(r []FetchResult) { ch <- r })
	return ch
}

// fetchOne fetches one partition without waiting.
func (f *fixture) fetchOne(params FetchParams, p FetchPartition) FetchResult {
	r := (<-f.fetch(params, p))[0]
	f.t.Cleanup(func() { release(&r.Records) })
	return r
}

// within receives from ch or fails the test.
func within[T any](t testing.TB, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(10 * time.Second):
		t.Fatal("no answer within 10 s")
	}
	return v
}

func (f *fixture) storageConfig() storage.LogConfig { return f.cfg.LogConfig("", nil) }

// newStoreLike returns a store with the image of f's, as after a restart.
func newStoreLike(f *fixture) *metadata.Store {
	f.t.Helper()
	s := metadata.NewStore("cluster")
	old := f.store.Current()
	var messages []record.Message
	for b := range old.Brokers() {
		messages = append(messages, &record.RegisterBrokerRecord{BrokerId: int32(b.ID), BrokerEpoch: b.Epoch})
	}
	for _, t := range old.SortedTopics() {
		messages = append(messages, &record.TopicRecord{Name: t.Name, TopicId: t.ID})
		for i, p := range t.Partitions {
			r := &record.PartitionRecord{PartitionId: int32(i), TopicId: t.ID, Leader: int32(p.Leader), LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch}
			for _, id := range p.Replicas {
				r.Replicas = append(r.Replicas, int32(id))
			}
			for _, id := range p.Isr {
				r.Isr = append(r.Isr, int32(id))
			}
			messages = append(messages, r)
		}
	}
	if err := s.ApplyMessages(0, 1, 0, messages); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// controllerStub commits every ISR change it is asked for, and keeps where replicas lie.
type controllerStub struct {
	requests atomic.Int64 // ISR changes
	dirs     sync.Map     // partition to directory id
}

func (c *controllerStub) Request(_ context.Context, req kmsg.Request) (kmsg.Response, error) {
	if in, ok := req.(*kmsg.AssignReplicasToDirsRequest); ok {
		for _, d := range in.Directories {
			for _, t := range d.Topics {
				for _, p := range t.Partitions {
					c.dirs.Store(p.Partition, ident.UUID(d.ID))
				}
			}
		}
		return in.ResponseKind(), nil
	}
	in := req.(*kmsg.AlterPartitionRequest)
	c.requests.Add(1)
	out := in.ResponseKind().(*kmsg.AlterPartitionResponse)
	for _, t := range in.Topics {
		topic := kmsg.AlterPartitionResponseTopic{TopidID: t.TopicID}
		for _, p := range t.Partitions {
			row := kmsg.NewAlterPartitionResponseTopicPartition()
			row.Partition, row.ISR, row.LeaderEpoch, row.PartitionEpoch = p.Partition, p.NewISR, p.LeaderEpoch, p.PartitionEpoch+1
			topic.Partitions = append(topic.Partitions, row)
		}
		out.Topics = append(out.Topics, topic)
	}
	return out, nil
}
