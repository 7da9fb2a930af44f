package storage

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"github.com/kgo-project/kgo/broker/batch"
)

// A batch's checksum does not cover its base offset, leader epoch, length and magic: Kafka sets the first two after the producer computed it. A bit that
// flips there moves records to other offsets or hides them, and no client notices. But offsets and epochs rise from batch to batch, without gaps where nothing
// was compacted, so that a batch's neighbours and the leader epoch cache say what its header has to say. What they say beyond doubt is put right in the
// file, and said in the log; what can't be told is damage, of the checksum's kind.

// batchHead is what the check of headers keeps of an entry.
type batchHead struct {
	position   int64
	size       int
	base, last int64
	epoch      int32 // -1: none, as in legacy messages
	legacy     bool
}

func (h *batchHead) end() int64 { return h.position + int64(h.size) }

// headerCheck walks through a stretch of a segment with one batch in hand and the one before and the one after it in sight.
type headerCheck struct {
	log *Log
	seg *Segment
	// endOffset is the offset after the stretch's last batch, where that is the segment's: the next segment's base. -1: unknown.
	endOffset int64
	// recoveryPoint is an offset at which a batch ended, -1 if none is known. The leader epoch cache has all epochs up to epochsUpTo.
	recoveryPoint, epochsUpTo int64
	indexLast                 int64      // where the index says that the first batch ends; -1: it doesn't
	prev                      *batchHead // the batch before the stretch, if it is known; then the last one that was found in order
	mended                    int
}

// run checks what lies from one position to another, which must both be batches' beginnings or the segment's end, and the checksums as well. It returns
// up to where all is in order; err is the damage that begins there, or an I/O error.
func (c *headerCheck) run(from, to int64) (good int64, err error) {
	good = from
	if from == 0 && c.prev == nil {
		c.prev = c.lastOfPrevious()
	}
	r := newEntryReader(c.seg, from)
	var cur *batchHead
	for {
		next, err := c.next(r)
		if err != nil && err != io.EOF && !isDamage(err) { //nolint:errorlint // next returns EOF as it is
			return good, err
		}
		if cur != nil {
			if damage := c.judge(cur, next, err == io.EOF); damage != nil { //nolint:errorlint // as above
				return good, damage
			}
			good, c.prev = cur.end(), cur
		}
		switch {
		case err == io.EOF: //nolint:errorlint // as above
			return good, nil
		case good >= to && cur != nil:
			return good, nil
		case err != nil:
			return good, c.damage(good, -1, err)
		}
		cur = next
	}
}

// lastOfPrevious is the last batch of the segment before, and firstOfNext the first of the one after, if it joins this segment and the leader epoch cache is
// right about it; nil otherwise, as it may be as damaged as any. They tell a damaged header from a damaged cache where one leader followed another just there.
func (c *headerCheck) lastOfPrevious() *batchHead { return c.neighbour(-1, c.seg.baseOffset-1) }

func (c *headerCheck) firstOfNext() *batchHead { return c.neighbour(1, c.endOffset) }

// neighbour is the batch with offset in the segment that lies so many places further.
func (c *headerCheck) neighbour(places int, offset int64) *batchHead {
	all := c.log.opened()
	at := slices.Index(all, c.seg) + places
	if at == places-1 || at < 0 || at >= len(all) || !all[at].acquire() {
		return nil
	}
	defer all[at].Release()
	found, err := all[at].locate(offset)
	if err != nil || found.size < batch.HeaderSize {
		return nil // damage of that segment is found when it is checked
	}
	b := make(batch.Batch, batch.HeaderSize)
	if _, err := all[at].ReadAt(b, found.position); err != nil || b.Magic() != batch.MagicV2 || b.BaseOffset() > offset || b.LastOffset() < offset {
		return nil
	}
	if places < 0 && b.LastOffset() != offset || places > 0 && b.BaseOffset() != offset || c.log.epochs.epochFor(b.BaseOffset()) != b.PartitionLeaderEpoch() {
		return nil
	}
	return &batchHead{size: found.size, base: b.BaseOffset(), last: b.LastOffset(), epoch: b.PartitionLeaderEpoch()}
}

func (c *headerCheck) damage(position, offset int64, err error) error {
	return &CorruptionError{Path: c.seg.Path(), Position: position, BaseOffset: offset, Err: err}
}

// next reads and checks an entry by itself. One whose framing can be mended is.
func (c *headerCheck) next(r *entryReader) (*batchHead, error) {
	for tries := 0; ; tries++ {
		entry, position, err := r.next()
		if err == nil {
			err = validateEntry(entry)
		}
		if err == nil {
			return headOf(entry, position)
		}
		if !isDamage(err) || tries > 0 {
			return nil, err
		}
		mended, mendErr := c.mendFraming(position)
		if mendErr != nil {
			return nil, mendErr
		}
		if !mended {
			return nil, err
		}
		*r = *newEntryReader(c.seg, position)
	}
}

func headOf(entry []byte, position int64) (*batchHead, error) {
	b, _, err := batch.Next(entry)
	if errors.Is(err, batch.ErrLegacy) {
		e, _, err := batch.NextLegacy(entry)
		return &batchHead{position: position, size: len(entry), base: e.Offset(), last: e.Offset(), epoch: batch.NoLeaderEpoch, legacy: true}, err
	}
	return &batchHead{position: position, size: len(entry), base: b.BaseOffset(), last: b.LastOffset(), epoch: b.PartitionLeaderEpoch()}, err
}

// judge compares a batch with its neighbours, and puts right what they leave no doubt about.
func (c *headerCheck) judge(cur, next *batchHead, atEnd bool) error {
	base, err := c.baseOffset(cur, next, atEnd)
	if err != nil {
		return c.damage(cur.position, cur.base, err)
	}
	epoch, err := c.leaderEpoch(cur, next, atEnd, base)
	if err != nil {
		return c.damage(cur.position, cur.base, err)
	}
	if base == cur.base && epoch == cur.epoch {
		return nil
	}
	c.log.logger.Error("a damaged batch header is put right", "topic", c.log.tp.Topic, "partition", c.log.tp.Partition, "segment", c.seg.Path(),
		"position", cur.position, "base_offset", cur.base, "right_base_offset", base, "leader_epoch", cur.epoch, "right_leader_epoch", epoch)
	cur.base, cur.last, cur.epoch = base, cur.last-cur.base+base, epoch
	return c.rewrite(cur.position, func(b batch.Batch) {
		b.SetBaseOffset(base)
		if !cur.legacy {
			b.SetPartitionLeaderEpoch(epoch)
		}
	})
}

// baseOffset is the offset that a batch has to have, which is the one it has unless the neighbours rule that out.
func (c *headerCheck) baseOffset(cur, next *batchHead, atEnd bool) (int64, error) {
	lowest, known := c.seg.baseOffset, cur.position == 0 // where it begins if there is no gap
	delta := cur.last - cur.base
	if prev := c.prev; prev != nil {
		lowest, known = prev.last+1, true
	} else if says := c.indexLast - delta; c.indexLast >= 0 && (says == cur.base || oneBit(says, cur.base)) {
		lowest, known = says, true
	}
	before := int64(math.MaxInt64) // it ends before this
	switch {
	case next != nil && !next.legacy: // a legacy wrapper says only where it ends
		before = next.base
	case next == nil && atEnd && c.endOffset >= 0:
		before = c.endOffset
	}
	fits := cur.base >= lowest && cur.last < before
	contiguous := known && cur.base == lowest
	joins := before != math.MaxInt64 && cur.last+1 == before
	switch {
	case cur.legacy:
		if cur.base < lowest {
			return 0, errDisorder
		}
		return cur.base, nil
	case contiguous && canHold(c.seg.baseOffset, cur.last): // if the next doesn't follow, that is the next one's fault
		return cur.base, nil
	case known && before != math.MaxInt64 && lowest+delta+1 == before: // it has exactly this room
		return lowest, nil
	case !known || !oneBit(cur.base, lowest) || lowest+delta >= before:
	case lowest+delta+1 == c.recoveryPoint, !fits, cur.base-lowest >= leapOffsets, !joins && !c.log.cfg.Load().Compact:
		return lowest, nil
	}
	switch {
	case fits:
		return cur.base, nil
	case cur.base >= lowest && next != nil && oneBit(next.base, cur.last+1): // the next one's fault again
		return cur.base, nil
	}
	return 0, errDisorder
}

// leapOffsets is a gap that compaction does not leave, if in addition it is a single bit wide.
const leapOffsets = 1 << 20

// leaderEpoch is the epoch that a batch has to have.
func (c *headerCheck) leaderEpoch(cur, next *batchHead, atEnd bool, base int64) (int32, error) {
	if cur.legacy || cur.epoch == batch.NoLeaderEpoch {
		return cur.epoch, nil
	}
	lowest, highest := int32(-1), int32(math.MaxInt32)
	if prev := c.prev; prev != nil {
		lowest = prev.epoch
	}
	if next == nil && atEnd {
		next = c.firstOfNext()
	}
	if next != nil && next.epoch >= 0 {
		highest = next.epoch
	}
	if c.prev != nil && lowest >= 0 && lowest == highest {
		return lowest, nil
	}
	cached := c.log.epochs.epochFor(base)
	fits := cur.epoch >= lowest && cur.epoch <= highest
	if cur.epoch == cached || cached < lowest || cached > highest || !oneBit(int64(uint32(cur.epoch)), int64(cached)) {
		if !fits && (cur.epoch < lowest || cur.epoch != cached) { // else it is the next one's fault
			return 0, errDisorder
		}
		return cur.epoch, nil
	}
	// The cache has no checksum either: it counts where it is right about a neighbour.
	right := func(h *batchHead) bool { return h != nil && c.log.epochs.epochFor(h.base) == h.epoch }
	confirmed := base < c.epochsUpTo && (right(c.prev) && c.prev.epoch == cached || right(next) && next.epoch == cached)
	if confirmed || !fits {
		return cached, nil
	}
	return cur.epoch, nil
}

func oneBit(a, b int64) bool { return bits.OnesCount64(uint64(a)^uint64(b)) == 1 }

// mendFraming looks for the one bit of a batch's length, magic or checksum field with which the checksum is right, and puts it right.
func (c *headerCheck) mendFraming(position int64) (bool, error) {
	room := c.seg.size.Load() - position
	if room < batch.HeaderSize {
		return false, nil
	}
	head := make([]byte, batch.HeaderSize)
	if _, err := c.seg.file.ReadAt(head, position); err != nil {
		return false, fmt.Errorf("read %s at %d: %w", c.seg.Path(), position, err)
	}
	if batch.Batch(head).Magic() < batch.MagicV2 && c.log.epochs.epochFor(max(c.seg.baseOffset, c.log.logStartOffset.Load())) < 0 {
		return false, nil // an old format's own: its header is another
	}
	most := int(min(room, int64(max(c.log.cfg.Load().MaxMessageBytes, 1<<20)+batch.LogOverhead)))
	for bit := range framingBits {
		changed := append([]byte(nil), head...)
		flipFramingBit(changed, bit)
		size, magic, err := batch.Peek(changed)
		if err != nil || magic != batch.MagicV2 || size > most {
			continue
		}
		whole := make([]byte, size)
		if _, err := c.seg.file.ReadAt(whole, position); err != nil {
			return false, fmt.Errorf("read %s at %d: %w", c.seg.Path(), position, err)
		}
		flipFramingBit(whole, bit)
		if batch.Batch(whole).Validate() != nil {
			continue
		}
		c.log.logger.Error("a damaged batch header is put right", "topic", c.log.tp.Topic, "partition", c.log.tp.Partition,
			"segment", c.seg.Path(), "position", position, "base_offset", batch.Batch(whole).BaseOffset(), "length", size)
		return true, c.rewrite(position, func(b batch.Batch) { flipFramingBit(b, bit) })
	}
	return false, nil
}

// The bits of a batch's header that flipFramingBit knows: 4 bytes of length at 8, 1 of magic at 16, 4 of checksum at 17, and the sign of the offset.
const framingBits = (4+1+4)*8 + 1

func flipFramingBit(b []byte, bit int) {
	switch {
	case bit == framingBits-1:
		b[0] ^= 0x80
	case bit >= 4*8:
		b[16+(bit-4*8)/8] ^= 1 << (bit % 8)
	default:
		b[8+bit/8] ^= 1 << (bit % 8)
	}
}

// rewrite changes a batch's header in the file, durably at the next flush.
func (c *headerCheck) rewrite(position int64, change func(b batch.Batch)) error {
	head := make([]byte, entryHeaderSize)
	if _, err := c.seg.file.ReadAt(head, position); err != nil {
		return fmt.Errorf("read %s at %d: %w", c.seg.Path(), position, err)
	}
	change(head)
	c.mended++
	c.seg.dataDirty.Store(true)
	if _, err := c.seg.file.WriteAt(head, position); err != nil {
		return c.log.fail(fmt.Errorf("write %s at %d: %w", c.seg.Path(), position, err))
	}
	return nil
}
