package controller

import (
	"strconv"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// A broker that comes or goes changes the leaders and ISRs of many partitions at once. Here are those changes, one function for each occasion.

// isrChange says which broker a change is about; ident.NoBroker where nobody is meant.
type isrChange struct {
	remove          ident.BrokerID // leaves all ISRs and leads nothing any more
	add             ident.BrokerID // counts as live already
	uncleanShutdown ident.BrokerID // leaves all ISRs and ELRs: what it had not flushed is gone
}

func removing(id ident.BrokerID) isrChange { return isrChange{id, ident.NoBroker, ident.NoBroker} }

// fenceBroker takes a broker out of all ISRs and marks it fenced.
func (c *call) fenceBroker(b *metadata.Broker) {
	c.changeMemberships(removing(b.ID), b.ID, inIsr)
	r := c.registrationChange(b)
	r.Fenced = 1
	c.emit(r, 0)
}

// unfenceBroker marks a broker live and lets it lead what nobody leads.
func (c *call) unfenceBroker(b *metadata.Broker) {
	r := c.registrationChange(b)
	r.Fenced = -1
	c.emit(r, 0)
	c.changeMemberships(isrChange{ident.NoBroker, b.ID, ident.NoBroker}, ident.NoBroker, leaderless)
}

// startShutdown marks a broker as shutting down and moves its leaderships away. Partitions without another live replica in their
// ISR lose their leader.
func (c *call) startShutdown(b *metadata.Broker) {
	if !b.InControlledShutdown {
		r := c.registrationChange(b)
		r.InControlledShutdown = 1
		c.emit(r, 1)
	}
	c.changeMemberships(removing(b.ID), b.ID, inIsr)
}

// newIncarnation takes the last incarnation of a broker out of all ISRs. After an unclean shutdown it leaves the ELRs too: it may
// have lost records that it had acknowledged (KIP-966).
func (c *call) newIncarnation(id ident.BrokerID, clean bool) {
	if c.elrEnabled() && !clean {
		change := isrChange{ident.NoBroker, ident.NoBroker, id}
		c.changeMemberships(change, id, inIsr)
		c.changeMemberships(change, id, inElr)
		return
	}
	c.changeMemberships(removing(id), id, inIsr)
}

// directoriesOffline takes the replicas in failed directories out of their ISRs.
func (c *call) directoriesOffline(b *metadata.Broker, offline []ident.UUID) {
	failed := make(map[ident.UUID]bool, len(offline))
	for _, dir := range offline {
		failed[dir] = true
	}
	var online []ident.UUID
	for _, dir := range b.Directories {
		if !failed[dir] {
			online = append(online, dir)
		}
	}
	if len(online) == len(b.Directories) {
		return
	}
	c.changeMemberships(removing(b.ID), b.ID, func(p *metadata.Partition, id ident.BrokerID) bool {
		dir := p.Directory(id)
		return failed[dir] && !metadata.DirectoryReserved(dir) && p.IsReplica(id)
	})
	r := c.registrationChange(b)
	r.LogDirs = online
	c.emit(r, 2)
}

func (c *call) registrationChange(b *metadata.Broker) *record.BrokerRegistrationChangeRecord {
	r := record.NewBrokerRegistrationChangeRecord()
	r.BrokerId, r.BrokerEpoch = int32(b.ID), b.Epoch
	return r
}

func inIsr(p *metadata.Partition, id ident.BrokerID) bool     { return p.InIsr(id) }
func inElr(p *metadata.Partition, id ident.BrokerID) bool     { return p.InElr(id) }
func leaderless(p *metadata.Partition, _ ident.BrokerID) bool { return p.Leader == ident.NoBroker }

// changeMemberships applies a change to the partitions that the index lists for member and that match.
func (c *call) changeMemberships(change isrChange, member ident.BrokerID, match func(*metadata.Partition, ident.BrokerID) bool) {
	for _, t := range topics(c.image, c.index.members[member]) {
		var scope *topicScope
		for id, p := range t.Partitions {
			if !match(p, member) {
				continue
			}
			if scope == nil {
				scope = c.scopeOf(t)
			}
			c.changeIsr(scope, int32(id), change)
		}
	}
}

// topicScope is what all partition changes of a topic depend on, worked out once.
type topicScope struct {
	topic   *metadata.Topic
	minIsr  int
	unclean bool
}

func (c *Core) scopeOf(t *metadata.Topic) *topicScope {
	return &topicScope{t, c.effectiveMinIsr(t), c.uncleanElectionEnabled(t.Name)}
}

func (c *call) changeIsr(scope *topicScope, id int32, change isrChange) {
	b := c.newPartitionChange(scope.topic, id, scope.minIsr)
	b.acceptable = c.leaderAcceptor(b.partition, func(r ident.BrokerID) bool {
		return r != change.remove && r != change.uncleanShutdown && (r == change.add || c.isActive(r))
	})
	if scope.unclean {
		b.election = electUnclean
	}
	b.uncleanShutdown = change.uncleanShutdown
	b.isr = without(b.partition.Isr, change.remove, change.uncleanShutdown)
	c.emitChange(b)
}

// topicValue is a topic's config in force.
func (c *Core) topicValue(topic, key string) string {
	return c.cfg.Schema.TopicValue(key, c.image.Config(metadata.ConfigTopic, topic), c.thisNodeConfig(), c.image.Config(metadata.ConfigBroker, ""))
}

func (c *Core) thisNodeConfig() map[string]string {
	return c.image.Config(metadata.ConfigBroker, strconv.Itoa(int(c.cfg.NodeID)))
}

// effectiveMinIsr is min.insync.replicas, which can't ask for more than there are replicas.
func (c *Core) effectiveMinIsr(t *metadata.Topic) int {
	n, err := strconv.Atoi(c.topicValue(t.Name, "min.insync.replicas"))
	if err != nil {
		n = int(c.cfg.MinInsyncReplicas)
	}
	return min(n, len(t.Partitions[0].Replicas))
}

func (c *Core) uncleanElectionEnabled(topic string) bool {
	return c.topicValue(topic, "unclean.leader.election.enable") == "true"
}
