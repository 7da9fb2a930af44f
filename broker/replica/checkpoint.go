package replica

import (
	"errors"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/syncx"
)

// highWatermarks keeps the high watermarks on disk, one replication-offset-checkpoint in each log directory. They are a hint: too low
// a value after a crash is corrected as soon as the leader hears from its followers, or follows one.
type highWatermarks struct {
	manager *Manager

	// mu guards what the files held when they were first looked at, by directory.
	mu struct {
		syncx.Mutex
		loaded map[string]map[ident.TopicPartition]int64
	}
}

func newHighWatermarks(m *Manager) *highWatermarks {
	h := &highWatermarks{manager: m}
	h.mu.loaded = make(map[string]map[ident.TopicPartition]int64)
	return h
}

func (h *highWatermarks) file(dir string) storage.OffsetCheckpoint {
	return h.manager.cfg.Storage.Checkpoint(dir, storage.ReplicationOffsetCheckpoint)
}

// restore gives a log that was just opened the high watermark it had.
func (h *highWatermarks) restore(log *storage.Log) {
	dir := log.ParentDir()
	h.mu.Lock()
	offsets, ok := h.mu.loaded[dir]
	h.mu.Unlock()
	if !ok {
		var err error
		if offsets, err = h.file(dir).Read(); err != nil {
			h.manager.logger.Warn("high watermarks can't be read; starting from the logs' start", "dir", dir, "error", err)
		}
		h.mu.Lock()
		h.mu.loaded[dir] = offsets
		h.mu.Unlock()
	}
	if offset, ok := offsets[log.TopicPartition()]; ok {
		log.SetHighWatermark(offset)
	}
}

// write is flush for the timer: an error has taken the directory offline already, or will when something is appended.
func (h *highWatermarks) write() {
	if err := h.flush(); err != nil {
		h.manager.logger.Error("high watermarks not written", "error", err)
	}
}

// flush writes the files of all online directories. What a file says of logs that have not been opened in this run stays.
func (h *highWatermarks) flush() error {
	byDir := make(map[string]map[ident.TopicPartition]int64)
	for _, d := range h.manager.cfg.Storage.Dirs() {
		if d.Err == nil {
			byDir[d.Path] = make(map[ident.TopicPartition]int64)
		}
	}
	for _, p := range h.manager.Partitions() {
		if log := p.log.Load(); log != nil && byDir[log.ParentDir()] != nil {
			byDir[log.ParentDir()][p.tp] = log.HighWatermark()
		}
	}
	var errs []error
	for dir, offsets := range byDir {
		errs = append(errs, h.file(dir).Write(offsets))
	}
	return errors.Join(errs...)
}
