package commands

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// producerPerfOptions is a parsed command line of kgo producer-perf-test.
type producerPerfOptions struct {
	IO          *IOStreams
	Open        clientOpener
	Props       client.Properties
	Topic       string
	Records     int64
	Warmup      int64
	Throughput  float64       // records a second; below zero: no limit
	Payload     payloadSource // what the records carry
	Transaction time.Duration // 0: no transactions
	Interval    time.Duration
	Metrics     bool
	Wait        time.Duration // how long the cluster may stay unreachable
}

const producerPerfLong = `Sends records as fast as it can, or at the rate of --throughput, and prints the rate and the latency.

Latency is the time from handing a record to the client until its acknowledgement: without a --throughput
below what the cluster can take, most of it is waiting in the client's own buffer.`

const producerPerfExample = `  kgo producer-perf-test --topic hello --num-records 1000000 --record-size 100 --throughput -1
  kgo producer-perf-test --topic hello --num-records 20000 --record-size 1000 --throughput 2000 --command-property acks=all linger.ms=0
  kgo producer-perf-test --topic hello --num-records 1000 --throughput -1 --payload-file payloads.txt`

func newProducerPerfCmd(f *Factory, runF func(*producerPerfOptions) error) *cobra.Command {
	t := &tool{
		spec: producerPerfSpec, short: "Measure how fast records can be sent",
		long: producerPerfLong, example: producerPerfExample, unlimited: true, helpWhenBare: true,
	}
	return f.usageTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &producerPerfOptions{IO: f.IO, Open: f.openWith, Wait: defaultTimeout}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return producerPerfRun(ctx, o)
	})
}

func (o *producerPerfOptions) parse(f *Factory, set *opt.Set) error {
	refuse := func(text string) error {
		return &opt.ArgsError{Path: []*opt.Spec{set.Spec}, Text: text}
	}
	var err error
	number := func(name string) (n int64) {
		if err == nil {
			n, _, err = set.Long(name)
		}
		return n
	}
	o.Records, o.Warmup = number("num-records"), number("warmup-records")
	interval, duration, size := number("reporting-interval"), number("transaction-duration-ms"), number("record-size")
	if err == nil {
		o.Throughput, _, err = set.Double("throughput")
	}
	switch {
	case err != nil:
		return err
	case o.Records <= 0:
		return refuse("--num-records should be greater than zero.")
	case set.Has("record-size") && size <= 0:
		return refuse("--record-size should be greater than zero.")
	case interval <= 0:
		return refuse("--reporting-interval should be greater than zero.")
	case o.Warmup >= o.Records:
		return refuse("The value for --warmup-records must be strictly fewer than the number of records in the test, --num-records.")
	case set.Has("transaction-duration-ms") && duration <= 0:
		return refuse("--transaction-duration-ms should be greater than zero.")
	case set.Has("command-property") && set.Has("producer-props"):
		return refuse("--command-property and --producer-props cannot be specified together.")
	case set.Has("command-config") && set.Has("producer.config"):
		return refuse("--command-config and --producer.config cannot be specified together.")
	}
	for old, instead := range map[string]string{"producer-props": "command-property", "producer.config": "command-config"} {
		if set.Has(old) {
			fmt.Fprintf(f.IO.Out, "Option --%s has been deprecated and will be removed in a future version. Use --%s instead.\n", old, instead)
		}
	}
	o.Topic, o.Metrics, o.Interval = set.String("topic"), set.Has("print-metrics"), time.Duration(interval)*time.Millisecond
	if err := o.parseProperties(f, set); err != nil {
		return err
	}
	o.parseTransactions(set, time.Duration(duration)*time.Millisecond)
	switch {
	case set.Has("payload-monotonic"):
		o.Payload = new(countingPayload)
	case set.Has("payload-file"):
		o.Payload, err = readPayloads(o.IO.Out, set.String("payload-file"), set.String("payload-delimiter"))
	default:
		o.Payload = newRandomPayload(int(size), o.Records)
	}
	return err
}

func (o *producerPerfOptions) parseProperties(f *Factory, set *opt.Set) error {
	for _, kv := range append(set.Values("producer-props"), set.Values("command-property")...) {
		if !strings.Contains(kv, "=") {
			return fmt.Errorf("Invalid property: %s", kv)
		}
	}
	given, err := settingsOf(f, set, "", "producer-props", "command-property")
	if err != nil {
		return err
	}
	bootstrap := first(set.String("bootstrap-server"), given["bootstrap.servers"])
	o.Props, err = f.Properties(Connection{
		Bootstrap: bootstrap, ConfigFile: first(set.String("command-config"), set.String("producer.config")),
		ClientID: "perf-producer-client", Override: maps.Clone(given),
	})
	return err
}

func (o *producerPerfOptions) parseTransactions(set *opt.Set, duration time.Duration) {
	if id := set.String("transactional-id"); id != "" {
		o.Props["transactional.id"] = id
	}
	switch {
	case duration > 0 && o.Props["transactional.id"] == "":
		o.Props["transactional.id"] = "performance-producer-" + randomUUID()
	case duration == 0 && o.Props["transactional.id"] != "":
		duration = 3 * time.Second
	}
	o.Transaction = duration
}

// randomUUID is a random UUID in its usual form.
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// defaultBufferMemory is a Java producer's buffer.memory: a producer that is faster than the cluster waits for it.
const defaultBufferMemory = 32 << 20

func producerPerfRun(ctx context.Context, o *producerPerfOptions) error {
	opts := []kgo.Opt{kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(topicRetries), kgo.MaxBufferedRecords(1 << 20), kgo.MaxBufferedBytes(defaultBufferMemory)}
	more, err := client.ProducerOptions(o.Props)
	if err != nil {
		return err
	}
	p := &producerPerf{producerPerfOptions: o, total: newPerfStats(o.IO, o.Records, o.Interval, false)}
	opts = append(append(opts, more...), kgo.WithHooks(&p.metrics))
	if p.client, err = o.Open(ctx, o.Props, opts...); err != nil {
		return err
	}
	if err = reach(ctx, p.client, o.Wait); err == nil {
		err = p.produce(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return &exitError{code: signalCode(ctx)}
	case err != nil:
		return err
	}
	p.total.printTotal()
	if p.steady != nil {
		p.steady.printTotal()
	}
	if o.Metrics {
		p.metrics.print(o.IO.Out, "producer", o.Props["client.id"])
	}
	if p.failures.Load() > 0 {
		return ErrSilent
	}
	return nil
}

// producerPerf is a running producer-perf-test.
type producerPerf struct {
	*producerPerfOptions
	client   *client.Client
	metrics  clientMetrics
	total    *perfStats
	steady   *perfStats // of the records after the warm-up
	failures atomic.Int64
	records  sync.Pool
}

func (p *producerPerf) produce(ctx context.Context) error {
	p.total.begin(time.Now())
	if p.Warmup > 0 {
		fmt.Fprintf(p.IO.Out, "Warmup first %d records. Steady state results will print after the complete test summary.\n", p.Warmup)
		_ = p.IO.Flush() // the same failure comes back at the end
	}
	pace := &throttle{perSecond: p.Throughput, start: time.Now()}
	var transactionBegan time.Time
	done := func(r *kgo.Record, err error) { p.done(r, nil, err) }
	for i := range p.Records {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.Warmup > 0 && i == p.Warmup {
			p.steady = newPerfStats(p.IO, p.Records-p.Warmup, p.Interval, true)
			p.steady.begin(time.Now())
			p.total.silence()
			done = func(r *kgo.Record, err error) { p.done(r, p.steady, err) }
		}
		now := time.Now()
		if p.Transaction > 0 && transactionBegan.IsZero() {
			if err := p.client.BeginTransaction(); err != nil {
				return err
			}
			transactionBegan = now
		}
		r, _ := p.records.Get().(*kgo.Record)
		if r == nil {
			r = new(kgo.Record)
		}
		*r = kgo.Record{Topic: p.Topic, Value: p.Payload.next(i), Timestamp: now}
		p.client.Produce(ctx, r, done)
		if p.Transaction > 0 && now.Sub(transactionBegan) >= p.Transaction {
			if err := p.commit(ctx); err != nil {
				return err
			}
			transactionBegan = time.Time{}
		}
		if err := pace.wait(ctx, i+1); err != nil {
			return err
		}
	}
	if !transactionBegan.IsZero() {
		return p.commit(ctx)
	}
	return p.client.Flush(ctx)
}

func (p *producerPerf) commit(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return err
	}
	how := kgo.TryCommit
	if p.failures.Load() > 0 {
		how = kgo.TryAbort
	}
	return p.client.EndTransaction(ctx, how)
}

func (p *producerPerf) done(r *kgo.Record, steady *perfStats, err error) {
	if err != nil {
		if n := p.failures.Add(1); n <= shownFailures && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) {
			fmt.Fprintln(p.IO.ErrOut, client.Explain(p.client.Cause(err)))
			if n == shownFailures {
				fmt.Fprintln(p.IO.ErrOut, "further failures are not shown")
			}
		}
		return
	}
	// The client cuts the timestamp to milliseconds, which is the unit of the result too.
	now := time.Now()
	latency := max(now.UnixMilli()-r.Timestamp.UnixMilli(), 0)
	p.total.record(latency, len(r.Value), now)
	if steady != nil {
		steady.record(latency, len(r.Value), now)
	}
	p.records.Put(r)
}
