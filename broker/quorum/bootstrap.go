package quorum

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

// BootstrapFile is the snapshot in a log directory that holds a new cluster's first records. `kgo storage format` writes it, and the first
// leader puts the records into the log.
const BootstrapFile = "bootstrap" + checkpointSuffix

// WriteBootstrap writes a new cluster's first records into a log directory.
func WriteBootstrap(fsys vfs.FS, dir string, timestampMs int64, records [][]byte) error {
	return writeCheckpoint(fsys, dir, BootstrapFile, func(f vfs.File) error {
		w, err := newSnapshotWriter(f, snapshotMeta{lastTimestamp: timestampMs})
		if err == nil {
			err = w.Append(records...)
		}
		if err == nil {
			err = w.finish()
		}
		return err
	})
}

// WriteFirstVoters writes who the voters of a new quorum are (KIP-853): as the snapshot of nothing, in a new metadata log's folder below dir.
func WriteFirstVoters(fsys vfs.FS, dir string, timestampMs int64, voters []Voter) error {
	logDir := vfs.Join(dir, Topic+"-0")
	if err := makeDir(fsys, dir, logDir); err != nil {
		return err
	}
	return writeCheckpoint(fsys, logDir, SnapshotID{}.fileName(), func(f vfs.File) error {
		w, err := newSnapshotWriter(f, snapshotMeta{lastTimestamp: timestampMs, voters: voters})
		if err == nil {
			err = w.finish()
		}
		return err
	})
}

func writeCheckpoint(fsys vfs.FS, dir, name string, fill func(f vfs.File) error) error {
	path := vfs.Join(dir, name)
	f, err := fsys.Create(path + partSuffix)
	if err != nil {
		return err
	}
	if err := errors.Join(fill(f), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := fsys.Rename(path+partSuffix, path); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// ReadBootstrap reads a log directory's bootstrap records; none where there is no such file.
func ReadBootstrap(fsys vfs.FS, dir string) (records [][]byte, err error) {
	path := vfs.Join(dir, BootstrapFile)
	raw, err := vfs.ReadFile(fsys, path, MaxBatchBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err == nil {
			err = b.Validate()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; format the directory anew, or remove the file to have the defaults", path, err)
		}
		raw = rest
		if b.IsControl() {
			continue
		}
		values, err := RecordValues(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		records = append(records, values...)
	}
	return records, nil
}

// Known says what is in a metadata log's folder below dir.
type Known struct {
	Log    bool    // there are records, or a vote: this node has been a member
	Voters []Voter // those that `storage format` wrote, or the log has, whichever are first; empty where they come from the configuration
}

// Look finds out what a metadata directory knows of its quorum, without opening the log.
func Look(fsys vfs.FS, dir string) (Known, error) {
	l := &diskLog{fs: fsys, dir: vfs.Join(dir, Topic+"-0")}
	names, err := fsys.List(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Known{}, nil
	}
	if err != nil {
		return Known{}, err
	}
	var known Known
	state, err := readElectionState(fsys, l.dir)
	if err != nil {
		return known, err
	}
	known.Log = state.found && state.Standing == standingMember
	for _, name := range names {
		id, ok := parseSnapshotName(name)
		if !ok {
			continue
		}
		r, done, err := l.openSnapshot(id)
		if err != nil {
			return known, err
		}
		if len(known.Voters) == 0 {
			known.Voters = r.meta.voters
		}
		known.Log = known.Log || !id.IsZero()
		if err := done(); err != nil {
			return known, err
		}
	}
	return known, nil
}
