package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// verifiableProducerOptions is a parsed command line of kgo verifiable-producer.
type verifiableProducerOptions struct {
	IO          *IOStreams
	Open        clientOpener
	Props       client.Properties
	Topic       string
	MaxMessages int64 // -1: until it is stopped
	Throughput  int32 // records a second; -1: no limit
	CreateTime  int64 // of the first record, in ms; -1: the time it is sent
	Prefix      *int32
	Keys        int32         // repeat keys 0 to Keys-1; 0: no keys
	Wait        time.Duration // how long the cluster may stay unreachable
	// TopicRetries is how often to ask for a topic that does not exist yet.
	TopicRetries int
}

// topicRetries is how often a producer asks for a topic that does not exist yet, ten times a second.
const topicRetries = 100

const verifiableProducerLong = `Sends the numbers 0, 1, 2, ... as records and prints a JSON object a line for what happened to each.

producer_send_success has the record's partition and offset, producer_send_error the reason, and
tool_data at the end what was sent and acknowledged. Failed records are not sent again: the reader of the
events decides what a failure means. The exit code is 1 if nothing at all was acknowledged.`

const verifiableProducerExample = `  kgo verifiable-producer --topic hello --max-messages 100
  kgo verifiable-producer --topic hello --throughput 1000 --repeating-keys 10`

func newVerifiableProducerCmd(f *Factory, runF func(*verifiableProducerOptions) error) *cobra.Command {
	t := &tool{
		spec: verifiableProducerSpec, short: "Send numbers and report each as JSON",
		long: verifiableProducerLong, example: verifiableProducerExample, unlimited: true, helpWhenBare: true,
	}
	return f.usageTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &verifiableProducerOptions{IO: f.IO, Open: f.openWith, Wait: defaultTimeout, TopicRetries: topicRetries}
		if err := o.parse(f, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return verifiableProducerRun(ctx, o)
	})
}

// eitherConfig returns the one configuration file of a usage-line tool with an older name for it.
func eitherConfig(f *Factory, set *opt.Set, older string) (string, error) {
	if !set.Has(older) {
		return set.String("command-config"), nil
	}
	if set.Has("command-config") {
		return "", &opt.ArgsError{Path: []*opt.Spec{set.Spec}, Text: fmt.Sprintf("Options --%s and --command-config are mutually exclusive.", older)}
	}
	fmt.Fprintf(f.IO.Out, "Option --%s has been deprecated and will be removed in a future version. Use --command-config instead.\n", older)
	return set.String(older), nil
}

func (o *verifiableProducerOptions) parse(f *Factory, set *opt.Set) error {
	file, err := eitherConfig(f, set, "producer.config")
	if err != nil {
		return err
	}
	if o.Props, err = f.Properties(Connection{Bootstrap: set.String("bootstrap-server"), ConfigFile: file, ClientID: "producer-1"}); err != nil {
		return err
	}
	// What the file says wins over what the tool sets.
	for key, value := range map[string]string{"acks": set.String("acks"), "retries": "0", "enable.idempotence": "false"} {
		if _, has := o.Props[key]; !has {
			o.Props[key] = value
		}
	}
	o.Topic = set.String("topic")
	maxMessages, _, err := set.Int("max-messages")
	if err != nil {
		return err
	}
	o.MaxMessages = int64(maxMessages)
	if o.Throughput, _, err = set.Int("throughput"); err != nil {
		return err
	}
	if o.CreateTime, _, err = set.Long("message-create-time"); err != nil {
		return err
	}
	prefix, given, err := set.Int("value-prefix")
	if given {
		o.Prefix = &prefix
	}
	if err == nil {
		o.Keys, _, err = set.Int("repeating-keys")
	}
	return err
}

func verifiableProducerRun(ctx context.Context, o *verifiableProducerOptions) error {
	opts, err := client.ProducerOptions(o.Props)
	if err != nil {
		return err
	}
	cl, err := o.Open(ctx, o.Props, append(opts, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(o.TopicRetries))...)
	if err != nil {
		return err
	}
	p := &verifiableProducer{verifiableProducerOptions: o, client: cl, events: &eventWriter{io: o.IO}}
	began := time.Now()
	p.events.print("startup_complete", nil)
	unreachable := reach(ctx, cl, o.Wait)
	if unreachable == nil {
		p.produce(ctx, &throttle{perSecond: float64(o.Throughput), start: began})
		// What has been handed over is still sent after an interrupt, as the original does, for as long as the cluster answers.
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Wait)
		_ = cl.Flush(flush) // a record that is left has no success event: that is the report
		cancel()
	}
	p.events.print("shutdown_complete", nil)
	p.events.print("tool_data", func(e *event) {
		e.int("sent", p.sent)
		e.int("acked", p.acked.Load())
		e.int("target_throughput", int64(o.Throughput))
		e.double("avg_throughput", 1000*float64(p.acked.Load())/float64(max(time.Since(began).Milliseconds(), 1)))
	})
	switch {
	case p.events.err() != nil:
		return p.events.err()
	case ctx.Err() != nil:
		return &exitError{code: signalCode(ctx)}
	case unreachable != nil:
		return cl.Cause(unreachable)
	case p.sent > 0 && p.acked.Load() == 0:
		return ErrSilent
	}
	return nil
}

// verifiableProducer is a running verifiable-producer.
type verifiableProducer struct {
	*verifiableProducerOptions
	client *client.Client
	events *eventWriter
	sent   int64
	acked  atomic.Int64
}

func (p *verifiableProducer) produce(ctx context.Context, pace *throttle) {
	// Records outlive an interrupt: their context must not end with it.
	sending := context.WithoutCancel(ctx)
	createTime, began := p.CreateTime, time.Now()
	for i := int64(0); (p.MaxMessages < 0 || i < p.MaxMessages) && ctx.Err() == nil && p.events.err() == nil; i++ {
		r := &kgo.Record{Topic: p.Topic, Value: p.value(i)}
		if p.Keys > 0 {
			r.Key = strconv.AppendInt(nil, i%int64(p.Keys), 10)
		}
		if createTime >= 0 {
			r.Timestamp = time.UnixMilli(createTime)
			createTime += time.Since(began).Milliseconds()
		}
		p.sent++
		p.client.Produce(sending, r, p.done)
		if pace.wait(ctx, i+1) != nil {
			return
		}
	}
}

func (p *verifiableProducer) value(i int64) []byte {
	var b []byte
	if p.Prefix != nil {
		b = append(strconv.AppendInt(b, int64(*p.Prefix), 10), '.')
	}
	return strconv.AppendInt(b, i, 10)
}

// done reports what became of a record.
func (p *verifiableProducer) done(r *kgo.Record, err error) {
	if err != nil {
		class, text := sendFailure(p.client.Cause(err))
		p.events.print("producer_send_error", func(e *event) {
			e.text("topic", r.Topic)
			e.bytes("key", r.Key)
			e.bytes("value", r.Value)
			e.text("exception", "class "+class)
			e.text("message", text)
		})
		return
	}
	p.acked.Add(1)
	offset := r.Offset
	if p.Props["acks"] == "0" {
		offset = -1 // nobody has told it
	}
	p.events.print("producer_send_success", func(e *event) {
		e.bytes("key", r.Key)
		e.bytes("value", r.Value)
		e.int("offset", offset)
		e.text("topic", r.Topic)
		e.int("partition", int64(r.Partition))
	})
}

// sendFailure names the Java exception a failed record stands for, and its text.
func sendFailure(err error) (class, text string) {
	var kind *kerr.Error
	switch {
	case errors.As(err, &kind):
		return javaClass(kind), kind.Description
	case errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, context.DeadlineExceeded):
		return "org.apache.kafka.common.errors.TimeoutException", client.Explain(err)
	}
	return "org.apache.kafka.common.errors.NetworkException", client.Explain(err)
}
