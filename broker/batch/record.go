package batch

import "iter"

// Record is one record of a batch. Its byte slices point into the batch, or into the memory it was decompressed to.
type Record struct {
	OffsetDelta    int32
	TimestampDelta int64
	Offset         int64  // BaseOffset + OffsetDelta
	Timestamp      int64  // BaseTimestamp + TimestampDelta; with LogAppendTime, the batch's MaxTimestamp
	Key            []byte // nil: null
	Value          []byte // nil: null, a tombstone in a compacted topic
	Headers        []Header

	// size is the encoded size of the whole record, tail its bytes from the key's length on.
	size int
	tail []byte
}

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte // nil: null
}

// EncodedSize is the number of bytes that the record takes in its (decompressed) batch, for records that come from one.
func (r Record) EncodedSize() int { return r.size }

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
	rec Record
	err error
}

// Reset begins on b. It decompresses at most limit bytes.
func (r *Reader) Reset(b Batch, limit int) error { r.err = errIncomplete; return r.err }

// Next moves to the next record; false at the end or at an error, see Err.
func (r *Reader) Next() bool { return false }

// Record is the record that Next moved to.
func (r *Reader) Record() Record { return r.rec }

// Err is what ended the iteration, nil after the last record.
func (r *Reader) Err() error { return r.err }

// Summary is what ValidateRecords found in one pass over a batch's records.
type Summary struct {
	Count                     int
	MinTimestamp              int64 // NoTimestamp for a batch without records
	MaxTimestamp              int64
	OffsetOfMaxTimestamp      int64 // of the first record that has it
	NullKeys                  int   // records without a key, which a compacted topic refuses
	DecompressedSize          int   // of the records
	SequentialOffsets         bool  // the offset deltas are 0, 1, 2, ... up to LastOffsetDelta, as they must be when a producer sends them
	MaxTimestampMatchesHeader bool
}

// ValidateRecords walks through the records, checks their structure (lengths, counts, offset deltas that rise within
// LastOffsetDelta, nothing left over) and reports what a broker asks about them. It allocates nothing for an uncompressed batch, and decompresses
// at most limit bytes otherwise. Call it after Validate.
func (b Batch) ValidateRecords(limit int) (Summary, error) { return Summary{}, errIncomplete }
