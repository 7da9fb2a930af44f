package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

var transactionsSpec = &opt.Spec{
	Name:     "transactions",
	Prog:     "kafka-transactions.sh",
	Intro:    "This tool is used to analyze the transactional state of producers in the cluster. It can be used to detect and recover from hanging transactions.",
	SubMeta:  "COMMAND",
	SubTitle: "commands",
	Options: []opt.Option{
		{Name: "version", Short: "v", Desc: "show the version of this Kafka distribution and exit"},
		{Name: "command-config", Arg: opt.Required, Meta: "FILE", Desc: "property file containing configs to be passed to admin client", Complete: "file"},
		{Name: "bootstrap-server", Arg: opt.Required, Meta: "host:port", Must: true, Desc: "hostname and port for the broker to connect to, in the form `host:port`  (multiple comma-separated entries can be given)"},
	},
	Sub: []*opt.Spec{
		{Name: "list", Desc: "list transactions", Options: []opt.Option{
			{Name: "duration-filter", Arg: opt.Required, Type: "Long", Meta: "DURATION_FILTER", Desc: "Duration (in millis) to filter by: if < 0, all transactions will be returned; otherwise, only transactions running longer than this duration will be returned"},
			{Name: "transactional-id-pattern", Arg: opt.Required, Meta: "TRANSACTIONAL_ID_PATTERN", Desc: "Transactional id regular expression pattern to filter by"},
		}},
		{Name: "describe", Desc: "describe the state of an active transactional-id", Intro: "Describe the state of an active transactional-id.", Options: []opt.Option{
			{Name: "transactional-id", Arg: opt.Required, Meta: "TRANSACTIONAL_ID", Must: true, Desc: "transactional id"},
		}},
		{Name: "describe-producers", Desc: "describe the states of active producers for a topic partition", Options: []opt.Option{
			{Name: "broker-id", Arg: opt.Required, Type: "Integer", Meta: "BROKER_ID", Desc: "optional broker id to describe the producer state on a specific replica", Complete: "broker"},
			{Name: "topic", Arg: opt.Required, Meta: "TOPIC", Must: true, Desc: "topic name", Complete: "topic"},
			{Name: "partition", Arg: opt.Required, Type: "Integer", Meta: "PARTITION", Must: true, Desc: "partition number"},
		}},
		{Name: "abort", Desc: "abort a hanging transaction (requires administrative privileges)", Options: []opt.Option{
			{Name: "topic", Arg: opt.Required, Meta: "TOPIC", Must: true, Desc: "topic name", Complete: "topic"},
			{Name: "partition", Arg: opt.Required, Type: "Integer", Meta: "PARTITION", Must: true, Desc: "partition number"},
			{Name: "start-offset", Arg: opt.Required, Type: "Long", Meta: "START_OFFSET", Desc: "start offset of the transaction to abort"},
			{Name: "producer-id", Arg: opt.Required, Type: "Long", Meta: "PRODUCER_ID", Desc: "producer id"},
			{Name: "producer-epoch", Arg: opt.Required, Type: "Integer", Meta: "PRODUCER_EPOCH", Desc: "producer epoch"},
			{Name: "coordinator-epoch", Arg: opt.Required, Type: "Integer", Meta: "COORDINATOR_EPOCH", Desc: "coordinator epoch"},
		}, Sections: []opt.Section{
			{Title: "Brokers on versions 3.0 and above", Desc: "For newer brokers, only the start offset of the transaction to be aborted is required", Names: []string{"start-offset"}},
			{Title: "Brokers on versions older than 3.0", Desc: "For older brokers, you must provide all of these arguments", Names: []string{"producer-id", "producer-epoch", "coordinator-epoch"}},
		}},
		{Name: "find-hanging", Desc: "find hanging transactions", Options: []opt.Option{
			{Name: "broker-id", Arg: opt.Required, Type: "Integer", Meta: "BROKER_ID", Desc: "broker id to search for hanging transactions", Complete: "broker"},
			{Name: "max-transaction-timeout", Arg: opt.Required, Type: "Integer", Meta: "MAX_TRANSACTION_TIMEOUT", Default: "15", Desc: "maximum transaction timeout in minutes to limit the scope of the search (15 minutes by default)"},
			{Name: "topic", Arg: opt.Required, Meta: "TOPIC", Desc: "topic name to limit search to (required if --partition is specified)", Complete: "topic"},
			{Name: "partition", Arg: opt.Required, Type: "Integer", Meta: "PARTITION", Desc: "partition number"},
		}},
		{Name: "forceTerminateTransaction", Desc: "Force abort an ongoing transaction on transactionalId (requires administrative privileges)", Intro: "Force abort an ongoing transaction on transactionalId", Options: []opt.Option{
			{Name: "transactionalId", Arg: opt.Required, Meta: "TRANSACTIONALID", Must: true, Desc: "transactional id"},
		}},
	},
}

// transactionsOptions is a parsed command line of kgo transactions.
type transactionsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)
	Now    func() time.Time

	Action          string
	Duration        int64 // -1: no filter
	Pattern         string
	TransactionalID string
	Broker          int32 // -1: any
	Topic           string
	Partition       int32 // -1: all
	StartOffset     int64 // -1: not given
	Producer        producerIdentity
	MaxTimeout      time.Duration
	Output          format
}

// producerIdentity is what brokers before 3.0 need for aborting a transaction.
type producerIdentity struct {
	id               int64
	epoch            int16
	coordinatorEpoch int32
}

func newTransactionsCmd(f *Factory, runF func(*transactionsOptions) error) *cobra.Command {
	t := &tool{
		spec:        transactionsSpec,
		short:       "Find, describe and abort transactions",
		long:        "list and describe show transactions as their coordinators know them, describe-producers as a partition's leader does:\nthe producers that have written to it and where an open transaction began. find-hanging looks for transactions that\nare open in a partition although no coordinator knows them; abort ends one of those.",
		example:     "  kgo transactions --bootstrap-server localhost:9092 list\n  kgo transactions --bootstrap-server localhost:9092 describe-producers --topic hello --partition 0",
		extras:      []opt.Option{extraOutput, extraTimeout},
		versionText: kafkaVersion + " (Commit:26b251a451ce941d)",
	}
	return f.usageTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &transactionsOptions{IO: f.IO, Client: f.opener(set, "adminclient-1"), Now: f.Now}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return transactionsRun(ctx, o)
	})
}

func (o *transactionsOptions) parse(set *opt.Set) error {
	sub := set.Sub
	o.Action, o.Pattern, o.Topic = sub.Spec.Name, sub.String("transactional-id-pattern"), sub.String("topic")
	o.TransactionalID = first(sub.String("transactional-id"), sub.String("transactionalId"))
	// The parser has checked the numbers.
	long := func(name string, otherwise int64) int64 {
		if n, ok, err := sub.Long(name); ok && err == nil {
			return n
		}
		return otherwise
	}
	o.Duration, o.Broker, o.Partition = long("duration-filter", -1), int32(long("broker-id", -1)), int32(long("partition", -1))
	o.StartOffset = long("start-offset", -1)
	o.Producer = producerIdentity{long("producer-id", -1), int16(long("producer-epoch", -1)), int32(long("coordinator-epoch", -1))}
	o.MaxTimeout = time.Duration(long("max-transaction-timeout", 15)) * time.Minute
	switch {
	case o.Action == "abort" && !sub.Has("start-offset") && !sub.Has("producer-id"):
		return errors.New("The transaction to abort must be identified either with --start-offset (for brokers on 3.0 or above) or with --producer-id, --producer-epoch, and --coordinator-epoch (for older brokers)")
	case o.Action == "abort" && !sub.Has("start-offset") && !sub.Has("producer-epoch"):
		return errors.New("Missing required argument --producer-epoch")
	case o.Action == "abort" && !sub.Has("start-offset") && !sub.Has("coordinator-epoch"):
		return errors.New("Missing required argument --coordinator-epoch")
	case o.Action == "find-hanging" && !sub.Has("topic") && !sub.Has("broker-id"):
		return errors.New("The `find-hanging` command requires either --topic or --broker-id to limit the scope of the search")
	case o.Action == "find-hanging" && sub.Has("partition") && !sub.Has("topic"):
		return errors.New("The --partition argument requires --topic to be provided")
	}
	var err error
	o.Output, err = outputFormat(firstWith("output", sub, set))
	return err
}

func transactionsRun(ctx context.Context, o *transactionsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "list":
		return o.list(ctx, cl)
	case "describe":
		return o.describe(ctx, cl)
	case "describe-producers":
		return o.describeProducers(ctx, cl)
	case "abort":
		return o.abort(ctx, cl)
	case "find-hanging":
		return o.findHanging(ctx, cl)
	}
	return o.terminate(ctx, cl)
}

// terminate fences the producer of a transactional id, which aborts its transaction.
func (o *transactionsOptions) terminate(ctx context.Context, cl *client.Client) error {
	return untilCoordinated(ctx, func() error {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID = new(o.TransactionalID)
		req.TransactionTimeoutMillis = 1
		req.ProducerID, req.ProducerEpoch = -1, -1
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return err
		}
		return serverError(resp.ErrorCode, nil)
	})
}

// abort writes an abort marker to the partition.
func (o *transactionsOptions) abort(ctx context.Context, cl *client.Client) error {
	if o.StartOffset >= 0 {
		producers, err := o.partitionProducers(ctx, cl, o.Topic, []int32{o.Partition})
		if err != nil {
			return err
		}
		found := false
		for _, p := range producers {
			if p.CurrentTransactionStartOffset != nil && *p.CurrentTransactionStartOffset == o.StartOffset {
				o.Producer = producerIdentity{p.ProducerID, int16(p.ProducerEpoch), max(p.LatestCoordinatorEpoch, 0)}
				found = true
			}
		}
		if !found {
			return fmt.Errorf("Could not find any open transactions starting at offset %d on partition %s-%d", o.StartOffset, o.Topic, o.Partition)
		}
	}
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch, m.Committed = o.Producer.id, o.Producer.epoch, o.Producer.coordinatorEpoch, false
	m.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: o.Topic, Partitions: []int32{o.Partition}}}
	req.Markers = append(req.Markers, m)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, m := range resp.Markers {
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("Failed to abort transaction on partition %s-%d: %w", t.Topic, p.Partition, err)
				}
			}
		}
	}
	return nil
}
