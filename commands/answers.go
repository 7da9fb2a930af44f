package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// kafkaError is an error of the cluster in the words it sent, which the originals print.
type kafkaError struct {
	kind *kerr.Error
	text string
}

func (e *kafkaError) Error() string { return e.text }
func (e *kafkaError) Unwrap() error { return e.kind }

// serverError turns a protocol error code and its message into an error; nil stands for success.
func serverError(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err == nil {
		return nil
	}
	var kind *kerr.Error
	if !errors.As(err, &kind) {
		return err
	}
	text := kind.Description
	if message != nil && *message != "" {
		text = *message
	}
	return &kafkaError{kind: kind, text: text}
}

// millisLeft is what remains of the command's time, for requests that carry a timeout.
func millisLeft(ctx context.Context) int32 {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 30_000
	}
	return int32(max(time.Until(deadline).Milliseconds(), 1))
}

// confirm asks a person before something is deleted. Without a terminal nobody is asked: scripts mean what they say.
func confirm(s *IOStreams, question string) error {
	if !s.Interactive() {
		return nil
	}
	fmt.Fprintf(s.ErrOut, "%s (y/n) ", paint(s.ErrOut, caution, question))
	line, err := bufio.NewReader(s.In).ReadString('\n')
	if err != nil && line == "" {
		return errNotConfirmed
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

var errNotConfirmed = errors.New("not confirmed: nothing was changed (--yes answers in advance)")

// quantity names one thing, or counts several.
func quantity(n int, what string, names []string) string {
	if n == 1 {
		return what + " " + names[0]
	}
	const shown = 5
	if n > shown {
		return fmt.Sprintf("%d %ss (%s, ...)", n, what, strings.Join(names[:shown], ", "))
	}
	return fmt.Sprintf("%d %ss (%s)", n, what, strings.Join(names, ", "))
}

// javaList prints [1, 2, 3].
func javaList[T any](list []T) string {
	parts := make([]string, 0, len(list))
	for _, v := range list {
		parts = append(parts, fmt.Sprint(v))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// commaList prints 1,2,3.
func commaList[T any](list []T) string {
	parts := make([]string, 0, len(list))
	for _, v := range list {
		parts = append(parts, fmt.Sprint(v))
	}
	return strings.Join(parts, ",")
}

// untilCoordinated repeats a question while the coordinator that has to answer it is being found or is loading, which takes a
// moment after the first request of a cluster's life and after a failover.
func untilCoordinated(ctx context.Context, ask func() error) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		err := ask()
		if !isCoordinatorError(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// isCoordinatorError tells that a coordinator is being found or is loading.
func isCoordinatorError(err error) bool {
	return errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator)
}

// kindOf returns the error code of an error of the cluster.
func kindOf(err error) *kerr.Error {
	if kind, ok := errors.AsType[*kerr.Error](err); ok {
		return kind
	}
	return kerr.UnknownServerError
}
