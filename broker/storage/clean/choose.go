package clean

import (
	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/storage"
)

// candidate is a log with something to compact.
//
//	log start        firstDirty           firstUncleanable      log end
//	    |--- clean ------|------ dirty ----------|--- not yet ------|
//
// The clean part was compacted before: at most one record a key. The dirty part is what this round reads the keys of. Beyond it lie the
// active segment, what is not stable yet, and what is younger than min.compaction.lag.ms.
type candidate struct {
	log              *storage.Log
	firstDirty       int64
	firstUncleanable int64
	cleanBytes       int64
	dirtyBytes       int64
	overdue          bool // older than max.compaction.lag.ms
}

func (c *candidate) ratio() float64 {
	if total := c.cleanBytes + c.dirtyBytes; total > 0 {
		return float64(c.dirtyBytes) / float64(total)
	}
	return 0
}

// due reports whether the log should be compacted now.
func (c *candidate) due() bool {
	return c.dirtyBytes > 0 && (c.overdue || c.ratio() > c.log.Config().MinCleanableRatio)
}

// inspect measures a log whose compaction last came to checkpoint; ok is false if that is unknown or no longer makes sense.
func inspect(l *storage.Log, checkpoint int64, ok bool, nowMs int64) (candidate, error) {
	segments := l.Segments()
	defer release(segments)
	c := candidate{log: l, firstDirty: checkpoint}
	if start := l.LogStartOffset(); !ok || checkpoint < start || checkpoint > l.LogEndOffset() {
		c.firstDirty = start
	}
	if len(segments) == 0 {
		return c, nil
	}
	sealed := segments[:len(segments)-1]
	bound := min(l.LastStableOffset(), segments[len(segments)-1].BaseOffset())
	cfg := l.Config()
	oldest := batch.NoTimestamp
	for i, seg := range sealed {
		if segments[i+1].BaseOffset() <= c.firstDirty {
			continue
		}
		if cfg.MinCompactionLagMs > 0 && seg.BaseOffset() < bound {
			largest, err := seg.LargestTimestamp()
			if err != nil {
				return c, err
			}
			if largest > nowMs-cfg.MinCompactionLagMs {
				bound = seg.BaseOffset()
			}
		}
		if ts, err := firstTimestamp(seg); err != nil {
			return c, err
		} else if ts > 0 && (oldest == batch.NoTimestamp || ts < oldest) {
			oldest = ts
		}
	}
	c.firstUncleanable = segmentStart(segments, max(bound, c.firstDirty))
	for _, seg := range sealed {
		switch {
		case seg.BaseOffset() >= c.firstUncleanable:
		case seg.BaseOffset() >= c.firstDirty || nextBase(segments, seg) > c.firstDirty:
			c.dirtyBytes += int64(seg.Size())
		default:
			c.cleanBytes += int64(seg.Size())
		}
	}
	lag := max(cfg.MaxCompactionLagMs, 0)
	c.overdue = oldest != batch.NoTimestamp && lag < nowMs && oldest < nowMs-lag
	return c, nil
}

// segmentStart is where the segment begins that holds offset.
func segmentStart(segments []*storage.Segment, offset int64) int64 {
	base := segments[0].BaseOffset()
	for _, seg := range segments {
		if seg.BaseOffset() > offset {
			break
		}
		base = seg.BaseOffset()
	}
	return base
}

func nextBase(segments []*storage.Segment, seg *storage.Segment) int64 {
	for i, s := range segments[:len(segments)-1] {
		if s == seg {
			return segments[i+1].BaseOffset()
		}
	}
	return seg.BaseOffset()
}

// firstTimestamp is the largest timestamp of a segment's first batch, or NoTimestamp.
func firstTimestamp(seg *storage.Segment) (int64, error) {
	head := make([]byte, batch.HeaderSize)
	n, err := seg.ReadAt(head, 0)
	if n < len(head) {
		return batch.NoTimestamp, ignoreEOF(err)
	}
	if _, magic, err := batch.Peek(head); err != nil || magic != batch.MagicV2 {
		return batch.NoTimestamp, nil //nolint:nilerr // damage is found, and reported, by whoever reads the segment
	}
	return batch.Batch(head).MaxTimestamp(), nil
}

func release(segments []*storage.Segment) {
	for _, s := range segments {
		s.Release()
	}
}
