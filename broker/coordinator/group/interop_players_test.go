//go:build interop

package group

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"net"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/coordinator"
	"github.com/kgo-project/kgo/broker/coordinator/internal/memlog"
	"github.com/kgo-project/kgo/broker/ident"
)

// awaitState waits until a request in flight has taken effect.
func awaitState(st *stage, state string) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		r := (<-st.start(st.describe(5, st.group))).(*kmsg.DescribeGroupsResponse)
		if r.Groups[0].State == state {
			return
		}
	}
	st.t.Fatalf("the group does not become %s", state)
}

// ownPlayer is our service.
type ownPlayer struct {
	service *Service
	records *memlog.Log
}

type apacheTopics struct{ byName map[string]apacheTopic }

type apacheTopic struct {
	id         ident.TopicID
	partitions int32
}

func (t apacheTopics) TopicID(name string) (ident.TopicID, bool) {
	topic, ok := t.byName[name]
	return topic.id, ok
}

func (t apacheTopics) TopicName(id ident.TopicID) (string, bool) {
	for name, topic := range t.byName {
		if topic.id == id {
			return name, true
		}
	}
	return "", false
}

func (t apacheTopics) TopicsVersion() int64 { return -1 }

func (t apacheTopics) TopicNames() []string { return slices.Sorted(maps.Keys(t.byName)) }

func (t apacheTopics) PartitionCount(name string) int32 { return t.byName[name].partitions }

func newOwnPlayer(t *testing.T, topics apacheTopics) *ownPlayer {
	cfg := DefaultConfig()
	cfg.OffsetsTopicPartitions, cfg.InitialRebalanceDelay, cfg.ConsumerAssignmentInterval = 1, 0, 0
	log := &memlog.Log{}
	p := &ownPlayer{NewService(cfg, Dependencies{Writer: log, Loader: log, Topics: topics}), log}
	p.service.Elected(0, 1)
	t.Cleanup(p.service.Close)
	return p
}

func (p *ownPlayer) send(t *testing.T, req kmsg.Request) <-chan kmsg.Response {
	out := make(chan kmsg.Response, 1)
	go func() {
		// Through bytes and back, as a client sees it.
		resp := req.ResponseKind()
		if err := resp.ReadFrom((<-call(p.service, req)).AppendTo(nil)); err != nil {
			t.Errorf("%T: %v", resp, err)
		}
		out <- resp
	}()
	return out
}

func (p *ownPlayer) log(t *testing.T) (log []coordinator.Replayed) {
	_, err := p.records.Load(t.Context(), ident.TopicPartition{Topic: OffsetsTopic}, 0, func(raw []byte) error {
		log = append(log, recordsOf(t, raw)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func recordsOf(t *testing.T, raw []byte) (log []coordinator.Replayed) {
	b := batch.Batch(raw)
	for r, err := range b.Records(1 << 30) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, coordinator.Replayed{Offset: r.Offset, ProducerID: b.ProducerID(), Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)})
	}
	return log
}

// log reads the partition by one large fetch.
func (p *apachePlayer) log(t *testing.T) (log []coordinator.Replayed) {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxBytes, req.ReplicaID = 4, 64<<20, -1
	req.Topics = []kmsg.FetchRequestTopic{{Topic: OffsetsTopic, Partitions: []kmsg.FetchRequestTopicPartition{
		{PartitionMaxBytes: 64 << 20, CurrentLeaderEpoch: -1},
	}}}
	resp := (<-p.send(t, req)).(*kmsg.FetchResponse)
	for rest := resp.Topics[0].Partitions[0].RecordBatches; len(rest) > 0; {
		b, next, err := batch.Next(rest)
		if err != nil {
			t.Fatal(err)
		}
		log, rest = append(log, recordsOf(t, b)...), next
	}
	return log
}

// apachePlayer talks to Apache Kafka, each request on a connection of its own, so that one that waits holds up no other.
type apachePlayer struct {
	addr   string
	topics apacheTopics
	idle   sync.Pool
}

func startApache(t *testing.T, lab string) *apachePlayer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	name := "kgo-group-interop-" + port
	run := func(args ...string) {
		if out, err := exec.Command(lab, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", lab, args, err, out)
		}
	}
	run("start", name, port, "group.initial.rebalance.delay.ms=0", "group.consumer.assignment.interval.ms=0", "offsets.topic.num.partitions=1")
	t.Cleanup(func() { run("stop", name); run("wipe", name) })
	p := &apachePlayer{addr: addr, topics: apacheTopics{map[string]apacheTopic{}}}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version, create.TimeoutMillis = 7, 10000
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.ReplicationFactor = 1
	for name, partitions := range map[string]int32{"t": 2, "six": 6} {
		rt.Topic, rt.NumPartitions = name, partitions
		create.Topics = []kmsg.CreateTopicsRequestTopic{rt}
		created := (<-p.send(t, create)).(*kmsg.CreateTopicsResponse)
		p.topics.byName[name] = apacheTopic{created.Topics[0].TopicID, partitions}
	}
	// The first commit creates the offsets topic and waits for its coordinator.
	for deadline := time.Now().Add(30 * time.Second); ; {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.Version, find.CoordinatorKey = 3, "warm-up"
		<-p.send(t, find)
		st := &stage{t: t, player: p, group: "warm-up"}
		r := (<-p.send(t, st.commit(8, "", -1, "t", 0, 1))).(*kmsg.OffsetCommitResponse)
		if r.Topics[0].Partitions[0].ErrorCode == 0 {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("no coordinator: %+v", r)
		}
	}
}

func (p *apachePlayer) send(t *testing.T, req kmsg.Request) <-chan kmsg.Response {
	out := make(chan kmsg.Response, 1)
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("c")).AppendRequest(nil, req, 7)
	resp := req.ResponseKind()
	go func() {
		defer close(out)
		if err := p.roundTrip(frame, resp); err != nil {
			t.Errorf("%T: %v", req, err)
			return
		}
		out <- resp
	}()
	return out
}

func (p *apachePlayer) roundTrip(frame []byte, resp kmsg.Response) error {
	conn, _ := p.idle.Get().(net.Conn)
	if conn == nil {
		var err error
		if conn, err = net.Dial("tcp", p.addr); err != nil {
			return err
		}
	}
	if _, err := conn.Write(frame); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	p.idle.Put(conn)
	body = body[4:] // the correlation id
	if resp.IsFlexible() {
		body = body[1:] // no tags
	}
	return resp.ReadFrom(body)
}
