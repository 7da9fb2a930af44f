package storage

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
)

// maxRecordErrors bounds the rows of an answer: a batch may hold a million bad records.
const maxRecordErrors = 1000

// recordErrors finds the records that make a batch unacceptable, and words the refusal as Kafka does.
func (v *validator) recordErrors(b batch.Batch) error {
	var bad []RecordError
	byTimestamp := false
	var r batch.Reader
	if err := r.Reset(b, decompressLimit(len(b))); err != nil {
		return v.log.refusal(err)
	}
	for i := int32(0); r.Next() && len(bad) < maxRecordErrors; i++ {
		rec := r.Record()
		switch {
		case v.cfg.Compact && rec.Key == nil:
			bad = append(bad, RecordError{i, fmt.Sprintf("Compacted topic cannot accept message without key in topic partition %s", v.log.tp)})
		case v.cfg.TimestampType == batch.CreateTime && v.timestampInvalid(rec.Timestamp):
			byTimestamp = true
			bad = append(bad, RecordError{i, fmt.Sprintf("Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
				rec.Timestamp, rec.Offset, v.opts.NowMs-v.cfg.TimestampBeforeMaxMs, addSaturating(v.opts.NowMs, v.cfg.TimestampAfterMaxMs))})
		case v.cfg.TimestampType == batch.LogAppendTime && b.TimestampType() == batch.LogAppendTime:
			byTimestamp = true
			bad = append(bad, RecordError{i, fmt.Sprintf("Invalid timestamp type in message with offset %d. Producer should not set timestamp type to LogAppendTime.", rec.Offset)})
		}
	}
	if err := r.Err(); err != nil {
		return v.log.refusal(err)
	}
	if len(bad) == 0 {
		return nil // the summary was only suspicious
	}
	if byTimestamp {
		return &ValidationError{Err: kerr.InvalidTimestamp, Message: "One or more records have been rejected due to invalid timestamp", Records: bad}
	}
	return &ValidationError{Err: kerr.InvalidRecord, Records: bad, Message: rejectedMessage(bad)}
}

// unsequential refuses a batch whose records do not have the offsets 0, 1, 2, ...
//
// DEVIATION(kafka): Kafka checks that in compressed batches only; elsewhere such offsets, which no client sends, would go into the log and
// contradict the batch's header there.
func (v *validator) unsequential(b batch.Batch) error {
	bad := []RecordError{{0, fmt.Sprintf("Inner record inside the record batch does not have incremental offsets, expected offsets are 0 to %d in topic partition %s.",
		b.LastOffsetDelta(), v.log.tp)}}
	return &ValidationError{Err: kerr.InvalidRecord, Records: bad, Message: rejectedMessage(bad)}
}

func rejectedMessage(bad []RecordError) string {
	shown := make([]string, 0, maxShownRecordErrors)
	for _, e := range bad[:min(len(bad), maxShownRecordErrors)] {
		shown = append(shown, fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", e.BatchIndex, e.Message))
	}
	return fmt.Sprintf("One or more records have been rejected due to %d record errors in total, and only showing the first three errors at most: [%s]",
		len(bad), strings.Join(shown, ", "))
}
