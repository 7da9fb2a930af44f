package controller

import (
	"log/slog"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// logChanges writes one line for each change that an operator may look for. Partition changes of a fenced broker are many: they count.
func (l *loop) logChanges(records []Record) {
	changed, created, unclean, risky, entries := 0, 0, 0, 0, 0
	var features []any
	for _, r := range records {
		switch m := r.Message.(type) {
		case *record.RegisterBrokerRecord:
			l.log.Info("broker registered", "broker", m.BrokerId, "broker_epoch", m.BrokerEpoch)
		case *record.UnregisterBrokerRecord:
			l.log.Info("broker unregistered", "broker", m.BrokerId, "broker_epoch", m.BrokerEpoch)
		case *record.BrokerRegistrationChangeRecord:
			l.logRegistrationChange(m)
		case *record.TopicRecord:
			l.log.Info("topic created", "topic", m.Name, "topic_id", m.TopicId)
		case *record.RemoveTopicRecord:
			l.log.Info("topic deleted", "topic_id", m.TopicId)
		case *record.FeatureLevelRecord:
			features = append(features, slog.Int(m.Name, int(m.FeatureLevel)))
		case *record.ConfigRecord:
			l.log.Info("config changed", "resource_type", metadata.ConfigResourceType(m.ResourceType), "resource", m.ResourceName, "key", m.Name)
		case *record.PartitionChangeRecord:
			changed++
			if m.Leader >= 0 && m.LeaderRecoveryState == int8(metadata.Recovering) {
				unclean++
				if l.replicas(m.TopicId, m.PartitionId) > 1 { // else there was nobody to lack what another has
					risky++
				}
			}
		case *record.PartitionRecord:
			created++
		case *record.AccessControlEntryRecord:
			entries++
		}
	}
	if len(features) > 0 {
		l.log.Info("feature levels set", features...)
	}
	if entries > 0 {
		l.log.Warn("ACLs are stored and not enforced: kgo has no authorizer yet, and nobody is refused anything because of them", "entries", entries)
	}
	l.unclean.Add(int64(unclean))
	if risky > 0 {
		l.log.Warn("leaders elected that may lack records: no replica was known to have them all", "partitions", risky)
	}
	if changed+created > 0 {
		l.log.LogAttrs(l.ctx, slog.LevelDebug, "partitions changed", slog.Int("changed", changed), slog.Int("created", created))
	}
}

// replicas is how many replicas a partition has.
func (l *loop) replicas(topicID ident.TopicID, partition int32) int {
	if t := l.core.image.TopicByID(topicID); t != nil {
		if p := t.Partition(partition); p != nil {
			return len(p.Replicas)
		}
	}
	return 0
}

func (l *loop) logRegistrationChange(m *record.BrokerRegistrationChangeRecord) {
	switch {
	case m.Fenced > 0:
		l.log.Info("broker fenced", "broker", m.BrokerId, "broker_epoch", m.BrokerEpoch)
	case m.Fenced < 0:
		l.log.Info("broker unfenced", "broker", m.BrokerId, "broker_epoch", m.BrokerEpoch)
	case m.InControlledShutdown > 0:
		l.log.Info("broker in controlled shutdown", "broker", m.BrokerId, "broker_epoch", m.BrokerEpoch)
	case len(m.LogDirs) > 0:
		l.log.Warn("broker lost log directories", "broker", m.BrokerId, "online", len(m.LogDirs))
	}
}
