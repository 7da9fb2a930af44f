package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// shareConsumerPerfOptions is a parsed command line of kgo share-consumer-perf-test.
type shareConsumerPerfOptions struct {
	perfReading

	Threads       int
	ConsumerStats bool
}

const shareConsumerPerfLong = `Reads records as fast as it can as one or more members of a share group, accepts them, and prints how fast that was.

A new share group begins at the end of the topic, unless the group's share.auto.offset.reset is earliest
(kgo configs --entity-type groups). It counts whole polls and so may read more than it was asked for.`

const shareConsumerPerfExample = `  kgo share-consumer-perf-test --topic jobs --num-records 1000000
  kgo share-consumer-perf-test --topic jobs --num-records 1000000 --threads 4 --show-consumer-stats`

func newShareConsumerPerfCmd(f *Factory, runF func(*shareConsumerPerfOptions) error) *cobra.Command {
	t := &tool{
		spec: shareConsumerPerfSpec, short: "Measure how fast a share group reads records",
		long: shareConsumerPerfLong, example: shareConsumerPerfExample, unlimited: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &shareConsumerPerfOptions{perfReading: perfReading{IO: f.IO, Open: f.openWith, Wait: defaultTimeout}}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return shareConsumerPerfRun(ctx, o)
	})
}

func (o *shareConsumerPerfOptions) parse(f *Factory, set *opt.Set) error {
	if err := firstError(required(set, "topic"), checkRecords(set)); err != nil {
		return err
	}
	fetchBytes, err := o.perfReading.parse(f, set, "perf-share-consumer-client")
	if err != nil {
		return err
	}
	threads, _, err := set.Int("threads")
	switch {
	case err != nil:
		return err
	case threads < 1:
		return opt.Usagef("--threads %d: at least one share consumer is needed", threads)
	}
	o.Threads, o.ConsumerStats = int(threads), set.Has("show-consumer-stats")
	o.Props["group.id"] = set.String("group")
	o.Props["fetch.max.bytes"] = strconv.FormatInt(max(fetchBytes, 1), 10)
	return nil
}

func shareConsumerPerfRun(ctx context.Context, o *shareConsumerPerfOptions) error {
	run := &shareConsumerPerf{shareConsumerPerfOptions: o}
	o.printHeader("start.time, end.time, data.consumed.in.MB, MB.sec, nMsg.sec, data.consumed.in.nMsg, fetch.time.ms")
	for i := range o.Threads {
		m := &shareMember{perf: run, index: i + 1, clientID: o.Props["client.id"]}
		if o.Threads > 1 {
			m.clientID += "-" + strconv.Itoa(m.index)
		}
		props := maps.Clone(o.Props)
		props["client.id"] = m.clientID
		var err error
		if m.client, err = openShareConsumer(ctx, o.Open, props, o.Topic, o.Wait, kgo.WithHooks(&m.metrics)); err != nil {
			return err
		}
		run.members = append(run.members, m)
	}
	began := time.Now()
	var wg sync.WaitGroup
	for _, m := range run.members {
		wg.Go(func() { m.err = m.consume(ctx, began) })
	}
	wg.Wait()
	ended := time.Now()
	for _, m := range run.members {
		_ = leaveShareGroup(ctx, m.client, o.Wait) // the measurement is done
	}
	return run.report(ctx, began, ended)
}

// shareConsumerPerf is a running share-consumer-perf-test.
type shareConsumerPerf struct {
	*shareConsumerPerfOptions
	members        []*shareMember
	records, bytes atomic.Int64 // of all members
}

// shareMember is one of its consumers.
type shareMember struct {
	perf           *shareConsumerPerf
	index          int // from 1
	clientID       string
	client         *client.Client
	metrics        clientMetrics
	records, bytes int64
	ended          time.Time
	err            error
}

func (m *shareMember) consume(ctx context.Context, began time.Time) error {
	defer func() { m.ended = time.Now() }()
	lastReport, lastRecord := began, time.Now()
	var reportedRecords, reportedBytes int64
	for m.perf.records.Load() < m.perf.Records {
		// A look now and then at what the other members have read.
		pause := min(time.Until(lastRecord.Add(m.perf.Timeout)), 100*time.Millisecond)
		if pause <= 0 {
			return nil
		}
		poll, cancel := context.WithTimeout(ctx, pause)
		fetches := m.client.PollRecords(poll, maxPollRecords)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, kerr.UnknownTopicOrPartition) && !errors.Is(e.Err, context.DeadlineExceeded) {
				return m.client.Cause(e.Err)
			}
		}
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			lastRecord = now
			size := int64(len(r.Key) + len(r.Value))
			m.records++
			m.bytes += size
			m.perf.records.Add(1)
			m.perf.bytes.Add(size)
			if now.Sub(lastReport) >= m.perf.Interval {
				if m.perf.Detailed {
					m.printProgress(lastReport, now, m.records-reportedRecords, m.bytes-reportedBytes)
				}
				lastReport, reportedRecords, reportedBytes = now, m.records, m.bytes
			}
		})
		m.client.MarkAcks(kgo.AckAccept)
	}
	return nil
}

func (m *shareMember) printProgress(from, to time.Time, records, bytes int64) {
	elapsed := to.Sub(from)
	fmt.Fprintf(m.perf.IO.Out, "%s, %s, %.4f, %.4f, %.4f, %d, %d for share consumer %d\n", m.perf.date(from), m.perf.date(to), float64(m.bytes)/mebibyte,
		per(float64(bytes)/mebibyte, elapsed), per(float64(records), elapsed), m.records, elapsed.Milliseconds(), m.index)
	_ = m.perf.IO.Flush() // progress: the same failure comes back at the end
}

// total words what was read in a time.
func (c *shareConsumerPerf) total(from, to time.Time, records, bytes int64) string {
	elapsed := to.Sub(from)
	mb := float64(bytes) / mebibyte
	return fmt.Sprintf("%s, %s, %.4f, %.4f, %.4f, %d, %d", c.date(from), c.date(to), mb, per(mb, elapsed), per(float64(records), elapsed), records, elapsed.Milliseconds())
}

func (c *shareConsumerPerf) report(ctx context.Context, began, ended time.Time) error {
	if ctx.Err() != nil {
		return &exitError{code: signalCode(ctx)}
	}
	for _, m := range c.members {
		if m.err != nil {
			return m.err
		}
		if c.ConsumerStats {
			fmt.Fprintf(c.IO.Out, "Share consumer %d having client id %s consumption metrics- %s\n", m.index, m.clientID, c.total(began, m.ended, m.records, m.bytes))
		}
	}
	if c.records.Load() < c.Records {
		c.warnExpired()
	}
	fmt.Fprintln(c.IO.Out, c.total(began, ended, c.records.Load(), c.bytes.Load()))
	if c.Metrics {
		for _, m := range c.members {
			m.metrics.print(c.IO.Out, "consumer", m.clientID)
		}
	}
	return nil
}
