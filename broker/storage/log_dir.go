package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/syncx"
	"github.com/kgo-project/kgo/broker/vfs"
)

// logDir is one of the broker's log directories.
type logDir struct {
	path          string
	id            ident.UUID
	lock          io.Closer
	wasClean      bool  // the last stop wrote .kafka_cleanshutdown
	brokerEpoch   int64 // as that file has it; -1: unknown
	failure       atomic.Pointer[OfflineError]
	logs          atomic.Int64 // how many it has, to spread new ones
	checkpointing syncx.Mutex  // one writer of checkpoints at a time
}

// DirInfo describes a log directory.
type DirInfo struct {
	Path        string
	DirectoryID ident.UUID
	Err         error // why it is offline; nil: it is online
	TotalBytes  int64 // of the volume; -1 if unknown
	UsableBytes int64
}

// cleanShutdownMarker is the content of .kafka_cleanshutdown. Older versions of Kafka leave the file empty.
type cleanShutdownMarker struct {
	Version     int   `json:"version"`
	BrokerEpoch int64 `json:"brokerEpoch"`
}

const noBrokerEpoch int64 = -1

// openLogDir makes the directory if it must, locks it and checks whose it is.
func openLogDir(fsys vfs.FS, path string, cfg *ManagerConfig) (*logDir, error) {
	d := &logDir{path: path, brokerEpoch: noBrokerEpoch}
	if _, err := fsys.Stat(path); isNotExist(err) {
		if err := errors.Join(fsys.MkdirAll(path), fsys.SyncDir(vfs.Dir(path))); err != nil {
			return nil, fmt.Errorf("log directory %s: %w", path, err)
		}
	}
	lock, err := fsys.Lock(vfs.Join(path, lockFileName), fmt.Sprintf("pid %d", os.Getpid()))
	if err != nil {
		if _, ok := errors.AsType[*vfs.LockedError](err); ok {
			return nil, fmt.Errorf("log directory %s is in use by another broker: %w; stop it, or choose another log.dirs", path, err)
		}
		return nil, fmt.Errorf("log directory %s: %w", path, err)
	}
	d.lock = lock
	if err := d.open(fsys, cfg); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// ForeignDirError says that a directory's meta.properties belongs to another cluster or node.
type ForeignDirError struct {
	Dir, Key, Have, Want string
}

func (e *ForeignDirError) Error() string {
	return fmt.Sprintf("log directory %s belongs to another broker: its %s has %s=%s, this broker's is %s; correct the configuration, or choose another directory",
		e.Dir, metaPropertiesName, e.Key, e.Have, e.Want)
}

func (d *logDir) open(fsys vfs.FS, cfg *ManagerConfig) error {
	p, ok, err := ReadMetaProperties(fsys, d.path)
	if err != nil {
		return err
	}
	if !ok {
		p = MetaProperties{Version: 1, ClusterID: cfg.ClusterID, NodeID: cfg.NodeID}
	}
	if p.ClusterID != "" && cfg.ClusterID != "" && p.ClusterID != cfg.ClusterID {
		return &ForeignDirError{d.path, "cluster.id", p.ClusterID, cfg.ClusterID}
	}
	if p.NodeID != ident.NoBroker && p.NodeID != cfg.NodeID {
		return &ForeignDirError{d.path, "node.id", fmt.Sprint(p.NodeID), fmt.Sprint(cfg.NodeID)}
	}
	if cfg.ClusterID == "" {
		cfg.ClusterID = p.ClusterID // the other directories are compared with it
	}
	if !ok || p.DirectoryID.IsZero() || p.ClusterID == "" {
		p.DirectoryID, p.NodeID, p.ClusterID = NewUUID(), cfg.NodeID, cfg.ClusterID
		if err := WriteMetaProperties(fsys, d.path, p); err != nil {
			return err
		}
	}
	d.id = p.DirectoryID
	return d.takeCleanShutdownMarker(fsys)
}

// takeCleanShutdownMarker notes whether the last stop was clean, and removes the marker: this run has to earn its own.
func (d *logDir) takeCleanShutdownMarker(fsys vfs.FS) error {
	path := vfs.Join(d.path, cleanShutdownMarkerName)
	raw, err := vfs.ReadFile(fsys, path, maxSmallFileBytes)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	d.wasClean = true
	var m cleanShutdownMarker
	if json.Unmarshal(raw, &m) == nil {
		d.brokerEpoch = m.BrokerEpoch
	}
	if err := fsys.Remove(path); err != nil {
		return err
	}
	return fsys.SyncDir(d.path)
}

func (d *logDir) writeCleanShutdownMarker(fsys vfs.FS, brokerEpoch int64) error {
	raw, err := json.Marshal(cleanShutdownMarker{BrokerEpoch: brokerEpoch})
	if err != nil {
		return err
	}
	return vfs.WriteFileAtomic(fsys, d.path, cleanShutdownMarkerName, raw)
}

func (d *logDir) online() bool { return d.failure.Load() == nil }

func (d *logDir) info(fsys vfs.FS) DirInfo {
	info := DirInfo{Path: d.path, DirectoryID: d.id, TotalBytes: -1, UsableBytes: -1}
	if f := d.failure.Load(); f != nil {
		info.Err = f
		return info
	}
	if total, usable, err := fsys.Usage(d.path); err == nil {
		info.TotalBytes, info.UsableBytes = total, usable
	}
	return info
}
