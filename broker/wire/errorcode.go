package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ErrorCode is the one place where a Go error becomes a protocol error code. Errors carry their code by wrapping a *kerr.Error.
// What has none is a failure of ours: UNKNOWN_SERVER_ERROR, or KAFKA_STORAGE_ERROR if the file system failed.
func ErrorCode(err error) int16 {
	if err == nil {
		return 0
	}
	if coded, ok := errors.AsType[*kerr.Error](err); ok {
		return coded.Code
	}
	var path *fs.PathError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return kerr.RequestTimedOut.Code
	case errors.As(err, &path):
		return kerr.KafkaStorageError.Code
	}
	return kerr.UnknownServerError.Code
}

// ErrorMessage is the text that goes with ErrorCode(err): the error's own words, or nil when there is no error. A bare protocol error has none
// of its own, and clients print their translation of the code.
func ErrorMessage(err error) *string {
	if err == nil {
		return nil
	}
	if coded, ok := err.(*kerr.Error); ok { //nolint:errorlint // only the bare error has no words of its own
		text := coded.Description
		return &text
	}
	text := err.Error()
	return &text
}

// Refusal is an error for the client's eyes: a protocol error, and words that Apache Kafka would say with it.
type Refusal struct {
	Code *kerr.Error
	Text string // empty: the code speaks for itself, and a response's message is null
}

func (e *Refusal) Error() string {
	if e.Text == "" {
		return e.Code.Message
	}
	return e.Text
}

func (e *Refusal) Unwrap() error { return e.Code }

// Refusef makes a Refusal.
func Refusef(code *kerr.Error, format string, args ...any) error {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}
