package storage

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
)

// preparedBatch is a batch that passed every check that needs no knowledge of the log's state.
type preparedBatch struct {
	batch        batch.Batch
	count        int
	maxTimestamp int64
	maxAtDelta   int64 // the offset of the record with maxTimestamp, from the batch's base offset
	marker       *batch.EndTxnMarker
}

// prepared is an append ready for the lock: bytes is what will be written, in one call, after the offsets are set in place.
type prepared struct {
	bytes []byte
	lead  preparedBatch
	more  []preparedBatch // coordinators may send several batches at once
}

func (p *prepared) each(do func(b *preparedBatch) error) error {
	if err := do(&p.lead); err != nil {
		return err
	}
	for i := range p.more {
		if err := do(&p.more[i]); err != nil {
			return err
		}
	}
	return nil
}

// prepare does all the work of an append that needs no lock: checksums, the records' structure, timestamps, conversion.
func (l *Log) prepare(records []byte, cfg *LogConfig, opts *AppendOptions) (prepared, error) {
	_, magic, err := batch.Peek(records)
	if err != nil {
		return prepared{}, l.malformed(err)
	}
	v := validator{log: l, cfg: cfg, opts: opts}
	if magic < batch.MagicV2 {
		unfolding <- struct{}{}
		defer unfolded()
		return v.prepareLegacy(records)
	}
	p := prepared{bytes: records}
	first, rest, err := batch.Next(records)
	if err != nil {
		return prepared{}, l.malformed(err)
	}
	if first.Codec() != batch.None {
		unfolding <- struct{}{}
		defer unfolded()
	}
	if len(rest) > 0 && opts.Origin == OriginClient {
		return prepared{}, refuse(kerr.InvalidRecord, "Compressed outer record has more than one batch")
	}
	if p.lead, err = v.prepareBatch(first); err != nil {
		return prepared{}, err
	}
	rewritten := len(p.lead.batch) > 0 && &p.lead.batch[0] != &first[0]
	for len(rest) > 0 {
		var b batch.Batch
		if b, rest, err = batch.Next(rest); err != nil {
			return prepared{}, l.malformed(err)
		}
		done, err := v.prepareBatch(b)
		if err != nil {
			return prepared{}, err
		}
		rewritten = rewritten || &done.batch[0] != &b[0]
		p.more = append(p.more, done)
	}
	if rewritten {
		p.join()
	}
	return p, nil
}

// join puts batches that conversion scattered over memory into one piece.
func (p *prepared) join() {
	if len(p.more) == 0 {
		p.bytes = p.lead.batch
		return
	}
	var all []byte
	_ = p.each(func(b *preparedBatch) error { all = append(all, b.batch...); return nil }) // do returns no error
	p.bytes = all
	_ = p.each(func(b *preparedBatch) error {
		n := len(b.batch)
		b.batch, all = batch.Batch(all[:n:n]), all[n:]
		return nil
	})
}

// malformed is the answer to bytes that are no batch at all.
func (l *Log) malformed(err error) error {
	if errors.Is(err, batch.ErrTruncated) || errors.Is(err, batch.ErrLegacy) {
		return refuse(kerr.CorruptMessage, "Records in the append to %s end within a batch", l.tp)
	}
	return l.refusal(err)
}

// refusal dresses an error of package batch for the client.
func (l *Log) refusal(err error) error {
	var invalid *batch.InvalidError
	var code error = kerr.CorruptMessage
	switch {
	case errors.As(err, &invalid):
		code = kerr.InvalidRecord
	case errors.Is(err, kerr.UnsupportedCompressionType):
		code = kerr.UnsupportedCompressionType
	}
	return refuse(code, "%s in topic partition %s", err.Error(), l.tp)
}

// validator checks and adapts batches as Kafka's LogValidator does.
type validator struct {
	log  *Log
	cfg  *LogConfig
	opts *AppendOptions
}

// unfolding has a token for each append that has records in memory which it decompressed or converted. That is work for a processor, so that no more of it at a time
// than there are processors is no slower; and it bounds the memory, which the requests' own size says nothing about.
var unfolding = make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))

func unfolded() { <-unfolding }

// decompressLimit bounds what a batch may unfold to: generous to well compressing text, deadly to a bomb.
func decompressLimit(size int) int {
	const least, factor, most = 32 << 20, 128, 1 << 30
	return min(max(least, size*factor), most)
}

func (v *validator) checkSize(size int) error {
	if size > v.cfg.MaxMessageBytes {
		return refuse(kerr.MessageTooLarge,
			"The record batch size in the append to %s is %d bytes which exceeds the maximum configured value of %d.",
			v.log.tp, size, v.cfg.MaxMessageBytes)
	}
	return nil
}

func (v *validator) prepareBatch(b batch.Batch) (preparedBatch, error) {
	tp := v.log.tp
	client := v.opts.Origin == OriginClient
	if client && b.BaseOffset() != 0 {
		return preparedBatch{}, refuse(kerr.InvalidRecord, "The baseOffset of the record batch in the append to %s should be 0, but it is %d", tp, b.BaseOffset())
	}
	if err := v.checkSize(len(b)); err != nil {
		return preparedBatch{}, err
	}
	if err := b.Validate(); err != nil {
		return preparedBatch{}, v.log.refusal(err)
	}
	if client {
		if err := v.checkClientBatch(b); err != nil {
			return preparedBatch{}, err
		}
	}
	sum, err := b.ValidateRecords(decompressLimit(len(b)))
	if err != nil {
		return preparedBatch{}, v.log.refusal(err)
	}
	if !sum.SequentialOffsets {
		return preparedBatch{}, v.unsequential(b)
	}
	if err := v.checkRecords(b, &sum); err != nil {
		return preparedBatch{}, err
	}
	return v.adapt(b, &sum)
}

func (v *validator) checkClientBatch(b batch.Batch) error {
	tp := v.log.tp
	count, inOffsets := int64(b.RecordCount()), int64(b.LastOffsetDelta())+1
	switch {
	case count <= 0:
		return refuse(kerr.InvalidRecord, "Invalid reported count for record batch: %d in topic partition %s", count, tp)
	case count != inOffsets:
		return refuse(kerr.InvalidRecord, "Inconsistent batch offset range [%d, %d] and count of records %d in topic partition %s",
			b.BaseOffset(), b.LastOffset(), count, tp)
	case b.IsControl():
		return refuse(kerr.InvalidRecord, "Clients are not allowed to write control records in topic partition %s", tp)
	case b.HasProducerID() && b.BaseSequence() < 0:
		return refuse(kerr.InvalidRecord, "Invalid sequence number %d in record batch with producerId %d in topic partition %s",
			b.BaseSequence(), b.ProducerID(), tp)
	}
	return nil
}

// adapt changes what the topic wants otherwise than the producer sent it: the codec, the timestamps.
func (v *validator) adapt(b batch.Batch, sum *batch.Summary) (preparedBatch, error) {
	target := v.targetCompression(b.Codec())
	if target.Codec != b.Codec() && !(b.IsControl() && b.Codec() == batch.None) {
		rebuilt, err := v.recompress(b, target)
		if err != nil {
			return preparedBatch{}, err
		}
		b = rebuilt
	}
	p := preparedBatch{batch: b, count: sum.Count, maxTimestamp: sum.MaxTimestamp, maxAtDelta: sum.OffsetOfMaxTimestamp - b.BaseOffset()}
	if v.cfg.TimestampType == batch.LogAppendTime {
		p.maxTimestamp, p.maxAtDelta = v.opts.NowMs, int64(b.LastOffsetDelta())
	}
	if b.TimestampType() != v.cfg.TimestampType || b.MaxTimestamp() != p.maxTimestamp {
		b.SetTimestampType(v.cfg.TimestampType, p.maxTimestamp)
	}
	if b.IsControl() {
		marker, err := readMarker(b)
		if err != nil {
			return preparedBatch{}, v.log.refusal(err)
		}
		p.marker = marker
	}
	return p, nil
}

func (v *validator) targetCompression(source batch.Codec) batch.Compression {
	if v.cfg.CompressionProducer {
		return batch.Compression{Codec: source}
	}
	return v.cfg.Compression
}

func (v *validator) recompress(b batch.Batch, target batch.Compression) (batch.Batch, error) {
	var builder batch.Builder
	builder.ResetLike(b, target)
	var r batch.Reader
	if err := r.Reset(b, decompressLimit(len(b))); err != nil {
		return nil, v.log.refusal(err)
	}
	for r.Next() {
		rec := r.Record()
		builder.AppendCopy(rec.Offset, rec.Timestamp, rec)
	}
	if err := r.Err(); err != nil {
		return nil, v.log.refusal(err)
	}
	rebuilt, err := builder.Finish(nil)
	if err != nil {
		return nil, v.log.refusal(err)
	}
	return rebuilt, v.checkSize(len(rebuilt))
}

// prepareLegacy converts a message set of format v0 or v1, as old producers send it, to one batch of format v2.
func (v *validator) prepareLegacy(records []byte) (prepared, error) {
	codec := batch.None
	for rest := records; len(rest) > 0; {
		e, after, err := batch.NextLegacy(rest)
		if err != nil {
			return prepared{}, v.log.malformed(err)
		}
		if err := v.checkSize(len(e)); err != nil {
			return prepared{}, err
		}
		if c := e.Codec(); c != batch.None {
			codec = c
		}
		if codec != batch.None && len(after) > 0 {
			return prepared{}, refuse(kerr.InvalidRecord, "Compressed outer record has more than one batch")
		}
		rest = after
	}
	b, err := batch.ConvertToV2(nil, records, 0, v.targetCompression(codec), decompressLimit(len(records)))
	if err != nil {
		return prepared{}, v.log.refusal(err)
	}
	if b == nil {
		return prepared{}, refuse(kerr.InvalidRecord, "Record batch has no batches at all")
	}
	if err := v.checkSize(len(b)); err != nil {
		return prepared{}, err
	}
	sum, err := b.ValidateRecords(decompressLimit(len(b)))
	if err != nil {
		return prepared{}, v.log.refusal(err)
	}
	if err := v.checkRecords(b, &sum); err != nil {
		return prepared{}, err
	}
	v.cfg = withoutRecompression(v.cfg)
	lead, err := v.adapt(b, &sum)
	return prepared{bytes: lead.batch, lead: lead}, err
}

func withoutRecompression(cfg *LogConfig) *LogConfig {
	c := *cfg
	c.CompressionProducer = true
	return &c
}

// checkRecords refuses what single records make unacceptable, from the summary; only if something is wrong are they looked at one by one.
func (v *validator) checkRecords(b batch.Batch, sum *batch.Summary) error {
	keyless := v.cfg.Compact && sum.NullKeys > 0 && !b.IsControl()
	if keyless || v.timestampsSuspect(b, sum) {
		return v.recordErrors(b)
	}
	return nil
}

func (v *validator) timestampsSuspect(b batch.Batch, sum *batch.Summary) bool {
	if v.cfg.TimestampType == batch.LogAppendTime {
		return b.TimestampType() == batch.LogAppendTime
	}
	if b.IsControl() && v.opts.Origin != OriginClient {
		return false
	}
	return v.timestampInvalid(sum.MinTimestamp) || v.timestampInvalid(sum.MaxTimestamp)
}

// timestampInvalid has Java's overflowing arithmetic on purpose: a timestamp so far off that the difference wraps is out of range either way.
func (v *validator) timestampInvalid(timestamp int64) bool {
	diff := v.opts.NowMs - timestamp
	return timestamp != batch.NoTimestamp && (diff > v.cfg.TimestampBeforeMaxMs || -diff > v.cfg.TimestampAfterMaxMs)
}

// readMarker reads the transaction's end from a control batch; nil for the other kinds of control records.
func readMarker(b batch.Batch) (*batch.EndTxnMarker, error) {
	if !b.IsControl() || !b.HasProducerID() {
		return nil, nil //nolint:nilnil // no marker is a normal answer
	}
	var r batch.Reader
	if err := r.Reset(b, decompressLimit(len(b))); err != nil {
		return nil, err
	}
	if !r.Next() {
		return nil, r.Err() // compaction leaves empty control batches
	}
	rec := r.Record()
	if len(rec.Key) >= 4 && batch.ControlType(binary.BigEndian.Uint16(rec.Key[2:])) > batch.ControlCommit {
		return nil, nil //nolint:nilnil // likewise
	}
	m, err := batch.ParseEndTxnMarker(rec.Key, rec.Value)
	if err != nil {
		return nil, &batch.InvalidError{BaseOffset: b.BaseOffset(), Reason: "its transaction marker is unreadable", Err: err}
	}
	return &m, nil
}

// addSaturating is a+b, but no more than the largest int64: a message shows a limit, not a wrapped number.
func addSaturating(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
