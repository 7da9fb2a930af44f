package check

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/vfs"
)

// offsetIndex is an .index file: for some offsets the position of the batch that holds them. Bytes that are no whole entry are ignored, as in Kafka.
type offsetIndex struct {
	base int64
	raw  []byte
}

const (
	offsetEntrySize = 8  // offset relative to the base int32, position int32
	timeEntrySize   = 12 // timestamp int64, offset relative to the base int32
	txnEntrySize    = 34
)

func (x offsetIndex) entries() int { return len(x.raw) / offsetEntrySize }

func (x offsetIndex) entry(i int) (offset int64, position int32) {
	e := x.raw[i*offsetEntrySize:]
	return x.base + int64(int32(binary.BigEndian.Uint32(e))), int32(binary.BigEndian.Uint32(e[4:]))
}

// lookup finds the position to begin at to find offset. The index of an active segment ends in zeros, over which a
// binary search stumbles in its own way: into the last of them, position 0.
func (x offsetIndex) lookup(offset int64) int32 {
	lo, hi := 0, x.entries()-1
	if hi < 0 {
		return 0
	}
	if first, _ := x.entry(0); first > offset {
		return 0
	}
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if at, _ := x.entry(mid); at <= offset {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	_, position := x.entry(lo)
	return position
}

func (d *dumper) index(name, base string) error {
	offset, err := baseOffset(base)
	if err != nil {
		return err
	}
	log, size, err := d.open(sibling(name, base, ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	raw, err := d.small(name)
	if err != nil {
		return err
	}
	x := offsetIndex{base: offset, raw: raw}
	if x.entries() == 0 {
		d.printf("%s is empty.\n", name)
		return nil
	}
	if d.o.IndexSanityCheck {
		last, _ := x.entry(x.entries() - 1)
		if len(raw)%offsetEntrySize != 0 {
			return fmt.Errorf("index file %s is corrupt: %d bytes are no multiple of %d", name, len(raw), offsetEntrySize)
		}
		if last < offset {
			return fmt.Errorf("index file %s is corrupt: its last offset %d is less than its base offset %d", name, last, offset)
		}
		d.printf("%s passed sanity check.\n", name)
		return nil
	}
	for i := range x.entries() {
		indexed, position := x.entry(i)
		if indexed == offset && i > 0 {
			return nil // the zeros at the end of an active segment's index
		}
		e, err := entryAt(log, sibling(name, base, ".log"), int64(position), min(size, int64(position)+int64(d.o.MaxMessageSize)))
		if err != nil {
			return fmt.Errorf("%s, entry %d: %w", name, i, err)
		}
		if e.lastOffset() != indexed {
			d.indexMismatches.add(name, indexed, e.lastOffset())
		}
		if !d.o.VerifyIndexOnly {
			d.printf("offset: %d position: %d\n", indexed, position)
		}
	}
	return nil
}

func entryAt(f vfs.File, name string, position, end int64) (entry, error) {
	r := &entryReader{f: f, name: name, position: position, end: end}
	if position < 0 {
		return entry{}, fmt.Errorf("no batch at position %d", position)
	}
	e, err := r.next()
	if errors.Is(err, io.EOF) {
		return entry{}, fmt.Errorf("no whole batch at position %d of %s; is it larger than --max-message-size?", position, name)
	}
	return e, err
}

func (d *dumper) timeIndex(name, base string) error {
	offset, err := baseOffset(base)
	if err != nil {
		return err
	}
	logName := sibling(name, base, ".log")
	log, size, err := d.open(logName)
	if err != nil {
		return err
	}
	defer log.Close()
	rawOffsets, err := d.small(sibling(name, base, ".index"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	index := offsetIndex{base: offset, raw: rawOffsets}
	raw, err := d.small(name)
	if err != nil {
		return err
	}
	n := len(raw) / timeEntrySize
	at := func(i int) (timestamp, indexed int64) {
		e := raw[i*timeEntrySize:]
		return int64(binary.BigEndian.Uint64(e)), offset + int64(int32(binary.BigEndian.Uint32(e[8:])))
	}
	if d.o.IndexSanityCheck {
		if n > 0 {
			first, _ := at(0)
			last, lastOffset := at(n - 1)
			if last < first || lastOffset < offset {
				return fmt.Errorf("time index file %s is corrupt: its last entry (%d, %d) is less than its first", name, last, lastOffset)
			}
		}
		if len(raw)%timeEntrySize != 0 {
			return fmt.Errorf("time index file %s is corrupt: %d bytes are no multiple of %d", name, len(raw), timeEntrySize)
		}
		d.printf("%s passed sanity check.\n", name)
		return nil
	}
	previous := batch.NoTimestamp
	for i := range n {
		timestamp, indexed := at(i)
		if indexed == offset && i > 0 {
			return nil // the zeros at the end of an active segment's index
		}
		if err := d.checkTimeEntry(name, log, logName, int64(index.lookup(indexed)), size, timestamp, indexed, previous); err != nil {
			return err
		}
		if !d.o.VerifyIndexOnly {
			d.printf("timestamp: %d offset: %d\n", timestamp, indexed)
		}
		previous = timestamp
	}
	return nil
}

func (d *dumper) checkTimeEntry(name string, log vfs.File, logName string, position, size, timestamp, indexed, previous int64) error {
	r := &entryReader{f: log, name: logName, position: position, end: size}
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			d.timeOffsetMissing.add(name, indexed, -1)
			return nil
		}
		if err != nil {
			return err
		}
		if e.lastOffset() < indexed {
			continue
		}
		if e.lastOffset() != indexed {
			d.timeOffsetMissing.add(name, indexed, e.lastOffset())
			return nil
		}
		largest, err := d.largestTimestamp(e)
		if err != nil {
			return err
		}
		if largest != timestamp {
			d.timeMismatches.add(name, timestamp, largest)
		}
		if previous >= timestamp {
			d.timeOutOfOrder.add(name, timestamp, previous)
		}
		return nil
	}
}

func (d *dumper) largestTimestamp(e entry) (int64, error) {
	largest := batch.NoTimestamp
	records := e.batch().Records
	if e.isLegacy() {
		records = e.legacy().Records
	}
	for r, err := range records(d.o.Limit) {
		if err != nil {
			return 0, err
		}
		largest = max(largest, r.Timestamp)
	}
	return largest, nil
}

// txnIndex prints the aborted transactions of a segment. There is no file as long as there are none.
func (d *dumper) txnIndex(name string) error {
	raw, err := d.small(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for ; len(raw) >= txnEntrySize; raw = raw[txnEntrySize:] {
		version := int16(binary.BigEndian.Uint16(raw))
		if version != 0 {
			return fmt.Errorf("%s: unexpected aborted transaction version %d, current version is 0", name, version)
		}
		u64 := func(at int) int64 { return int64(binary.BigEndian.Uint64(raw[at:])) }
		d.printf("version: %d producerId: %d firstOffset: %d lastOffset: %d lastStableOffset: %d\n", version, u64(2), u64(10), u64(18), u64(26))
	}
	return nil
}

// producer is one entry of a producer snapshot.
type producer struct {
	id               int64
	epoch            int16
	lastSequence     int32
	lastOffset       int64
	offsetDelta      int32
	timestamp        int64
	coordinatorEpoch int32
	txnFirstOffset   int64
}

const (
	producerSize       = 46
	snapshotHeader     = 10
	snapshotChecksumed = 6
)

// parseProducers reads a .snapshot file: version int16, CRC-32C of what follows it, count int32, producers.
func parseProducers(raw []byte) ([]producer, error) {
	if len(raw) < snapshotHeader {
		return nil, fmt.Errorf("Snapshot failed schema validation: %d bytes are less than a header", len(raw)) //nolint:staticcheck // Kafka's words
	}
	if version := int16(binary.BigEndian.Uint16(raw)); version != 1 {
		return nil, fmt.Errorf("Snapshot contained an unknown file version %d", version) //nolint:staticcheck // Kafka's words
	}
	stored := binary.BigEndian.Uint32(raw[2:])
	if crc := crc32.Checksum(raw[snapshotChecksumed:], crc32.MakeTable(crc32.Castagnoli)); crc != stored {
		return nil, fmt.Errorf("Snapshot is corrupt (CRC is no longer valid). Stored crc: %d. Computed crc: %d", stored, crc) //nolint:staticcheck // Kafka's words
	}
	count := int32(binary.BigEndian.Uint32(raw[snapshotChecksumed:]))
	if count < 0 || int64(len(raw)) < snapshotHeader+int64(count)*producerSize {
		return nil, fmt.Errorf("Snapshot failed schema validation: it counts %d producers in %d bytes", count, len(raw)) //nolint:staticcheck // Kafka's words
	}
	all := make([]producer, count)
	for i := range all {
		e := raw[snapshotHeader+i*producerSize:]
		all[i] = producer{
			id: int64(binary.BigEndian.Uint64(e)), epoch: int16(binary.BigEndian.Uint16(e[8:])), lastSequence: int32(binary.BigEndian.Uint32(e[10:])),
			lastOffset: int64(binary.BigEndian.Uint64(e[14:])), offsetDelta: int32(binary.BigEndian.Uint32(e[22:])),
			timestamp: int64(binary.BigEndian.Uint64(e[26:])), coordinatorEpoch: int32(binary.BigEndian.Uint32(e[34:])),
			txnFirstOffset: int64(binary.BigEndian.Uint64(e[38:])),
		}
	}
	return all, nil
}

// firstSequence counts back from the last one; sequences run from 0 to the largest int32 and round again.
func (p producer) firstSequence() int32 {
	if p.lastSequence < p.offsetDelta {
		return math.MaxInt32 - (p.offsetDelta - p.lastSequence) + 1
	}
	return p.lastSequence - p.offsetDelta
}

func (d *dumper) producerSnapshot(name string) error {
	raw, err := d.small(name)
	if err != nil {
		return err
	}
	all, err := parseProducers(raw)
	if err != nil {
		return d.complain("%v\n", err)
	}
	for _, p := range all {
		d.printf("producerId: %d producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: %s lastTimestamp: %d",
			p.id, p.epoch, p.coordinatorEpoch, optionalLong(p.txnFirstOffset, p.txnFirstOffset >= 0), p.timestamp)
		if p.lastOffset >= 0 {
			d.printf(" firstSequence: %d lastSequence: %d lastOffset: %d offsetDelta: %d timestamp: %d",
				p.firstSequence(), p.lastSequence, p.lastOffset, p.offsetDelta, p.timestamp)
		}
		d.printf("\n")
	}
	return nil
}
