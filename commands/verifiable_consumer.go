package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// verifiableConsumerOptions is a parsed command line of kgo verifiable-consumer.
type verifiableConsumerOptions struct {
	IO          *IOStreams
	Open        clientOpener
	Props       client.Properties
	Topic       string
	MaxMessages int  // -1: until it is stopped
	NextGen     bool // the group protocol of KIP-848
	AutoCommit  bool
	Verbose     bool
	Wait        time.Duration // how long the cluster may stay unreachable
}

const verifiableConsumerLong = `Reads a topic as a member of a consumer group and prints a JSON object a line for what happens to it.

partitions_assigned and partitions_revoked follow the group's rebalances, records_consumed sums up each
poll, offsets_committed tells what was committed after it, and with --verbose record_data shows each
record.`

const verifiableConsumerExample = `  kgo verifiable-consumer --topic hello --group-id readers --max-messages 100
  kgo verifiable-consumer --topic hello --group-id readers --group-protocol consumer --verbose`

func newVerifiableConsumerCmd(f *Factory, runF func(*verifiableConsumerOptions) error) *cobra.Command {
	t := &tool{
		spec: verifiableConsumerSpec, short: "Read a topic in a group and report what happens as JSON",
		long: verifiableConsumerLong, example: verifiableConsumerExample, unlimited: true, helpWhenBare: true,
	}
	return f.usageTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &verifiableConsumerOptions{IO: f.IO, Open: f.openWith, Wait: defaultTimeout}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return verifiableConsumerRun(ctx, o)
	})
}

// heartbeatDefault is a Java consumer's heartbeat.interval.ms.
const heartbeatDefault = 3 * time.Second

func (o *verifiableConsumerOptions) parse(f *Factory, set *opt.Set) error {
	file, err := eitherConfig(f, set, "consumer.config")
	if err != nil {
		return err
	}
	// What the command line says wins over the file.
	own := map[string]string{
		"group.id":           set.String("group-id"),
		"auto.offset.reset":  set.String("reset-policy"),
		"enable.auto.commit": strconv.FormatBool(set.Has("enable-autocommit")),
	}
	switch protocol := set.String("group-protocol"); strings.ToLower(protocol) {
	case "classic":
		own["session.timeout.ms"] = first(set.String("session-timeout"), "30000")
		own["partition.assignment.strategy"] = set.String("assignment-strategy")
	case "consumer":
		o.NextGen, own["group.protocol"] = true, "consumer"
		if set.Has("group-remote-assignor") {
			own["group.remote.assignor"] = set.String("group-remote-assignor")
		}
	default:
		return fmt.Errorf("--group-protocol %s: must be one of CLASSIC, CONSUMER", protocol)
	}
	if set.Has("group-instance-id") {
		own["group.instance.id"] = set.String("group-instance-id")
	}
	o.Props, err = f.Properties(Connection{
		Bootstrap: set.String("bootstrap-server"), ConfigFile: file, Override: own, ClientID: "consumer-" + set.String("group-id") + "-1",
	})
	if err != nil {
		return err
	}
	if !o.NextGen && o.Props.Duration("session.timeout.ms", 0) <= o.Props.Duration("heartbeat.interval.ms", heartbeatDefault) {
		return errors.New("Heartbeat must be set lower than the session timeout")
	}
	o.Topic, o.AutoCommit, o.Verbose = set.String("topic"), set.Has("enable-autocommit"), set.Has("verbose")
	n, _, err := set.Int("max-messages")
	o.MaxMessages = int(n)
	return err
}

// maxPollRecords is how many records a Java consumer returns from one poll.
const maxPollRecords = 500

func verifiableConsumerRun(ctx context.Context, o *verifiableConsumerOptions) error {
	opts, err := client.ConsumerOptions(o.Props)
	if err != nil {
		return err
	}
	c := &verifiableConsumer{verifiableConsumerOptions: o, events: &eventWriter{io: o.IO}}
	started := make(chan struct{}) // the client joins the group before anything can be said about it
	tell := func(event string) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, p map[string][]int32) {
			<-started
			c.partitions(event, p)
		}
	}
	opts = append(opts, kgo.ConsumeTopics(o.Topic), kgo.UnknownTopicRetries(-1), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(tell("partitions_assigned")),
		kgo.OnPartitionsRevoked(tell("partitions_revoked")),
		kgo.OnPartitionsLost(tell("partitions_revoked")))
	if o.AutoCommit {
		opts = append(opts, kgo.AutoCommitMarks())
	}
	// An interrupt ends the polling, not the client: it still commits and leaves the group.
	if c.client, err = o.Open(context.WithoutCancel(ctx), o.Props, opts...); err != nil {
		close(started)
		return err
	}
	c.events.print("startup_complete", nil)
	close(started)
	if err = reach(ctx, c.client, o.Wait); err == nil {
		err = c.consume(ctx)
	}
	interrupted := ctx.Err() != nil
	if interrupted {
		c.events.print("shutdown_requested", nil)
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Wait)
	if o.AutoCommit {
		_ = c.client.CommitMarkedOffsets(bye) // as after a crash, the next member reads again what this could not commit
	}
	_ = c.client.LeaveGroupContext(bye) // a member that can't say good-bye is removed when its session ends
	cancel()
	c.events.print("shutdown_complete", nil)
	if !interrupted {
		c.events.print("shutdown_requested", nil)
	}
	switch {
	case c.events.err() != nil:
		return c.events.err()
	case interrupted:
		return &exitError{code: signalCode(ctx)}
	}
	return c.client.Cause(err)
}

// verifiableConsumer is a running verifiable-consumer.
type verifiableConsumer struct {
	*verifiableConsumerOptions
	client *client.Client
	events *eventWriter
	count  int
}

func (c *verifiableConsumer) consume(ctx context.Context) error {
	defer c.client.AllowRebalance() // a poll that is broken off still holds rebalances back
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
		if read := c.report(fetches); len(read) > 0 {
			c.commit(ctx, read)
		}
		c.client.AllowRebalance()
	}
	return nil
}

// readRange is what one poll brought of a partition.
type readRange struct {
	partition    int32
	count        int
	first, last  int64
	leaderEpoch  int32
	lastConsumed *kgo.Record
}

// report prints the events of a poll and returns what of it is wanted.
func (c *verifiableConsumer) report(fetches kgo.Fetches) []readRange {
	var read []readRange
	polled := 0
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		polled += len(p.Records)
		wanted := p.Records
		if c.MaxMessages >= 0 {
			wanted = wanted[:min(len(wanted), c.MaxMessages-c.count)]
		}
		if len(wanted) == 0 {
			return
		}
		c.count += len(wanted)
		last := wanted[len(wanted)-1]
		read = append(read, readRange{p.Partition, len(wanted), wanted[0].Offset, last.Offset, last.LeaderEpoch, last})
		for _, r := range wanted {
			if c.Verbose {
				c.events.record(r)
			}
		}
	})
	if polled == 0 {
		return nil
	}
	slices.SortFunc(read, func(a, b readRange) int { return cmp.Compare(a.partition, b.partition) })
	c.events.print("records_consumed", func(e *event) {
		e.int("count", int64(polled))
		e.list("partitions", len(read), func(i int, e *event) {
			e.text("topic", c.Topic)
			e.int("partition", int64(read[i].partition))
			e.int("count", int64(read[i].count))
			e.int("minOffset", read[i].first)
			e.int("maxOffset", read[i].last)
		})
	})
	return read
}

// commit commits what was read, or with auto-commit marks it for the next one.
func (c *verifiableConsumer) commit(ctx context.Context, read []readRange) {
	offsets := make(map[int32]kgo.EpochOffset, len(read))
	for _, r := range read {
		offsets[r.partition] = kgo.EpochOffset{Epoch: r.leaderEpoch, Offset: r.last + 1}
		if c.AutoCommit {
			c.client.MarkCommitRecords(r.lastConsumed)
		}
	}
	if c.AutoCommit {
		return
	}
	var failed error
	c.client.CommitOffsetsSync(client.PlainCommits(context.WithoutCancel(ctx)), map[string]map[int32]kgo.EpochOffset{c.Topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if resp == nil {
				return
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					failed = cmp.Or(failed, kerr.ErrorForCode(p.ErrorCode))
				}
			}
		})
	c.events.print("offsets_committed", func(e *event) {
		e.list("offsets", len(read), func(i int, e *event) {
			e.text("topic", c.Topic)
			e.int("partition", int64(read[i].partition))
			e.int("offset", read[i].last+1)
		})
		if failed != nil {
			_, text := sendFailure(failed)
			e.text("error", text)
		}
		e.bool("success", failed == nil)
	})
}

func (c *verifiableConsumer) partitions(name string, assigned map[string][]int32) {
	list := slices.Sorted(slices.Values(assigned[c.Topic]))
	if len(list) == 0 && name != "partitions_assigned" {
		return
	}
	c.events.print(name, func(e *event) {
		e.list("partitions", len(list), func(i int, e *event) {
			e.text("topic", c.Topic)
			e.int("partition", int64(list[i]))
		})
	})
}
