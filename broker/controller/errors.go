package controller

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/wire"
)

// fail refuses with the code alone.
func fail(code *kerr.Error) error { return &wire.Refusal{Code: code} }

// failf refuses with a message, word for word as Apache Kafka's.
func failf(code *kerr.Error, format string, args ...any) error {
	return wire.Refusef(code, format, args...)
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
	var refused *wire.Refusal
	if err == nil || errors.As(err, &refused) && refused.Text == "" {
		return nil
	}
	text := err.Error()
	return &text
}
