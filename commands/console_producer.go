package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// consoleProducerOptions is a parsed command line of kgo console-producer.
type consoleProducerOptions struct {
	IO     *IOStreams
	Open   func(context.Context, client.Properties) (*client.Client, error)
	Topic  string
	Props  client.Properties
	Reader map[string]string
	Sync   bool
	Wait   time.Duration // how long the cluster may stay unreachable
	Create time.Duration // how long to wait for the topic to exist (max.block.ms)
}

const consoleProducerLong = `Reads lines from standard input and sends each as a record.

A line is the record's value. With --reader-property parse.key=true the part before the first TAB
(key.separator) is its key, with parse.headers=true the part before that its headers (h1:v1,h2:v2).
null.marker=TEXT makes a field that equals TEXT null.`

const consoleProducerExample = `  kgo console-producer --topic hello
  kgo console-producer --topic hello --reader-property parse.key=true --reader-property key.separator=: < lines.txt
  kgo console-producer --topic hello --compression-codec zstd --request-required-acks all < big.txt`

func newConsoleProducerCmd(f *Factory, runF func(*consoleProducerOptions) error) *cobra.Command {
	t := &tool{
		spec: consoleProducerSpec, short: "Send lines of standard input as records",
		long: consoleProducerLong, example: consoleProducerExample, unlimited: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &consoleProducerOptions{IO: f.IO, Wait: defaultTimeout}
		if err := o.parse(f, set); err != nil {
			return err
		}
		o.Open = func(ctx context.Context, p client.Properties) (*client.Client, error) {
			more, err := client.ProducerOptions(p)
			if err != nil {
				return nil, err
			}
			return f.openWith(ctx, p, more...)
		}
		if runF != nil {
			return runF(o)
		}
		return consoleProducerRun(ctx, o)
	})
}

// producerSettings are the options that are a producer's setting by another name.
var producerSettings = []struct {
	option, key string
	number      bool
}{
	{"timeout", "linger.ms", true},
	{"request-required-acks", "acks", false},
	{"request-timeout-ms", "request.timeout.ms", true},
	{"message-send-max-retries", "retries", true},
	{"retry-backoff-ms", "retry.backoff.ms", true},
	{"socket-buffer-size", "send.buffer.bytes", true},
	{"max-memory-bytes", "buffer.memory", true},
	{"batch-size", "batch.size", true},
	{"max-partition-memory-bytes", "batch.size", true},
	{"metadata-expiry-ms", "metadata.max.age.ms", true},
	{"max-block-ms", "max.block.ms", true},
}

func (o *consoleProducerOptions) parse(f *Factory, set *opt.Set) error {
	if err := required(set, "topic"); err != nil {
		return err
	}
	if err := deprecatedPairs(f, set, producerWarning, [][2]string{{"property", "reader-property"}, {"producer-property", "command-property"}, {"producer.config", "command-config"}}); err != nil {
		return err
	}
	err := checkServers(set)
	if err != nil {
		return err
	}
	if o.Topic, err = set.Value("topic"); err != nil {
		return err
	}
	if class := set.String("line-reader"); class[strings.LastIndexByte(class, '.')+1:] != "LineMessageReader" {
		return fmt.Errorf("--line-reader %s: kgo runs no Java classes; LineMessageReader is the one there is", class)
	}
	if o.Reader, err = settingsOf(f, set, "reader-config", "property", "reader-property"); err != nil {
		return err
	}
	given, err := settingsOf(f, set, "", "producer-property", "command-property")
	if err != nil {
		return err
	}
	if o.Props, err = f.Properties(Connection{
		Bootstrap: set.String("bootstrap-server"), ConfigFile: first(set.String("command-config"), set.String("producer.config")),
		ClientID: "console-producer", Override: given,
	}); err != nil {
		return err
	}
	if set.Has("max-partition-memory-bytes") {
		say(f.IO.Out, "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache Kafka 5.0. Use --batch-size instead.\n")
	}
	for _, s := range producerSettings {
		if s.number {
			if _, _, err := set.Long(s.option); err != nil {
				return err
			}
		}
		if _, has := o.Props[s.key]; set.HasArg(s.option) || !has && set.String(s.option) != "" {
			o.Props[s.key] = set.String(s.option)
		}
	}
	switch {
	case set.HasArg("compression-codec"):
		o.Props["compression.type"] = set.String("compression-codec")
	case set.Has("compression-codec"):
		o.Props["compression.type"] = "gzip"
	default: // whatever a configuration file says, as the original has it
		o.Props["compression.type"] = "none"
	}
	o.Sync = set.Has("sync")
	o.Create = o.Props.Duration("max.block.ms", time.Minute)
	return nil
}

func consoleProducerRun(ctx context.Context, o *consoleProducerOptions) error {
	lines, err := newLineReader(&interruptible{ctx: ctx, src: o.IO.In}, o.Reader)
	if err != nil {
		return err
	}
	cl, err := o.Open(ctx, o.Props)
	if err != nil {
		return err
	}
	prompt := o.prompt()
	prompt()
	// The first line is read before the cluster is asked for: an empty input needs none.
	r, err := lines.next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = o.awaitTopic(ctx, cl)
	}
	var failures atomic.Int64
	sending := context.WithoutCancel(ctx) // what was typed before Ctrl-C is sent
	for ; err == nil && ctx.Err() == nil; r, err = lines.next() {
		r.Topic = o.Topic
		if o.Sync {
			if err := cl.ProduceSync(sending, r).FirstErr(); err != nil {
				o.sendFailed(&failures, r, cl.Cause(err))
			}
		} else {
			cl.Produce(sending, r, func(r *kgo.Record, err error) {
				if err != nil {
					o.sendFailed(&failures, r, cl.Cause(err))
				}
			})
		}
		prompt()
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		sending, cancel = context.WithTimeout(sending, o.Wait)
		defer cancel()
	}
	if flushed := cl.Flush(sending); errors.Is(err, io.EOF) {
		err = flushed
	}
	switch {
	case ctx.Err() != nil:
		return &exitError{code: interruptedCode}
	case err != nil:
		return err
	case failures.Load() > 0:
		return ErrSilent
	}
	return nil
}

// prompt returns a function that asks a person for the next line.
func (o *consoleProducerOptions) prompt() func() {
	if !o.IO.Interactive() {
		return func() {}
	}
	return func() {
		fmt.Fprint(o.IO.Out, ">")
		_ = o.IO.Flush()
	}
}

// shownFailures bounds the lines printed about failed records; they are counted all the same.
const shownFailures = 20

func (o *consoleProducerOptions) sendFailed(failures *atomic.Int64, r *kgo.Record, err error) {
	n := failures.Add(1)
	if n > shownFailures || errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	size := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return fmt.Sprintf("%d bytes", len(b))
	}
	javaLog(o.IO.ErrOut, "ERROR", fmt.Sprintf("Error when sending message to topic %s with key: %s, value: %s with error:", r.Topic, size(r.Key), size(r.Value)),
		"org.apache.kafka.clients.producer.internals.ErrorLoggingCallback")
	fmt.Fprintln(o.IO.ErrOut, client.Explain(err))
	if n == shownFailures {
		fmt.Fprintln(o.IO.ErrOut, "further failures are not shown")
	}
}

// awaitTopic waits until the topic exists, which asking creates where the cluster creates topics by itself.
func (o *consoleProducerOptions) awaitTopic(ctx context.Context, cl *client.Client) error {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = true
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &o.Topic
	req.Topics = append(req.Topics, t)
	reach, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	deadline := time.Now().Add(o.Create)
	for told := false; ; told = true {
		resp, err := cl.Request(reach, req)
		if err != nil {
			return cl.Cause(err)
		}
		topics := resp.(*kmsg.MetadataResponse).Topics
		if len(topics) != 1 {
			return fmt.Errorf("the cluster answered for %d topics instead of one", len(topics))
		}
		problem := kerr.ErrorForCode(topics[0].ErrorCode)
		if problem == nil {
			return nil
		}
		if !told {
			javaLog(o.IO.ErrOut, "WARN", fmt.Sprintf("[Producer clientId=%s] The metadata response from the cluster reported a recoverable issue with correlation id 1 : {%s=%s}",
				o.Props["client.id"], o.Topic, kerr.TypedErrorForCode(topics[0].ErrorCode).Message), "org.apache.kafka.clients.NetworkClient")
		}
		if !kerr.IsRetriable(problem) || time.Now().After(deadline) {
			if errors.Is(problem, kerr.InvalidTopicException) {
				return fmt.Errorf("Invalid topics: [%s]", o.Topic)
			}
			return fmt.Errorf("topic %s: %w", o.Topic, problem)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
