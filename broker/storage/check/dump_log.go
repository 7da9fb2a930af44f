package check

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/record"
)

// log prints a segment, or a snapshot of the metadata quorum.
func (d *dumper) log(name, base, suffix string) error {
	if err := d.logTitle(base, suffix); err != nil {
		return err
	}
	f, size, err := d.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	end := min(size, int64(d.o.MaxBytes))
	r := &entryReader{f: f, name: name, end: end}
	last := int64(-1)
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := d.printBatch(e); err != nil {
			return err
		}
		if d.o.DeepIteration || d.o.PrintDataLog {
			if err := d.printRecords(name, e, &last); err != nil {
				return err
			}
		}
	}
	if rest := end - r.position; rest > 0 && d.o.MaxBytes == math.MaxInt32 {
		d.printf("Found %d invalid bytes at the end of %s\n", rest, base)
	}
	return nil
}

func (d *dumper) logTitle(base, suffix string) error {
	switch {
	case suffix == ".log":
		offset, err := baseOffset(base)
		if err != nil {
			return err
		}
		d.printf("Log starting offset: %d\n", offset)
	case base == "bootstrap.checkpoint":
		d.printf("KRaft bootstrap snapshot\n")
	default:
		offset, epoch, ok := parseSnapshotName(base)
		if !ok {
			return fmt.Errorf("%s: a snapshot is named <end offset, 20 digits>-<epoch, 10 digits>.checkpoint", base)
		}
		d.printf("Snapshot end offset: %d, epoch: %d\n", offset, epoch)
	}
	return nil
}

func parseSnapshotName(base string) (offset int64, epoch int32, ok bool) {
	id, ok := strings.CutSuffix(base, ".checkpoint")
	if !ok || len(id) < 31 || id[20] != '-' {
		return 0, 0, false
	}
	offset, err := strconv.ParseInt(id[:20], 10, 64)
	wide, err2 := strconv.ParseInt(id[21:31], 10, 32)
	return offset, int32(wide), err == nil && err2 == nil
}

func (d *dumper) printBatch(e entry) error {
	b := d.line[:0]
	var codec batch.Codec
	var timestampType batch.TimestampType
	var maxTimestamp int64
	var crc uint32
	var valid bool
	if e.isLegacy() {
		l := e.legacy()
		b = fmt.Appendf(b, "offset: %d", l.Offset())
		codec, timestampType, maxTimestamp, crc, valid = l.Codec(), l.TimestampType(), l.Timestamp(), l.CRC(), l.ComputeCRC() == l.CRC()
	} else {
		v := e.batch()
		b = fmt.Appendf(b, "baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d producerEpoch: %d partitionLeaderEpoch: %d isTransactional: %t isControl: %t deleteHorizonMs: %s",
			v.BaseOffset(), v.LastOffset(), v.RecordCount(), v.BaseSequence(), v.LastSequence(), v.ProducerID(), v.ProducerEpoch(), v.PartitionLeaderEpoch(),
			v.IsTransactional(), v.IsControl(), optionalLong(v.DeleteHorizon()))
		codec, timestampType, maxTimestamp, crc, valid = v.Codec(), v.TimestampType(), v.MaxTimestamp(), v.CRC(), v.ComputeCRC() == v.CRC()
	}
	if codec > batch.Zstd {
		return fmt.Errorf("batch at position %d: unknown compression type id: %d", e.position, int8(codec))
	}
	b = fmt.Appendf(b, " position: %d %v: %d size: %d magic: %d compresscodec: %v crc: %d isvalid: %t\n",
		e.position, timestampType, maxTimestamp, len(e.raw), e.magic, codec, crc, valid)
	d.line = b
	_, err := d.out.Write(b)
	return err
}

// optionalLong is Java's OptionalLong as a string.
func optionalLong(v int64, ok bool) string {
	if !ok {
		return "OptionalLong.empty"
	}
	return "OptionalLong[" + strconv.FormatInt(v, 10) + "]"
}

func (d *dumper) printRecords(name string, e entry, last *int64) error {
	if e.isLegacy() {
		l := e.legacy()
		for r, err := range l.Records(d.o.Limit) {
			if err != nil {
				return fmt.Errorf("%s at %d: %w", name, e.position, err)
			}
			if err := d.printRecord(name, e, &r, last); err != nil {
				return err
			}
		}
		return nil
	}
	b := e.batch()
	if b.RecordCount() < 0 {
		return fmt.Errorf("%s at %d: found invalid record count %d in magic v2 batch", name, e.position, b.RecordCount())
	}
	var reader batch.Reader
	if err := reader.Reset(b, d.o.Limit); err != nil {
		return fmt.Errorf("%s at %d: %w", name, e.position, err)
	}
	for reader.Next() {
		r := reader.Record()
		if err := d.printRecord(name, e, &r, last); err != nil {
			return err
		}
	}
	if err := reader.Err(); err != nil {
		return fmt.Errorf("%s at %d: %w", name, e.position, err)
	}
	return nil
}

func (d *dumper) printRecord(name string, e entry, r *batch.Record, last *int64) error {
	if r.Offset != *last+1 {
		d.nonConsecutive.add(name, *last, r.Offset)
	}
	*last = r.Offset
	b := d.line[:0]
	control := !e.isLegacy() && e.batch().IsControl()
	prefix := "| "
	if !d.o.SkipRecordMetadata {
		var err error
		if b, err = appendRecordMetadata(b, e, r); err != nil {
			return fmt.Errorf("%s at %d: %w", name, e.position, err)
		}
		prefix = " "
	}
	if d.o.PrintDataLog && !control {
		key, value, err := d.o.Decoder(r)
		if err != nil {
			_, writeErr := d.out.Write(b)
			return errors.Join(err, writeErr)
		}
		if key != nil {
			b = append(append(b, prefix...), "key: "...)
			b = append(b, *key...)
			prefix = " "
		}
		if value != nil {
			b = append(append(b, prefix...), "payload: "...)
			b = append(b, *value...)
		}
	}
	d.line = append(b, '\n')
	_, err := d.out.Write(d.line)
	return err
}

func appendRecordMetadata(b []byte, e entry, r *batch.Record) ([]byte, error) {
	var timestampType batch.TimestampType
	if e.isLegacy() {
		timestampType = e.legacy().TimestampType()
	} else {
		timestampType = e.batch().TimestampType()
	}
	b = append(b, "| offset: "...)
	b = strconv.AppendInt(b, r.Offset, 10)
	b = append(b, ' ')
	b = append(b, timestampType.String()...)
	b = append(b, ": "...)
	b = strconv.AppendInt(b, r.Timestamp, 10)
	b = append(b, " keySize: "...)
	b = strconv.AppendInt(b, sizeOf(r.Key), 10)
	b = append(b, " valueSize: "...)
	b = strconv.AppendInt(b, sizeOf(r.Value), 10)
	if e.isLegacy() {
		return fmt.Appendf(b, " isValid: %t crc: %d", r.LegacyValid(), r.LegacyCRC()), nil
	}
	sequence := e.batch().BaseSequence()
	if sequence != batch.NoSequence {
		sequence = batch.IncrementSequence(sequence, r.OffsetDelta)
	}
	b = append(b, " sequence: "...)
	b = strconv.AppendInt(b, int64(sequence), 10)
	b = append(b, " headerKeys: ["...)
	for i, h := range r.Headers {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, javaString([]byte(h.Key))...)
	}
	b = append(b, ']')
	if e.batch().IsControl() {
		return appendControl(b, r)
	}
	return b, nil
}

func sizeOf(b []byte) int64 {
	if b == nil {
		return -1
	}
	return int64(len(b))
}

func appendControl(b []byte, r *batch.Record) ([]byte, error) {
	t, err := batch.ParseControlKey(r.Key)
	if err != nil {
		return nil, err
	}
	var m record.Message
	switch t {
	case batch.ControlAbort, batch.ControlCommit:
		marker, err := batch.ParseEndTxnMarker(r.Key, r.Value)
		if err != nil {
			return nil, err
		}
		return fmt.Appendf(b, " endTxnMarker: %v coordinatorEpoch: %d", t, marker.CoordinatorEpoch), nil
	case batch.ControlLeaderChange:
		b, m = append(b, " LeaderChange: "...), record.NewLeaderChangeMessage()
	case batch.ControlSnapshotHeader:
		b, m = append(b, " SnapshotHeader "...), record.NewSnapshotHeaderRecord()
	case batch.ControlSnapshotFooter:
		b, m = append(b, " SnapshotFooter "...), record.NewSnapshotFooterRecord()
	case batch.ControlKRaftVersion:
		b, m = append(b, " KRaftVersion "...), record.NewKRaftVersionRecord()
	case batch.ControlKRaftVoters:
		b, m = append(b, " KRaftVoters "...), record.NewVotersRecord()
	default:
		return fmt.Appendf(b, " controlType: UNKNOWN(%d)", t), nil
	}
	// These messages begin with their version.
	if len(r.Value) < 2 {
		return nil, fmt.Errorf("control record of %d bytes at offset %d", len(r.Value), r.Offset)
	}
	_, highest := m.VersionRange()
	version := min(int16(uint16(r.Value[0])<<8|uint16(r.Value[1])), highest)
	if _, err := m.ReadFrom(r.Value, version); err != nil {
		return nil, err
	}
	return m.AppendJSON(b, version), nil
}
