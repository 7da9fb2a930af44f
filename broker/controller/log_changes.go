package controller

import (
	"log/slog"

	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/record"
)

// logChanges writes one line for each change that an operator may look for. Partition changes of a fenced broker are many: they count.
func (l *loop) logChanges(records []Record) {
	changed, created, unclean := 0, 0, 0
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
			l.log.Info("feature level set", "feature", m.Name, "level", m.FeatureLevel)
		case *record.ConfigRecord:
			l.log.Info("config changed", "resource_type", m.ResourceType, "resource", m.ResourceName, "key", m.Name)
		case *record.PartitionChangeRecord:
			changed++
			if m.Leader >= 0 && m.LeaderRecoveryState == int8(metadata.Recovering) {
				unclean++
			}
		case *record.PartitionRecord:
			created++
		}
	}
	if unclean > 0 {
		l.unclean.Add(int64(unclean))
		l.log.Warn("leaders elected that may lack records: no replica was known to have them all", "partitions", unclean)
	}
	if changed+created > 0 {
		l.log.LogAttrs(l.ctx, slog.LevelDebug, "partitions changed", slog.Int("changed", changed), slog.Int("created", created))
	}
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
