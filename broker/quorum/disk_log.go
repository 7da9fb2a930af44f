package quorum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Topic is the name of the metadata log, TopicID its fixed id.
const Topic = "__cluster_metadata"

// TopicID is the id of the metadata log's topic, the same in every cluster.
var TopicID = ident.TopicID{15: 1}

// recentBytes bounds the entries kept in memory: those that followers and the state machine still ask for.
const recentBytes = 4 << 20

// diskLog is raft's storage: the batches in a log of package storage, the snapshots beside it, and the vote. It has one owner and no lock.
type diskLog struct {
	fs     vfs.FS
	dir    string
	log    *storage.Log
	logger *slog.Logger

	index     entryIndex
	voters    voterHistory
	snapshots []snapshotMeta // oldest first
	state     electionState
	applied   uint64          // the last entry that the state machine has
	recent    []*raftpb.Entry // the newest entries, contiguous up to index.last()
	recentLen int             // their bytes

	firstVoters    []Voter // those of a formatted quorum; nil: the configured ones
	snapshotWanted bool    // a follower needs a newer snapshot than there is
}

// openDiskLog opens the log in its directory and rebuilds the map from entries to offsets.
func openDiskLog(ctx context.Context, cfg *Config) (*diskLog, error) {
	l := &diskLog{fs: cfg.FS, dir: vfs.Join(cfg.Dir, Topic+"-0"), logger: cfg.Logger}
	if err := makeDir(l.fs, cfg.Dir, l.dir); err != nil {
		return nil, err
	}
	if err := l.readSnapshotHeaders(); err != nil {
		return nil, err
	}
	var err error
	if l.state, err = readElectionState(l.fs, l.dir); err != nil {
		return nil, err
	}
	logConfig := storage.DefaultLogConfig()
	logConfig.SegmentBytes, logConfig.SegmentMs = cfg.SegmentBytes, cfg.SegmentMs
	logConfig.RetentionBytes, logConfig.RetentionMs = -1, -1 // snapshots decide what may go
	logConfig.MaxMessageBytes = 2 * MaxBatchBytes
	l.log, err = storage.OpenLog(ctx, storage.LogOptions{
		FS: l.fs, Dir: l.dir, TopicPartition: ident.TopicPartition{Topic: Topic}, TopicID: TopicID, Config: logConfig,
		Logger: cfg.Logger, FlushedByOwner: true,
	})
	if err != nil {
		return nil, err
	}
	if err := l.recover(cfg); err != nil {
		return nil, errors.Join(err, l.log.Close())
	}
	return l, nil
}

// makeDir makes the log's directory. Its name and its parent's have to be durable before anything in it can be.
func makeDir(fsys vfs.FS, parent, dir string) error {
	if _, err := fsys.Stat(dir); err == nil {
		return nil
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	if err := fsys.SyncDir(parent); err != nil {
		return err
	}
	return fsys.SyncDir(vfs.Dir(parent))
}

func (l *diskLog) readSnapshotHeaders() error {
	found, err := listSnapshots(l.fs, l.dir)
	if err != nil {
		return err
	}
	for _, id := range found {
		r, done, err := l.openSnapshot(id)
		if err != nil {
			return err
		}
		if id.IsZero() {
			l.firstVoters = r.meta.voters // what `storage format` wrote: a snapshot of nothing
		} else {
			l.snapshots = append(l.snapshots, r.meta)
		}
		if err := done(); err != nil {
			return err
		}
	}
	return nil
}

// openSnapshot opens a snapshot's file; done closes it.
func (l *diskLog) openSnapshot(id SnapshotID) (r *SnapshotReader, done func() error, err error) {
	f, err := l.fs.Open(vfs.Join(l.dir, id.fileName()))
	if err != nil {
		return nil, nil, err
	}
	size, err := f.Size()
	if err == nil {
		r, err = NewSnapshotReader(f, size, id)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return r, f.Close, nil
}

// newest is the newest snapshot; the zero one where there is none.
func (l *diskLog) newest() snapshotMeta {
	if len(l.snapshots) == 0 {
		return snapshotMeta{}
	}
	return l.snapshots[len(l.snapshots)-1]
}

// recovered is a batch found in the log at open.
type recovered struct {
	nextOffset int64
	term       uint64
	voters     []Voter
}

// recover brings log and snapshots together. A snapshot holds committed state only, so where the two contradict each other the log gives way:
//
//	crash during                         on disk                                   here
//	installing a leader's snapshot       snapshot beyond the log, or of another    the log is emptied, it begins at the
//	                                     history                                   snapshot's end
//	dropping an old snapshot             log begins before the oldest snapshot     its beginning is dropped
func (l *diskLog) recover(cfg *Config) error {
	newest := l.newest()
	batches, err := l.scan()
	if err != nil {
		return err
	}
	covered, matches := countUpTo(batches, newest.id)
	matches = matches || l.log.LogStartOffset() == newest.id.EndOffset // the log begins where the snapshot ends
	if !newest.id.IsZero() && !matches {
		l.logger.Warn("the metadata log does not reach its newest snapshot or contradicts it: starting from the snapshot",
			"snapshot", newest.id.String(), "log_end_offset", l.log.LogEndOffset())
		if err := l.log.TruncateFullyAndStartAt(newest.id.EndOffset); err != nil {
			return err
		}
		batches, covered = nil, 0
	}
	if !newest.id.IsZero() && newest.entries == 0 {
		if newest.entries, err = adoptedEntries(cfg, newest.id, l.log.LogStartOffset(), covered); err != nil {
			return err
		}
		l.snapshots[len(l.snapshots)-1].entries = newest.entries
	}
	l.log.SetHighWatermark(newest.id.EndOffset)
	if batches, err = l.alignStart(batches); err != nil {
		return err
	}
	return l.buildIndex(cfg, batches)
}

// adoptedEntries is the number of entries that the snapshot of an Apache Kafka controller stands for, which does not say it. A lone voter
// may choose any number; several have to agree, which only a log from the first record on assures.
func adoptedEntries(cfg *Config, id SnapshotID, logStartOffset int64, covered int) (uint64, error) {
	switch {
	case logStartOffset == 0:
		return uint64(covered), nil
	case len(cfg.Voters) == 1:
		return uint64(id.EndOffset), nil
	}
	return 0, fmt.Errorf("snapshot %s comes from another implementation and the log before it is gone: start with one voter, then add the others empty", id)
}

// countUpTo counts the batches before id's end offset; matches says that one of them ends there, in id's epoch.
func countUpTo(batches []recovered, id SnapshotID) (count int, matches bool) {
	for _, b := range batches {
		if b.nextOffset > id.EndOffset {
			break
		}
		count++
		matches = b.nextOffset == id.EndOffset && b.term == uint64(id.LeaderEpoch)
	}
	return count, matches
}

// alignStart drops what lies before the oldest snapshot in a log whose very beginning is gone.
func (l *diskLog) alignStart(batches []recovered) ([]recovered, error) {
	start := l.log.LogStartOffset()
	if start == 0 {
		return batches, nil
	}
	for _, s := range l.snapshots {
		if s.id.EndOffset < start {
			continue
		}
		if err := l.log.IncrementLogStartOffset(s.id.EndOffset); err != nil {
			return nil, err
		}
		n, _ := countUpTo(batches, s.id)
		return batches[n:], nil
	}
	return nil, fmt.Errorf("%s begins at offset %d, but no snapshot covers what was before", l.dir, start)
}

func (l *diskLog) buildIndex(cfg *Config, batches []recovered) error {
	base := l.first(cfg)
	start, newest := l.log.LogStartOffset(), l.newest()
	l.index.reset(0, 0, start)
	if start > 0 {
		for _, s := range l.snapshots {
			if s.id.EndOffset == start {
				count, _ := countUpTo(batches, newest.id)
				if newest.entries < uint64(count) {
					return fmt.Errorf("snapshot %s covers %d entries, but the log has %d before its end", newest.id, newest.entries, count)
				}
				l.index.reset(newest.entries-uint64(count), uint64(s.id.LeaderEpoch), start)
				if s.voters != nil {
					base.voters, base.dynamic = s.voters, true
				}
			}
		}
	}
	base.index = l.index.prev
	l.voters.sets = []voterSet{base}
	for _, b := range batches {
		if b.term < l.index.lastTerm() || b.nextOffset <= l.index.endOffset {
			return fmt.Errorf("%s: leader epoch %d up to offset %d follows epoch %d up to offset %d", l.dir, b.term, b.nextOffset, l.index.lastTerm(), l.index.endOffset)
		}
		l.index.append(b.term, b.nextOffset)
		if b.voters != nil {
			l.voters.sets = append(l.voters.sets, voterSet{index: l.index.last(), dynamic: true, voters: b.voters})
		}
	}
	if at, ok := l.index.entryAt(newest.id.EndOffset); !newest.id.IsZero() && (!ok || at != newest.entries+1) {
		return fmt.Errorf("snapshot %s covers %d entries, the log has %d there", newest.id, newest.entries, at-1)
	}
	return nil
}

// first is the set of voters before the log says something.
func (l *diskLog) first(cfg *Config) voterSet {
	if l.firstVoters != nil {
		return voterSet{voters: l.firstVoters, dynamic: true}
	}
	return voterSet{voters: cfg.Voters}
}

// scan reads the headers of all batches.
func (l *diskLog) scan() ([]recovered, error) {
	var found []recovered
	offset := l.log.LogStartOffset()
	for offset < l.log.LogEndOffset() {
		raw, err := l.read(offset, maxMessageBytes)
		if err != nil {
			return nil, err
		}
		at := offset
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			if errors.Is(err, batch.ErrTruncated) {
				break
			}
			if err != nil {
				return nil, err
			}
			raw = rest
			if b.BaseOffset() != offset {
				return nil, fmt.Errorf("%s: batch at offset %d, expected one at %d", l.dir, b.BaseOffset(), offset)
			}
			voters, _, err := votersIn(b)
			if err != nil {
				return nil, err
			}
			found = append(found, recovered{b.NextOffset(), uint64(b.PartitionLeaderEpoch()), voters})
			offset = b.NextOffset()
		}
		if offset == at {
			return nil, fmt.Errorf("%s: no whole batch at offset %d", l.dir, offset)
		}
	}
	return found, nil
}

// read returns bytes of the log from the batch at offset on, at least that batch.
func (l *diskLog) read(offset int64, maxBytes int) ([]byte, error) {
	records, err := l.log.Read(offset, maxBytes, l.log.LogEndOffset(), true)
	if err != nil {
		return nil, err
	}
	defer records.Release()
	return records.Bytes(nil)
}

// appendEntries writes entries after index.last(), having dropped what they replace. It patches offsets and epochs into one buffer, writes that
// with one call, and makes it durable. A leader's empty entry becomes a batch by leaderChange.
func (l *diskLog) appendEntries(entries []*raftpb.Entry, term uint64, leaderChange func() (batch.Batch, error)) error {
	first := entries[0].GetIndex()
	if first <= l.index.last() {
		if _, err := l.log.TruncateTo(l.index.baseOffset(first)); err != nil {
			return err
		}
		l.index.truncateFrom(first)
		l.voters.truncateFrom(first)
		l.forgetFrom(first)
	}
	var buf []byte
	end := l.index.endOffset
	stored := make([]*raftpb.Entry, 0, len(entries))
	for _, e := range entries {
		raw, err := batchOf(e)
		if err == nil && len(raw) == 0 {
			raw, err = leaderChange()
		}
		if err != nil {
			return err
		}
		at := len(buf)
		buf = append(buf, raw...)
		b := batch.Batch(buf[at:])
		b.SetBaseOffset(end)
		b.SetPartitionLeaderEpoch(int32(e.GetTerm()))
		end = b.NextOffset()
		stored = append(stored, &raftpb.Entry{Index: e.Index, Term: e.Term, Type: e.Type, Data: buf[at:len(buf):len(buf)]})
	}
	if _, err := l.log.AppendAsFollower(buf, int32(term)); err != nil {
		return err
	}
	offset := 0
	for i, e := range stored {
		size := len(e.GetData())
		b := batch.Batch(buf[offset : offset+size : offset+size]) // buf may have moved while it grew
		offset += size
		invariants.Must(e.GetIndex() == l.index.last()+1, "entry %d after entry %d", e.GetIndex(), l.index.last())
		before := l.voters.latest()
		l.index.append(e.GetTerm(), b.NextOffset())
		converted, err := entryOf(b, e.GetIndex(), before)
		if err != nil {
			return err
		}
		if voters, ok, _ := votersIn(b); ok {
			l.voters.sets = append(l.voters.sets, voterSet{index: e.GetIndex(), dynamic: true, voters: voters})
		}
		stored[i] = converted
	}
	l.remember(stored)
	return l.log.Flush(l.index.endOffset)
}

func (l *diskLog) remember(entries []*raftpb.Entry) {
	l.recent = append(l.recent, entries...)
	for _, e := range entries {
		l.recentLen += len(e.GetData())
	}
	drop := 0
	for drop < len(l.recent)-1 && l.recentLen > recentBytes {
		l.recentLen -= len(l.recent[drop].GetData())
		drop++
	}
	if drop > 0 {
		l.recent = slices.Clone(l.recent[drop:])
	}
}

func (l *diskLog) forgetFrom(index uint64) {
	for len(l.recent) > 0 && l.recent[len(l.recent)-1].GetIndex() >= index {
		l.recentLen -= len(l.recent[len(l.recent)-1].GetData())
		l.recent = l.recent[:len(l.recent)-1]
	}
}

// saveState writes the vote, and how far the log is known to be committed.
func (l *diskLog) saveState(state electionState, applied uint64) error {
	state.CommittedOffset = l.index.nextOffset(applied)
	if err := state.write(l.fs, l.dir); err != nil {
		return err
	}
	state.found = true
	l.state = state
	return nil
}

// The methods of raft.Storage follow.

// InitialState is the vote, and the voters as of the newest snapshot: raft applies later changes again.
func (l *diskLog) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	applied := max(l.newest().entries, l.index.prev)
	hs := &raftpb.HardState{
		Term:   new(max(uint64(l.state.LeaderEpoch), l.index.lastTerm())),
		Commit: new(max(applied, l.index.endingBy(l.state.CommittedOffset))),
	}
	if l.state.VotedID != ident.NoBroker && uint64(l.state.LeaderEpoch) == hs.GetTerm() {
		hs.Vote = new(raftID(l.state.VotedID))
	}
	return hs, l.voters.at(applied).confState(), nil
}

// Entries returns the entries from lo to hi (exclusive), as many as fit into maxSize and at least one.
func (l *diskLog) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	if lo < l.index.first() {
		return nil, raft.ErrCompacted
	}
	if hi > l.index.last()+1 {
		return nil, raft.ErrUnavailable
	}
	if len(l.recent) > 0 && lo >= l.recent[0].GetIndex() {
		from := l.recent[0].GetIndex()
		return limitSize(l.recent[lo-from:hi-from], maxSize), nil
	}
	var entries []*raftpb.Entry
	size := uint64(0)
	for lo < hi {
		raw, err := l.read(l.index.baseOffset(lo), int(min(maxSize, maxMessageBytes)))
		if err != nil {
			return nil, err
		}
		for at := lo; lo < hi && len(raw) > 0; lo++ {
			b, rest, err := batch.Next(raw)
			if errors.Is(err, batch.ErrTruncated) && lo > at {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("metadata log at offset %d: %w", l.index.baseOffset(lo), err)
			}
			if size += uint64(len(b)); size > maxSize && len(entries) > 0 {
				return entries, nil
			}
			e, err := entryOf(slices.Clone(b), lo, l.voters.at(lo-1))
			if err != nil {
				return nil, err
			}
			entries, raw = append(entries, e), rest
		}
	}
	return entries, nil
}

// stored is an entry as it lies in the log: raft may still hold it as it was proposed, without its offset.
func (l *diskLog) stored(e *raftpb.Entry) (*raftpb.Entry, error) {
	if data := batch.Batch(e.GetData()); e.GetType() == raftpb.EntryNormal && len(data) >= batch.HeaderSize &&
		data.BaseOffset() == l.index.baseOffset(e.GetIndex()) && uint64(data.PartitionLeaderEpoch()) == e.GetTerm() {
		return e, nil
	}
	entries, err := l.Entries(e.GetIndex(), e.GetIndex()+1, 0)
	if err != nil {
		return nil, err
	}
	return entries[0], nil
}

func limitSize(entries []*raftpb.Entry, maxSize uint64) []*raftpb.Entry {
	size := uint64(0)
	for i, e := range entries {
		if size += uint64(len(e.GetData())); size > maxSize && i > 0 {
			return slices.Clone(entries[:i])
		}
	}
	return slices.Clone(entries)
}

// Term is an entry's leader epoch.
func (l *diskLog) Term(index uint64) (uint64, error) {
	switch {
	case index < l.index.prev:
		return 0, raft.ErrCompacted
	case index > l.index.last():
		return 0, raft.ErrUnavailable
	}
	return l.index.term(index), nil
}

// LastIndex is the last entry of the log.
func (l *diskLog) LastIndex() (uint64, error) { return l.index.last(), nil }

// FirstIndex is the first entry of the log.
func (l *diskLog) FirstIndex() (uint64, error) { return l.index.first(), nil }

// Snapshot describes the newest snapshot. Its content is read when the message goes out. A snapshot from before the last change of voters won't do: a
// voter that isn't a member in it refuses it. Then a new one is made, and raft asks again.
func (l *diskLog) Snapshot() (*raftpb.Snapshot, error) {
	newest := l.newest()
	if newest.id.IsZero() || l.voters.at(l.applied).index > newest.entries {
		l.snapshotWanted = true
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: l.votersOf(newest).confState(), Index: new(newest.entries), Term: new(uint64(newest.id.LeaderEpoch)),
	}}, nil
}

// votersOf is the set of voters in force at a snapshot's end.
func (l *diskLog) votersOf(s snapshotMeta) voterSet {
	if s.voters != nil {
		return voterSet{index: s.entries, dynamic: true, voters: s.voters}
	}
	return l.voters.at(s.entries)
}

func (l *diskLog) close() error { return l.log.Close() }

var _ raft.Storage = (*diskLog)(nil)
