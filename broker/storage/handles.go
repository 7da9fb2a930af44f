package storage

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/clock"
	"github.com/kgo-project/kgo/broker/vfs"
)

// HandlesError says that an operation failed because no more files can be opened. Nothing is wrong with the disk, so that the directory stays online:
// the operation has done nothing and can be repeated. It matches kerr.KafkaStorageError, which clients take for a reason to try again.
type HandlesError struct{ Err error }

func (e *HandlesError) Error() string {
	return fmt.Sprintf("no more files can be opened%s: %v", limitInWords(), e.Err)
}

// Unwrap gives the protocol's error and the cause.
func (e *HandlesError) Unwrap() []error { return []error{kerr.KafkaStorageError, e.Err} }

func limitInWords() string {
	if n := vfs.HandleLimit(); n > 0 {
		return fmt.Sprintf(" (the limit is %d; raise it with ulimit -n, or LimitNOFILE of the service)", n)
	}
	return ""
}

// handlesReportEvery bounds how often the log says so: it may be the answer to every request.
const handlesReportEvery = 10 * time.Second

var handlesReported atomic.Int64 // when, in nanoseconds of the monotonic clock; 0: never

func reportHandles(logger *slog.Logger, err error) {
	now := int64(clock.Monotonic())
	last := handlesReported.Load()
	if last > 0 && now-last < int64(handlesReportEvery) || !handlesReported.CompareAndSwap(last, now) {
		return
	}
	logger.Error("too many open files: requests that need another one fail until some are closed; raise the limit (ulimit -n, or LimitNOFILE of the service)",
		"limit", vfs.HandleLimit(), "error", err)
}

const (
	handlesPatience = 30 * time.Second
	handlesRetry    = 10 * time.Millisecond
)

// patiently repeats a step that can't be left undone, as it is one of several, while no files can be opened.
func patiently(logger *slog.Logger, step func() error) error {
	wait, end := handlesRetry, time.Now().Add(handlesPatience)
	for {
		err := step()
		if !vfs.OutOfHandles(err) {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("no file could be opened for %v: %s", handlesPatience, err) //nolint:errorlint // it must not be taken for one that left all as it was
		}
		reportHandles(logger, err)
		time.Sleep(wait)
		wait = min(2*wait, time.Second)
	}
}

func (l *Log) patiently(step func() error) error { return patiently(l.logger, step) }
