package commands

import (
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kgo"
)

// coordinatorFormatter prints the records of a coordinator's own topic as JSON, one after the other without a line's end, and
// leaves out those of other kinds.
type coordinatorFormatter struct {
	schemas []*recordSchema
	json    []byte // of the record being printed: reused
}

// coordinatorFormatters are the formatters of __consumer_offsets and __transaction_state by class name.
var coordinatorFormatters = map[string][]*recordSchema{
	"OffsetsMessageFormatter":        {&legacyOffsetCommitSchema, &offsetCommitSchema},
	"GroupMetadataMessageFormatter":  {&groupMetadataSchema},
	"TransactionLogMessageFormatter": {&transactionLogSchema},
}

// damagedRecordError reports a record whose bytes are not what its kind demands.
type damagedRecordError struct {
	offset int64
	err    error
}

func (e *damagedRecordError) Error() string {
	return fmt.Sprintf("Could not read record at offset %d due to: %v", e.offset, e.err)
}

func (e *damagedRecordError) Unwrap() error { return e.err }

func (f *coordinatorFormatter) write(w io.Writer, r *kgo.Record) error {
	kind, ok := keyType(r.Key)
	if !ok {
		return nil
	}
	for _, s := range f.schemas {
		if s.keyType != kind {
			continue
		}
		var err error
		if f.json, err = s.json(f.json[:0], r.Key, r.Value); err != nil {
			return &damagedRecordError{offset: r.Offset, err: err}
		}
		_, err = w.Write(f.json)
		return err
	}
	return nil
}
