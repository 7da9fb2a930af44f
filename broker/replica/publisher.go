package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/storage"
)

// OnMetadata makes this broker's replicas what the new image says they are: leaders, followers, deleted. It looks at the delta only.
// It implements metadata.Publisher.
//
// Until the image has this process's registration it does nothing. What a broker reads at its start is the cluster's past: a leader that nobody follows any more would
// have it truncate its log, and a partition that had not been moved here yet, delete it. Everything that its logs can know of was committed before the registration.
//
// The order is Kafka's: first what goes away, since a topic may be deleted and created again in one delta, then leaders, then followers.
func (m *Manager) OnMetadata(delta *metadata.Delta, image *metadata.Image) {
	m.applying.Lock()
	defer m.applying.Unlock()
	if !m.current {
		if !m.registered(image) {
			return
		}
		m.current = true
		delta = metadata.Diff(metadata.NewImage(image.ClusterID), image)
	}
	for _, t := range delta.DeletedTopics {
		for id := range t.Partitions {
			m.remove(ident.TopicPartition{Topic: t.Name, Partition: int32(id)}, t.ID)
		}
	}
	m.hostTogether(delta, image)
	var follow []func()
	for _, change := range delta.ChangedTopics {
		config := sync.OnceValue(func() storage.LogConfig { return m.logConfig(change.New.Name, image) })
		for _, id := range change.Partitions {
			tp := ident.TopicPartition{Topic: change.New.Name, Partition: id}
			mp := change.New.Partition(id)
			switch {
			case mp == nil || !mp.IsReplica(m.cfg.BrokerID):
				m.remove(tp, change.New.ID)
			case mp.Leader == m.cfg.BrokerID && m.registered(image):
				m.makeLeader(tp, change.New.ID, mp, config)
			default:
				follow = append(follow, func() { m.makeFollower(tp, change.New.ID, mp, config) })
			}
		}
	}
	for _, fn := range follow {
		fn()
	}
	m.configsChanged(delta, image)
}

// makeLeader has this broker lead a partition.
func (m *Manager) makeLeader(tp ident.TopicPartition, topicID ident.TopicID, mp *metadata.Partition, config func() storage.LogConfig) {
	p, err := m.host(tp, topicID, mp, config)
	if err != nil {
		return // host has taken note
	}
	if m.cfg.Fetcher != nil {
		m.cfg.Fetcher.Unfollow(p)
	}
	old := p.State()
	fx, w, err := p.lead(assignmentOf(mp))
	if err != nil {
		m.logger.Error("replica can't lead", "partition", tp.String(), "leader_epoch", mp.LeaderEpoch, "error", err)
		return
	}
	w.run(m)
	if fx.resigned {
		m.resigned(p, old.LeaderEpoch)
	}
	if fx.elected {
		m.logger.Debug("leading", "partition", tp.String(), "leader_epoch", mp.LeaderEpoch)
		if m.cfg.Leadership != nil {
			m.cfg.Leadership.Elected(tp, topicID, mp.LeaderEpoch)
		}
	}
}

// makeFollower has this broker follow a partition's leader, if there is one. A leadership from before this process registered is none: the
// registration ends it, and the election that follows has a new leader epoch.
func (m *Manager) makeFollower(tp ident.TopicPartition, topicID ident.TopicID, mp *metadata.Partition, config func() storage.LogConfig) {
	p, err := m.host(tp, topicID, mp, config)
	if err != nil {
		return
	}
	old := p.State()
	fx, w := p.follow(assignmentOf(mp))
	w.run(m)
	if fx.resigned {
		m.resigned(p, old.LeaderEpoch)
	}
	if m.cfg.Fetcher == nil {
		return
	}
	if mp.Leader >= 0 && mp.Leader != m.cfg.BrokerID {
		m.cfg.Fetcher.Follow(p, mp.Leader, mp.LeaderEpoch)
	} else {
		m.cfg.Fetcher.Unfollow(p)
	}
}

func (m *Manager) resigned(p *Partition, leaderEpoch int32) {
	m.logger.Debug("no longer leading", "partition", p.tp.String(), "leader_epoch", leaderEpoch)
	if m.cfg.Leadership != nil {
		m.cfg.Leadership.Resigned(p.tp, p.topicID, leaderEpoch)
	}
}

// host returns the replica of a partition, opening or making its log. A log of an earlier topic of the same name is set aside first: this
// broker was down when that topic was deleted.
func (m *Manager) host(tp ident.TopicPartition, topicID ident.TopicID, mp *metadata.Partition, config func() storage.LogConfig) (*Partition, error) {
	m.mu.RLock()
	p := m.mu.partitions[tp]
	m.mu.RUnlock()
	if p != nil && p.topicID == topicID {
		return p, nil
	}
	if p != nil {
		m.remove(tp, p.topicID)
	}
	log, err := m.openLog(tp, topicID, mp, config)
	if err != nil {
		m.noteMissing(tp, err)
		if !errors.Is(err, kerr.KafkaStorageError) {
			err = fmt.Errorf("%w: %w", kerr.KafkaStorageError, err)
		}
		m.mu.Lock()
		m.mu.offline[tp] = err
		m.mu.Unlock()
		return nil, err
	}
	p = newPartition(m, tp, topicID, log)
	m.dirs.placed(p, log, mp.Directory(m.cfg.BrokerID))
	m.mu.Lock()
	m.mu.partitions[tp] = p
	delete(m.mu.offline, tp)
	m.mu.Unlock()
	if err := log.Offline(); err != nil { // the directory failed meanwhile, and DirFailed may not have seen this replica
		m.takeOffline(p, err)
		return nil, err
	}
	m.moves.resume(p)
	return p, nil
}

// hostsAtATime is how many new replicas' logs are made at a time: making one is a handful of calls that wait for the file system.
const hostsAtATime = 16

// hostTogether makes the logs of replicas that are new here, many at a time. What becomes of them follows one after the other, where what could not be made
// is tried again, and reported.
func (m *Manager) hostTogether(delta *metadata.Delta, image *metadata.Image) {
	var all []func()
	for _, change := range delta.ChangedTopics {
		config := sync.OnceValue(func() storage.LogConfig { return m.logConfig(change.New.Name, image) })
		for _, id := range change.Partitions {
			tp, mp := ident.TopicPartition{Topic: change.New.Name, Partition: id}, change.New.Partition(id)
			if mp == nil || !mp.IsReplica(m.cfg.BrokerID) {
				continue
			}
			if _, exists := m.cfg.Storage.Log(tp); !exists {
				all = append(all, func() { _, _ = m.cfg.Storage.GetOrCreate(tp, change.New.ID, config(), m.dirOf(mp)) })
			}
		}
	}
	if len(all) < 2 {
		return
	}
	todo := make(chan func())
	var workers sync.WaitGroup
	for range min(hostsAtATime, len(all)) {
		workers.Go(func() {
			for fn := range todo {
				fn()
			}
		})
	}
	for _, fn := range all {
		todo <- fn
	}
	close(todo)
	workers.Wait()
}

// noteMissing logs that a replica has no log: for want of a file handle once, however often it is tried.
func (m *Manager) noteMissing(tp ident.TopicPartition, err error) {
	level := slog.LevelError
	m.mu.RLock()
	_, known := errors.AsType[*storage.HandlesError](m.mu.offline[tp])
	m.mu.RUnlock()
	if _, again := errors.AsType[*storage.HandlesError](err); again && known {
		level = slog.LevelDebug
	}
	m.logger.Log(context.Background(), level, "replica has no log", "partition", tp.String(), "error", err)
}

// handlesRetry is how often replicas that are missing for want of file handles are tried again.
const handlesRetry = time.Second

// hostAgain makes the replicas that are missing for want of file handles, as the newest image has them.
func (m *Manager) hostAgain() {
	var missing []ident.TopicPartition
	m.mu.RLock()
	for tp, err := range m.mu.offline {
		if _, ok := errors.AsType[*storage.HandlesError](err); ok {
			missing = append(missing, tp)
		}
	}
	m.mu.RUnlock()
	if len(missing) == 0 {
		return
	}
	m.applying.Lock()
	defer m.applying.Unlock()
	image := m.cfg.Metadata.Current()
	for _, tp := range missing {
		mp := image.Partition(tp.Topic, tp.Partition)
		if mp == nil || !mp.IsReplica(m.cfg.BrokerID) {
			continue // the next delta says so
		}
		config := func() storage.LogConfig { return m.logConfig(tp.Topic, image) }
		if mp.Leader == m.cfg.BrokerID && m.registered(image) {
			m.makeLeader(tp, image.Topic(tp.Topic).ID, mp, config)
		} else {
			m.makeFollower(tp, image.Topic(tp.Topic).ID, mp, config)
		}
	}
}

func (m *Manager) openLog(tp ident.TopicPartition, topicID ident.TopicID, mp *metadata.Partition, config func() storage.LogConfig) (*storage.Log, error) {
	if log, ok := m.cfg.Storage.Log(tp); ok && errors.Is(log.AssignTopicID(topicID), kerr.InconsistentTopicID) {
		m.logger.Warn("setting aside the log of an earlier topic of this name", "partition", tp.String(), "topic_id", log.TopicID().String())
		if err := m.cfg.Storage.MarkStray(tp); err != nil {
			return nil, err
		}
	}
	log, err := m.cfg.Storage.GetOrCreate(tp, topicID, config(), m.dirOf(mp))
	if err != nil {
		return nil, err
	}
	m.marks.restore(log)
	return log, nil
}

// MarkStrays sets aside the logs on disk that image doesn't assign to this broker: topics that were deleted, and replicas that were moved away,
// while it was down. They are renamed, not deleted, as Apache Kafka does: the metadata may be what is wrong. Call it once, when the first
// image that has caught up with the metadata log is there.
func (m *Manager) MarkStrays(image *metadata.Image) {
	for log := range m.cfg.Storage.Logs() {
		tp := log.TopicPartition()
		mp := image.Partition(tp.Topic, tp.Partition)
		if mp != nil && mp.IsReplica(m.cfg.BrokerID) && (log.TopicID().IsZero() || log.TopicID() == image.Topic(tp.Topic).ID) {
			continue
		}
		m.logger.Warn("setting aside a log that isn't this broker's any more", "partition", tp.String(), "topic_id", log.TopicID().String(), "dir", log.ParentDir())
		if err := m.cfg.Storage.MarkStray(tp); err != nil {
			m.logger.Error("log not set aside", "partition", tp.String(), "error", err)
		}
	}
}

// dirOf is the directory that the metadata wants a partition's replica in; "" where it doesn't say.
func (m *Manager) dirOf(mp *metadata.Partition) string {
	id := mp.Directory(m.cfg.BrokerID)
	if metadata.DirectoryReserved(id) {
		return ""
	}
	path, _ := m.cfg.Storage.OnlineDir(id)
	return path
}

func (m *Manager) logConfig(topic string, image *metadata.Image) storage.LogConfig {
	return m.cfg.LogConfig(topic, image.Config(metadata.ConfigTopic, topic))
}

// remove deletes this broker's replica of a partition and its log. topicID guards against deleting the log of a newer topic of that name.
func (m *Manager) remove(tp ident.TopicPartition, topicID ident.TopicID) {
	m.mu.Lock()
	p := m.mu.partitions[tp]
	if p != nil && p.topicID == topicID {
		delete(m.mu.partitions, tp)
	}
	delete(m.mu.offline, tp)
	m.mu.Unlock()
	if p == nil || p.topicID != topicID {
		if log, ok := m.cfg.Storage.Log(tp); p == nil && (!ok || log.TopicID() == topicID) {
			m.deleteLog(tp) // the topic was deleted before its replica was heard of, or its log can't be opened
		}
		return
	}
	if m.cfg.Fetcher != nil {
		m.cfg.Fetcher.Unfollow(p)
	}
	m.moves.cancel(tp)
	old := p.State()
	fx, w := p.close(kerr.UnknownTopicOrPartition)
	w.run(m)
	if fx.resigned {
		m.resigned(p, old.LeaderEpoch)
	}
	m.deleteLog(tp)
}

func (m *Manager) deleteLog(tp ident.TopicPartition) {
	if err := m.cfg.Storage.Delete(tp); err != nil {
		m.logger.Error("log not deleted", "partition", tp.String(), "error", err)
	}
}

// configsChanged applies new configurations: those of the topics that changed, or of all if the brokers' did, on which all topics' rest.
func (m *Manager) configsChanged(delta *metadata.Delta, image *metadata.Image) {
	topics := make(map[string]bool)
	all := false
	for _, r := range delta.ChangedConfigs {
		switch r.Type {
		case metadata.ConfigTopic:
			topics[r.Name] = true
		case metadata.ConfigBroker:
			all = true
		default: // no log depends on it
		}
	}
	if !all && len(topics) == 0 {
		return
	}
	resolved := make(map[string]storage.LogConfig)
	for _, p := range m.Partitions() {
		topic := p.tp.Topic
		if !all && !topics[topic] {
			continue
		}
		cfg, ok := resolved[topic]
		if !ok {
			cfg = m.logConfig(topic, image)
			resolved[topic] = cfg
		}
		p.updateConfig(cfg)
		w := p.configChanged(cfg.MinInsyncReplicas)
		w.run(m)
	}
}

// DirFailed takes the replicas in a failed directory offline. It is storage.ManagerConfig's OnDirFailure.
func (m *Manager) DirFailed(dir string, cause error) {
	err := &storage.OfflineError{Dir: dir, Err: cause}
	for _, p := range m.Partitions() {
		log := p.log.Load()
		if log == nil || log.ParentDir() != dir {
			continue
		}
		m.takeOffline(p, err)
	}
	m.logger.Error("log directory is offline", "dir", dir, "error", cause)
}

// takeOffline ends a replica whose directory has failed: until the broker is started on a mended disk, whoever asks for it gets err.
func (m *Manager) takeOffline(p *Partition, err error) {
	m.mu.Lock()
	if m.mu.partitions[p.tp] == p {
		delete(m.mu.partitions, p.tp)
	}
	m.mu.offline[p.tp] = err
	m.mu.Unlock()
	if m.cfg.Fetcher != nil {
		m.cfg.Fetcher.Unfollow(p)
	}
	old := p.State()
	fx, w := p.close(err)
	w.run(m)
	if fx.resigned {
		m.resigned(p, old.LeaderEpoch)
	}
}

func assignmentOf(mp *metadata.Partition) assignment {
	return assignment{leader: mp.Leader, leaderEpoch: mp.LeaderEpoch, partitionEpoch: mp.PartitionEpoch, replicas: mp.Replicas, isr: mp.Isr}
}

func compareTP(a, b ident.TopicPartition) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return cmp.Compare(a.Partition, b.Partition)
}

// codeOf is the protocol's code of an error, 0 if it carries none.
func codeOf(err error) int16 {
	if coded, ok := errors.AsType[*kerr.Error](err); ok {
		return coded.Code
	}
	return 0
}
