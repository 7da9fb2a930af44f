package quorum

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/vfs"
)

const (
	checkpointSuffix = ".checkpoint"
	partSuffix       = ".part"    // a snapshot that is being written
	deletedSuffix    = ".deleted" // one that is being deleted
	snapshotFlushAt  = 1 << 20    // the size at which a snapshot's batch is written
	// entryCountTag is the tagged field of a snapshot's header that holds the number of raft entries which the snapshot covers. Apache Kafka
	// skips it. It is kgo's own: high, to stay out of the way of Kafka's tags.
	entryCountTag = 27495
)

// String is the snapshot's file name without its suffix.
func (id SnapshotID) String() string { return fmt.Sprintf("%020d-%010d", id.EndOffset, id.LeaderEpoch) }

func (id SnapshotID) fileName() string { return id.String() + checkpointSuffix }

func parseSnapshotName(name string) (SnapshotID, bool) {
	stem, ok := strings.CutSuffix(name, checkpointSuffix)
	var id SnapshotID
	if !ok {
		return id, false
	}
	_, err := fmt.Sscanf(stem, "%d-%d", &id.EndOffset, &id.LeaderEpoch)
	return id, err == nil && id.String() == stem && id.EndOffset >= 0
}

// listSnapshots returns the snapshots in dir, oldest first, and removes what a crash left half written or half deleted.
func listSnapshots(fsys vfs.FS, dir string) ([]SnapshotID, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, err
	}
	var found []SnapshotID
	for _, name := range names {
		if id, ok := parseSnapshotName(name); ok {
			found = append(found, id)
		} else if strings.HasSuffix(name, checkpointSuffix+partSuffix) || strings.HasSuffix(name, checkpointSuffix+deletedSuffix) {
			if err := fsys.Remove(vfs.Join(dir, name)); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(found, func(a, b SnapshotID) int {
		return cmp.Or(cmp.Compare(a.EndOffset, b.EndOffset), cmp.Compare(a.LeaderEpoch, b.LeaderEpoch))
	})
	return found, nil
}

// snapshotMeta is what a snapshot's header batch says.
type snapshotMeta struct {
	id            SnapshotID
	entries       uint64 // raft entries that it covers; 0: unknown, the snapshot of an Apache Kafka controller
	lastTimestamp int64
	voters        []Voter // nil: static voters
}

// SnapshotWriter writes a snapshot file. The state machine appends its records; the node begins and ends the file.
type SnapshotWriter struct {
	f       vfs.File
	epoch   int32
	now     int64
	builder batch.Builder
	next    int64 // offset in the file of the next record
	size    int64
	buf     []byte
	err     error
}

// newSnapshotWriter begins a snapshot in f with the header batch: the header, and the voters where the log has them.
func newSnapshotWriter(f vfs.File, meta snapshotMeta) (*SnapshotWriter, error) {
	w := &SnapshotWriter{f: f, epoch: meta.id.LeaderEpoch, now: meta.lastTimestamp}
	header := record.NewSnapshotHeaderRecord()
	header.LastContainedLogTimestamp = meta.lastTimestamp
	if meta.entries > 0 {
		header.UnknownTags = []record.UnknownTag{{Tag: entryCountTag, Data: binary.AppendUvarint(nil, meta.entries)}}
	}
	value, err := header.AppendTo(nil, 0)
	if err != nil {
		return nil, err
	}
	w.begin()
	w.builder.SetControl()
	w.builder.Append(w.now, batch.ControlKey(batch.ControlSnapshotHeader), value)
	if meta.voters != nil {
		if err := appendVoters(&w.builder, w.now, meta.voters, true); err != nil {
			return nil, err
		}
	}
	return w, w.flush()
}

// Append adds records to the snapshot.
func (w *SnapshotWriter) Append(records ...[]byte) error {
	for _, r := range records {
		if w.err != nil {
			return w.err
		}
		if w.builder.Count() > 0 && w.builder.Size()+len(r) > snapshotFlushAt {
			if err := w.flush(); err != nil {
				return err
			}
		}
		w.builder.Append(w.now, nil, r)
	}
	return w.err
}

func (w *SnapshotWriter) begin() {
	w.builder.Reset(w.next, batch.Compression{})
	w.builder.SetPartitionLeaderEpoch(w.epoch)
}

// flush writes the batch that has been built, if it has records, and begins the next one.
func (w *SnapshotWriter) flush() error {
	if w.err != nil || w.builder.Count() == 0 {
		return w.err
	}
	w.next = w.builder.NextOffset()
	b, err := w.builder.Finish(w.buf[:0])
	if err == nil {
		_, err = w.f.Write(b)
	}
	w.buf, w.err = b, err
	w.size += int64(len(b))
	w.begin()
	return err
}

// finish writes the footer and makes the file durable.
func (w *SnapshotWriter) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	value, err := record.NewSnapshotFooterRecord().AppendTo(nil, 0)
	if err != nil {
		return err
	}
	w.builder.SetControl()
	w.builder.Append(w.now, batch.ControlKey(batch.ControlSnapshotFooter), value)
	if err := w.flush(); err != nil {
		return err
	}
	return w.f.Sync()
}

// SnapshotReader reads a snapshot file.
type SnapshotReader struct {
	meta snapshotMeta
	src  io.ReaderAt
	size int64
}

// ID is the snapshot's name: the state is that before the log's offset ID().EndOffset.
func (r *SnapshotReader) ID() SnapshotID { return r.meta.id }

// Voters are those that the snapshot holds; none where the configuration says who they are.
func (r *SnapshotReader) Voters() []Voter { return r.meta.voters }

// LastTimestampMs is the append time of the last batch that the snapshot covers.
func (r *SnapshotReader) LastTimestampMs() int64 { return r.meta.lastTimestamp }

var errNoFooter = errors.New("the file ends without the snapshot's footer")

// NewSnapshotReader reads the header of a snapshot; the records come later. An observer hands it what it has fetched.
func NewSnapshotReader(src io.ReaderAt, size int64, id SnapshotID) (*SnapshotReader, error) {
	r := &SnapshotReader{meta: snapshotMeta{id: id}, src: src, size: size}
	for b, err := range r.batches() {
		if err != nil {
			return nil, err
		}
		if !b.IsControl() {
			break
		}
		for t, value := range controlRecords(b) {
			switch t {
			default: // the footer; or one that is no part of a snapshot's state
			case batch.ControlSnapshotHeader:
				header := record.NewSnapshotHeaderRecord()
				if _, err = header.ReadFrom(value, 0); err != nil {
					return nil, fmt.Errorf("snapshot %s: header: %w", id, err)
				}
				r.meta.lastTimestamp = header.LastContainedLogTimestamp
				for _, tag := range header.UnknownTags {
					if tag.Tag == entryCountTag {
						r.meta.entries, _ = binary.Uvarint(tag.Data)
					}
				}
			case batch.ControlKRaftVoters:
				if r.meta.voters, err = parseVoters(value); err != nil {
					return nil, fmt.Errorf("snapshot %s: voters: %w", id, err)
				}
			}
		}
	}
	return r, nil
}

// batches yields the file's batches, checked. A batch is valid until the next one.
func (r *SnapshotReader) batches() iter.Seq2[batch.Batch, error] {
	return func(yield func(batch.Batch, error) bool) {
		var buf []byte
		fail := func(position int64, err error) {
			yield(nil, fmt.Errorf("snapshot %s at position %d: %w", r.meta.id, position, err))
		}
		for position := int64(0); position < r.size; {
			var prefix [batch.HeaderSize]byte
			if _, err := r.src.ReadAt(prefix[:min(batch.HeaderSize, r.size-position)], position); err != nil && !errors.Is(err, io.EOF) {
				fail(position, err)
				return
			}
			size, _, err := batch.Peek(prefix[:min(batch.HeaderSize, r.size-position)])
			if err == nil && int64(size) > r.size-position {
				err = batch.ErrTruncated
			}
			if err != nil {
				fail(position, err)
				return
			}
			buf = slices.Grow(buf[:0], size)[:size]
			if _, err := r.src.ReadAt(buf, position); err != nil && !errors.Is(err, io.EOF) {
				fail(position, err)
				return
			}
			b, _, err := batch.Next(buf)
			if err == nil {
				err = b.Validate()
			}
			if err != nil {
				fail(position, err)
				return
			}
			if !yield(b, nil) {
				return
			}
			position += int64(size)
		}
	}
}

// Records yields the values of the snapshot's records, batch by batch. The last element is an error if the file is damaged or incomplete.
// The values are valid until the next batch.
func (r *SnapshotReader) Records() iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		complete := false
		for b, err := range r.batches() {
			if err != nil {
				yield(nil, err)
				return
			}
			if b.IsControl() {
				for t := range controlRecords(b) {
					complete = complete || t == batch.ControlSnapshotFooter
				}
				continue
			}
			values, err := RecordValues(b)
			if !yield(values, err) || err != nil {
				return
			}
		}
		if !complete {
			yield(nil, fmt.Errorf("snapshot %s: %w", r.meta.id, errNoFooter))
		}
	}
}

// RecordValues are the values of a batch's records; they point into the batch.
func RecordValues(b batch.Batch) ([][]byte, error) {
	values := make([][]byte, 0, min(int(b.RecordCount()), len(b)))
	for r, err := range b.Records(MaxBatchBytes) {
		if err != nil {
			return nil, err
		}
		values = append(values, r.Value)
	}
	return values, nil
}
