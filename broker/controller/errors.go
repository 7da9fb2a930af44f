package controller

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// apiError is a refusal: a protocol error code, and the message that the client gets with it, word for word as Apache Kafka's.
type apiError struct {
	code    *kerr.Error
	message string // empty: the code speaks for itself, and the response's message is null
}

func (e *apiError) Error() string {
	if e.message == "" {
		return e.code.Message
	}
	return e.message
}

func (e *apiError) Unwrap() error { return e.code }

// fail refuses with the code alone.
func fail(code *kerr.Error) error { return &apiError{code: code} }

// failf refuses with a message.
func failf(code *kerr.Error, format string, args ...any) error {
	return &apiError{code, fmt.Sprintf(format, args...)}
}

// errorCode is the protocol's number for err; 0 for nil.
func errorCode(err error) int16 {
	var coded *kerr.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		return coded.Code
	}
	return kerr.UnknownServerError.Code
}

// errorMessage is what a response's message field gets: nil for no error and for errors without words of their own.
func errorMessage(err error) *string {
	var refused *apiError
	if err == nil || errors.As(err, &refused) && refused.message == "" {
		return nil
	}
	text := err.Error()
	return &text
}
