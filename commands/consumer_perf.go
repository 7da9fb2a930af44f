package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// consumerPerfOptions is a parsed command line of kgo consumer-perf-test.
type consumerPerfOptions struct {
	perfReading

	Include *regexp.Regexp // instead of Topic
}

const consumerPerfLong = `Reads records as fast as it can as the only member of a consumer group, and prints how fast that was.

rebalance.time.ms is the time until the group had given it its partitions, fetch.time.ms the rest; the
last two columns count the latter only. It counts whole polls and so may read more than it was asked for.`

const consumerPerfExample = `  kgo consumer-perf-test --topic hello --num-records 1000000
  kgo consumer-perf-test --topic hello --num-records 1000000 --show-detailed-stats --reporting-interval 1000`

func newConsumerPerfCmd(f *Factory, runF func(*consumerPerfOptions) error) *cobra.Command {
	t := &tool{
		spec: consumerPerfSpec, short: "Measure how fast records can be read",
		long: consumerPerfLong, example: consumerPerfExample, unlimited: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &consumerPerfOptions{perfReading: perfReading{IO: f.IO, Open: f.openWith, Wait: defaultTimeout}}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return consumerPerfRun(ctx, o)
	})
}

func (o *consumerPerfOptions) parse(f *Factory, set *opt.Set) error {
	if err := checkRecords(set); err != nil {
		return err
	}
	if count(set, "topic", "include") != 1 {
		return opt.Usagef("Exactly one of the following arguments is required: [topic], [include]")
	}
	fetchBytes, err := o.perfReading.parse(f, set, "perf-consumer-client")
	switch {
	case err != nil:
		return err
	case o.Interval <= 0:
		return errors.New("Reporting interval must be greater than 0.")
	}
	if set.Has("include") {
		if o.Include, err = regexp.Compile("^(?:" + set.String("include") + ")$"); err != nil {
			return fmt.Errorf("--include %s: %w", set.String("include"), err)
		}
	}
	o.Props["group.id"] = first(set.String("group"), "perf-consumer-"+strconv.Itoa(rand.IntN(100_000)))
	o.Props["max.partition.fetch.bytes"] = strconv.FormatInt(fetchBytes, 10)
	o.Props["auto.offset.reset"] = "earliest"
	if set.Has("from-latest") {
		o.Props["auto.offset.reset"] = "latest"
	}
	return nil
}

func consumerPerfRun(ctx context.Context, o *consumerPerfOptions) error {
	opts, err := client.ConsumerOptions(o.Props)
	if err != nil {
		return err
	}
	c := &consumerPerf{consumerPerfOptions: o}
	if o.Include != nil {
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(o.Include.String()))
	} else {
		opts = append(opts, kgo.ConsumeTopics(o.Topic))
	}
	opts = append(opts, kgo.UnknownTopicRetries(-1), kgo.WithHooks(&c.metrics),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { c.join.assigned(time.Now()) }),
		kgo.OnPartitionsRevoked(func(context.Context, *kgo.Client, map[string][]int32) { c.join.revoked(time.Now()) }))
	columns := "start.time, end.time, data.consumed.in.MB"
	if o.Detailed {
		columns = "time, threadId, data.consumed.in.MB"
	}
	o.printHeader(columns + ", MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec")
	began := time.Now()
	c.join.revoked(began)
	if c.client, err = o.Open(context.WithoutCancel(ctx), o.Props, opts...); err != nil {
		return err
	}
	if err = reach(ctx, c.client, o.Wait); err == nil {
		err = c.consume(ctx)
	}
	ended := time.Now()
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Wait)
	_ = c.client.CommitUncommittedOffsets(bye) // as far as the group lets it: the measurement is done
	_ = c.client.LeaveGroupContext(bye)
	cancel()
	switch {
	case ctx.Err() != nil:
		return &exitError{code: signalCode(ctx)}
	case err != nil:
		return c.client.Cause(err)
	}
	if !o.Detailed {
		c.printTotal(began, ended)
	}
	if o.Metrics {
		c.metrics.print(o.IO.Out, "consumer", o.Props["client.id"])
	}
	return nil
}

// consumerPerf is a running consumer-perf-test.
type consumerPerf struct {
	*consumerPerfOptions
	client  *client.Client
	metrics clientMetrics
	join    joinTime
	records int64
	bytes   int64
}

// joinTime adds up how long the member was without partitions.
type joinTime struct {
	mu           sync.Mutex
	since        time.Time // zero while it has partitions
	total, round time.Duration
}

func (j *joinTime) revoked(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.since = now
}

func (j *joinTime) assigned(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.since.IsZero() {
		j.total += now.Sub(j.since)
		j.round += now.Sub(j.since)
		j.since = time.Time{}
	}
}

// take returns the time since it was last called.
func (j *joinTime) take() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := j.round
	j.round = 0
	return d
}

func (c *consumerPerf) consume(ctx context.Context) error {
	lastReport, lastRecord := time.Now(), time.Now()
	var reportedRecords, reportedBytes int64
	for c.records < c.Records {
		poll, cancel := context.WithDeadline(ctx, lastRecord.Add(c.Timeout))
		fetches := c.client.PollRecords(poll, maxPollRecords)
		expired := poll.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		now := time.Now()
		if !fetches.Empty() && fetches.NumRecords() > 0 {
			lastRecord = now
		} else if expired {
			c.warnExpired()
			return nil //nolint:nilerr // as Kafka's tool: a warning, and the numbers so far
		}
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, kerr.UnknownTopicOrPartition) && !errors.Is(e.Err, context.DeadlineExceeded) {
				return e.Err
			}
		}
		fetches.EachRecord(func(r *kgo.Record) {
			c.records++
			c.bytes += int64(len(r.Key) + len(r.Value))
			if now.Sub(lastReport) >= c.Interval {
				if c.Detailed {
					c.printProgress(lastReport, now, reportedRecords, reportedBytes)
				}
				c.join.take()
				lastReport, reportedRecords, reportedBytes = now, c.records, c.bytes
			}
		})
	}
	return nil
}

func (c *consumerPerf) printProgress(from, to time.Time, records, bytes int64) {
	elapsed, joined := to.Sub(from), c.join.take()
	fetched := elapsed - joined
	mb, n := float64(c.bytes-bytes)/mebibyte, float64(c.records-records)
	fmt.Fprintf(c.IO.Out, "%s, %d, %.4f, %.4f, %d, %.4f, %d, %d, %.4f, %.4f\n", c.date(to), 0, float64(c.bytes)/mebibyte, per(mb, elapsed), c.records, per(n, elapsed),
		joined.Milliseconds(), fetched.Milliseconds(), per(mb, fetched), per(n, fetched))
	_ = c.IO.Flush() // progress: the same failure comes back at the end
}

func (c *consumerPerf) printTotal(from, to time.Time) {
	c.join.mu.Lock()
	joined := c.join.total
	c.join.mu.Unlock()
	elapsed := to.Sub(from)
	fetched := elapsed - joined
	mb, n := float64(c.bytes)/mebibyte, float64(c.records)
	fmt.Fprintf(c.IO.Out, "%s, %s, %.4f, %.4f, %d, %.4f, %d, %d, %.4f, %.4f\n", c.date(from), c.date(to), mb, per(mb, elapsed), c.records, per(n, elapsed),
		joined.Milliseconds(), fetched.Milliseconds(), per(mb, fetched), per(n, fetched))
}
