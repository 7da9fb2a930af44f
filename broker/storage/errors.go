package storage

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// CorruptionError is damage found in a file of a log. It matches kerr.KafkaStorageError.
type CorruptionError struct {
	Path       string
	Position   int64
	BaseOffset int64 // of the damaged batch; -1 when unknown or when the file is no segment
	Err        error
}

func (e *CorruptionError) Error() string {
	if e.BaseOffset >= 0 {
		return fmt.Sprintf("%s is corrupt at position %d (offset %d): %v", e.Path, e.Position, e.BaseOffset, e.Err)
	}
	return fmt.Sprintf("%s is corrupt at position %d: %v", e.Path, e.Position, e.Err)
}

// Unwrap gives the protocol's error and the cause.
func (e *CorruptionError) Unwrap() []error { return []error{kerr.KafkaStorageError, e.Err} }

// OfflineError is the answer of every log in a directory that failed. It matches kerr.KafkaStorageError.
type OfflineError struct {
	Dir string
	Err error // what failed first
}

func (e *OfflineError) Error() string {
	return fmt.Sprintf("log directory %s is offline: %v", e.Dir, e.Err)
}

// Unwrap gives the protocol's error and the cause.
func (e *OfflineError) Unwrap() []error { return []error{kerr.KafkaStorageError, e.Err} }

// RecordError is one record that made its batch unacceptable (KIP-467).
type RecordError struct {
	BatchIndex int32 // of the record in its batch
	Message    string
}

// ValidationError is an append that was refused because of what the records are. Err is the protocol's error; Message is what
// Kafka tells the client in the response's error message, and Records the rows of its record errors.
type ValidationError struct {
	Err     error // a *kerr.Error
	Message string
	Records []RecordError
}

func (e *ValidationError) Error() string {
	if len(e.Records) == 0 {
		return e.Message
	}
	var b strings.Builder
	b.WriteString(e.Message)
	for i, r := range e.Records {
		if i == maxShownRecordErrors {
			fmt.Fprintf(&b, "; and %d more", len(e.Records)-i)
			break
		}
		fmt.Fprintf(&b, "; record %d: %s", r.BatchIndex, r.Message)
	}
	return b.String()
}

// Unwrap gives the protocol's error.
func (e *ValidationError) Unwrap() error { return e.Err }

const maxShownRecordErrors = 3

func refuse(err error, format string, args ...any) *ValidationError {
	return &ValidationError{Err: err, Message: fmt.Sprintf(format, args...)}
}
