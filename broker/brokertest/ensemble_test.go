package brokertest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestEnsembleLosesNothing kills the leader of a partition and the active coordinator in turn, of three each, while idempotent producers work with
// acks=all. The cluster goes on each time, and in the end all that was acknowledged is there once, in order.
func TestEnsembleLosesNothing(t *testing.T) {
	e := startCluster(t, clusterSpec{coordinators: 3, brokers: 3, zooKeeperStyle: true})
	adm := kadm.NewClient(e.client())
	minISR := "2"
	if _, err := adm.CreateTopic(t.Context(), workPartitions, 3, map[string]*string{"min.insync.replicas": &minISR}, workTopic); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := &workload{t: t, connect: e.client, h: newHistory(), stop: cancel}
	for id := range 3 {
		w.wg.Go(func() { w.produce(ctx, id) })
	}
	for round := range 2 {
		w.awaitAcked(200)
		leader := e.brokers[e.awaitInSync(adm)-1]
		began := time.Now()
		leader.kill()
		w.awaitAcked(200)
		t.Logf("leader killed: 200 records later after %v", time.Since(began))
		leader.launch()
		e.awaitInSync(adm)

		active := e.activeCoordinator()
		began = time.Now()
		active.kill()
		if _, err := adm.CreateTopic(t.Context(), 1, 3, nil, fmt.Sprintf("after-%d", round)); err != nil {
			t.Errorf("with two of three coordinators: %v", err)
		}
		t.Logf("coordinator killed: a topic created after %v", time.Since(began))
		w.awaitAcked(200)
		active.launch()
		e.activeCoordinator()
	}
	e.replaceDisks(adm)
	w.finish()
}

// replaceDisks gives one coordinator after the other an empty disk. Each has the cluster's metadata again, and is counted: the next one can go.
func (c *cluster) replaceDisks(adm *kadm.Client) {
	c.t.Helper()
	for i, m := range c.coordinators {
		m.kill()
		dir := m.dirs[0]
		for _, name := range []string{"__cluster_metadata-0", "meta.properties", "bootstrap.checkpoint"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				c.t.Fatal(err)
			}
		}
		if _, err := adm.CreateTopic(c.t.Context(), 1, 3, nil, fmt.Sprintf("without-the-disk-of-%d", i+1)); err != nil {
			c.t.Errorf("with two of three coordinators: %v", err)
		}
		m.launch()
		c.until("the new disk's coordinator to catch up", func(context.Context) bool { return strings.Contains(m.output.String(), "is counted again") })
		c.activeCoordinator()
		next := c.coordinators[(i+1)%3]
		next.kill()
		if _, err := adm.CreateTopic(c.t.Context(), 1, 3, nil, fmt.Sprintf("with-the-new-disk-of-%d", i+1)); err != nil {
			c.t.Errorf("with a coordinator whose disk is new, and another one: %v", err)
		}
		next.launch()
		c.activeCoordinator()
	}
}

// A coordinator's zookeeper.properties says nothing of topics: the brokers' files do.
func TestTextbookBrokersHaveTopicDefaults(t *testing.T) {
	e := startCluster(t, clusterSpec{coordinators: 1, brokers: 1, zooKeeperStyle: true, onBrokers: []string{"num.partitions=3"}})
	adm := kadm.NewClient(e.client())
	if _, err := adm.CreateTopic(t.Context(), -1, -1, nil, "open"); err != nil {
		t.Fatal(err)
	}
	e.until("the topic", func(ctx context.Context) bool {
		topics, err := adm.ListTopics(ctx, "open")
		return err == nil && len(topics["open"].Partitions) == 3
	})
}
