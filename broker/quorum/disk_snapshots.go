package quorum

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/vfs"
)

// SnapshotJob writes one snapshot. It is made on the replica's goroutine, run on any, and given back to the replica.
type SnapshotJob struct {
	fs    vfs.FS
	dir   string
	meta  snapshotMeta
	write func(w *SnapshotWriter) error
	size  int64
	err   error
}

// Run writes the file under a temporary name, makes it durable and gives it its own name.
func (j *SnapshotJob) Run() {
	j.err = writeSnapshot(j.fs, j.dir, j.meta.id, func(f vfs.File) error {
		w, err := newSnapshotWriter(f, j.meta)
		if err == nil {
			err = j.write(w)
		}
		if err == nil {
			err = w.finish()
			j.size = w.size
		}
		return err
	})
}

// writeSnapshot puts a snapshot in its place so that a crash leaves all of it or nothing. fill writes and syncs the file.
func writeSnapshot(fsys vfs.FS, dir string, id SnapshotID, fill func(f vfs.File) error) error {
	final := vfs.Join(dir, id.fileName())
	f, err := fsys.Create(final + partSuffix)
	if err != nil {
		return err
	}
	if err := fill(f); err != nil {
		return errors.Join(fmt.Errorf("snapshot %s: %w", id, err), f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := fsys.Rename(final+partSuffix, final); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// newSnapshotJob describes a snapshot of everything up to an applied entry.
func (l *diskLog) newSnapshotJob(applied uint64, timestampMs int64, write func(*SnapshotWriter) error) *SnapshotJob {
	meta := snapshotMeta{
		id:            SnapshotID{l.index.nextOffset(applied), int32(l.index.term(applied))},
		entries:       applied,
		lastTimestamp: timestampMs,
	}
	if voters := l.voters.at(applied); voters.dynamic {
		meta.voters = voters.voters
	}
	return &SnapshotJob{fs: l.fs, dir: l.dir, meta: meta, write: write}
}

// adopt makes a written snapshot the newest one.
func (l *diskLog) adopt(meta snapshotMeta) {
	if l.newest().id.EndOffset < meta.id.EndOffset {
		l.snapshots = append(l.snapshots, meta)
	}
}

// retain drops the oldest snapshots, and the log before the oldest one kept, while both together exceed maxBytes or the snapshot after the oldest
// is older than maxAge; negative values are no limit. The newest snapshot and the log from it on always stay.
func (l *diskLog) retain(now time.Time, maxBytes int64, maxAge time.Duration) error {
	for len(l.snapshots) > 1 {
		total := l.log.Size()
		var nextAge time.Duration
		for i, s := range l.snapshots {
			info, err := l.fs.Stat(vfs.Join(l.dir, s.id.fileName()))
			if err != nil {
				return err
			}
			total += info.Size
			if i == 1 {
				nextAge = now.Sub(info.ModTime)
			}
		}
		if (maxBytes < 0 || total <= maxBytes) && (maxAge < 0 || nextAge <= maxAge) {
			return nil
		}
		if err := l.dropOldest(now); err != nil {
			return err
		}
	}
	return nil
}

func (l *diskLog) dropOldest(now time.Time) error {
	oldest, next := l.snapshots[0], l.snapshots[1]
	// First the file's name goes, so that a crash in between leaves a log that begins before its oldest snapshot, which recover knows.
	name := vfs.Join(l.dir, oldest.id.fileName())
	if err := l.fs.Rename(name, name+deletedSuffix); err != nil {
		return err
	}
	if err := l.fs.Remove(name + deletedSuffix); err != nil {
		return err
	}
	l.snapshots = l.snapshots[1:]
	if next.id.EndOffset <= l.log.LogStartOffset() {
		return nil
	}
	if err := l.log.IncrementLogStartOffset(next.id.EndOffset); err != nil {
		return err
	}
	if _, err := l.log.DeleteOldSegments(now.UnixMilli()); err != nil {
		return err
	}
	l.voters.sets[0] = l.votersOf(next)
	l.voters.dropTo(next.entries)
	l.index.dropTo(next.entries)
	for len(l.recent) > 0 && l.recent[0].GetIndex() <= next.entries {
		l.recentLen -= len(l.recent[0].GetData())
		l.recent = l.recent[1:]
	}
	return nil
}

// install replaces log and snapshots by a snapshot that the leader sent, and returns it open.
func (l *diskLog) install(s *raftpb.Snapshot, static voterSet) (r *SnapshotReader, done func() error, err error) {
	id, content, err := unpackSnapshot(s)
	if err != nil {
		return nil, nil, err
	}
	err = writeSnapshot(l.fs, l.dir, id, func(f vfs.File) error {
		if _, err := f.Write(content); err != nil {
			return err
		}
		return f.Sync()
	})
	if err != nil {
		return nil, nil, err
	}
	if err := l.log.TruncateFullyAndStartAt(id.EndOffset); err != nil {
		return nil, nil, err
	}
	for _, old := range l.snapshots {
		if err := l.fs.Remove(vfs.Join(l.dir, old.id.fileName())); err != nil {
			return nil, nil, err
		}
	}
	if r, done, err = l.openSnapshot(id); err != nil {
		return nil, nil, err
	}
	l.snapshots = []snapshotMeta{r.meta}
	l.index.reset(r.meta.entries, uint64(id.LeaderEpoch), id.EndOffset)
	base := voterSet{index: r.meta.entries, dynamic: static.dynamic, voters: static.voters}
	if r.meta.voters != nil {
		base.voters, base.dynamic = r.meta.voters, true
	}
	l.voters.sets = []voterSet{base}
	l.recent, l.recentLen = nil, 0
	return r, done, nil
}

// packSnapshot fills in the content of a snapshot message: the end offset, then the file.
func (l *diskLog) packSnapshot(s *raftpb.Snapshot) (*raftpb.Snapshot, error) {
	for _, meta := range l.snapshots {
		if meta.entries != s.GetMetadata().GetIndex() {
			continue
		}
		f, err := l.fs.Open(vfs.Join(l.dir, meta.id.fileName()))
		if err != nil {
			return nil, err
		}
		size, err := f.Size()
		data := binary.BigEndian.AppendUint64(nil, uint64(meta.id.EndOffset))
		if err == nil {
			data = append(data, make([]byte, size)...)
			_, err = f.ReadAt(data[8:], 0)
		}
		if err = errors.Join(err, f.Close()); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return &raftpb.Snapshot{Metadata: s.GetMetadata(), Data: data}, nil
	}
	return nil, fmt.Errorf("the snapshot of %d entries is gone", s.GetMetadata().GetIndex())
}

// unpackSnapshot splits a snapshot message's content.
func unpackSnapshot(s *raftpb.Snapshot) (SnapshotID, []byte, error) {
	if len(s.GetData()) < 8 {
		return SnapshotID{}, nil, fmt.Errorf("a snapshot message of %d bytes", len(s.GetData()))
	}
	id := SnapshotID{int64(binary.BigEndian.Uint64(s.GetData())), int32(s.GetMetadata().GetTerm())}
	if id.EndOffset <= 0 || id.LeaderEpoch < 0 {
		return id, nil, fmt.Errorf("a snapshot message for offset %d, epoch %d", id.EndOffset, id.LeaderEpoch)
	}
	return id, s.GetData()[8:], nil
}

// checkSnapshot reads through a snapshot that a peer sent: it has to be whole, undamaged, and what the raft message says it is.
func checkSnapshot(s *raftpb.Snapshot) error {
	id, content, err := unpackSnapshot(s)
	if err != nil {
		return err
	}
	r, err := NewSnapshotReader(bytes.NewReader(content), int64(len(content)), id)
	if err != nil {
		return err
	}
	for _, err := range r.Records() {
		if err != nil {
			return err
		}
	}
	if r.meta.entries != s.GetMetadata().GetIndex() {
		return fmt.Errorf("snapshot %s covers %d entries, its message says %d", id, r.meta.entries, s.GetMetadata().GetIndex())
	}
	return nil
}
