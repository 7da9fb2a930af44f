package server

import (
	"time"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quota"
)

// replicationQuotas are the limits of what copying may cost: as a leader, as a follower (KIP-73), and between log directories (KIP-113).
// It implements metadata.Publisher for the topics' part, and hears of the rates, which are the broker's, by setRates.
type replicationQuotas struct {
	self                   func() ident.BrokerID
	leader, follower, dirs *quota.Replication
}

func newReplicationQuotas(self func() ident.BrokerID, cfg *config.Broker) *replicationQuotas {
	windows := func(prefix string) quota.Windows {
		return quota.Windows{Num: cfg.Int(prefix + ".quota.window.num"), Size: time.Duration(cfg.Int(prefix+".quota.window.size.seconds")) * time.Second}
	}
	replication := windows("replication")
	q := &replicationQuotas{
		self: self, leader: quota.NewReplication(replication), follower: quota.NewReplication(replication), dirs: quota.NewReplication(windows("alter.log.dirs.replication")),
	}
	q.dirs.ThrottleAll()
	return q
}

// setRates takes over the rates. They count only where they were set on the running cluster, as in Apache Kafka.
func (q *replicationQuotas) setRates(cfg *config.Broker) {
	q.leader.SetRate(cfg.Long("leader.replication.throttled.rate"))
	q.follower.SetRate(cfg.Long("follower.replication.throttled.rate"))
	q.dirs.SetRate(cfg.Long("replica.alter.log.dirs.io.max.bytes.per.second"))
}

// OnMetadata takes over which replicas of a topic are throttled.
func (q *replicationQuotas) OnMetadata(delta *metadata.Delta, image *metadata.Image) {
	for _, c := range delta.ChangedConfigs {
		if c.Type != metadata.ConfigTopic {
			continue
		}
		own, self := image.Config(metadata.ConfigTopic, c.Name), int32(q.self())
		q.leader.Throttle(c.Name, quota.ParseThrottled(own["leader.replication.throttled.replicas"], self))
		q.follower.Throttle(c.Name, quota.ParseThrottled(own["follower.replication.throttled.replicas"], self))
	}
}
