package commands

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// verifiableShareConsumerOptions is a parsed command line of kgo verifiable-share-consumer.
type verifiableShareConsumerOptions struct {
	IO          *IOStreams
	Open        clientOpener
	Props       client.Properties
	Topic       string
	MaxMessages int    // -1: until it is stopped
	Reset       string // share.auto.offset.reset that the group gets first; empty: as it is
	Verbose     bool
	Wait        time.Duration // how long the cluster may stay unreachable
}

const verifiableShareConsumerLong = `Reads a topic as a member of a share group and prints a JSON object a line for what happens to it.

records_consumed sums up each poll, offsets_acknowledged tells which of its records were accepted, and
with --verbose record_data shows each record. --offset-reset-strategy says where a new group begins.`

const verifiableShareConsumerExample = `  kgo verifiable-share-consumer --topic jobs --group-id workers --max-messages 100
  kgo verifiable-share-consumer --topic jobs --group-id workers --offset-reset-strategy earliest --verbose`

func newVerifiableShareConsumerCmd(f *Factory, runF func(*verifiableShareConsumerOptions) error) *cobra.Command {
	t := &tool{
		spec: verifiableShareConsumerSpec, short: "Read a topic in a share group and report what happens as JSON",
		long: verifiableShareConsumerLong, example: verifiableShareConsumerExample, unlimited: true, helpWhenBare: true,
	}
	return f.usageTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &verifiableShareConsumerOptions{IO: f.IO, Open: f.openWith, Wait: defaultTimeout}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return verifiableShareConsumerRun(ctx, o)
	})
}

func (o *verifiableShareConsumerOptions) parse(f *Factory, set *opt.Set) error {
	var err error
	if o.Props, err = f.Properties(Connection{
		Bootstrap: set.String("bootstrap-server"), ConfigFile: set.String("command-config"), ClientID: "consumer-" + set.String("group-id") + "-1",
		Override: map[string]string{"group.id": set.String("group-id")},
	}); err != nil {
		return err
	}
	switch mode := strings.ToLower(set.String("acknowledgement-mode")); mode {
	case "auto", "sync", "async": // each record is accepted once it was reported: they differ in when Java's client says so
	default:
		return errors.New("--acknowledgement-mode " + mode + ": must be one of auto, sync, async")
	}
	switch o.Reset = strings.ToLower(set.String("offset-reset-strategy")); o.Reset {
	case "", "earliest", "latest":
	default:
		return errors.New("--offset-reset-strategy " + o.Reset + ": must be either 'earliest' or 'latest'")
	}
	o.Topic, o.Verbose = set.String("topic"), set.Has("verbose")
	n, _, err := set.Int("max-messages")
	o.MaxMessages = int(n)
	return err
}

func verifiableShareConsumerRun(ctx context.Context, o *verifiableShareConsumerOptions) error {
	c := &verifiableShareConsumer{verifiableShareConsumerOptions: o, events: &eventWriter{io: o.IO}}
	cl, err := openShareConsumer(ctx, o.Open, o.Props, o.Topic, o.Wait, kgo.MaxConcurrentFetches(0), kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) { c.acknowledged(results) }))
	if err != nil {
		return err
	}
	c.client = cl
	c.events.print("startup_complete", nil)
	if o.Reset != "" {
		// Where the group begins in partitions that it has not read yet.
		reset := []settingChange{setSetting("share.auto.offset.reset", o.Reset)}
		if err := alterSettings(ctx, cl, kmsg.ConfigResourceTypeGroupConfig, o.Props["group.id"], reset, false); err != nil {
			return cl.Cause(err)
		}
		c.events.print("offset_reset_strategy_set", func(e *event) { e.text("offsetResetStrategy", o.Reset) })
	}
	err = c.consume(ctx)
	interrupted := ctx.Err() != nil
	_ = leaveShareGroup(ctx, cl, o.Wait) // what is not acknowledged comes again
	c.events.print("shutdown_complete", nil)
	switch {
	case c.events.err() != nil:
		return c.events.err()
	case interrupted:
		return &exitError{code: signalCode(ctx)}
	}
	return cl.Cause(err)
}

// verifiableShareConsumer is a running verifiable-share-consumer.
type verifiableShareConsumer struct {
	*verifiableShareConsumerOptions
	client *client.Client
	events *eventWriter
	count  int

	mu     sync.Mutex
	failed error // the first acknowledgement of a poll that was refused
}

func (c *verifiableShareConsumer) acknowledged(results kgo.ShareAckResults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = cmp.Or(c.failed, results.Error())
}

func (c *verifiableShareConsumer) consume(ctx context.Context) error {
	for (c.MaxMessages < 0 || c.count < c.MaxMessages) && c.events.err() == nil {
		fetches := c.client.PollRecords(ctx, maxPollRecords)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, kerr.UnknownTopicOrPartition) {
				return e.Err
			}
		}
		records := fetches.Records()
		if len(records) == 0 {
			continue
		}
		c.count += len(records)
		read := c.report(records)
		c.client.MarkAcks(kgo.AckAccept)
		if err := c.client.FlushAcks(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		failed := c.failed
		c.failed = nil
		c.mu.Unlock()
		c.print("offsets_acknowledged", read, func(e *event) {
			e.bool("success", failed == nil)
			if failed != nil {
				_, text := sendFailure(failed)
				e.text("error", text)
			}
		})
	}
	return nil
}

// sharedOffsets are the offsets that a poll brought of a partition.
type sharedOffsets struct {
	partition int32
	offsets   []int64
}

func (c *verifiableShareConsumer) report(records []*kgo.Record) []sharedOffsets {
	byPartition := make(map[int32][]int64)
	for _, r := range records {
		byPartition[r.Partition] = append(byPartition[r.Partition], r.Offset)
		if c.Verbose {
			c.events.record(r)
		}
	}
	read := make([]sharedOffsets, 0, len(byPartition))
	for p, offsets := range byPartition {
		slices.Sort(offsets)
		read = append(read, sharedOffsets{p, offsets})
	}
	slices.SortFunc(read, func(a, b sharedOffsets) int { return cmp.Compare(a.partition, b.partition) })
	c.print("records_consumed", read, func(*event) {})
	return read
}

// print prints an event about the records of a poll.
func (c *verifiableShareConsumer) print(name string, read []sharedOffsets, more func(*event)) {
	total := 0
	for _, r := range read {
		total += len(r.offsets)
	}
	c.events.print(name, func(e *event) {
		e.int("count", int64(total))
		e.list("partitions", len(read), func(i int, e *event) {
			e.text("topic", c.Topic)
			e.int("partition", int64(read[i].partition))
			e.int("count", int64(len(read[i].offsets)))
			e.ints("offsets", read[i].offsets)
		})
		more(e)
	})
}
