package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// consoleShareConsumerOptions is a parsed command line of kgo console-share-consumer.
type consoleShareConsumerOptions struct {
	IO            *IOStreams
	Open          clientOpener
	Props         client.Properties
	Topic         string
	MaxMessages   int64         // -1: no limit
	Timeout       time.Duration // without a record for so long, stop; 0: never
	Ack           kgo.AckStatus // what becomes of a record that was printed
	RejectOnError bool
	Events        bool
	Formatter     messageFormatter
	Wait          time.Duration // how long the cluster may stay unreachable
}

const consoleShareConsumerLong = `Prints the records of a topic, one a line, as a member of a share group: every record goes to one member of the group and
is done with when it was printed (KIP-932).

A new share group begins at the end of the topic, unless the group's share.auto.offset.reset is earliest
(kgo configs --entity-type groups). --release gives the records back after printing, to be delivered
again, --reject discards them.

--formatter-property switches parts of a record on: print.key, print.timestamp, print.partition,
print.offset, print.headers, print.delivery.`

const consoleShareConsumerExample = `  kgo console-share-consumer --topic jobs --group workers
  kgo console-share-consumer --topic jobs --group workers --max-messages 1 --release
  kgo console-share-consumer --topic jobs --formatter-property print.delivery=true`

func newConsoleShareConsumerCmd(f *Factory, runF func(*consoleShareConsumerOptions) error) *cobra.Command {
	t := &tool{
		spec: consoleShareConsumerSpec, short: "Print the records of a topic as a member of a share group",
		long: consoleShareConsumerLong, example: consoleShareConsumerExample, unlimited: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &consoleShareConsumerOptions{IO: f.IO, Wait: defaultTimeout, Open: f.openWith}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return consoleShareConsumerRun(ctx, o)
	})
}

const consoleShareConsumerLogger = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"

func (o *consoleShareConsumerOptions) parse(f *Factory, set *opt.Set) error {
	if !set.Has("topic") {
		return opt.Usagef("--topic is a required argument")
	}
	if set.Has("reject") && set.Has("release") {
		return opt.Usagef("At most one of --reject and --release may be specified.")
	}
	older := [][2]string{{"property", "formatter-property"}, {"consumer-property", "command-property"}, {"consumer-config", "command-config"}}
	for _, p := range older {
		if set.Has(p[0]) && set.Has(p[1]) {
			return opt.Usagef("Options --%s and --%s cannot be specified together.", p[0], p[1])
		}
	}
	for _, p := range older {
		if set.Has(p[0]) {
			fmt.Fprintf(f.IO.Out, "Option --%s is deprecated and will be removed in a future version. Use --%s instead.\n", p[0], p[1])
		}
	}
	if err := o.parseValues(f, set); err != nil {
		if class, ok := errors.AsType[unknownClassError](err); ok {
			return opt.Usagef("%s", class)
		}
		return err
	}
	return o.parseProperties(f, set)
}

func (o *consoleShareConsumerOptions) parseValues(f *Factory, set *opt.Set) error {
	var err error
	if o.Topic, err = set.Value("topic"); err != nil {
		return err
	}
	o.MaxMessages = -1
	n, given, err := set.Int("max-messages")
	if err != nil {
		return err
	}
	if given {
		o.MaxMessages = int64(n)
	}
	ms, _, err := set.Int("timeout-ms")
	if err != nil {
		return err
	}
	o.Timeout = time.Duration(max(ms, 0)) * time.Millisecond
	o.Ack = kgo.AckAccept
	switch {
	case set.Has("reject"):
		o.Ack = kgo.AckReject
	case set.Has("release"):
		o.Ack = kgo.AckRelease
	}
	o.RejectOnError, o.Events = set.Has("reject-message-on-error"), set.Has("enable-systest-events")
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
	return err
}

func (o *consoleShareConsumerOptions) parseProperties(f *Factory, set *opt.Set) error {
	given, err := settingsOf(f, set, "", "consumer-property", "command-property")
	if err != nil {
		return err
	}
	o.Props, err = f.Properties(Connection{
		Bootstrap: set.String("bootstrap-server"), ConfigFile: first(set.String("command-config"), set.String("consumer-config")),
		ClientID: "console-share-consumer", Override: given,
	})
	if err != nil {
		return err
	}
	group := set.String("group")
	if other := o.Props["group.id"]; group != "" && other != "" && other != group {
		return opt.Usagef("The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer-config') do not match. Detected group ids: '%s', '%s'", other, group)
	}
	o.Props["group.id"] = first(group, o.Props["group.id"], "console-share-consumer")
	return nil
}

func consoleShareConsumerRun(ctx context.Context, o *consoleShareConsumerOptions) error {
	cl, err := openShareConsumer(ctx, o.Open, o.Props, o.Topic, o.Wait, kgo.MaxConcurrentFetches(0)) // 0: what is not asked for is not acquired
	if err != nil {
		return o.failed(err)
	}
	c := &consoleShareConsumer{consoleShareConsumerOptions: o, client: cl, out: bufio.NewWriterSize(o.IO.Out, 64<<10)}
	err = c.consume(ctx)
	if flushed := c.flush(); err == nil {
		err = flushed
	}
	if sent := leaveShareGroup(ctx, cl, o.Wait); err == nil {
		err = sent
	}
	return c.finish(ctx, err)
}

// consoleShareConsumer is a running console-share-consumer.
type consoleShareConsumer struct {
	*consoleShareConsumerOptions
	client *client.Client
	out    *bufio.Writer
	count  int64
}

func (c *consoleShareConsumer) consume(ctx context.Context) error {
	for c.MaxMessages < 0 || c.count < c.MaxMessages {
		poll, cancel := ctx, context.CancelFunc(func() {})
		if c.Timeout > 0 {
			poll, cancel = context.WithTimeout(ctx, c.Timeout)
		}
		fetches := c.client.PollFetches(poll)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := fetches.Err0(); errors.Is(err, context.DeadlineExceeded) {
			return errTimedOut
		}
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, kerr.UnknownTopicOrPartition) {
				return &pollError{c.client.Cause(e.Err)}
			}
		}
		for _, r := range fetches.Records() {
			if c.MaxMessages >= 0 && c.count >= c.MaxMessages {
				break // what is left is given back at the end
			}
			c.count++
			if err := c.print(r); err != nil {
				return err
			}
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
	return nil
}

// print prints a record and acknowledges it.
func (c *consoleShareConsumer) print(r *kgo.Record) error {
	err := c.Formatter.write(c.out, r)
	var unreadable *deserializationError
	var damaged *damagedRecordError
	switch {
	case err == nil:
		r.Ack(c.Ack)
	case c.RejectOnError && (errors.As(err, &unreadable) || errors.As(err, &damaged)):
		javaLog(c.IO.ErrOut, "ERROR", "Error processing message, rejecting this message: ", consoleShareConsumerLogger)
		fmt.Fprintln(c.IO.ErrOut, err)
		r.Ack(kgo.AckReject)
		return nil
	}
	return err
}

func (c *consoleShareConsumer) flush() error {
	if err := c.out.Flush(); err != nil {
		return err
	}
	return c.IO.Flush()
}

// finish says how much was printed and turns the reason for the end into the exit code.
func (c *consoleShareConsumer) finish(ctx context.Context, err error) error {
	var polling *pollError
	interrupted := ctx.Err() != nil
	if isBrokenPipe(err) {
		return err
	}
	if !interrupted && (errors.Is(err, errTimedOut) || errors.As(err, &polling)) {
		javaLog(c.IO.ErrOut, "ERROR", "Error processing message, terminating consumer process: ", consoleShareConsumerLogger)
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
func (o *consoleShareConsumerOptions) failed(err error) error {
	javaLog(o.IO.ErrOut, "ERROR", "Unknown error when running consumer: ", consoleShareConsumerLogger)
	fmt.Fprintln(o.IO.ErrOut, client.Explain(err))
	return ErrSilent
}
