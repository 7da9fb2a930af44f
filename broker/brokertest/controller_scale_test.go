//go:build slow

package brokertest_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/wire"
)

// scale is an ensemble of three coordinators, as processes, and brokers that only register and heartbeat.
type scale struct {
	*cluster
	clusterID string
	clients   []*wire.Client // by coordinator
	at        atomic.Int32   // the coordinator to ask
	addr      *net.TCPAddr   // where all brokers say that they are: something accepts there
	beats     sync.WaitGroup
}

// TestControllerAtScale measures the controller with KGO_SCALE_TOPICS (1,000) topics of 100 partitions with three replicas on 100 brokers, and how long its successor takes each of
// KGO_SCALE_KILLS (9) times: see make bench-controller.
func TestControllerAtScale(t *testing.T) {
	topics := numberFrom(t, "KGO_SCALE_TOPICS", 1000)
	s := startScale(t)
	began := time.Now()
	for id := range 100 {
		s.broker(id + 1)
	}
	s.await("all brokers to be unfenced", func(ctx context.Context) bool { return s.alive(ctx) == 100 })
	t.Logf("100 brokers registered and unfenced: %v", time.Since(began).Round(time.Millisecond))

	var took []time.Duration
	for i := range topics {
		began := time.Now()
		s.create(fmt.Sprintf("topic-%05d", i), 100)
		took = append(took, time.Since(began))
	}
	var total time.Duration
	for _, d := range took {
		total += d
	}
	t.Logf("%d topics of 100 partitions created one after the other: %v", topics, total.Round(time.Millisecond))
	t.Logf("of these the median of the first 100: %v, of the last 100: %v, the longest: %v", median(took[:min(100, topics)]), median(took[max(0, topics-100):]), slices.Max(took).Round(time.Millisecond))
	began = time.Now()
	s.create("the-largest", 9_990)
	t.Logf("a topic of 9,990 partitions: %v", time.Since(began).Round(time.Millisecond))
	s.describe("with these")

	var failovers []time.Duration
	for round := range numberFrom(t, "KGO_SCALE_KILLS", 9) {
		failovers = append(failovers, s.failover(round))
	}
	slices.Sort(failovers)
	t.Logf("%d kills of the active controller, until a topic is created: median %v, the longest %v", len(failovers), median(failovers), failovers[len(failovers)-1].Round(time.Millisecond))
	s.describe("in the end")
}

// numberFrom is a number in the environment.
func numberFrom(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func startScale(t *testing.T) *scale {
	s := &scale{cluster: &cluster{t: t, spec: clusterSpec{coordinators: 3}}}
	s.writeKRaftFiles(t.TempDir())
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
	})
	for _, m := range s.coordinators {
		m.launch()
		s.clients = append(s.clients, wire.NewClient(wire.ClientConfig{ClientID: "scale", Dial: dialer(m.addr)}))
	}
	t.Cleanup(s.beats.Wait)
	t.Cleanup(func() {
		for _, c := range s.clients {
			_ = c.Close()
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	s.addr = ln.Addr().(*net.TCPAddr)
	s.await("the quorum", func(ctx context.Context) bool {
		req := kmsg.NewPtrDescribeClusterRequest()
		req.EndpointType = 2
		resp, err := s.clients[0].Request(ctx, req)
		if err != nil {
			return false
		}
		d := resp.(*kmsg.DescribeClusterResponse)
		s.clusterID = d.ClusterID
		return d.ControllerID >= 0
	})
	return s
}

func dialer(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", addr) }
}

// await waits for a condition, two minutes at most.
func (s *scale) await(what string, ok func(context.Context) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	for !ok(ctx) {
		if ctx.Err() != nil {
			s.t.Fatalf("waited in vain for %s", what)
		}
		pause(ctx, 5*time.Millisecond)
	}
}

// request asks a coordinator, and the next one when there is no answer, for a minute.
func (s *scale) request(clients []*wire.Client, at *atomic.Int32, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for {
		i := at.Load()
		attempt, stop := context.WithTimeout(ctx, 20*time.Second)
		resp, err := clients[int(i)%len(clients)].Request(attempt, req)
		stop()
		if err == nil || ctx.Err() != nil {
			return resp, err
		}
		at.CompareAndSwap(i, i+1)
		pause(ctx, 5*time.Millisecond)
	}
}

func (s *scale) create(name string, partitions int32) {
	s.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	row := kmsg.NewCreateTopicsRequestTopic()
	row.Topic, row.NumPartitions, row.ReplicationFactor = name, partitions, 3
	req.Topics = append(req.Topics, row)
	resp, err := s.request(s.clients, &s.at, req)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := kerr.ErrorForCode(resp.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode); err != nil && err != kerr.TopicAlreadyExists { //nolint:errorlint // a value of kerr's
		s.t.Fatalf("%s: %v", name, err)
	}
}

func (s *scale) alive(ctx context.Context) int {
	resp, err := s.clients[int(s.at.Load())%3].Request(ctx, kmsg.NewPtrMetadataRequest())
	if err != nil {
		return 0
	}
	return len(resp.(*kmsg.MetadataResponse).Brokers)
}

// broker registers a broker and keeps it alive, over a connection of its own.
func (s *scale) broker(id int) {
	var clients []*wire.Client
	for _, m := range s.coordinators {
		clients = append(clients, wire.NewClient(wire.ClientConfig{ClientID: "kgo-broker", Dial: dialer(m.addr)}))
	}
	at := new(atomic.Int32)
	at.Store(int32(id))
	req := kmsg.NewPtrBrokerRegistrationRequest()
	req.BrokerID, req.ClusterID, req.IncarnationID, req.PreviousBrokerEpoch = int32(id), s.clusterID, ident.UUID{1, 15: byte(id)}, -1
	req.LogDirs = [][16]byte{{2, 6: 0x40, 15: byte(id)}}
	l := kmsg.NewBrokerRegistrationRequestListener()
	l.Name, l.Host, l.Port = "PLAINTEXT", s.addr.IP.String(), uint16(s.addr.Port)
	req.Listeners = append(req.Listeners, l)
	for _, f := range metadata.SupportedFeatures() {
		row := kmsg.NewBrokerRegistrationRequestFeature()
		row.Name, row.MinSupportedVersion, row.MaxSupportedVersion = f.Name, f.Min, f.Max
		req.Features = append(req.Features, row)
	}
	resp, err := s.request(clients, at, req)
	if err != nil {
		s.t.Fatal(err)
	}
	registered := resp.(*kmsg.BrokerRegistrationResponse)
	if err := kerr.ErrorForCode(registered.ErrorCode); err != nil {
		s.t.Fatalf("broker %d: %v", id, err)
	}
	ctx := s.t.Context() // ends before the test's cleanups
	s.beats.Go(func() {
		for ctx.Err() == nil {
			hb := kmsg.NewPtrBrokerHeartbeatRequest()
			hb.BrokerID, hb.BrokerEpoch, hb.CurrentMetadataOffset = int32(id), registered.BrokerEpoch, 1<<60 // always up to date
			if resp, err := s.request(clients, at, hb); err == nil {
				if err := kerr.ErrorForCode(resp.(*kmsg.BrokerHeartbeatResponse).ErrorCode); err != nil {
					s.t.Errorf("broker %d: %v", id, err)
					return
				}
			}
			pause(ctx, time.Second)
		}
		for _, c := range clients {
			_ = c.Close()
		}
	})
}

// failover kills the active controller, creates a topic, and starts the killed one again. It returns how long the topic took.
func (s *scale) failover(round int) (took time.Duration) {
	s.t.Helper()
	leader := s.leader()
	m := s.coordinators[leader]
	s.at.Store(int32(leader + 1))
	var printed []int // what the others had printed before
	for _, other := range s.coordinators {
		printed = append(printed, len(other.output.String()))
	}
	began := time.Now()
	m.kill()
	s.create(fmt.Sprintf("after-%d", round), 1)
	took = time.Since(began)
	s.t.Logf("active controller (%s) killed at %s: a topic is created after %v", m.name, began.UTC().Format("15:04:05.000"), took.Round(time.Millisecond))
	for i, other := range s.coordinators {
		if other != m && took > time.Second { // longer than it should: say why
			s.t.Logf("%s:\n%s", other.name, other.output.String()[printed[i]:])
		}
	}
	if got := s.alive(s.t.Context()); got != 100 {
		s.t.Errorf("%d of 100 brokers are alive after the failover", got)
	}
	began = time.Now()
	m.launch()
	s.await("the killed one to catch up", func(ctx context.Context) bool {
		req := kmsg.NewPtrMetadataRequest()
		name := fmt.Sprintf("after-%d", round)
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		req.Topics = append(req.Topics, topic)
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		resp, err := s.clients[leader].Request(attempt, req)
		return err == nil && len(resp.(*kmsg.MetadataResponse).Topics) == 1
	})
	s.t.Logf("started again: its metadata is loaded and up to date after %v", time.Since(began).Round(time.Millisecond))
	return took
}

func (s *scale) leader() int {
	s.t.Helper()
	leader := -1
	s.await("a leader", func(ctx context.Context) bool {
		req := kmsg.NewPtrDescribeClusterRequest()
		req.EndpointType = 2
		resp, err := s.clients[int(s.at.Load())%3].Request(ctx, req)
		if err == nil {
			leader = slices.IndexFunc(s.coordinators, func(m *member) bool { return int32(m.id) == resp.(*kmsg.DescribeClusterResponse).ControllerID })
		}
		return leader >= 0
	})
	return leader
}

// describe logs what the coordinators take.
func (s *scale) describe(when string) {
	for _, m := range s.coordinators {
		var logs, snapshots int64
		files, _ := filepath.Glob(filepath.Join(m.dirs[0], "__cluster_metadata-0", "*"))
		for _, f := range files {
			if info, err := os.Stat(f); err == nil && strings.HasSuffix(f, ".log") {
				logs += info.Size()
			} else if err == nil && strings.HasSuffix(f, ".checkpoint") {
				snapshots = info.Size()
			}
		}
		s.t.Logf("%s, %s: memory %s, at most %s; log %.1f MB; newest snapshot %.1f MB", when, m.name, procStatus(m, "VmRSS"), procStatus(m, "VmHWM"), float64(logs)/1e6, float64(snapshots)/1e6)
	}
}

func procStatus(m *member, field string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.cmd.Process.Pid))
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(text), field+":")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2].Round(10 * time.Microsecond)
}
