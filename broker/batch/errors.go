package batch

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ErrTruncated says that the bytes end within a batch: a torn write, or a fetch response cut at its size limit.
var ErrTruncated = errors.New("bytes end within a batch")

// ErrTooLarge says that compressed records unfold to more than the limit: a decompression bomb, or a limit set too low.
// It comes wrapped in an *InvalidError.
var ErrTooLarge = errors.New("decompressed records exceed the limit")

// CorruptError is a batch whose bytes are damaged: a wrong checksum, or a header that contradicts itself.
// It matches kerr.CorruptMessage.
type CorruptError struct {
	BaseOffset int64 // as the batch has it; -1 where that isn't known
	Reason     string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("batch at offset %d is corrupt: %s", e.BaseOffset, e.Reason)
}

// Unwrap gives the protocol's error.
func (e *CorruptError) Unwrap() error { return kerr.CorruptMessage }

// InvalidError is a batch that arrived as it was sent, but whose content breaks the format's rules.
// It matches kerr.InvalidRecord, and Err where there is one.
type InvalidError struct {
	BaseOffset int64
	Reason     string
	Err        error // what a codec or another package said; may be nil
}

func (e *InvalidError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("batch at offset %d is invalid: %s: %v", e.BaseOffset, e.Reason, e.Err)
	}
	return fmt.Sprintf("batch at offset %d is invalid: %s", e.BaseOffset, e.Reason)
}

// Unwrap gives the protocol's error and the cause.
func (e *InvalidError) Unwrap() []error {
	if e.Err != nil {
		return []error{kerr.InvalidRecord, e.Err}
	}
	return []error{kerr.InvalidRecord}
}

func corrupt(baseOffset int64, format string, args ...any) error {
	return &CorruptError{BaseOffset: baseOffset, Reason: fmt.Sprintf(format, args...)}
}

func invalid(baseOffset int64, format string, args ...any) error {
	return &InvalidError{BaseOffset: baseOffset, Reason: fmt.Sprintf(format, args...)}
}
