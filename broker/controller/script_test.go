package controller

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// testSchema knows a handful of keys.
type testSchema struct{}

var testDefaults = map[string]string{
	"min.insync.replicas": "1", "unclean.leader.election.enable": "false", "cleanup.policy": "delete", "retention.ms": "604800000",
}

func (testSchema) Validate(res metadata.ConfigResource, values map[string]string) error {
	if res.Type != metadata.ConfigTopic {
		return nil
	}
	for key := range values {
		if _, ok := testDefaults[key]; !ok {
			return failf(kerr.InvalidConfig, "Unknown topic config name: %s", key)
		}
	}
	return nil
}

func (testSchema) IsList(_ metadata.ConfigResourceType, key string) bool {
	return key == "cleanup.policy"
}

func (testSchema) Default(_ metadata.ConfigResourceType, key string) (string, bool) {
	value, ok := testDefaults[key]
	return value, ok
}

func (testSchema) IsSensitive(metadata.ConfigResourceType, string) bool { return false }

func (s testSchema) Topic(own, thisNode, clusterWide map[string]string) []TopicConfig {
	var out []TopicConfig
	for key := range testDefaults {
		value := s.TopicValue(key, own, thisNode, clusterWide)
		out = append(out, TopicConfig{Name: key, Value: &value, Source: 5})
	}
	slices.SortFunc(out, func(a, b TopicConfig) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (testSchema) TopicValue(key string, own, thisNode, clusterWide map[string]string) string {
	for _, layer := range []map[string]string{own, thisNode, clusterWide} {
		if value, ok := layer[key]; ok {
			return value
		}
	}
	return testDefaults[key]
}

func testConfig(seed uint64) Config {
	return Config{
		NodeID: 100, ClusterID: "test", Schema: testSchema{}, Rand: rand.New(rand.NewPCG(seed, 1)),
		DefaultPartitions: 1, DefaultReplicationFactor: 1, MinInsyncReplicas: 1, SessionTimeout: 9 * time.Second,
		AutoLeaderRebalance: true, LeaderImbalanceInterval: 5 * time.Minute, UncleanElectionInterval: 5 * time.Minute,
	}
}

// cluster drives a Core by hand and keeps the log that it wrote. After every step the log must make the same image, and so must a snapshot.
type cluster struct {
	tb     testing.TB
	core   *Core
	now    time.Time
	log    [][]byte
	cfg    Config
	epochs map[int32]int64
}

func newCluster(tb testing.TB, cfg Config) *cluster {
	c := &cluster{tb: tb, cfg: cfg, now: time.Unix(1_700_000_000, 0), epochs: make(map[int32]int64)}
	c.core = NewCore(cfg, metadata.NewImage(cfg.ClusterID))
	c.write(c.core.Activate(c.core.Image(), false, c.now))
	return c
}

func (c *cluster) write(records []Record) {
	for _, r := range records {
		raw, err := record.AppendMetadata(nil, r.Message, r.Version)
		if err != nil {
			c.tb.Fatalf("encoding %T: %v", r.Message, err)
		}
		c.log = append(c.log, raw)
	}
	if err := c.core.Replay(records); err != nil {
		c.tb.Fatal(err)
	}
}

func (c *cluster) handle(req kmsg.Request) (kmsg.Response, []Record, error) {
	res, err := c.core.Handle(&Context{}, req, c.now)
	if err != nil {
		return nil, nil, err
	}
	c.write(res.Records)
	return res.Response, res.Records, nil
}

// replayed builds the image from the log alone.
func (c *cluster) replayed() *metadata.Image {
	store := metadata.NewStore(c.cfg.ClusterID)
	if err := store.Apply(0, 1, 0, c.log); err != nil {
		c.tb.Fatalf("replay of the log: %v", err)
	}
	return store.Current()
}

// check asserts that the log and a snapshot both give the live image.
func (c *cluster) check() {
	live := c.core.Image()
	if d := metadata.Diff(live, c.replayed()); !d.Empty() {
		c.tb.Fatalf("the replayed log gives another image than the live one: %+v", d)
	}
	restored := metadata.NewStore(c.cfg.ClusterID)
	var snapshot [][]byte
	if err := live.WriteSnapshot(func(m record.Message, version int16) error {
		raw, err := record.AppendMetadata(nil, m, version)
		snapshot = append(snapshot, raw)
		return err
	}); err != nil {
		c.tb.Fatalf("writing a snapshot: %v", err)
	}
	i := -1
	if err := restored.Restore(live.Provenance, func() ([]byte, error) {
		if i++; i < len(snapshot) {
			return snapshot[i], nil
		}
		return nil, nil
	}); err != nil {
		c.tb.Fatalf("restoring a snapshot: %v", err)
	}
	if d := metadata.Diff(live, restored.Current()); !d.Empty() {
		c.tb.Fatalf("a snapshot gives another image than the live one: %+v", d)
	}
	fresh := index{}
	fresh.rebuild(live)
	if got, want := fmt.Sprint(c.core.index), fmt.Sprint(fresh); got != want {
		c.tb.Fatalf("the index is %s, from scratch it is %s", got, want)
	}
}

func dirOf(broker, n int) [16]byte { return [16]byte{0: byte(broker), 1: byte(n), 15: 200} }

func (c *cluster) registration(id int32, incarnation byte, rack *string, dirs int) *kmsg.BrokerRegistrationRequest {
	req := kmsg.NewPtrBrokerRegistrationRequest()
	req.Version, req.BrokerID, req.ClusterID, req.Rack = 4, id, c.cfg.ClusterID, rack
	req.IncarnationID = [16]byte{0: byte(id), 1: incarnation}
	if epoch, ok := c.epochs[id]; ok {
		req.PreviousBrokerEpoch = epoch
	}
	for n := range dirs {
		req.LogDirs = append(req.LogDirs, dirOf(int(id), n))
	}
	req.Listeners = []kmsg.BrokerRegistrationRequestListener{{Name: "PLAINTEXT", Host: "localhost", Port: uint16(9000 + id)}}
	for _, f := range metadata.SupportedFeatures() {
		req.Features = append(req.Features, kmsg.BrokerRegistrationRequestFeature{Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	return req
}

func (c *cluster) register(id int32, rack *string) {
	c.tb.Helper()
	resp, _, err := c.handle(c.registration(id, 1, rack, 1))
	if err != nil {
		c.tb.Fatal(err)
	}
	c.epochs[id] = resp.(*kmsg.BrokerRegistrationResponse).BrokerEpoch
	if _, _, err := c.handle(c.heartbeat(id)); err != nil {
		c.tb.Fatal(err)
	}
}

func (c *cluster) heartbeat(id int32) *kmsg.BrokerHeartbeatRequest {
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.Version, req.BrokerID, req.BrokerEpoch = 2, id, c.epochs[id]
	req.CurrentMetadataOffset = c.core.Image().Provenance.LastOffset
	return req
}

func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var c *cluster
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "new-cluster" {
				cfg := testConfig(1)
				d.MaybeScanArgs(t, "default-rf", &cfg.DefaultReplicationFactor)
				d.MaybeScanArgs(t, "default-partitions", &cfg.DefaultPartitions)
				d.MaybeScanArgs(t, "min-isr", &cfg.MinInsyncReplicas)
				c = newCluster(t, cfg)
				return c.lines(c.log)
			}
			verb, ok := verbs[d.Cmd]
			if !ok {
				d.Fatalf(t, "unknown verb %s", d.Cmd)
			}
			c.tb = t
			out := verb(c, t, d)
			c.check()
			return out
		})
	})
}

// lines prints records as kafka-dump-log does, with ids that differ from run to run replaced by names.
func (c *cluster) lines(raw [][]byte) string {
	var b strings.Builder
	for _, r := range raw {
		m, version, err := record.ReadMetadata(r)
		if err != nil {
			c.tb.Fatal(err)
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", m), "*record.")
		fmt.Fprintf(&b, "%s/%d %s\n", name, version, c.readable(string(m.AppendJSON(nil, version))))
	}
	return b.String()
}

var featuresField = regexp.MustCompile(`"features":\[[^\]]*\],`)

func (c *cluster) readable(s string) string {
	s = featuresField.ReplaceAllString(s, "")
	for t := range c.core.Image().Topics() {
		s = strings.ReplaceAll(s, t.ID.String(), "<"+t.Name+">")
	}
	for b := range c.core.Image().Brokers() {
		for i, dir := range b.Directories {
			s = strings.ReplaceAll(s, dir.String(), fmt.Sprintf("<dir %d/%d>", b.ID, i))
		}
	}
	return s
}

// state prints the brokers and partitions of the live image.
func (c *cluster) state() string {
	var b strings.Builder
	for n := range c.core.Image().Brokers() {
		fmt.Fprintf(&b, "broker %d", n.ID)
		if n.Rack != nil {
			fmt.Fprintf(&b, " rack=%s", *n.Rack)
		}
		if n.Fenced {
			b.WriteString(" fenced")
		}
		if n.InControlledShutdown {
			b.WriteString(" shutting-down")
		}
		b.WriteString("\n")
	}
	for _, t := range c.core.Image().SortedTopics() {
		for i, p := range t.Partitions {
			fmt.Fprintf(&b, "%s-%d leader=%d epoch=%d/%d replicas=%v isr=%v", t.Name, i, p.Leader, p.LeaderEpoch, p.PartitionEpoch, p.Replicas, p.Isr)
			for _, list := range []struct {
				name string
				ids  []ident.BrokerID
			}{{"elr", p.Elr}, {"last-known", p.LastKnownElr}, {"adding", p.AddingReplicas}, {"removing", p.RemovingReplicas}} {
				if len(list.ids) > 0 {
					fmt.Fprintf(&b, " %s=%v", list.name, list.ids)
				}
			}
			if p.LeaderRecoveryState == metadata.Recovering {
				b.WriteString(" recovering")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// answer prints what a request came to: the error that refused it, or its rows and the records that it wrote.
func (c *cluster) answer(rows func(kmsg.Response) string, req kmsg.Request) string {
	before := len(c.log)
	resp, _, err := c.handle(req)
	if err != nil {
		return refusal(errorCode(err), errorMessage(err))
	}
	return rows(resp) + c.lines(c.log[before:])
}

func refusal(code int16, message *string) string {
	if code == 0 {
		return "ok\n"
	}
	var b bytes.Buffer
	b.WriteString(kerr.TypedErrorForCode(code).Message)
	if message != nil {
		b.WriteString(": " + *message)
	}
	b.WriteString("\n")
	return b.String()
}

func ints(d *datadriven.TestData, key string) []int32 {
	var out []int32
	for _, arg := range d.CmdArgs {
		if arg.Key != key {
			continue
		}
		for _, v := range arg.Vals {
			n, err := strconv.Atoi(v)
			if err == nil {
				out = append(out, int32(n))
			}
		}
	}
	return out
}
