package quorum

import (
	"os"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// empty stops a voter and gives it a new disk.
func (c *cluster) empty(id ident.BrokerID) {
	c.t.Helper()
	c.stop(id)
	if err := os.RemoveAll(c.configs[id].Dir); err != nil {
		c.t.Fatal(err)
	}
}

// TestEmptiedVoterCatchesUp empties each voter in turn, with a snapshot to install and without. In the end it is counted again: the
// quorum goes on with it and without another one.
func TestEmptiedVoterCatchesUp(t *testing.T) {
	for name, tune := range map[string]func(*Config){
		"log":      nil,
		"snapshot": func(cfg *Config) { cfg.SnapshotBytes, cfg.RetentionBytes, cfg.SegmentBytes = 2000, 4000, 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, tune, 1, 2, 3)
			for i := range 150 {
				c.propose("t" + string(rune('a'+i%26)))
			}
			for id := ident.BrokerID(1); id <= 3; id++ {
				last := "emptied-" + string(rune('0'+id))
				c.empty(id)
				c.propose("without-" + string(rune('0'+id)))
				c.start(id)
				c.propose(last)
				c.awaitAll("catching up", last)
				c.awaitMember(id)
				other := id%3 + 1
				c.stop(other) // from here on the emptied voter is needed
				c.propose("needed")
				c.start(other)
				c.propose("whole")
				c.awaitAll("whole", "whole")
			}
			for id, j := range c.journals {
				if values, _, _ := j.snapshot(); len(values) < 150 {
					t.Errorf("node %d has %d values", id, len(values))
				}
			}
		})
	}
}

// TestEmptiedVoterElectsNobody: a voter with committed records, one that lags, and one that lost its disk. The latter two must not go on without the first.
func TestEmptiedVoterElectsNobody(t *testing.T) {
	c := newCluster(t, nil, 1, 2, 3)
	c.propose("first")
	c.awaitAll("first", "first")
	leader, epoch := c.leader(0)
	lagging, lost := leader%3+1, (leader+1)%3+1
	c.stop(lagging)
	c.propose("committed")
	c.stop(leader)
	c.empty(lost)
	c.start(lagging)
	c.start(lost)
	c.awaitReplica(lost, "hearing of the other one", func(r *Replica) bool {
		_, ok := r.candidacy.heard[lagging]
		return ok && r.candidacy.ticks > foundingPatience+10
	})
	for _, id := range []ident.BrokerID{lagging, lost} {
		if now, _ := c.nodes[id].Leader(); now != ident.NoBroker {
			t.Errorf("node %d follows %d: it lacks a committed record", id, now)
		}
	}
	c.start(leader)
	c.propose("second")
	c.awaitAll("second", "second")
	c.checkEqual()
	if _, now := c.leader(0); now <= epoch {
		t.Errorf("leader epoch %d after %d", now, epoch)
	}
}

// awaitReplica looks at a node's replica until a condition holds.
func (c *cluster) awaitReplica(id ident.BrokerID, what string, cond func(r *Replica) bool) {
	c.t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(30 * time.Second)
	for {
		holds := make(chan bool, 1)
		if !c.nodes[id].tell(func(r *Replica) { holds <- cond(r) }) {
			c.t.Fatalf("%s: the node has stopped", what)
		}
		if <-holds {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			c.t.Fatalf("no %s within the deadline", what)
		}
	}
}

func (c *cluster) awaitMember(id ident.BrokerID) {
	c.t.Helper()
	c.awaitReplica(id, "being counted", (*Replica).IsMember)
	state, err := readElectionState(vfs.OS(), vfs.Join(c.configs[id].Dir, Topic+"-0"))
	if err != nil || state.Standing != standingMember {
		c.t.Errorf("%+v, %v", state, err)
	}
}

// TestMajorityFoundsWithoutTheAbsent: a quorum whose third member never was there begins all the same, and takes it in later.
func TestMajorityFoundsWithoutTheAbsent(t *testing.T) {
	c := newCluster(t, nil, 1, 2, 3)
	c.empty(3)
	c.empty(2)
	c.empty(1)
	c.start(1)
	c.start(2)
	c.propose("two")
	c.start(3)
	c.propose("three")
	c.awaitAll("three", "three")
	c.awaitMember(3)
	c.checkEqual()
}
