package batch

import (
	"errors"
	"iter"
)

// Record is one record of a batch. Its byte slices point into the batch, or into the memory it was decompressed to.
//
//	length varint, of what follows
//	attributes int8, unused
//	timestampDelta varlong
//	offsetDelta varint
//	key length varint, -1: null, then the key
//	value length varint, -1: null, then the value
//	header count varint, then for each: key length varint and key, value length varint (-1: null) and value
type Record struct {
	OffsetDelta    int32
	TimestampDelta int64
	Offset         int64  // BaseOffset + OffsetDelta
	Timestamp      int64  // BaseTimestamp + TimestampDelta; with LogAppendTime, the batch's MaxTimestamp
	Key            []byte // nil: null
	Value          []byte // nil: null, a tombstone in a compacted topic
	Headers        []Header

	size    int    // of the whole encoded record
	tail    []byte // from the key's length on
	headers []byte // the headers, behind their count
	count   int32  // of headers
	legacy  LegacyEntry
}

// LegacyCRC is the checksum of the message of format v0 or v1 that the record was, LegacyValid whether it is right; 0 and false for others.
func (r *Record) LegacyCRC() uint32 {
	if r.legacy == nil {
		return 0
	}
	return r.legacy.CRC()
}

// LegacyValid reports whether LegacyCRC is right.
func (r *Record) LegacyValid() bool {
	return r.legacy != nil && r.legacy.ComputeCRC() == r.legacy.CRC()
}

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte // nil: null
}

// EncodedSize is the number of bytes that the record takes in its (decompressed) batch, for records that come from one.
func (r *Record) EncodedSize() int { return r.size }

// HeaderCount is the number of headers, also where a Reader skipped them.
func (r *Record) HeaderCount() int { return int(r.count) }

// What can be wrong with a record. The errors reach callers within an *InvalidError.
var (
	errRecordLength  = errors.New("a record's length exceeds the batch or contradicts its fields")
	errRecordField   = errors.New("a record's field exceeds the record")
	errHeaderCount   = errors.New("a record's header count is negative or exceeds the record")
	errHeaderKey     = errors.New("a header's key is null")
	errOffsetDelta   = errors.New("a record's offset delta is out of order or beyond the batch's last")
	errLeftOver      = errors.New("bytes are left over after the last record")
	errMissingRecord = errors.New("the bytes end before the last record")
)

// parse reads the record at the front of buf and returns what follows it. It checks every field, the headers too, and allocates nothing.
func (r *Record) parse(buf []byte) (rest []byte, err error) {
	if len(buf) == 0 {
		return nil, errMissingRecord
	}
	length, n := readVarint(buf)
	if n == 0 || length < 0 || int(length) > len(buf)-n {
		return nil, errRecordLength
	}
	r.size = n + int(length)
	rest, buf = buf[r.size:], buf[n:r.size:r.size]
	if len(buf) == 0 {
		return nil, errRecordField
	}
	buf = buf[1:] // attributes
	if r.TimestampDelta, n = readVarlong(buf); n == 0 {
		return nil, errRecordField
	}
	buf = buf[n:]
	if r.OffsetDelta, n = readVarint(buf); n == 0 {
		return nil, errRecordField
	}
	buf = buf[n:]
	r.tail = buf
	if r.Key, buf, err = readBytes(buf); err != nil {
		return nil, err
	}
	if r.Value, buf, err = readBytes(buf); err != nil {
		return nil, err
	}
	if r.count, n = readVarint(buf); n == 0 || r.count < 0 || int(r.count) > len(buf)-n {
		return nil, errHeaderCount
	}
	r.headers = buf[n:]
	r.Headers = nil
	if err := checkHeaders(r.headers, r.count); err != nil {
		return nil, err
	}
	return rest, nil
}

// readBytes reads a byte string with its length. A negative length is null, as in Kafka.
func readBytes(buf []byte) (b, rest []byte, err error) {
	length, n := readVarint(buf)
	if n == 0 || int(length) > len(buf)-n {
		return nil, nil, errRecordField
	}
	buf = buf[n:]
	if length < 0 {
		return nil, buf, nil
	}
	return buf[:length:length], buf[length:], nil
}

func checkHeaders(buf []byte, count int32) error {
	for range count {
		key, rest, err := readBytes(buf)
		if err != nil {
			return err
		}
		if key == nil {
			return errHeaderKey
		}
		if _, buf, err = readBytes(rest); err != nil {
			return err
		}
	}
	if len(buf) > 0 {
		return errRecordLength
	}
	return nil
}

// decodeHeaders fills Headers, for a record that parse has checked.
func (r *Record) decodeHeaders() {
	if r.count == 0 {
		return
	}
	r.Headers = make([]Header, r.count)
	buf := r.headers
	for i := range r.Headers {
		var key []byte
		key, buf, _ = readBytes(buf)
		r.Headers[i].Key = string(key)
		r.Headers[i].Value, buf, _ = readBytes(buf)
	}
}

// Records yields the records in order, and an error as the last element if they are broken or decompress to more than limit bytes.
// The records stay valid as long as the batch's bytes do. Loops that must not allocate use a Reader.
func (b Batch) Records(limit int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		var r Reader
		if err := r.Reset(b, limit); err != nil {
			yield(Record{}, err)
			return
		}
		for r.Next() {
			if !yield(r.Record(), nil) {
				return
			}
		}
		if err := r.Err(); err != nil {
			yield(Record{}, err)
		}
	}
}

// Reader iterates over the records of one batch after the other and reuses its memory, so that a record is valid only until
// the next Reset. The zero Reader is ready for use.
//
//	for ... {
//		if err := r.Reset(b, limit); err != nil { ... }
//		for r.Next() { use(r.Record()) }
//		if err := r.Err(); err != nil { ... }
//	}
type Reader struct {
	SkipHeaders bool // leave Record.Headers nil, for those who don't need them

	buf   []byte // decompressed records, reused
	rest  []byte
	batch Batch
	left  int32
	rec   Record
	err   error
}

// Reset begins on b, which must have passed Validate or come from a trusted place. It decompresses at most limit bytes.
func (r *Reader) Reset(b Batch, limit int) error {
	r.batch, r.left, r.err = b, b.RecordCount(), nil
	r.rest = b.RecordBytes()
	if codec := b.Codec(); codec != None && r.left > 0 {
		if cap(r.buf) > keepBuffer {
			r.buf = nil
		}
		r.buf, r.err = codec.Decompress(r.buf[:0], r.rest, limit)
		r.rest = r.buf
		if r.err != nil {
			r.left, r.err = 0, decompressError(b.BaseOffset(), codec, r.err)
		}
	}
	return r.err
}

// Next moves to the next record; false at the end or at an error, see Err.
func (r *Reader) Next() bool {
	if r.left <= 0 || r.err != nil {
		if r.left == 0 && r.err == nil && len(r.rest) > 0 && r.batch.RecordCount() > 0 {
			r.err = &InvalidError{BaseOffset: r.batch.BaseOffset(), Reason: errLeftOver.Error()}
		}
		return false
	}
	r.left--
	if r.rest, r.err = r.rec.parse(r.rest); r.err != nil {
		r.err = &InvalidError{BaseOffset: r.batch.BaseOffset(), Reason: r.err.Error()}
		return false
	}
	r.rec.Offset = r.batch.BaseOffset() + int64(r.rec.OffsetDelta)
	if r.batch.TimestampType() == LogAppendTime {
		r.rec.Timestamp = r.batch.MaxTimestamp()
	} else {
		r.rec.Timestamp = r.batch.BaseTimestamp() + r.rec.TimestampDelta
	}
	if !r.SkipHeaders {
		r.rec.decodeHeaders()
	}
	return true
}

// Record is the record that Next moved to.
func (r *Reader) Record() Record { return r.rec }

// Err is what ended the iteration, nil after the last record.
func (r *Reader) Err() error { return r.err }

func decompressError(baseOffset int64, codec Codec, err error) error {
	return &InvalidError{BaseOffset: baseOffset, Reason: "its " + codec.String() + " records don't decompress", Err: err}
}
