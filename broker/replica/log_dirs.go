package replica

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// LogDir is one log directory and what lies in it.
type LogDir struct {
	Path       string
	Err        error // why it is offline
	TotalBytes int64 // of the volume; -1 where unknown
	FreeBytes  int64 // that this process may use; -1 where unknown
	Replicas   []LogDirReplica
}

// LogDirReplica is a replica in a log directory.
type LogDirReplica struct {
	TopicPartition ident.TopicPartition
	SizeBytes      int64
	OffsetLag      int64 // of a future log: behind the current one; else: log end behind the high watermark
	Future         bool  // on its way here from another directory
}

// DescribeLogDirs lists the log directories with the replicas that include selects, by name; nil selects all.
func (m *Manager) DescribeLogDirs(include func(ident.TopicPartition) bool) []LogDir {
	var dirs []LogDir
	index := make(map[string]int)
	for _, d := range m.cfg.Storage.Dirs() {
		index[d.Path] = len(dirs)
		dirs = append(dirs, LogDir{Path: d.Path, Err: d.Err, TotalBytes: d.TotalBytes, FreeBytes: d.UsableBytes})
	}
	add := func(log *storage.Log, lag int64, future bool) {
		if i, ok := index[log.ParentDir()]; ok && dirs[i].Err == nil {
			dirs[i].Replicas = append(dirs[i].Replicas, LogDirReplica{log.TopicPartition(), log.Size(), lag, future})
		}
	}
	for log := range m.cfg.Storage.Logs() {
		tp := log.TopicPartition()
		if include != nil && !include(tp) || log.IsFuture() {
			continue
		}
		add(log, max(0, log.HighWatermark()-log.LogEndOffset()), false)
		if future, ok := m.cfg.Storage.FutureLog(tp); ok {
			add(future, max(0, log.LogEndOffset()-future.LogEndOffset()), true)
		}
	}
	for i := range dirs {
		slices.SortFunc(dirs[i].Replicas, func(a, b LogDirReplica) int { return compareTP(a.TopicPartition, b.TopicPartition) })
	}
	return dirs
}

// AlterLogDir moves a partition's replica to another log directory of this broker. It returns when the move has begun; DescribeLogDirs
// shows how far it is. Moving to where the replica is ends a move in progress.
func (m *Manager) AlterLogDir(tp ident.TopicPartition, dir string) error {
	i := slices.IndexFunc(m.cfg.Storage.Dirs(), func(d storage.DirInfo) bool { return d.Path == dir })
	if i < 0 {
		return kerr.LogDirNotFound
	}
	if err := m.cfg.Storage.Dirs()[i].Err; err != nil {
		return err
	}
	p, err := m.Partition(tp)
	if err != nil {
		if codeOf(err) == kerr.NotLeaderForPartition.Code {
			return kerr.ReplicaNotAvailable
		}
		return err
	}
	p.gate.RLock() // no move ends meanwhile: it would take the replica from where it is said to stay, or put a copy in its place that has just been begun
	defer p.gate.RUnlock()
	log := p.log.Load()
	switch {
	case log == nil:
		return kerr.KafkaStorageError
	case log.ParentDir() == dir:
		m.moves.cancel(tp)
		return nil
	}
	return m.moves.start(p, dir)
}
