package storage

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/invariants"
	"github.com/kgo-project/kgo/broker/syncx"
	"github.com/kgo-project/kgo/broker/vfs"
)

// EpochEntry says that a leader epoch began at an offset.
type EpochEntry struct {
	LeaderEpoch int32
	StartOffset int64
}

// leaderEpochCache knows which leader epoch began at which offset (KIP-101): how a follower finds out where its log and the
// leader's part ways. It is a small sorted list, kept in leader-epoch-checkpoint: epochs rise, start offsets do not fall.
//
// The file is written when the log is flushed: see sync. Until then memory is ahead of it, so that two thousand partitions can change their
// leader, or be opened after a crash, without a file being replaced for each.
type leaderEpochCache struct {
	fsys vfs.FS

	mu syncx.RWMutex
	// Guarded by mu.
	dir       string
	entries   []EpochEntry
	unwritten bool // the file does not hold entries: see sync
	immediate bool // every change is written at once: see writeAtOnce
}

func newLeaderEpochCache(fsys vfs.FS, dir string) *leaderEpochCache {
	return &leaderEpochCache{fsys: fsys, dir: dir}
}

func openLeaderEpochCache(fsys vfs.FS, dir string) (*leaderEpochCache, error) {
	c := newLeaderEpochCache(fsys, dir)
	err := readCheckpoint(fsys, vfs.Join(dir, epochCheckpointName), func(line string) error {
		e, err := parseEpochEntry(line)
		if err != nil {
			return err
		}
		if n := len(c.entries); n > 0 && (c.entries[n-1].LeaderEpoch >= e.LeaderEpoch || c.entries[n-1].StartOffset > e.StartOffset) {
			return fmt.Errorf("entry %q is not in order", line)
		}
		c.entries = append(c.entries, e)
		return nil
	})
	return c, err
}

func parseEpochEntry(line string) (e EpochEntry, err error) {
	fields := strings.Fields(line)
	if len(fields) != 2 {
		return e, fmt.Errorf("%q is not: epoch offset", line)
	}
	epoch, err1 := strconv.ParseInt(fields[0], 10, 32)
	offset, err2 := strconv.ParseInt(fields[1], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return e, err
	}
	if epoch < 0 || offset < 0 {
		return e, fmt.Errorf("%q: negative", line)
	}
	return EpochEntry{int32(epoch), offset}, nil
}

// assign notes that leaderEpoch begins at startOffset, unless it, or a newer one, began before. Entries that it contradicts go: those
// of the same or a newer epoch, and those that begin at or after it.
func (c *leaderEpochCache) assign(leaderEpoch int32, startOffset int64) error {
	if leaderEpoch < 0 {
		return nil
	}
	c.mu.RLock()
	n := len(c.entries)
	known := n > 0 && !(c.immediate && c.unwritten) && c.entries[n-1].LeaderEpoch == leaderEpoch && c.entries[n-1].StartOffset <= startOffset
	c.mu.RUnlock()
	if known {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.entries[:n:n]
	for len(kept) > 0 && (kept[len(kept)-1].LeaderEpoch >= leaderEpoch || kept[len(kept)-1].StartOffset >= startOffset) {
		kept = kept[:len(kept)-1]
	}
	return c.replaceLocked(append(slices.Clone(kept), EpochEntry{leaderEpoch, startOffset}))
}

func (c *leaderEpochCache) replaceLocked(entries []EpochEntry) error {
	c.mu.AssertHeld()
	for i := 1; i < len(entries); i++ {
		invariants.Assert(entries[i-1].LeaderEpoch < entries[i].LeaderEpoch && entries[i-1].StartOffset <= entries[i].StartOffset,
			"EpochsRiseWithOffsets: %v", entries)
	}
	c.entries, c.unwritten = entries, true
	if c.immediate {
		return c.syncLocked()
	}
	return nil
}

// writeAtOnce makes every change durable from now on. A log that was cut may have a recovery point on the disk that is beyond its end:
// recovery then does not look at all batches that came after the cut, and could not find their epochs there.
func (c *leaderEpochCache) writeAtOnce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.immediate = true
}

// sync makes the file durable. The log does so before it moves its recovery point: what the file lacks after a crash, recovery finds in the
// batches from that point on, and an epoch without batches ends where it began. What the file has too much began at or after the first
// batch of the epoch that took its place, or at the log's end, and goes when recovery finds either.
func (c *leaderEpochCache) sync() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.syncLocked()
}

func (c *leaderEpochCache) syncLocked() error {
	c.mu.AssertHeld()
	if !c.unwritten {
		return nil
	}
	entries := c.entries
	err := writeCheckpoint(c.fsys, c.dir, epochCheckpointName, len(entries), func(b []byte, i int) []byte {
		b = append(strconv.AppendInt(b, int64(entries[i].LeaderEpoch), 10), ' ')
		return strconv.AppendInt(b, entries[i].StartOffset, 10)
	})
	c.unwritten = err != nil
	return err
}

// latest and earliest are the last and the first epoch; ok is false if the log has none.
func (c *leaderEpochCache) latest() (e EpochEntry, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if n := len(c.entries); n > 0 {
		return c.entries[n-1], true
	}
	return e, false
}

func (c *leaderEpochCache) earliest() (e EpochEntry, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.entries) > 0 {
		return c.entries[0], true
	}
	return e, false
}

func (c *leaderEpochCache) all() []EpochEntry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.entries)
}

// endOffsetFor answers OffsetForLeaderEpoch: the largest epoch not above requested and the offset where it ended, which is where the
// next began. An epoch newer than all has no answer (-1, -1); one older than all ended before the log's first epoch began.
func (c *leaderEpochCache) endOffsetFor(requested int32, logEndOffset int64) (leaderEpoch int32, endOffset int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if requested == -1 || len(c.entries) == 0 {
		return -1, -1
	}
	latest := c.entries[len(c.entries)-1]
	if requested == latest.LeaderEpoch {
		return requested, logEndOffset
	}
	next := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].LeaderEpoch > requested })
	switch next {
	case len(c.entries):
		return -1, -1
	case 0:
		return requested, c.entries[0].StartOffset
	default:
		return c.entries[next-1].LeaderEpoch, c.entries[next].StartOffset
	}
}

// epochFor is the epoch that offset was appended in; -1 if it lies before all that is known.
func (c *leaderEpochCache) epochFor(offset int64) int32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].StartOffset > offset })
	if n == 0 {
		return -1
	}
	return c.entries[n-1].LeaderEpoch
}

// truncateFromEnd drops the epochs that began at or after endOffset, with the records.
func (c *leaderEpochCache) truncateFromEnd(endOffset int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.entries)
	for n > 0 && c.entries[n-1].StartOffset >= endOffset {
		n--
	}
	if n == len(c.entries) {
		return nil
	}
	return c.replaceLocked(slices.Clone(c.entries[:n]))
}

// truncateFromStart drops the epochs that ended before startOffset; the one that holds it begins there now.
func (c *leaderEpochCache) truncateFromStart(startOffset int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].StartOffset > startOffset })
	if n == 0 || (n == 1 && c.entries[0].StartOffset == startOffset) {
		return nil
	}
	kept := slices.Clone(c.entries[n-1:])
	kept[0].StartOffset = startOffset
	return c.replaceLocked(kept)
}

// clear forgets all epochs.
func (c *leaderEpochCache) clear() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) == 0 {
		return nil
	}
	return c.replaceLocked(nil)
}
