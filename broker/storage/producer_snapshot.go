package storage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/kgo-project/kgo/broker/vfs"
)

// A .snapshot file is the producer state before an offset, which is its name:
//
//	2  version 1
//	4  CRC-32C of everything after this field
//	4  number of producers, then for each
//	     8 producer id, 2 epoch, 4 last sequence, 8 last offset, 4 offset delta, 8 timestamp,
//	     4 coordinator epoch, 8 first offset of the current transaction (-1: none)
//
// Of the cached batches only the newest is in it.
const (
	snapshotVersion    = 1
	snapshotHeaderSize = 10
	snapshotCRCEnd     = 6
	snapshotEntrySize  = 46
	maxSnapshotBytes   = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (p *producerState) encodeSnapshot() []byte {
	ids := make([]int64, 0, len(p.producers))
	for id := range p.producers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := make([]byte, snapshotCRCEnd, snapshotHeaderSize+len(ids)*snapshotEntrySize)
	out = binary.BigEndian.AppendUint32(out, uint32(len(ids)))
	for _, id := range ids {
		e := p.producers[id]
		last := producerBatch{lastSequence: -1, lastOffset: -1}
		if b, ok := e.lastBatch(); ok {
			last = b
		}
		out = binary.BigEndian.AppendUint64(out, uint64(id))
		out = binary.BigEndian.AppendUint16(out, uint16(e.producerEpoch))
		out = binary.BigEndian.AppendUint32(out, uint32(last.lastSequence))
		out = binary.BigEndian.AppendUint64(out, uint64(last.lastOffset))
		out = binary.BigEndian.AppendUint32(out, uint32(last.offsetDelta))
		out = binary.BigEndian.AppendUint64(out, uint64(e.lastTimestamp))
		out = binary.BigEndian.AppendUint32(out, uint32(e.coordinatorEpoch))
		out = binary.BigEndian.AppendUint64(out, uint64(e.txnFirstOffset))
	}
	binary.BigEndian.PutUint16(out, snapshotVersion)
	binary.BigEndian.PutUint32(out[2:], crc32.Checksum(out[snapshotCRCEnd:], castagnoli))
	return out
}

func decodeSnapshot(raw []byte, offset int64) (*producerState, error) {
	if len(raw) < snapshotHeaderSize {
		return nil, errors.New("it is shorter than its header")
	}
	if v := binary.BigEndian.Uint16(raw); v != snapshotVersion {
		return nil, fmt.Errorf("unknown version %d", v)
	}
	if stored, computed := binary.BigEndian.Uint32(raw[2:]), crc32.Checksum(raw[snapshotCRCEnd:], castagnoli); stored != computed {
		return nil, fmt.Errorf("its CRC-32C is %d, the stored one is %d", computed, stored)
	}
	count := int(int32(binary.BigEndian.Uint32(raw[snapshotCRCEnd:])))
	raw = raw[snapshotHeaderSize:]
	if count < 0 || len(raw) != count*snapshotEntrySize {
		return nil, fmt.Errorf("it says %d producers and has room for %d", count, len(raw)/snapshotEntrySize)
	}
	p := newProducerState()
	p.mapEndOffset = offset
	for ; len(raw) > 0; raw = raw[snapshotEntrySize:] {
		id := int64(binary.BigEndian.Uint64(raw))
		e := &producerEntry{
			producerEpoch:    int16(binary.BigEndian.Uint16(raw[8:])),
			lastTimestamp:    int64(binary.BigEndian.Uint64(raw[26:])),
			coordinatorEpoch: int32(binary.BigEndian.Uint32(raw[34:])),
			txnFirstOffset:   int64(binary.BigEndian.Uint64(raw[38:])),
		}
		if last := int64(binary.BigEndian.Uint64(raw[14:])); last >= 0 {
			e.push(producerBatch{
				lastSequence: int32(binary.BigEndian.Uint32(raw[10:])), lastOffset: last,
				offsetDelta: int32(binary.BigEndian.Uint32(raw[22:])), timestamp: e.lastTimestamp,
			})
		}
		p.producers[id] = e
		if e.txnFirstOffset >= 0 {
			p.ongoing = append(p.ongoing, openTxn{id, e.txnFirstOffset, noTxn})
		}
	}
	slices.SortFunc(p.ongoing, func(a, b openTxn) int { return cmp.Compare(a.firstOffset, b.firstOffset) })
	return p, nil
}

// writeSnapshot saves the state under the offset that it reaches. A crash leaves a whole file or none that passes its CRC.
func (p *producerState) writeSnapshot(fsys vfs.FS, dir string, sync bool) error {
	name := vfs.Join(dir, offsetFileName(p.mapEndOffset, snapshotSuffix))
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(p.encodeSnapshot())
	if err == nil && sync {
		err = f.SyncData()
	}
	return errors.Join(err, f.Close())
}

// snapshotOffsets lists the offsets of the .snapshot files of a log, in order.
func snapshotOffsets(names []string) []int64 {
	var offsets []int64
	for _, name := range names {
		if offset, suffix, ok := parseOffsetFileName(name); ok && suffix == snapshotSuffix {
			offsets = append(offsets, offset)
		}
	}
	slices.Sort(offsets)
	return offsets
}
