package brokertest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestEnsembleRefusesStrangers starts brokers that don't belong to a cluster, and takes its quorum away.
func TestEnsembleRefusesStrangers(t *testing.T) {
	c := startCluster(t, clusterSpec{coordinators: 3, brokers: 2, zooKeeperStyle: true})
	adm := kadm.NewClient(c.client())
	if _, err := adm.CreateTopic(t.Context(), 2, 2, nil, workTopic); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(adm)
	t.Run("a broker id taken twice", func(t *testing.T) { c.refusesTheSameID(t) })
	t.Run("another cluster's directory", func(t *testing.T) { c.refusesAnotherCluster(t) })
	t.Run("four-letter words", func(t *testing.T) { c.answersWords(t) })
	t.Run("without a quorum", func(t *testing.T) { c.readsWithoutQuorum(t, adm) })
}

// stranger runs a broker with the file of the first one, changed, and returns what it printed when it had ended, as it must, with exit code 1.
func (c *cluster) stranger(t *testing.T, dir string, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stranger.properties")
	text, err := os.ReadFile(c.brokers[0].file)
	if err != nil {
		t.Fatal(err)
	}
	c.write(path, append([]string{string(text), "listeners=PLAINTEXT://" + freeAddr(t), "log.dirs=" + dir, "initial.broker.registration.timeout.ms=500"}, lines...)...)
	return tool(t, 1, "server", path)
}

func (c *cluster) refusesTheSameID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if got := c.stranger(t, dir); !strings.Contains(got, "broker id 1 is taken: another live broker has registered it") {
		t.Errorf("got %s", got)
	}
	if logs, _ := filepath.Glob(filepath.Join(dir, workTopic+"-*")); len(logs) > 0 {
		t.Errorf("it made the other broker's replicas: %v", logs)
	}
}

func (c *cluster) refusesAnotherCluster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	meta := "version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\nnode.id=7\ndirectory.id=AAAAAAAAQACAAAAAAAAABw\n"
	c.write(filepath.Join(dir, "meta.properties"), strings.TrimSpace(meta))
	segment := filepath.Join(dir, workTopic+"-0", "00000000000000000000.log")
	c.write(segment, "not a log, but not this cluster's to judge")
	if got := c.stranger(t, dir, "broker.id=7"); !strings.Contains(got, "cluster.id=AAAAAAAAAAAAAAAAAAAAAA") {
		t.Errorf("got %s", got)
	}
	if got, err := os.ReadFile(segment); err != nil || string(got) != "not a log, but not this cluster's to judge\n" {
		t.Errorf("the other cluster's log: %q, %v", got, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "meta.properties")); err != nil || string(got) != meta {
		t.Errorf("meta.properties: %q, %v", got, err)
	}
}

// word asks a coordinator as ZooKeeper's monitoring does.
func word(t *testing.T, addr, word string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, word); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func (c *cluster) answersWords(t *testing.T) {
	modes := map[string]int{}
	for _, m := range c.coordinators {
		for ask, want := range map[string]string{
			"ruok": "imok", "isro": "rw", "stat": "\nZxid: 0x", "mntr": "zk_server_state\t", "envi": "os.name=",
			"conf": fmt.Sprintf("serverId=%d\n", m.id), "dump": "/brokers/ids/1\t" + c.brokers[0].addr,
		} {
			if got := word(t, m.addr, ask); !strings.Contains(got, want) {
				t.Errorf("%s: %s answers %q", m.name, ask, got)
			}
		}
		_, mode, _ := strings.Cut(word(t, m.addr, "srvr"), "Mode: ")
		mode, _, _ = strings.Cut(mode, "\n")
		modes[mode]++
	}
	if modes["leader"] != 1 || modes["follower"] != 2 {
		t.Errorf("modes: %v", modes)
	}
}

// readsWithoutQuorum: what is known goes on being served; a change waits for the quorum, and fails with its name when that doesn't come back.
func (c *cluster) readsWithoutQuorum(t *testing.T, adm *kadm.Client) {
	cl := c.client(kgo.ConsumeTopics(workTopic), kgo.DefaultProduceTopic(workTopic))
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("before")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.coordinators[1:] {
		m.kill()
	}
	last := c.coordinators[0]
	c.until("the last coordinator to notice", func(context.Context) bool {
		return strings.Contains(word(t, last.addr, "srvr"), "not currently serving requests")
	})
	if got := word(t, last.addr, "isro"); got != "ro" {
		t.Errorf("isro without a quorum: %q", got)
	}
	fetches := cl.PollFetches(t.Context())
	if records := fetches.Records(); fetches.Err() != nil || len(records) != 1 || string(records[0].Value) != "before" {
		t.Errorf("reading without a quorum: %v, %v", records, fetches.Errors())
	}
	last.kill()
	began := time.Now()
	got := tool(t, 1, "topics", "--bootstrap-server", c.brokers[0].addr, "--create", "--topic", "later", "--timeout", "30")
	if !strings.Contains(got, "The metadata quorum does not answer, and nothing can be changed without it") || time.Since(began) < time.Second {
		t.Errorf("after %v: %s", time.Since(began), got)
	}
	// A quorum that is only restarted is waited for.
	created := make(chan error, 1)
	go func() {
		_, err := adm.CreateTopic(t.Context(), 1, 2, nil, "waited-for")
		created <- err
	}()
	for _, m := range c.coordinators {
		m.launch()
	}
	if err := <-created; err != nil {
		t.Errorf("a topic created while the quorum was restarted: %v", err)
	}
}
