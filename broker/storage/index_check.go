package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kgo-project/kgo/broker/batch"
)

// An index is a hint. It has no checksum, and what it says decides where a log ends, which records a reader is given and which segments are
// old enough to go: so every entry that is used is compared with the log first. One that the log contradicts costs a walk through the segment,
// after which the indexes are made anew; it never costs records.

// mendInterval is how many bytes lie between the entries of an index that is made anew for a reader: index.interval.bytes' default.
const mendInterval = 4096

// checkOffsetEntry compares an entry of the offset index, found for offset, with the log: a batch lies at its position, and begins at or before
// both the entry's offset and the one that is looked for. So no batch before it holds that. errIndexDamaged: it is not so.
func (s *Segment) checkOffsetEntry(e indexEntry, offset int64) error {
	position, size, says := int64(e.value), s.size.Load(), s.baseOffset+e.key
	damaged := func(why string) error {
		return fmt.Errorf("%s: the entry for offset %d names position %d, where %s: %w", s.path(indexSuffix), says, position, why, errIndexDamaged)
	}
	if position < 0 || position >= size {
		return damaged("the segment has ended")
	}
	buf := locateChunks.Get().(*[]byte)
	defer locateChunks.Put(buf)
	head := (*buf)[:min(entryHeaderSize, size-position)]
	if _, err := s.file.ReadAt(head, position); err != nil {
		return fmt.Errorf("read %s at %d: %w", s.path(logSuffix), position, err)
	}
	h, err := parseEntryHeader(head)
	switch {
	case err != nil:
		return damaged("no batch begins")
	case h.baseOffset > min(says, offset):
		return damaged("later records lie")
	case h.lastOffset == says:
		return nil
	}
	// Apache Kafka before 4.0 makes one entry for all batches that a follower got at once, with the last one's offset: only the checksum tells.
	entry, _, err := newEntryReader(s, position).next()
	if err == nil {
		err = validateEntry(entry)
	}
	if err != nil && isDamage(err) {
		return damaged("no whole batch lies")
	}
	return err
}

// validateEntry checks the checksum of a batch or of a legacy message.
func validateEntry(entry []byte) error {
	b, _, err := batch.Next(entry)
	if errors.Is(err, batch.ErrLegacy) {
		e, _, err := batch.NextLegacy(entry)
		if err != nil {
			return err
		}
		return e.Validate()
	}
	if err != nil {
		return err
	}
	return b.Validate()
}

// checkTimeEntry compares an entry of the time index with the log: the batch that holds its offset, which is returned, has its timestamp for the
// largest.
func (s *Segment) checkTimeEntry(e indexEntry) (located, error) {
	says := s.baseOffset + int64(e.value)
	at, err := s.locate(says)
	if err != nil {
		return at, err
	}
	buf := locateChunks.Get().(*[]byte)
	defer locateChunks.Put(buf)
	head := (*buf)[:min(batch.HeaderSize, s.size.Load()-at.position)]
	if len(head) >= entryHeaderSize {
		if _, err := s.file.ReadAt(head, at.position); err != nil {
			return at, fmt.Errorf("read %s at %d: %w", s.path(logSuffix), at.position, err)
		}
		if largest, first, ok := timestampIn(head); ok && largest == e.key && first <= says {
			return at, nil
		}
	}
	return at, fmt.Errorf("%s: the record at offset %d does not have the timestamp %d: %w", s.path(timeIndexSuffix), says, e.key, errIndexDamaged)
}

// checkLastTimeEntry checks the last entry of the time index of a sealed segment, or of one that was properly closed: nothing after it is newer. The
// entry is seldom far from the end.
func (s *Segment) checkLastTimeEntry(e indexEntry) error {
	at, err := s.checkTimeEntry(e)
	if err != nil {
		return err
	}
	newer := batch.NoTimestamp
	err = s.eachMark(at.position, func(_ int64, m batchMark) { newer = max(newer, m.maxTimestamp) })
	if err == nil && newer > e.key {
		err = fmt.Errorf("%s: its last timestamp is %d, but %d comes later: %w", s.path(timeIndexSuffix), e.key, newer, errIndexDamaged)
	}
	if err != nil && isDamage(err) {
		err = &CorruptionError{Path: s.path(logSuffix), Position: at.position, BaseOffset: -1, Err: err}
	}
	return err
}

// legacyTimestampAt is where a message of format v1 has its timestamp: offset, length, checksum, magic and attributes come first.
const legacyTimestampAt = 18

// timestampIn finds the largest timestamp of an entry, and the first offset that can have it.
func timestampIn(head []byte) (largest, first int64, ok bool) {
	_, magic, err := batch.Peek(head)
	switch {
	case err != nil:
	case magic == batch.MagicV2 && len(head) == batch.HeaderSize:
		return batch.Batch(head).MaxTimestamp(), batch.Batch(head).BaseOffset(), true
	case magic == batch.MagicV1:
		return int64(binary.BigEndian.Uint64(head[legacyTimestampAt:])), 0, true // its offset is the last one's
	}
	return 0, 0, false
}

// mendIndexes makes both indexes anew from the batches after one was found damaged. Readers may go on meanwhile, with the old ones or without.
// Where that fails nothing is lost but time.
func (s *Segment) mendIndexes(cause error) {
	if !s.mending.TryLock() {
		return // someone is at it
	}
	defer s.mending.Unlock()
	offsets, times, err := s.collectEntries()
	if err == nil {
		err = errors.Join(s.offsetIndex.replace(offsets), s.timeIndex.replace(times))
	}
	if s.logger != nil {
		s.logger.Warn("an index does not fit its segment and is made anew", "segment", s.Path(), "reason", cause, "error", err)
	}
}

// collectEntries walks through the batches' headers and returns what the indexes should hold.
func (s *Segment) collectEntries() (offsets, times []indexEntry, err error) {
	since := 0
	newest := indexEntry{key: batch.NoTimestamp}
	note := func() {
		if newest.key >= 0 && (len(times) == 0 || newest.key > times[len(times)-1].key) {
			times = append(times, newest)
		}
	}
	err = s.eachMark(0, func(position int64, m batchMark) {
		if m.maxTimestamp > newest.key {
			newest = indexEntry{m.maxTimestamp, int32(m.timeIndexBase - s.baseOffset)}
		}
		if since > mendInterval {
			offsets = append(offsets, indexEntry{m.lastOffset - s.baseOffset, int32(position)})
			note()
			since = 0
		}
		since += m.size
	})
	note()
	if err != nil && isDamage(err) {
		err = nil // the log is damaged as well: the indexes end there
	}
	return offsets, times, err
}

// eachMark walks through the entries of the segment from a position on, without a look at their checksums, until their offsets do not rise any more.
func (s *Segment) eachMark(from int64, each func(position int64, m batchMark)) error {
	r := newEntryReader(s, from)
	next := s.baseOffset
	for {
		entry, position, err := r.next()
		if err == io.EOF { //nolint:errorlint // next returns it as it is
			return nil
		}
		var m batchMark
		if err == nil {
			m, _, err = markOf(entry)
		}
		if err == nil && (m.lastOffset < next || !canHold(s.baseOffset, m.lastOffset)) {
			err = errDisorder
		}
		if err != nil {
			return err
		}
		each(position, m)
		next = m.lastOffset + 1
	}
}
