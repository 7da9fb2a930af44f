package commands

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/opt"
)

// consoleShareConsumerOptions is a parsed command line of kgo console-share-consumer.
type consoleShareConsumerOptions struct {
	consoleReading

	Ack           kgo.AckStatus // what becomes of a record that was printed
	RejectOnError bool
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
		o := &consoleShareConsumerOptions{consoleReading: consoleReading{
			IO: f.IO, Wait: defaultTimeout, Open: f.openWith, logger: "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
		}}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return consoleShareConsumerRun(ctx, o)
	})
}

func (o *consoleShareConsumerOptions) parse(f *Factory, set *opt.Set) error {
	if !set.Has("topic") {
		return opt.Usagef("--topic is a required argument")
	}
	if set.Has("reject") && set.Has("release") {
		return opt.Usagef("At most one of --reject and --release may be specified.")
	}
	older := [][2]string{{"property", "formatter-property"}, {"consumer-property", "command-property"}, {"consumer-config", "command-config"}}
	if err := deprecatedPairs(f, set, consumerWarning, older); err != nil {
		return err
	}
	if err := o.parseValues(f, set); err != nil {
		return err
	}
	return o.parseProperties(f, set)
}

func (o *consoleShareConsumerOptions) parseValues(f *Factory, set *opt.Set) error {
	var err error
	if o.Topic, err = set.Value("topic"); err != nil {
		return err
	}
	if err := o.parseMaxMessages(set); err != nil {
		return err
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
	return o.parseFormatter(f, set)
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
	c := &consoleShareConsumer{o.reader(cl, 64<<10), o.Ack, o.RejectOnError}
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
	consoleReader
	ack           kgo.AckStatus
	rejectOnError bool
}

func (c *consoleShareConsumer) consume(ctx context.Context) error {
	for !c.done() {
		fetches, err := c.poll(ctx)
		if err != nil {
			return err
		}
		for _, r := range fetches.Records() {
			if c.done() {
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
	switch {
	case err == nil:
		r.Ack(c.ack)
	case c.tolerates(err, c.rejectOnError, "rejecting"):
		r.Ack(kgo.AckReject)
		return nil
	}
	return err
}
