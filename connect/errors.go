package connect

import "errors"

// ErrRetriable marks failures that may pass: wrap it to have the operation tried again.
var ErrRetriable = errors.New("retriable")

// DataError reports data that a converter, a transform or a connector cannot work with. Class is Java's name for the failure.
type DataError struct {
	Class string
	Text  string
	Cause error
}

// DataErrorf is Kafka Connect's DataException.
func DataErrorf(cause error, text string) *DataError {
	return &DataError{Class: "org.apache.kafka.connect.errors.DataException", Text: text, Cause: cause}
}

func (e *DataError) Error() string {
	if e.Cause != nil {
		return e.Text + ": " + e.Cause.Error()
	}
	return e.Text
}

func (e *DataError) Unwrap() error { return e.Cause }

// ErrorClass returns the Java class name that stands for an error.
func ErrorClass(err error) string {
	if data, ok := errors.AsType[*DataError](err); ok {
		return data.Class
	}
	if errors.Is(err, ErrRetriable) {
		return "org.apache.kafka.connect.errors.RetriableException"
	}
	return "org.apache.kafka.connect.errors.ConnectException"
}
