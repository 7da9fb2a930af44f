package storage

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/broker/vfs"
)

// finishInterrupted completes or undoes what a crash interrupted in the log's directory and returns the names that are left, sorted.
//
//	.deleted  was on its way out: removed
//	.tmp      a small file that was not renamed into place: removed
//	.cleaned  compaction was not done with it: removed, with every .swap at or after it, for they belong to one replacement of
//	          which not all parts are complete
//	.swap     compaction's result was complete: the segments that it replaces are removed, and it takes their place
//
// The .log of a segment is renamed last, so it alone says how far a step had come.
func (l *Log) finishInterrupted() ([]string, error) {
	names, err := l.fsys.List(l.Dir())
	if err != nil {
		return nil, err
	}
	firstCleaned, haveCleaned := int64(0), false
	for _, name := range names {
		base, suffix, ok := parseOffsetFileName(name)
		if ok && suffix == logSuffix+cleanedSuffix && (!haveCleaned || base < firstCleaned) {
			firstCleaned, haveCleaned = base, true
		}
	}
	var swaps []int64
	changed := false
	for _, name := range names {
		base, suffix, ok := parseOffsetFileName(name)
		swap := ok && strings.HasSuffix(suffix, swapSuffix)
		if swap && suffix == logSuffix+swapSuffix && (!haveCleaned || base < firstCleaned) {
			swaps = append(swaps, base)
		}
		gone := strings.HasSuffix(name, deletedSuffix) || strings.HasSuffix(name, ".tmp") ||
			(ok && strings.HasSuffix(suffix, cleanedSuffix)) || (swap && haveCleaned && base >= firstCleaned)
		if !gone {
			continue
		}
		if err := l.fsys.Remove(vfs.Join(l.Dir(), name)); err != nil && !isNotExist(err) {
			return nil, err
		}
		changed = true
	}
	slices.Sort(swaps)
	if err := l.finishSwaps(names, swaps); err != nil {
		return nil, err
	}
	if len(swaps) > 0 {
		changed = true
	}
	if !changed {
		return names, nil
	}
	if err := l.fsys.SyncDir(l.Dir()); err != nil {
		return nil, err
	}
	return l.removeStraySwaps()
}

// finishSwaps removes the segments that complete swap segments replace, and puts those in their place.
func (l *Log) finishSwaps(names []string, swaps []int64) error {
	if len(swaps) == 0 {
		return nil
	}
	var segs []*Segment
	covered := int64(-1) // swap segments replace what begins before this
	for _, base := range swaps {
		seg := newSegment(l.fsys, l.Dir(), base, swapSuffix, 0)
		f, err := l.fsys.OpenReadWrite(seg.path(logSuffix))
		if err != nil {
			return err
		}
		size, err := f.Size()
		if err != nil {
			f.Close() // only opened
			return err
		}
		seg.file = f
		seg.size.Store(size)
		segs = append(segs, seg)
		next, err := seg.lastOffsetPlusOne()
		if err != nil {
			return err
		}
		covered = max(covered, next)
	}
	var err error
	for _, name := range names {
		base, suffix, ok := parseOffsetFileName(name)
		isSegmentFile := suffix == logSuffix || suffix == indexSuffix || suffix == timeIndexSuffix || suffix == txnIndexSuffix
		if ok && isSegmentFile && base >= swaps[0] && base < covered {
			err = errors.Join(err, l.fsys.Remove(vfs.Join(l.Dir(), name)))
		}
	}
	for _, seg := range segs {
		if err == nil {
			err = seg.rename("")
		}
		seg.Release()
	}
	return err
}

// lastOffsetPlusOne walks through a segment without its index. Damage ends the walk: compaction's output was synced whole.
func (s *Segment) lastOffsetPlusOne() (int64, error) {
	next := s.baseOffset
	r := newEntryReader(s, 0)
	for {
		entry, _, err := r.next()
		if err == io.EOF { //nolint:errorlint // next returns it as it is
			return next, nil
		}
		var h entryHeader
		if err == nil {
			h, err = parseEntryHeader(entry)
		}
		if err != nil {
			if isDamage(err) {
				return next, nil
			}
			return next, err
		}
		next = h.lastOffset + 1
	}
}

// removeStraySwaps removes index files of .swap segments whose .log is gone, and lists what is left.
func (l *Log) removeStraySwaps() ([]string, error) {
	names, err := l.fsys.List(l.Dir())
	if err != nil {
		return nil, err
	}
	kept := names[:0]
	for _, name := range names {
		if strings.HasSuffix(name, swapSuffix) {
			if err := l.fsys.Remove(vfs.Join(l.Dir(), name)); err != nil {
				return nil, err
			}
			continue
		}
		kept = append(kept, name)
	}
	return kept, nil
}
