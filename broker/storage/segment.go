package storage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync/atomic"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/syncx"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Segment is one stretch of a log: a .log file with its indexes. The last segment of a log is the active one, which appends go to;
// the others are sealed and never change, but compaction may replace them.
//
// A Segment is counted: the log holds it once, each Records and each Segments result once more, and the last Release closes the
// file. That is how a consumer reads on while retention deletes the segment.
type Segment struct {
	fsys       vfs.FS
	baseOffset int64
	createdMs  int64
	file       vfs.File

	offsetIndex *index
	timeIndex   *index
	txns        *txnIndex

	mending syncx.Mutex  // held while damaged indexes are made anew for a reader, or are cut
	logger  *slog.Logger // of the log that it is a part of; nil before

	refs atomic.Int32
	size atomic.Int64             // bytes that may be read
	tail atomic.Pointer[tailRing] // nil once sealed

	checked    checkedRanges
	dataDirty  atomic.Bool // .log has writes that were not synced
	indexDirty atomic.Bool // so have the indexes; synced when the segment is sealed

	name struct {
		syncx.RWMutex
		dir    string
		suffix string // "", .deleted, .cleaned, .swap
	}
	// Guarded by the log's append lock.
	bytesSinceIndexEntry int
	nextOffset           int64 // after the last record; meaningful for the active segment
	rollingTimestamp     int64 // largest timestamp of the first batch; noRollingTimestamp until that is known

	// newest is the largest timestamp so far and the offset that its index entry has.
	newest struct {
		syncx.Mutex
		known     bool
		timestamp int64
		offset    int64
	}
}

const noRollingTimestamp = math.MinInt64

func newSegment(fsys vfs.FS, dir string, baseOffset int64, suffix string, nowMs int64) *Segment {
	s := &Segment{fsys: fsys, baseOffset: baseOffset, createdMs: nowMs, nextOffset: baseOffset, rollingTimestamp: noRollingTimestamp}
	s.name.dir, s.name.suffix = dir, suffix
	s.offsetIndex = newIndex(fsys, s.path, indexSuffix)
	s.timeIndex = newIndex(fsys, s.path, timeIndexSuffix)
	s.txns = &txnIndex{fsys: fsys, path: s.path}
	s.refs.Store(1)
	return s
}

// createSegment makes the files of an empty segment; what may lie there from before is emptied.
func createSegment(fsys vfs.FS, dir string, baseOffset int64, suffix string, nowMs int64) (*Segment, error) {
	s := newSegment(fsys, dir, baseOffset, suffix, nowMs)
	f, err := fsys.Create(s.path(logSuffix))
	if err != nil {
		return nil, err
	}
	s.file = f
	err = errors.Join(s.offsetIndex.create(), s.timeIndex.create(), s.txns.reset())
	if err != nil {
		err = errors.Join(err, s.remove())
		s.abandon()
		return nil, err
	}
	s.setNewest(batch.NoTimestamp, baseOffset)
	s.indexDirty.Store(true)
	return s, nil
}

// openSegment opens the files of a segment that exists. Its indexes are opened when they are needed.
func openSegment(fsys vfs.FS, dir string, baseOffset int64, nowMs int64) (*Segment, error) {
	s := newSegment(fsys, dir, baseOffset, "", nowMs)
	f, err := fsys.OpenReadWrite(s.path(logSuffix))
	if err != nil {
		return nil, err
	}
	s.file = f
	size, err := f.Size()
	if err != nil {
		s.abandon()
		return nil, err
	}
	if size > math.MaxInt32 {
		s.abandon()
		return nil, &CorruptionError{
			Path: s.path(logSuffix), Position: size, BaseOffset: baseOffset,
			Err: errors.New("the file is larger than a segment can be"),
		}
	}
	s.size.Store(size)
	s.checked.from.Store(size)
	s.checked.fromOffset.Store(math.MaxInt64)
	return s, nil
}

// path is the segment's file of that kind, under its present name.
func (s *Segment) path(suffix string) string {
	s.name.RLock()
	defer s.name.RUnlock()
	return vfs.Join(s.name.dir, offsetFileName(s.baseOffset, suffix+s.name.suffix))
}

// BaseOffset is the first offset the segment may hold, and its name.
func (s *Segment) BaseOffset() int64 { return s.baseOffset }

// Size is the number of bytes of batches in it.
func (s *Segment) Size() int { return int(s.size.Load()) }

// Path is the .log file's.
func (s *Segment) Path() string { return s.path(logSuffix) }

// ReadAt reads from the .log file.
func (s *Segment) ReadAt(p []byte, off int64) (int, error) {
	size := s.size.Load()
	if off >= size {
		return 0, io.EOF
	}
	if off+int64(len(p)) > size {
		n, err := s.file.ReadAt(p[:size-off], off)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	return s.file.ReadAt(p, off)
}

// AbortedTxns lists the transactions whose abort markers lie in the segment.
func (s *Segment) AbortedTxns() ([]AbortedTxn, error) { return s.txns.all() }

// LargestTimestamp is the largest timestamp of its records, or the file's modification time if they have none.
func (s *Segment) LargestTimestamp() (int64, error) {
	ts, _, err := s.newestTimestamp()
	if err != nil || ts >= 0 {
		return ts, err
	}
	ts, err = s.ModifiedMs()
	if isNotExist(err) {
		return nowMs(), nil // it was deleted meanwhile: nobody's business any more
	}
	return ts, err
}

// ModifiedMs is the .log file's modification time.
func (s *Segment) ModifiedMs() (int64, error) {
	info, err := s.fsys.Stat(s.path(logSuffix))
	if err != nil {
		return 0, err
	}
	return info.ModTime.UnixMilli(), nil
}

// newestTimestamp is the largest timestamp, -1 for none, and the offset of its index entry. A sealed segment reads it from its time index, whose
// word is checked: retention goes by it.
func (s *Segment) newestTimestamp() (timestamp, offset int64, err error) {
	s.newest.Lock()
	defer s.newest.Unlock()
	if s.newest.known {
		return s.newest.timestamp, s.newest.offset, nil
	}
	said := indexEntry{key: batch.NoTimestamp}
	if err = s.timeIndex.load(); err == nil {
		var ok bool
		if said, ok = s.timeIndex.lastEntry(); ok {
			err = s.checkLastTimeEntry(said)
		} else if said.key = batch.NoTimestamp; s.size.Load() > 0 {
			err = fmt.Errorf("%s: it is empty: %w", s.path(timeIndexSuffix), errIndexDamaged)
		}
	}
	if _, corrupt := errors.AsType[*CorruptionError](err); corrupt || errors.Is(err, errIndexDamaged) {
		said, err = s.newestByScan(said, err)
	}
	if err != nil {
		return 0, 0, err
	}
	s.newest.known, s.newest.timestamp, s.newest.offset = true, said.key, s.baseOffset+int64(said.value)
	return s.newest.timestamp, s.newest.offset, nil
}

// newestByScan is what the time index should have said instead of said. A segment that can't be walked through whole keeps the newer of both
// times: it had better stay.
func (s *Segment) newestByScan(said indexEntry, damage error) (indexEntry, error) {
	timestamp, offset, whole, err := s.scanNewest()
	if err != nil {
		return said, err
	}
	if timestamp != batch.NoTimestamp && errors.Is(damage, errIndexDamaged) {
		s.mendIndexes(damage)
	}
	if whole || timestamp > said.key {
		return indexEntry{timestamp, int32(offset - s.baseOffset)}, nil
	}
	return said, nil
}

func (s *Segment) setNewest(timestamp, offset int64) {
	s.newest.Lock()
	defer s.newest.Unlock()
	s.newest.known, s.newest.timestamp, s.newest.offset = true, timestamp, offset
}

func (s *Segment) raiseNewest(timestamp, offset int64) {
	s.newest.Lock()
	defer s.newest.Unlock()
	if timestamp > s.newest.timestamp {
		s.newest.timestamp, s.newest.offset = timestamp, offset
	}
}

// acquire counts one more user; false if the segment is already gone.
func (s *Segment) acquire() bool {
	for {
		n := s.refs.Load()
		if n <= 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives up one use. The last one closes the files.
func (s *Segment) Release() {
	if s.refs.Add(-1) == 0 {
		s.closeFiles()
	}
}

func (s *Segment) closeFiles() {
	s.file.Close() // only read through, or synced before; nothing hangs on the result
	s.offsetIndex.abandon()
	s.timeIndex.abandon()
	_ = s.txns.close() // likewise
}

// abandon closes the files of a segment that never entered a log.
func (s *Segment) abandon() {
	if s.refs.Add(-1) == 0 && s.file != nil {
		s.closeFiles()
	}
}

// startTail makes s the active segment, whose end is nextOffset.
func (s *Segment) startTail(nextOffset int64) error {
	if err := errors.Join(s.offsetIndex.load(), s.timeIndex.load()); err != nil {
		return err
	}
	if _, _, err := s.newestTimestamp(); err != nil {
		return err
	}
	s.nextOffset = nextOffset
	ring := &tailRing{}
	ring.push(uint32(nextOffset-s.baseOffset), uint32(s.size.Load()))
	s.tail.Store(ring)
	return nil
}

// appendInfo is what the segment notes about one batch that was written.
type batchMark struct {
	size          int
	lastOffset    int64
	maxTimestamp  int64
	timeIndexBase int64 // the offset that a time index entry for it gets
}

// noteBatch enters a batch at position into indexes, ring and counters. The bytes are in the file already.
func (s *Segment) noteBatch(position int64, m batchMark, intervalBytes int) error {
	if s.rollingTimestamp == noRollingTimestamp {
		s.rollingTimestamp = m.maxTimestamp
	}
	s.raiseNewest(m.maxTimestamp, m.timeIndexBase)
	if s.bytesSinceIndexEntry > intervalBytes {
		if err := s.offsetIndex.append(indexEntry{m.lastOffset - s.baseOffset, int32(position)}); err != nil {
			return err
		}
		if err := s.indexNewestTimestamp(); err != nil {
			return err
		}
		s.bytesSinceIndexEntry = 0
		s.indexDirty.Store(true)
	}
	s.bytesSinceIndexEntry += m.size
	s.nextOffset = m.lastOffset + 1
	return nil
}

// indexNewestTimestamp gives the largest timestamp so far an entry in the time index, if it has none.
func (s *Segment) indexNewestTimestamp() error {
	timestamp, offset, err := s.newestTimestamp()
	if err != nil || timestamp < 0 {
		return err
	}
	last, ok := s.timeIndex.lastEntry()
	if ok && timestamp <= last.key {
		return nil
	}
	return s.timeIndex.append(indexEntry{timestamp, int32(offset - s.baseOffset)})
}

// seal ends the writing: the largest timestamp gets its index entry and the indexes go to their files.
func (s *Segment) seal() error {
	if err := s.indexNewestTimestamp(); err != nil {
		return err
	}
	if err := errors.Join(s.offsetIndex.flush(false), s.timeIndex.flush(false)); err != nil {
		return err
	}
	s.tail.Store(nil)
	return nil
}

// syncAll makes everything durable. Sealed indexes give their memory back.
func (s *Segment) syncAll(withIndexes bool) error {
	if s.dataDirty.Swap(false) {
		if err := s.file.SyncData(); err != nil {
			return fmt.Errorf("sync %s: %w", s.path(logSuffix), err)
		}
	}
	if !withIndexes || !s.indexDirty.Swap(false) {
		return nil
	}
	if err := errors.Join(s.offsetIndex.flush(true), s.timeIndex.flush(true), s.txns.sync()); err != nil {
		s.indexDirty.Store(true)
		return fmt.Errorf("sync indexes of %s: %w", s.path(logSuffix), err)
	}
	return nil
}

// rename gives all files of the segment a new suffix and the segment their new names.
func (s *Segment) rename(suffix string) error {
	s.name.Lock()
	defer s.name.Unlock()
	for _, kind := range []string{indexSuffix, timeIndexSuffix, txnIndexSuffix, logSuffix} {
		from := vfs.Join(s.name.dir, offsetFileName(s.baseOffset, kind+s.name.suffix))
		to := vfs.Join(s.name.dir, offsetFileName(s.baseOffset, kind+suffix))
		if err := s.fsys.Rename(from, to); err != nil && (kind == logSuffix || !isNotExist(err)) {
			return err
		}
	}
	s.name.suffix = suffix
	return nil
}

// remove deletes the files under their present names.
func (s *Segment) remove() error {
	var all error
	for _, kind := range []string{indexSuffix, timeIndexSuffix, txnIndexSuffix, logSuffix} {
		if err := s.fsys.Remove(s.path(kind)); err != nil && !isNotExist(err) {
			all = errors.Join(all, err)
		}
	}
	return all
}
