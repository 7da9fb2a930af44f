package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// consoleReading is what console-consumer and console-share-consumer have in common: what they read and print, and how they end.
type consoleReading struct {
	IO          *IOStreams
	Open        clientOpener
	Props       client.Properties
	Topic       string
	MaxMessages int64         // -1: no limit
	Timeout     time.Duration // without a record for so long, stop; 0: never
	Events      bool
	Formatter   messageFormatter
	Wait        time.Duration // how long the cluster may stay unreachable

	logger string // the original's class, as its log lines name it
}

func (o *consoleReading) parseMaxMessages(set *opt.Set) error {
	o.MaxMessages = -1
	n, given, err := set.Int("max-messages")
	if given {
		o.MaxMessages = int64(n)
	}
	return err
}

func (o *consoleReading) parseFormatter(f *Factory, set *opt.Set) error {
	format, err := settingsOf(f, set, "formatter-config", "property", "formatter-property")
	if err != nil {
		return err
	}
	for option, key := range map[string]string{"key-deserializer": "key.deserializer", "value-deserializer": "value.deserializer"} {
		if set.Has(option) {
			format[key] = set.String(option)
		}
	}
	o.Formatter, err = newFormatter(set.String("formatter"), format)
	if class, ok := errors.AsType[unknownClassError](err); ok {
		return opt.Usagef("%s", class)
	}
	return err
}

// errTimedOut says that no record came within --timeout-ms.
var errTimedOut = errors.New("org.apache.kafka.common.errors.TimeoutException")

// pollError is a failure of the consumer, not of a record.
type pollError struct{ err error }

func (e *pollError) Error() string { return e.err.Error() }
func (e *pollError) Unwrap() error { return e.err }

// consoleReader is a running tool.
type consoleReader struct {
	*consoleReading
	client *client.Client
	out    *bufio.Writer
	count  int64
}

func (o *consoleReading) reader(cl *client.Client, bufferBytes int) consoleReader {
	return consoleReader{consoleReading: o, client: cl, out: bufio.NewWriterSize(o.IO.Out, bufferBytes)}
}

// done tells that --max-messages records have been printed.
func (c *consoleReader) done() bool { return c.MaxMessages >= 0 && c.count >= c.MaxMessages }

// poll waits for records, no longer than --timeout-ms. A topic that does not exist yet may come to be.
func (c *consoleReader) poll(ctx context.Context) (kgo.Fetches, error) {
	wait, cancel := ctx, context.CancelFunc(func() {})
	if c.Timeout > 0 {
		wait, cancel = context.WithTimeout(ctx, c.Timeout)
	}
	fetches := c.client.PollFetches(wait)
	cancel()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := fetches.Err0(); errors.Is(err, context.DeadlineExceeded) {
		return nil, errTimedOut
	}
	for _, e := range fetches.Errors() {
		switch {
		case errors.Is(e.Err, kerr.InvalidTopicException):
			return nil, &pollError{fmt.Errorf("Invalid topics: [%s]", e.Topic)}
		case !errors.Is(e.Err, kerr.UnknownTopicOrPartition):
			return nil, &pollError{c.client.Cause(e.Err)}
		}
	}
	return fetches, nil
}

// tolerates reports a record that cannot be printed, where the command line says that such a record does not end the tool.
func (c *consoleReader) tolerates(err error, allowed bool, what string) bool {
	var unreadable *deserializationError
	var damaged *damagedRecordError
	if !allowed || !errors.As(err, &unreadable) && !errors.As(err, &damaged) {
		return false
	}
	javaLog(c.IO.ErrOut, "ERROR", "Error processing message, "+what+" this message: ", c.logger)
	fmt.Fprintln(c.IO.ErrOut, err)
	return true
}

func (c *consoleReader) flush() error {
	if err := c.out.Flush(); err != nil {
		return err
	}
	return c.IO.Flush()
}

// finish says how much was printed and turns the reason for the end into the exit code.
func (c *consoleReader) finish(ctx context.Context, err error) error {
	var polling *pollError
	interrupted := ctx.Err() != nil
	if isBrokenPipe(err) {
		return err
	}
	if !interrupted && (errors.Is(err, errTimedOut) || errors.As(err, &polling)) {
		javaLog(c.IO.ErrOut, "ERROR", "Error processing message, terminating consumer process: ", c.logger)
		fmt.Fprintln(c.IO.ErrOut, client.Explain(err))
	}
	if c.Events {
		fmt.Fprintln(c.IO.Out, "shutdown_complete")
	}
	_ = c.IO.Flush()
	fmt.Fprintf(c.IO.ErrOut, "Processed a total of %d messages\n", c.count)
	switch {
	case interrupted:
		return &exitError{code: signalCode(ctx)}
	case err == nil || errors.Is(err, errTimedOut):
		return nil
	case errors.As(err, &polling):
		return ErrSilent
	}
	return c.failed(err)
}

// failed reports an error as the original reports an exception that ends it.
func (o *consoleReading) failed(err error) error {
	javaLog(o.IO.ErrOut, "ERROR", "Unknown error when running consumer: ", o.logger)
	fmt.Fprintln(o.IO.ErrOut, client.Explain(err))
	return ErrSilent
}
