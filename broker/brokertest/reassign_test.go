package brokertest_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestReassignment moves a topic to a broker that joins a running cluster, with reassign-partitions: a plan is generated, carried out under a throttle that
// holds, cancelled, carried out without one, and verified, which removes the throttles.
func TestReassignment(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{coordinators: 1, brokers: 2, onBrokers: []string{"replica.fetch.max.bytes=20500", "replica.fetch.response.max.bytes=20500"}})
	adm := kadm.NewClient(c.client())
	c.assign(workTopic, [][]int32{{1, 2}})
	const size, rate = 300_000, 60_000
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cl := c.client(kgo.DefaultProduceTopic(workTopic), kgo.ProducerBatchMaxBytes(12_000), kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := make([]byte, 10_000)
	if _, err := rand.Read(value); err != nil {
		t.Fatal(err)
	}
	for range size / len(value) {
		if err := cl.ProduceSync(ctx, &kgo.Record{Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	joined := c.join()
	c.until("the new broker", func(ctx context.Context) bool { return knownBy(ctx, c.brokers[0]) == 3 })

	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	topics := file("topics.json", fmt.Sprintf(`{"version":1,"topics":[{"topic":%q}]}`, workTopic))
	out := c.mustTool("reassign-partitions", "--topics-to-move-json-file", topics, "--broker-list", "2,3", "--generate")
	_, proposed, ok := strings.Cut(out, "Proposed partition reassignment configuration\n")
	var plan struct {
		Partitions []struct {
			Topic    string  `json:"topic"`
			Replicas []int32 `json:"replicas"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal([]byte(proposed), &plan); !ok || err != nil || len(plan.Partitions) != 1 {
		t.Fatalf("no plan (%v): %s", err, out)
	}
	if got := slices.Sorted(slices.Values(plan.Partitions[0].Replicas)); !slices.Equal(got, []int32{2, 3}) {
		t.Errorf("the plan is for %v, want 2 and 3", got)
	}
	planned := file("plan.json", fmt.Sprintf(`{"version":1,"partitions":[{"topic":%q,"partition":0,"replicas":[2,3]}]}`, workTopic))

	replicas := func(ctx context.Context) []int32 {
		known, err := adm.ListTopics(ctx, workTopic)
		if err != nil {
			return nil
		}
		return known[workTopic].Partitions[0].Replicas
	}
	throttled := func() (settings []string) {
		for _, kind := range [][]string{{"--entity-type", "topics", "--entity-name", workTopic}, {"--entity-type", "brokers", "--entity-name", "1"}, {"--entity-type", "brokers", "--entity-name", "3"}} {
			for line := range strings.Lines(c.mustTool(append([]string{"configs", "--describe"}, kind...)...)) {
				if strings.Contains(line, "throttled") {
					settings = append(settings, strings.TrimSpace(line))
				}
			}
		}
		return settings
	}

	out = c.mustTool("reassign-partitions", "--reassignment-json-file", planned, "--execute", "--throttle", strconv.Itoa(rate))
	if !strings.Contains(out, "Successfully started partition reassignment for "+workTopic+"-0") {
		t.Errorf("execute says %q", out)
	}
	if got := throttled(); len(got) != 6 {
		t.Errorf("throttles: %q, want two of the topic and of each broker", got)
	}
	if out = c.mustTool("reassign-partitions", "--list"); !strings.Contains(out, workTopic+"-0: replicas: 2,3,1. adding: 3. removing: 1.") {
		t.Errorf("list says %q", out)
	}
	if out = c.mustTool("reassign-partitions", "--reassignment-json-file", planned, "--verify"); !strings.Contains(out, "Reassignment of partition "+workTopic+"-0 is still in progress.") {
		t.Errorf("verify says %q", out)
	}
	if out = c.mustTool("reassign-partitions", "--reassignment-json-file", planned, "--cancel"); !strings.Contains(out, "Successfully cancelled partition reassignment for: "+workTopic+"-0") {
		t.Errorf("cancel says %q", out)
	}
	c.until("the old replicas", func(ctx context.Context) bool { return slices.Equal(replicas(ctx), []int32{2, 1}) }) // in the order of the move, as in Apache Kafka
	if got := throttled(); len(got) != 0 {
		t.Errorf("throttles after the cancellation: %q", got)
	}

	began := time.Now() // the move does not wait for the tool to end
	c.mustTool("reassign-partitions", "--reassignment-json-file", planned, "--execute", "--throttle", strconv.Itoa(rate))
	c.until("the throttled move", func(ctx context.Context) bool { return slices.Equal(replicas(ctx), []int32{2, 3}) })
	// The copying may be ahead of the rate by one response at each end, and by what fits into one window.
	if took := time.Since(began); took < (size/rate-2)*time.Second {
		t.Errorf("%d bytes were copied in %v at %d a second", size, took, rate)
	} else {
		t.Logf("%d bytes were copied in %v at %d a second", size, took, rate)
	}
	out = c.mustTool("reassign-partitions", "--reassignment-json-file", planned, "--verify")
	if !strings.Contains(out, "Reassignment of partition "+workTopic+"-0 is completed.") || !strings.Contains(out, "Clearing") {
		t.Errorf("verify says %q", out)
	}
	if got := throttled(); len(got) != 0 {
		t.Errorf("throttles in the end: %q", got)
	}
	c.until("the old replica to be gone", func(context.Context) bool {
		left, err := filepath.Glob(filepath.Join(c.brokers[0].dirs[0], workTopic+"-0"))
		return err == nil && len(left) == 0
	})
	if _, err := os.Stat(filepath.Join(joined.dirs[0], workTopic+"-0")); err != nil {
		t.Error(err)
	}
	read := 0
	readAll(ctx, t, func(opts ...kgo.Opt) *kgo.Client { return c.client(opts...) }, workTopic, 1, func(r *kgo.Record) { read += len(r.Value) })
	if read != size {
		t.Errorf("%d bytes are left of %d", read, size)
	}
	if out, err := c.tool("reassign-partitions", "--reassignment-json-file", file("bad.json", fmt.Sprintf(`{"version":1,"partitions":[{"topic":%q,"partition":0,"replicas":[2,9]}]}`, workTopic)), "--execute"); err == nil || !strings.Contains(out, "9") {
		t.Errorf("a move to a broker that isn't there: %v %q", err, out)
	}
}

// join starts one more broker.
func (c *cluster) join() *member {
	c.t.Helper()
	like := c.brokers[0]
	id := len(c.brokers) + 1
	m := c.add(&c.brokers, filepath.Dir(like.dirs[0]), "broker", id, "server")
	raw, err := os.ReadFile(like.file)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(m.file, strings.TrimSpace(string(raw)))
	c.setLine(m, "node.id", strconv.Itoa(id))
	c.setLine(m, "listeners", "PLAINTEXT://"+m.addr)
	c.setLine(m, "log.dirs", m.dirs[0])
	m.launch()
	if err := m.awaitServing(); err != nil {
		c.t.Fatal(err)
	}
	return m
}
