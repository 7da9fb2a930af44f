package storage

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/syncx"
)

// checkedRanges remembers which bytes of a segment this process wrote or has checked: before anyone is given bytes from the disk, they are
// checked once.
type checkedRanges struct {
	from atomic.Int64 // from here on they are
	// fromOffset and whatever follows it can only lie there. A lower offset that a search finds there may have been hidden before by a damaged header.
	fromOffset atomic.Int64

	// mu guards the stretches before from that are too: disjoint, in order.
	mu struct {
		syncx.Mutex
		ranges []checkedRange
	}
	reported atomic.Int64 // 1 + the position of the damage that was logged last
}

type checkedRange struct {
	from, to int64
	last     *batchHead // the last batch in it, if it is known
}

// maxCheckedRanges bounds what is remembered of a segment: readers who come to more places than this have some of them checked again.
const maxCheckedRanges = 16

// after returns where the stretch that holds position ends, and its last batch; position itself if there is none.
func (c *checkedRanges) after(position int64) (int64, *batchHead) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.mu.ranges {
		if r.from <= position && position < r.to {
			return r.to, r.last
		}
	}
	return position, nil
}

func (c *checkedRanges) add(n checkedRange) {
	if n.to <= n.from {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.mu.ranges[:0]
	for _, r := range c.mu.ranges {
		if r.to < n.from || r.from > n.to {
			kept = append(kept, r)
			continue
		}
		if r.to > n.to {
			n.to, n.last = r.to, r.last
		}
		n.from = min(n.from, r.from)
	}
	if len(kept) == maxCheckedRanges {
		kept = kept[1:]
	}
	kept = append(kept, n)
	slices.SortFunc(kept, func(a, b checkedRange) int { return int(a.from - b.from) })
	c.mu.ranges = kept
}

// cut forgets what lies beyond position: the segment is truncated there, and what comes next, from offset on, is written by this process.
func (c *checkedRanges) cut(position, offset int64) {
	if position <= c.from.Load() {
		c.from.Store(position)
		c.fromOffset.Store(offset)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.ranges = slices.DeleteFunc(c.mu.ranges, func(r checkedRange) bool { return r.to > position })
}

// maxMends bounds how often a reader looks for its batch again because a header before it was put right.
const maxMends = 100

// checkForRead checks what a read of maxBytes from offset on will see of a segment that was opened, not written, by this process. It returns the
// position at which damage begins, math.MaxInt64 if there is none; err is the damage, or an I/O error if the position is 0.
func (l *Log) checkForRead(seg *Segment, offset int64, maxBytes int, endOffset int64) (limit int64, err error) {
	trusted := seg.checked.from.Load()
	for range maxMends {
		if trusted == 0 {
			break
		}
		begin, says, to, err := seg.rangeOfRead(offset, maxBytes, trusted)
		if err != nil {
			return 0, err
		}
		from, last := seg.checked.after(begin)
		if from >= to {
			break
		}
		c := headerCheck{log: l, seg: seg, endOffset: endOffset, recoveryPoint: -1, epochsUpTo: math.MaxInt64, indexLast: says, prev: last}
		if from > begin {
			c.indexLast = -1
		}
		good, err := c.run(from, to)
		seg.checked.add(checkedRange{from, good, c.prev})
		if c.mended > 0 {
			continue
		}
		damage, ok := errors.AsType[*CorruptionError](err)
		if ok {
			if seg.checked.reported.Swap(good+1) != good+1 {
				l.logger.Error("a damaged batch is not served; if another replica is in sync, delete this one's directory while the broker is stopped and it is copied again",
					"topic", l.tp.Topic, "partition", l.tp.Partition, "segment", damage.Path, "position", damage.Position, "offset", damage.BaseOffset, "reason", damage.Err)
			}
			return good, fmt.Errorf("%w: %w", kerr.CorruptMessage, err)
		}
		if err != nil {
			return 0, err
		}
		break
	}
	return math.MaxInt64, nil
}

// rangeOfRead is the stretch of a segment before trusted that a read looks at: from the index entry where the search for offset begins, which says where
// the batch there ends.
func (s *Segment) rangeOfRead(offset int64, maxBytes int, trusted int64) (from, says, to int64, err error) {
	says = -1
	at, err := s.locate(offset)
	_, damaged := errors.AsType[*CorruptionError](err)
	if err != nil && !damaged {
		return 0, says, 0, err
	}
	if err == nil && at.position >= trusted && offset >= s.checked.fromOffset.Load() {
		return trusted, says, trusted, nil
	}
	e, ok, err := s.offsetIndex.floor(offset - s.baseOffset)
	if err == nil && ok {
		err = s.checkOffsetEntry(e, offset)
	}
	switch {
	case errors.Is(err, errIndexDamaged):
	case err != nil:
		return 0, says, 0, err
	case ok:
		from, says = int64(e.value), s.baseOffset+e.key
	}
	to = trusted
	if !damaged { // else the search for offset ends at the damage, wherever that is
		to = min(trusted, at.position+max(int64(maxBytes), int64(at.size)))
	}
	return from, says, to, nil
}
