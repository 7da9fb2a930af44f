package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// e2eLatencyOptions is a parsed command line of kgo e2e-latency.
type e2eLatencyOptions struct {
	IO      *IOStreams
	Open    clientOpener
	Props   client.Properties
	Topic   string
	Records int
	Size    int
	KeySize int // 0: no key
	Headers int
	// HeaderSize is -1 for null values.
	HeaderKeySize, HeaderSize int
	Wait                      time.Duration // how long a record may take to come back
}

const e2eLatencyLong = `Sends one record at a time, waits until it has come back to a consumer, and prints how long that took:
every thousandth time in milliseconds, then the average and the percentiles. The topic is created if it does
not exist.`

const e2eLatencyExample = `  kgo e2e-latency --topic hello --num-records 1000 --producer-acks all --record-size 100`

func newE2ELatencyCmd(f *Factory, runF func(*e2eLatencyOptions) error) *cobra.Command {
	t := &tool{
		spec: e2eLatencySpec, short: "Measure how long a record takes from a producer to a consumer",
		long: e2eLatencyLong, example: e2eLatencyExample, unlimited: true,
	}
	cmd := f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &e2eLatencyOptions{IO: f.IO, Open: f.openWith, Wait: time.Minute}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return e2eLatencyRun(ctx, o)
	})
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		args, err := f.e2ePositions(args)
		if err != nil {
			return err
		}
		return run(cmd, args)
	}
	return cmd
}

// e2ePositions turns the older command line, which has no option names, into today's.
func (f *Factory) e2ePositions(args []string) ([]string, error) {
	if len(args) == 0 || slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") }) {
		return args, nil
	}
	names := []string{"--bootstrap-server", "--topic", "--num-records", "--producer-acks", "--record-size", "--command-config"}
	if len(args) < 5 || len(args) > len(names) {
		return nil, fmt.Errorf("Invalid number of arguments. Expected 5 or 6 positional arguments, but got %d. Usage: bootstrap-server topic num-records producer-acks record-size [optional] command-config", len(args))
	}
	say(f.IO.Out, "WARNING: Positional argument usage is deprecated and will be removed in Apache Kafka 5.0. Please use named arguments instead: %s\n", strings.Join(names, ", "))
	var named []string
	for i, a := range args {
		named = append(named, names[i], a)
	}
	return named, nil
}

func (o *e2eLatencyOptions) parse(f *Factory, set *opt.Set) error {
	if err := required(set, "topic", "num-records", "producer-acks", "record-size"); err != nil {
		return err
	}
	var err error
	number := func(name string) int {
		var n int32
		if err == nil {
			n, _, err = set.Int(name)
		}
		return int(n)
	}
	o.Topic = set.String("topic")
	acks := set.String("producer-acks")
	if acks != "1" && acks != "all" {
		return opt.Usagef("Invalid value for --producer-acks. Latency testing requires synchronous acknowledgement. Please use '1' or 'all'.")
	}
	o.Records, o.Size, o.KeySize, o.Headers = number("num-records"), number("record-size"), number("record-key-size"), number("num-headers")
	o.HeaderKeySize, o.HeaderSize = number("record-header-key-size"), number("record-header-size")
	if err != nil {
		return err
	}
	if o.Records <= 0 {
		return opt.Usagef("Value for --num-records must be a positive integer.")
	}
	for _, size := range []struct {
		name  string
		value int
	}{{"record-size", o.Size}, {"record-key-size", o.KeySize}, {"record-header-key-size", o.HeaderKeySize}, {"num-headers", o.Headers}} {
		if size.value < 0 {
			return opt.Usagef("Value for --%s must be a non-negative integer.", size.name)
		}
	}
	if o.HeaderSize < -1 {
		return opt.Usagef("Value for --record-header-size must be a non-negative integer or -1 for null header value.")
	}
	o.Props, err = f.Properties(Connection{
		Bootstrap: set.String("bootstrap-server"), ConfigFile: set.String("command-config"),
		Override: map[string]string{"acks": acks, "linger.ms": "0"},
	})
	return err
}

func e2eLatencyRun(ctx context.Context, o *e2eLatencyOptions) error {
	more, err := client.ProducerOptions(o.Props)
	if err != nil {
		return err
	}
	producer, err := o.Open(ctx, o.Props, more...)
	if err != nil {
		return err
	}
	ends, err := o.topic(ctx, producer)
	if err != nil {
		return err
	}
	consumer, err := o.Open(ctx, o.Props, kgo.ConsumePartitions(ends), kgo.FetchMaxWait(time.Second), kgo.FetchMinBytes(1))
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(0, 0)) // as in the original, every run sends the same
	latencies := make([]int64, 0, o.Records)
	var total time.Duration
	for i := range o.Records {
		took, err := o.roundTrip(ctx, producer, consumer, random)
		if err != nil {
			if ctx.Err() != nil {
				return &exitError{code: signalCode(ctx)}
			}
			return err
		}
		if i%1000 == 0 {
			fmt.Fprintf(o.IO.Out, "%d\t%s\n", i, javaDouble(float64(took.Nanoseconds())/1000/1000))
			_ = o.IO.Flush() // progress: the same failure comes back at the end
		}
		total += took
		latencies = append(latencies, took.Milliseconds())
	}
	slices.Sort(latencies)
	at := func(share float64) int64 { return latencies[int(float64(len(latencies))*share)] }
	fmt.Fprintf(o.IO.Out, "Avg latency: %.4f ms\n", float64(total.Nanoseconds())/float64(o.Records)/1000/1000)
	fmt.Fprintf(o.IO.Out, "Percentiles: 50th = %d, 99th = %d, 99.9th = %d\n", at(0.5), at(0.99), at(0.999))
	return nil
}

// topic creates the topic if need be and returns where its partitions end.
func (o *e2eLatencyOptions) topic(ctx context.Context, cl *client.Client) (map[string]map[int32]kgo.Offset, error) {
	found, err := cl.Admin.ListTopics(ctx, o.Topic)
	if err != nil {
		return nil, cl.Cause(err)
	}
	if !found.Has(o.Topic) {
		fmt.Fprintf(o.IO.Out, "Topic \"%s\" does not exist. Will create topic with 1 partition(s) and replication factor = 1\n", o.Topic)
		if _, err := cl.Admin.CreateTopic(ctx, 1, 1, nil, o.Topic); err != nil {
			return nil, cl.Cause(err)
		}
	}
	// A topic that was made just now may not have its leaders yet.
	for deadline := time.Now().Add(defaultTimeout); ; {
		ends, err := cl.Admin.ListEndOffsets(ctx, o.Topic)
		if err == nil {
			err = ends.Error()
		}
		if err == nil {
			return ends.KOffsets(), nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, cl.Cause(err)
		}
		timer := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
}

// letters returns n random capital letters.
func letters(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'A' + byte(random.IntN(26))
	}
	return b
}

// roundTrip sends a record, waits for it to come back and returns how long both took.
func (o *e2eLatencyOptions) roundTrip(ctx context.Context, producer, consumer *client.Client, random *rand.Rand) (time.Duration, error) {
	r := &kgo.Record{Topic: o.Topic, Value: letters(random, o.Size)}
	if o.KeySize > 0 {
		r.Key = letters(random, o.KeySize)
	}
	for range o.Headers {
		h := kgo.RecordHeader{Key: string(letters(random, o.HeaderKeySize))}
		if o.HeaderSize >= 0 {
			h.Value = letters(random, o.HeaderSize)
		}
		r.Headers = append(r.Headers, h)
	}
	began := time.Now()
	if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
		return 0, producer.Cause(err)
	}
	poll, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	fetches := consumer.PollFetches(poll)
	took := time.Since(began)
	if err := fetches.Err(); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return 0, fmt.Errorf("poll() timed out before finding a result (timeout:[%dms])", o.Wait.Milliseconds())
		}
		return 0, consumer.Cause(err)
	}
	records := fetches.Records()
	if len(records) != 1 {
		return 0, fmt.Errorf("Only one result was expected during this test. We found [%d]: does someone else write to the topic?", len(records))
	}
	return took, sameRecord(r, records[0])
}

// sameRecord compares what was sent with what was read.
func sameRecord(sent, read *kgo.Record) error {
	switch {
	case !bytes.Equal(sent.Value, read.Value):
		return fmt.Errorf("The message read [%s] did not match the message sent [%s]", read.Value, sent.Value)
	case !bytes.Equal(sent.Key, read.Key):
		return fmt.Errorf("The message key read [%s] did not match the message key sent [%s]", read.Key, sent.Key)
	case len(sent.Headers) != len(read.Headers):
		return fmt.Errorf("The number of headers read [%d] did not match the number of headers sent [%d]", len(read.Headers), len(sent.Headers))
	}
	for i, h := range sent.Headers {
		if h.Key != read.Headers[i].Key || !bytes.Equal(h.Value, read.Headers[i].Value) {
			return fmt.Errorf("Header %d was read as %s=%s but sent as %s=%s", i, read.Headers[i].Key, read.Headers[i].Value, h.Key, h.Value)
		}
	}
	return nil
}
