package commands

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// consoleConsumerOptions is a parsed command line of kgo console-consumer.
type consoleConsumerOptions struct {
	consoleReading

	Include    *regexp.Regexp // instead of Topic
	Partition  int32          // -1: all
	Offset     kgo.Offset     // where to begin in Partition
	Grouped    bool           // --group, or group.id in the properties
	SkipErrors bool
}

const consoleConsumerLong = `Prints the records of a topic, one a line, until it is interrupted.

It begins at the end of the topic, with --from-beginning at its start, with --partition and --offset
anywhere. With --group it is a member of that consumer group: it takes its share of the partitions, begins
where the group has committed, and commits what it has printed.

--formatter-property switches parts of a record on: print.key, print.timestamp, print.partition,
print.offset, print.headers.`

const consoleConsumerExample = `  kgo console-consumer --topic hello --from-beginning
  kgo console-consumer --topic hello --group readers
  kgo console-consumer --topic hello --partition 0 --offset 42 --max-messages 1
  kgo console-consumer --topic hello --from-beginning --timeout-ms 1000 --formatter-property print.key=true`

func newConsoleConsumerCmd(f *Factory, runF func(*consoleConsumerOptions) error) *cobra.Command {
	t := &tool{
		spec: consoleConsumerSpec, short: "Print the records of a topic",
		long: consoleConsumerLong, example: consoleConsumerExample, unlimited: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &consoleConsumerOptions{consoleReading: consoleReading{
			IO: f.IO, Wait: defaultTimeout, Open: f.openWith, logger: "org.apache.kafka.tools.consumer.ConsoleConsumer",
		}}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return consoleConsumerRun(ctx, o)
	})
}

func (o *consoleConsumerOptions) parse(f *Factory, set *opt.Set) error {
	if err := deprecatedPairs(f, set, consumerWarning, [][2]string{{"property", "formatter-property"}, {"consumer-property", "command-property"}, {"consumer.config", "command-config"}}); err != nil {
		return err
	}
	if count(set, "topic", "include") != 1 {
		return opt.Usagef("Exactly one of the following arguments is required: [topic], [include]")
	}
	var err error
	if o.Topic, err = set.Value("topic"); err != nil {
		return err
	}
	if set.Has("include") {
		if o.Include, err = regexp.Compile("^(?:" + set.String("include") + ")$"); err != nil {
			return fmt.Errorf("--include %s: %w", set.String("include"), err)
		}
	}
	if err := o.parsePosition(set); err != nil {
		return err
	}
	if err := o.parseProperties(f, set); err != nil {
		return err
	}
	if err := o.parseLimits(set); err != nil {
		return err
	}
	o.SkipErrors, o.Events = set.Has("skip-message-on-error"), set.Has("enable-systest-events")
	return o.parseFormatter(f, set)
}

// parsePosition reads --partition and --offset.
func (o *consoleConsumerOptions) parsePosition(set *opt.Set) error {
	o.Partition = -1
	partition, given, err := set.Int("partition")
	switch {
	case err != nil:
		return err
	case given && !set.Has("topic"):
		return opt.Usagef("The topic is required when partition is specified.")
	case given && set.Has("from-beginning") && set.Has("offset"):
		return opt.Usagef("Options from-beginning and offset cannot be specified together.")
	case given && set.Has("group"):
		return opt.Usagef("Options group and partition cannot be specified together.")
	case !given && set.Has("offset"):
		return opt.Usagef("The partition is required when offset is specified.")
	case !given:
		return nil
	}
	o.Partition, o.Offset = partition, kgo.NewOffset().AtEnd()
	switch text := strings.ToLower(set.String("offset")); {
	case set.Has("from-beginning") || text == "earliest":
		o.Offset = kgo.NewOffset().AtStart()
	case text == "latest":
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return opt.Usagef("The provided offset value '%s' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.", set.String("offset"))
		}
		o.Offset = kgo.NewOffset().At(n)
	}
	return nil
}

func (o *consoleConsumerOptions) parseProperties(f *Factory, set *opt.Set) error {
	given, err := settingsOf(f, set, "", "consumer-property", "command-property")
	if err != nil {
		return err
	}
	if o.Props, err = f.Properties(Connection{
		Bootstrap: set.String("bootstrap-server"), ConfigFile: first(set.String("command-config"), set.String("consumer.config")),
		ClientID: "console-consumer", Override: given,
	}); err != nil {
		return err
	}
	reset := o.Props["auto.offset.reset"]
	if set.Has("from-beginning") {
		if reset != "" && reset != "earliest" {
			fmt.Fprintf(o.IO.ErrOut, "Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please remove one option\n", reset)
			return ErrSilent
		}
		o.Props["auto.offset.reset"] = "earliest"
	}
	if set.Has("isolation-level") || o.Props["isolation.level"] == "" {
		o.Props["isolation.level"] = set.String("isolation-level")
	}
	if group := set.String("group"); group != "" {
		if other := o.Props["group.id"]; other != "" && other != group {
			return opt.Usagef("The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: '%s', '%s'", group, other)
		}
		o.Props["group.id"] = group
	}
	o.Grouped = o.Props["group.id"] != "" && o.Partition < 0
	if !o.Grouped {
		delete(o.Props, "group.id") // a reader on its own
	}
	return nil
}

func (o *consoleConsumerOptions) parseLimits(set *opt.Set) error {
	if err := o.parseMaxMessages(set); err != nil {
		return err
	}
	ms, _, err := set.Long("timeout-ms")
	if ms >= 0 {
		o.Timeout = time.Duration(ms) * time.Millisecond
	}
	return err
}

// consuming translates the options into the client's.
func (o *consoleConsumerOptions) consuming(positions *groupPositions) ([]kgo.Opt, error) {
	opts, err := client.ConsumerOptions(o.Props)
	if err != nil {
		return nil, err
	}
	if opts = append(opts, o.subscription()...); o.Grouped {
		opts = append(append(opts, kgo.BlockRebalanceOnPoll()), positions.options()...)
	}
	return append(opts, kgo.UnknownTopicRetries(-1)), nil
}

// subscription is what is read.
func (o *consoleConsumerOptions) subscription() []kgo.Opt {
	switch {
	case o.Partition >= 0:
		return []kgo.Opt{kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.Topic: {o.Partition: o.Offset}})}
	case o.Include != nil:
		return []kgo.Opt{kgo.ConsumeRegex(), kgo.ConsumeTopics(o.Include.String())}
	}
	return []kgo.Opt{kgo.ConsumeTopics(o.Topic)}
}

func consoleConsumerRun(ctx context.Context, o *consoleConsumerOptions) error {
	var positions *groupPositions
	if o.Grouped {
		positions = newGroupPositions(o.Props)
	}
	opts, err := o.consuming(positions)
	if err != nil {
		return o.failed(err)
	}
	cl, err := o.Open(ctx, o.Props, opts...)
	if err != nil {
		return err
	}
	stop := positions.start(ctx, cl)
	defer stop()
	if err = reach(ctx, cl, o.Wait); err != nil && ctx.Err() == nil {
		return cl.Cause(err)
	}
	if !o.Grouped && o.Partition < 0 {
		seen := o.showPresence(ctx)
		defer seen.end()
	}
	c := &consoleConsumer{o.reader(cl, 256<<10), o.Grouped, positions, o.SkipErrors}
	err = c.consume(ctx)
	if flushed := c.flush(); err == nil {
		err = flushed
	}
	return c.finish(ctx, err)
}

// consoleConsumer is a running console-consumer.
type consoleConsumer struct {
	consoleReader
	grouped    bool
	positions  *groupPositions // nil: nothing is committed
	skipErrors bool
}

func (c *consoleConsumer) consume(ctx context.Context) error {
	defer c.client.AllowRebalance() // a poll that is broken off still holds rebalances back
	for !c.done() {
		fetches, err := c.poll(ctx)
		if err != nil {
			return err
		}
		if err := c.print(fetches); err != nil {
			return err
		}
		if c.client.BufferedFetchRecords() == 0 {
			if err := c.flush(); err != nil {
				return err
			}
		}
		c.client.AllowRebalance()
	}
	return nil
}

// print prints records up to --max-messages and notes what was printed for the next commit.
func (c *consoleConsumer) print(fetches kgo.Fetches) error {
	var failed error
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		var last *kgo.Record
		for _, r := range p.Records {
			if failed != nil || c.done() {
				break
			}
			last = r
			c.count++
			if err := c.Formatter.write(c.out, r); err != nil && !c.tolerates(err, c.skipErrors, "skipping") {
				failed = err
			}
		}
		if last != nil {
			c.positions.read(last)
		}
	})
	return failed
}

// finish commits what was printed, says how much it was, and turns the reason for the end into the exit code.
func (c *consoleConsumer) finish(ctx context.Context, err error) error {
	if c.grouped {
		commit, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Wait)
		if refused := c.positions.commit(commit); refused != nil && err == nil {
			err = &pollError{refused}
		}
		_ = c.client.LeaveGroupContext(commit) // a member that can't say good-bye is removed when its session ends
		cancel()
	}
	return c.consoleReader.finish(ctx, err)
}

// signalCode is the exit code of a process that a signal has ended.
func signalCode(ctx context.Context) int {
	if cause := context.Cause(ctx); cause != nil && strings.Contains(cause.Error(), syscall.SIGTERM.String()) {
		return 128 + int(syscall.SIGTERM)
	}
	return interruptedCode
}
