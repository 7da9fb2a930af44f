package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/clock"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// LogOptions say how to open a Log. A Manager opens its own; the metadata quorum opens one by itself.
type LogOptions struct {
	FS             vfs.FS // nil: the operating system's
	Dir            string // the log's own directory, made if missing
	TopicPartition ident.TopicPartition
	TopicID        ident.TopicID // zero: what partition.metadata has
	Config         LogConfig
	LogStartOffset int64 // from its checkpoint
	RecoveryPoint  int64 // from its checkpoint, everything from there on is checked; -1: unknown, everything is
	CleanShutdown  bool  // the log was closed properly: nothing needs a check
	Logger         *slog.Logger
	// FlushedByOwner is for an owner that calls Flush after its appends: the log then does no I/O of its own in the background, which a simulator
	// could not repeat. Otherwise a segment is made durable beside the appends that follow its roll.
	FlushedByOwner bool
	OnFailure      func(err error) // hears of the I/O error that took the log offline, from a goroutine of its own; may be nil

	// configLater says that Config is a guess: what it is comes with GetOrCreate.
	configLater bool

	trash      *trash      // the manager's; nil: its own
	compaction *compaction // the manager's; nil: nobody compacts it
}

// OpenLog opens a log, or makes it, and recovers it: leftovers of interrupted operations are finished or removed, the records from
// the recovery point on are checked and what is torn off at the end, their indexes are built anew.
func OpenLog(ctx context.Context, opts LogOptions) (*Log, error) {
	if opts.FS == nil {
		opts.FS = vfs.OS()
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	l := &Log{tp: opts.TopicPartition, fsys: opts.FS, logger: opts.Logger, onFailure: opts.OnFailure, flushedByOwner: opts.FlushedByOwner, trash: opts.trash, compaction: opts.compaction}
	l.gap.Store(-1)
	if l.trash == nil {
		l.trash = newTrash()
	}
	l.dir.Store(&opts.Dir)
	l.cfg.Store(&opts.Config)
	l.topicID.Store(&ident.TopicID{})
	_, kind := parseDirName(vfs.Base(opts.Dir))
	l.future.Store(kind == dirFuture)
	if err := l.open(ctx, &opts); err != nil {
		for _, s := range l.opened() {
			s.Release()
		}
		return nil, fmt.Errorf("open log %s: %w", opts.Dir, err)
	}
	return l, nil
}

func (l *Log) opened() []*Segment {
	if all := l.segments.Load(); all != nil {
		return *all
	}
	return nil
}

func (l *Log) open(ctx context.Context, opts *LogOptions) error {
	isNew, err := l.openDir(opts)
	if err != nil {
		return err
	}
	var names []string
	if isNew { // there is nothing to look for, and thousands may be made at once
		l.epochs = newLeaderEpochCache(l.fsys, l.Dir())
	} else {
		if names, err = l.finishInterrupted(); err != nil {
			return err
		}
		if l.epochs, err = l.openEpochs(); err != nil {
			return err
		}
	}
	bases, err := l.removeOrphans(names)
	if err != nil {
		return err
	}
	now := nowMs()
	var all []*Segment
	for _, base := range bases {
		seg, err := openSegment(l.fsys, l.Dir(), base, now)
		if err != nil {
			return err
		}
		seg.logger = l.logger
		all = append(all, seg)
		l.segments.Store(&all)
	}
	l.logStartOffset.Store(l.startOffset(opts, all))
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recoverLocked(ctx, opts, names, now)
}

// startOffset is where the log begins. After a clean stop the leader epochs begin there too: where they begin before it, either file is damaged,
// and the records between are kept.
func (l *Log) startOffset(opts *LogOptions, all []*Segment) int64 {
	if len(all) == 0 {
		return max(opts.LogStartOffset, 0)
	}
	start := max(opts.LogStartOffset, all[0].baseOffset)
	first, ok := l.epochs.earliest()
	if opts.CleanShutdown && ok && first.StartOffset < start && start > all[0].baseOffset {
		l.logger.Warn("the checkpoint of the log's start offset and the leader epochs contradict each other; records that were deleted may be back",
			"topic", l.tp.Topic, "partition", l.tp.Partition, "log_start_offset", start, "first_epoch_offset", first.StartOffset)
		return max(first.StartOffset, all[0].baseOffset)
	}
	return start
}

// openDir makes the directory, if it must, and reads or writes the topic's id.
func (l *Log) openDir(opts *LogOptions) (isNew bool, err error) {
	_, err = l.fsys.Stat(opts.Dir)
	if isNotExist(err) {
		isNew = true
		l.metadataUnsynced.Store(true)
		err = l.fsys.MkdirAll(opts.Dir)
	}
	if err == nil && !isNew {
		var id ident.TopicID
		id, err = readPartitionMetadata(l.fsys, opts.Dir)
		l.topicID.Store(&id)
	}
	if err != nil {
		return isNew, err
	}
	return isNew, l.AssignTopicID(opts.TopicID)
}

// openEpochs reads the leader epochs. A damaged file does not count: they are read from the batches again, and the next flush replaces it.
func (l *Log) openEpochs() (*leaderEpochCache, error) {
	c, err := openLeaderEpochCache(l.fsys, l.Dir())
	if _, ok := errors.AsType[*CorruptionError](err); !ok {
		return c, err
	}
	l.logger.Warn("leader epochs are unreadable and are read from the batches", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
	c.entries, l.epochsLost = nil, true
	return c, nil
}

// epochsMissing tells whether the cache does not reach back to the log's start: its file was damaged, or the log's start was moved and a
// crash came before that was durable.
func (l *Log) epochsMissing(all []*Segment) (bool, error) {
	if l.epochsLost || len(all) == 0 {
		return l.epochsLost, nil
	}
	start := l.logStartOffset.Load()
	earliest, ok := l.epochs.earliest()
	if !ok || earliest.StartOffset <= start {
		return false, nil
	}
	seg := all[max(floorSegment(all, start), 0)]
	at, err := seg.scanFor(start, 0)
	if err != nil || at.size < batch.HeaderSize {
		if _, ok := errors.AsType[*CorruptionError](err); ok {
			return false, nil // recovery will cut it
		}
		return false, err
	}
	head := make([]byte, batch.HeaderSize)
	if _, err := seg.file.ReadAt(head, at.position); err != nil {
		if err == io.EOF { //nolint:errorlint // ReadAt returns it as it is
			return false, nil // torn: recovery will cut it
		}
		return false, err
	}
	_, magic, err := batch.Peek(head)
	return err == nil && magic == batch.MagicV2 && batch.Batch(head).PartitionLeaderEpoch() >= 0 &&
		batch.Batch(head).PartitionLeaderEpoch() <= earliest.LeaderEpoch, nil
}

// compareEpoch notes that the leader epochs are not to be relied on if they say another one for a batch than it has.
func (l *Log) compareEpoch(b batch.Batch) {
	offset := max(b.BaseOffset(), l.logStartOffset.Load()) // the first epoch begins with the log, be that amid a batch
	known, has := l.epochs.epochFor(offset), b.PartitionLeaderEpoch()
	if has < 0 || has == known || offset > b.LastOffset() || l.epochsLost {
		return
	}
	l.logger.Warn("leader epochs contradict the batches and are read from those", "topic", l.tp.Topic, "partition", l.tp.Partition,
		"offset", offset, "batch_epoch", has, "checkpoint_epoch", known)
	l.epochsLost = true
}

// mendEpochs reads the leader epochs from the batches if the checkpoint can't be relied on.
func (l *Log) mendEpochs(all []*Segment) error {
	lost, err := l.epochsMissing(all)
	if err != nil || !lost {
		return err
	}
	l.epochsLost = false
	l.epochs.entries, l.epochs.unwritten = nil, true
	return errors.Join(l.rebuildEpochs(all), l.epochs.sync())
}

// rebuildEpochs reads the leader epochs from the headers of all batches.
func (l *Log) rebuildEpochs(all []*Segment) error {
	for _, seg := range all {
		r := newEntryReader(seg, 0)
		for {
			entry, _, err := r.next()
			if err == io.EOF || (err != nil && isDamage(err)) { //nolint:errorlint // next returns EOF as it is
				break
			}
			if err != nil {
				return err
			}
			if b, _, err := batch.Next(entry); err == nil && b.PartitionLeaderEpoch() > l.LatestEpoch() {
				if err := l.epochs.assign(b.PartitionLeaderEpoch(), b.BaseOffset()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// removeOrphans deletes indexes whose segment is gone and returns the segments' base offsets in order.
func (l *Log) removeOrphans(names []string) ([]int64, error) {
	var bases []int64
	for _, name := range names {
		if base, suffix, ok := parseOffsetFileName(name); ok && suffix == logSuffix {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	for _, name := range names {
		base, suffix, ok := parseOffsetFileName(name)
		if !ok || (suffix != indexSuffix && suffix != timeIndexSuffix && suffix != txnIndexSuffix) {
			continue
		}
		if _, found := slices.BinarySearch(bases, base); !found {
			if err := l.fsys.Remove(vfs.Join(l.Dir(), name)); err != nil {
				return nil, err
			}
		}
	}
	return bases, nil
}

// recoverLocked brings the segments, the producer state and the offsets into agreement.
func (l *Log) recoverLocked(ctx context.Context, opts *LogOptions, names []string, now int64) error {
	l.mu.producers = newProducerState()
	l.mu.lastSnapshot = -1
	all := l.opened()
	firstUnsafe := len(all) // segments from here on are checked
	if !opts.CleanShutdown && len(all) > 0 {
		firstUnsafe = max(floorSegment(all, opts.RecoveryPoint), 0)
	}
	if err := l.checkIndexFiles(all[:firstUnsafe], names); err != nil {
		return err
	}
	end := int64(0)
	if firstUnsafe == len(all) && len(all) > 0 {
		var err error
		if end, err = l.readNextOffset(all[len(all)-1], opts.RecoveryPoint); err != nil {
			if _, ok := errors.AsType[*CorruptionError](err); !ok {
				return err
			}
			l.logger.Warn("the last segment does not end as a cleanly closed one does", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
			firstUnsafe = len(all) - 1
		}
	}
	if firstUnsafe < len(all) {
		end = all[firstUnsafe].baseOffset
	}
	if err := l.mendEpochs(all); err != nil {
		return err
	}
	if err := l.checkTxnIndexesLocked(all[:firstUnsafe], names); err != nil {
		return err
	}
	if err := l.loadProducersLocked(names, end); err != nil {
		return err
	}
	for i := firstUnsafe; i < len(all); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		whole, err := l.recoverSegmentLocked(opts, all[i], i)
		if err != nil {
			return err
		}
		end = all[i].nextOffset
		if !whole && i+1 < len(all) && end == all[i+1].baseOffset {
			whole = true // what was cut off lay behind its last record
		}
		if whole && i+1 < len(all) && end < all[i+1].baseOffset && opts.configLater && !l.cfg.Load().Compact {
			if l.gap.Load() < 0 && (opts.RecoveryPoint >= 0 || all[i].size.Load() == 0) {
				l.gap.Store(end) // settleGap decides
			}
			continue
		}
		if whole && i+1 < len(all) && l.gapIsDamage(opts, all[i]) && end < all[i+1].baseOffset {
			whole = false
			l.logger.Warn("records between two segments are missing; the later segments are dropped", "topic", l.tp.Topic, "partition", l.tp.Partition,
				"from_offset", end, "to_offset", all[i+1].baseOffset)
		}
		if !whole && i+1 < len(all) {
			if err := l.dropSegments(all[i+1:]); err != nil {
				return err
			}
			all = all[: i+1 : i+1]
			l.segments.Store(&all)
		}
	}
	if err := l.mendEpochs(all); err != nil { // recovery has met batches that contradict them
		return err
	}
	return l.finishOpenLocked(opts, end, now)
}

// gapIsDamage tells what it means if a segment that was not known to be on the disk ends before the next begins. After a power failure the
// name of the next may have survived, but not the records before it. In a compacted topic a gap is normal, which is why rollLocked
// syncs there before it makes the next segment. If nobody knows what was synced, only an empty segment is proof enough.
func (l *Log) gapIsDamage(opts *LogOptions, seg *Segment) bool {
	if l.cfg.Load().Compact {
		return false
	}
	return opts.RecoveryPoint >= 0 || seg.size.Load() == 0
}

// settleGap drops what lies behind a gap between segments, now that the topic is known not to be compacted. When the log was opened after a crash, that was not
// known: a broker opens its logs before it has the metadata.
func (l *Log) settleGap(cfg LogConfig) error {
	gap := l.gap.Swap(-1)
	if gap < 0 || cfg.Compact || gap >= l.LogEndOffset() {
		return nil
	}
	l.logger.Warn("records between two segments are missing; the later segments are dropped", "topic", l.tp.Topic, "partition", l.tp.Partition, "from_offset", gap)
	_, err := l.TruncateTo(gap)
	return err
}

// finishOpenLocked makes the last segment active and publishes the offsets.
func (l *Log) finishOpenLocked(opts *LogOptions, end, now int64) error {
	all := l.opened()
	start := l.logStartOffset.Load()
	if len(all) > 0 && end < start {
		var err error
		if start, all, err = l.endBeforeStart(all, start, end); err != nil {
			return err
		}
	}
	if opts.RecoveryPoint > end {
		l.logger.Warn("records that were on the disk are missing, unless the log was truncated just before the broker stopped",
			"topic", l.tp.Topic, "partition", l.tp.Partition, "log_end_offset", end, "recovery_point", opts.RecoveryPoint)
	}
	if len(all) == 0 {
		seg, err := createSegment(l.fsys, l.Dir(), start, "", now)
		if err != nil {
			return err
		}
		all = []*Segment{seg}
		l.mu.dirUnsynced = true
		end = start
	}
	l.setSegments(all)
	if err := all[len(all)-1].startTail(end); err != nil {
		return err
	}
	if opts.RecoveryPoint > end {
		l.epochs.writeAtOnce()
	}
	if err := errors.Join(l.epochs.truncateFromEnd(end), l.epochs.truncateFromStart(start)); err != nil {
		return err
	}
	l.mu.producers.mapEndOffset = end
	l.mu.jitterMs = newJitter(&opts.Config)
	l.logEndOffset.Store(end)
	l.highWatermark.Store(start)
	l.lastFlushMs.Store(clock.Monotonic().Milliseconds())
	if opts.CleanShutdown {
		l.recoveryPoint.Store(end)
	} else {
		l.recoveryPoint.Store(max(min(opts.RecoveryPoint, end), start))
	}
	l.publishUnstableLocked()
	return nil
}

// endBeforeStart decides what becomes of a log that ends before the offset which the checkpoint has for its start. What was deleted has been deleted;
// but a checkpoint has no checksum, and if it is wrong, every record of the log would go: those that are there are kept.
func (l *Log) endBeforeStart(all []*Segment, start, end int64) (int64, []*Segment, error) {
	records := slices.ContainsFunc(all, func(s *Segment) bool { return s.size.Load() > 0 })
	l.logger.Error("the log ends before the start offset that its checkpoint has", "topic", l.tp.Topic, "partition", l.tp.Partition,
		"log_end_offset", end, "log_start_offset", start, "records_kept", records)
	if records {
		l.logStartOffset.Store(all[0].baseOffset)
		return all[0].baseOffset, all, nil
	}
	l.epochs.writeAtOnce()
	l.mu.producers = newProducerState()
	return start, nil, errors.Join(l.dropSegments(all), l.epochs.clear())
}

// checkIndexFiles builds the indexes of segments that lost their files.
func (l *Log) checkIndexFiles(all []*Segment, names []string) error {
	for _, seg := range all {
		_, hasOffset := slices.BinarySearch(names, offsetFileName(seg.baseOffset, indexSuffix))
		_, hasTime := slices.BinarySearch(names, offsetFileName(seg.baseOffset, timeIndexSuffix))
		if hasOffset && hasTime {
			continue
		}
		l.logger.Warn("index is missing and is built anew", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.Path())
		if err := seg.rebuildIndexes(l.cfg.Load().IndexIntervalBytes); err != nil {
			return err
		}
	}
	return nil
}

// readNextOffset finds the end of a segment that was closed properly, from its last index entry on, and fills in what an active segment knows.
// The entry and the batches after it are checked, and that there are no more of them than the index leaves out. recoveryPoint is where the
// log ended, -1 if that isn't known.
func (l *Log) readNextOffset(s *Segment, recoveryPoint int64) (int64, error) {
	for _, x := range []*index{s.offsetIndex, s.timeIndex} {
		if err := x.load(); err != nil {
			return 0, s.corruptIndex(x.suffix, err)
		}
	}
	last, _ := s.offsetIndex.lastEntry()
	from, says, err := s.checkedEntryBefore(last)
	if err != nil {
		return 0, s.corruptIndex(indexSuffix, err)
	}
	if err := s.readRollingTimestamp(); err != nil {
		return 0, err
	}
	check := headerCheck{log: l, seg: s, endOffset: recoveryPoint, recoveryPoint: recoveryPoint, epochsUpTo: math.MaxInt64, indexLast: says}
	if _, err := check.run(from, s.size.Load()); err != nil {
		return 0, err
	}
	interval := l.cfg.Load().IndexIntervalBytes
	s.nextOffset, s.bytesSinceIndexEntry = s.baseOffset, 0
	r := newEntryReader(s, from)
	for {
		entry, position, err := r.next()
		if err == io.EOF { //nolint:errorlint // next returns it as it is
			s.checked.from.Store(from)
			s.checked.fromOffset.Store(max(says, s.baseOffset))
			return s.nextOffset, nil
		}
		var m batchMark
		var b batch.Batch
		if err == nil {
			m, b, err = s.inspect(entry)
		}
		if position == int64(last.value) {
			s.bytesSinceIndexEntry = 0
		}
		if err == nil && position > from && s.bytesSinceIndexEntry > interval {
			return 0, s.corruptIndex(indexSuffix, fmt.Errorf("it lacks an entry for position %d: %w", position, errIndexDamaged))
		}
		if err != nil {
			if isDamage(err) {
				return 0, &CorruptionError{Path: s.path(logSuffix), Position: position, BaseOffset: s.nextOffset, Err: err}
			}
			return 0, err
		}
		s.nextOffset = m.lastOffset + 1
		s.bytesSinceIndexEntry += m.size
		if b != nil {
			l.compareEpoch(b)
		}
	}
}

// checkedEntryBefore checks the last entry of the offset index and finds the one before it: where it points to, and at which offset that batch ends; -1
// and the segment's begin if there is none.
func (s *Segment) checkedEntryBefore(last indexEntry) (from, says int64, err error) {
	if s.offsetIndex.entries() == 0 {
		return 0, -1, nil
	}
	if err := s.checkOffsetEntry(last, s.baseOffset+last.key); err != nil {
		return 0, -1, err
	}
	e, ok, err := s.offsetIndex.floor(last.key - 1)
	if err != nil || !ok {
		return 0, -1, err
	}
	return int64(e.value), s.baseOffset + e.key, s.checkOffsetEntry(e, s.baseOffset+e.key)
}

// corruptIndex makes damage of an index the segment's: recovery will build it anew.
func (s *Segment) corruptIndex(suffix string, err error) error {
	if errors.Is(err, errIndexDamaged) {
		return &CorruptionError{Path: s.path(suffix), BaseOffset: -1, Err: err}
	}
	return err
}

// readRollingTimestamp reads the largest timestamp of the first batch.
func (s *Segment) readRollingTimestamp() error {
	if s.size.Load() < batch.HeaderSize {
		return nil
	}
	head := make([]byte, batch.HeaderSize)
	if _, err := s.file.ReadAt(head, 0); err != nil {
		return err
	}
	if _, magic, err := batch.Peek(head); err == nil && magic == batch.MagicV2 {
		s.rollingTimestamp = batch.Batch(head).MaxTimestamp()
	}
	return nil
}
