package storage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/invariants"
)

// SegmentWriter writes a compacted segment under the suffix .cleaned, to take the place of others by ReplaceSegments.
// It belongs to one goroutine.
type SegmentWriter struct {
	log *Log
	seg *Segment
}

// NewCleanedSegment starts a replacement for segments, the first of which begins at baseOffset. Leftovers of an earlier attempt go.
func (l *Log) NewCleanedSegment(baseOffset int64) (*SegmentWriter, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	seg, err := createSegment(l.fsys, l.Dir(), baseOffset, cleanedSuffix, nowMs())
	if err != nil {
		return nil, l.fail(err)
	}
	return &SegmentWriter{log: l, seg: seg}, nil
}

// Append adds whole batches in their final form with one write; offsets must rise and lie within 2^31 of the segment's base.
func (w *SegmentWriter) Append(batches []byte) error {
	position := w.seg.size.Load()
	interval := w.log.cfg.Load().IndexIntervalBytes
	if _, err := w.seg.file.WriteAt(batches, position); err != nil {
		return w.log.fail(err)
	}
	for rest := batches; len(rest) > 0; {
		b, after, err := batch.Next(rest)
		if err != nil {
			return fmt.Errorf("compact %s: %w", w.log.tp, err)
		}
		if b.BaseOffset() < w.seg.nextOffset || !canHold(w.seg.baseOffset, b.LastOffset()) {
			return fmt.Errorf("compact %s: batch at offset %d does not fit segment %d, which ends at %d",
				w.log.tp, b.BaseOffset(), w.seg.baseOffset, w.seg.nextOffset)
		}
		if err := w.seg.noteBatch(position, batchMark{
			size: len(b), lastOffset: b.LastOffset(), maxTimestamp: b.MaxTimestamp(), timeIndexBase: b.LastOffset(),
		}, interval); err != nil {
			return w.log.fail(err)
		}
		position += int64(len(b))
		rest = after
	}
	w.seg.size.Store(position)
	w.seg.dataDirty.Store(true)
	return nil
}

// AppendAborted adds an entry to the transaction index.
func (w *SegmentWriter) AppendAborted(t AbortedTxn) error {
	if err := w.seg.txns.append(t); err != nil {
		return w.log.fail(err)
	}
	return nil
}

// Size is the number of bytes so far; NextOffset the offset after the last record.
func (w *SegmentWriter) Size() int { return w.seg.Size() }

// NextOffset is the offset after the last record.
func (w *SegmentWriter) NextOffset() int64 { return w.seg.nextOffset }

// Abort removes the files.
func (w *SegmentWriter) Abort() error {
	err := w.seg.remove()
	w.seg.Release()
	return err
}

// ErrSegmentsChanged says that the segments to be replaced are no longer in the log, because of retention or truncation: start over.
var ErrSegmentsChanged = errors.New("segments changed while they were compacted")

// ReplaceSegments puts cleaned in the place of old, which must be neighbours and sealed. A crash at any moment leaves either:
//
//	.cleaned files (synced, but not all renamed)    recovery removes them: the old segments are whole
//	.swap files, all of them                        recovery removes the old segments and finishes the renaming
//	the new segments
//
// The old segments' files are renamed to .deleted and removed after file.delete.delay.ms; readers finish undisturbed.
func (l *Log) ReplaceSegments(cleaned []*SegmentWriter, old []*Segment) error {
	if err := l.usable(); err != nil {
		return err
	}
	invariants.Must(len(cleaned) > 0 && len(old) > 0 && cleaned[0].seg.baseOffset == old[0].baseOffset,
		"ReplacementBeginsWhereOldDoes: %s", l.tp)
	for _, w := range cleaned {
		w.seg.indexDirty.Store(true)
		if err := errors.Join(w.seg.seal(), w.seg.syncAll(true)); err != nil {
			return l.fail(err)
		}
	}
	l.flushMu.Lock() // no fsync of what is about to go
	defer l.flushMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return ErrClosed
	}
	all := *l.segments.Load()
	at := slices.Index(all, old[0])
	if at < 0 || at+len(old) >= len(all) || !slices.Equal(all[at:at+len(old)], old) {
		return ErrSegmentsChanged
	}
	// From the last to the first: a .cleaned at or before a .swap tells recovery that the set is not complete.
	for _, w := range slices.Backward(cleaned) {
		if err := w.seg.rename(swapSuffix); err != nil {
			return l.fail(err)
		}
	}
	if err := l.patiently(func() error { return l.fsys.SyncDir(l.Dir()) }); err != nil {
		return l.fail(err)
	}
	next := slices.Clone(all[:at])
	for _, w := range cleaned {
		next = append(next, w.seg)
	}
	l.setSegments(append(next, all[at+len(old):]...))
	if err := l.discardSegments(old); err != nil {
		return l.fail(err)
	}
	for _, w := range cleaned {
		if err := w.seg.rename(""); err != nil {
			return l.fail(err)
		}
	}
	return l.failIf(l.patiently(func() error { return l.fsys.SyncDir(l.Dir()) }))
}
