package batch

import (
	"math"
	"sync"
)

// keepBuffer is the largest decompression buffer that is kept for the next batch; larger ones go back to the garbage collector.
const keepBuffer = 4 << 20

var bufferPool = sync.Pool{New: func() any { return new([]byte) }}

// Summary is what ValidateRecords found in one pass over a batch's records.
type Summary struct {
	Count                int
	MinTimestamp         int64 // NoTimestamp for a batch without records
	MaxTimestamp         int64
	OffsetOfMaxTimestamp int64 // of the first record that has it; the batch's last offset with LogAppendTime
	NullKeys             int   // records without a key, which a compacted topic refuses
	DecompressedSize     int   // of the records, headers of the batch not counted
	SequentialOffsets    bool  // the offset deltas are 0, 1, 2, ... up to LastOffsetDelta, as they must be when a producer sends them
}

// ValidateRecords walks through the records, checks their structure (lengths, counts, offset deltas that rise within
// LastOffsetDelta, nothing left over) and reports what a broker asks about them. It allocates nothing for an uncompressed batch, and decompresses
// at most limit bytes otherwise. Call it after Validate.
func (b Batch) ValidateRecords(limit int) (Summary, error) {
	codec := b.Codec()
	if codec == None || b.RecordCount() == 0 {
		return b.summarize(b.RecordBytes())
	}
	buf := bufferPool.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= keepBuffer {
			bufferPool.Put(buf)
		}
	}()
	var err error
	if *buf, err = codec.Decompress((*buf)[:0], b.RecordBytes(), limit); err != nil {
		return Summary{}, decompressError(b.BaseOffset(), codec, err)
	}
	return b.summarize(*buf)
}

func (b Batch) summarize(records []byte) (Summary, error) {
	s := Summary{Count: int(b.RecordCount()), DecompressedSize: len(records)}
	lastDelta, lastOffsetDelta := int32(-1), b.LastOffsetDelta()
	sequential := int64(lastOffsetDelta)+1 == int64(s.Count)
	minDelta, maxDelta, maxAt := int64(math.MaxInt64), int64(math.MinInt64), int32(0)
	var r Record
	var err error
	for range s.Count {
		if records, err = r.parse(records); err != nil {
			return Summary{}, invalid(b.BaseOffset(), "%v", err)
		}
		if r.OffsetDelta <= lastDelta || r.OffsetDelta > lastOffsetDelta {
			return Summary{}, invalid(b.BaseOffset(), "%v", errOffsetDelta)
		}
		if r.OffsetDelta != lastDelta+1 {
			sequential = false
		}
		lastDelta = r.OffsetDelta
		if r.TimestampDelta > maxDelta {
			maxDelta, maxAt = r.TimestampDelta, r.OffsetDelta
		}
		minDelta = min(minDelta, r.TimestampDelta)
		if r.Key == nil {
			s.NullKeys++
		}
	}
	if len(records) > 0 {
		return Summary{}, invalid(b.BaseOffset(), "%v", errLeftOver)
	}
	s.SequentialOffsets = sequential
	switch {
	case s.Count == 0:
		s.MinTimestamp, s.MaxTimestamp, s.OffsetOfMaxTimestamp = NoTimestamp, NoTimestamp, NoOffset
	case b.TimestampType() == LogAppendTime:
		s.MinTimestamp, s.MaxTimestamp, s.OffsetOfMaxTimestamp = b.MaxTimestamp(), b.MaxTimestamp(), b.LastOffset()
	default:
		base := b.BaseTimestamp()
		s.MinTimestamp, s.MaxTimestamp, s.OffsetOfMaxTimestamp = base+minDelta, base+maxDelta, b.BaseOffset()+int64(maxAt)
	}
	return s, nil
}
