package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// leaderElectionOptions is a parsed command line of kgo leader-election.
type leaderElectionOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Type       string // PREFERRED or UNCLEAN
	Partitions []partitionKey
	All        bool
}

func newLeaderElectionCmd(f *Factory, runF func(*leaderElectionOptions) error) *cobra.Command {
	t := &tool{
		spec:        leaderElectionSpec,
		short:       "Make the preferred replica the leader again, or elect one that is out of sync",
		long:        "The preferred leader of a partition is the first of its Replicas. After a broker was down, --election-type preferred\nhands the leadership back to it. --election-type unclean elects a replica that is not in sync where there is no other:\nrecords that only the others had are lost.",
		example:     "  kgo leader-election --election-type preferred --all-topic-partitions",
		extras:      []opt.Option{extraTimeout},
		plainErrors: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &leaderElectionOptions{IO: f.IO}
		c := connection(set, "adminclient-1")
		if err := excludes(set, "admin.config", "command-config"); err != nil {
			return err
		}
		if set.Has("admin.config") {
			fmt.Fprintln(f.IO.Out, "Option --admin.config has been deprecated and will be removed in a future version. Use --command-config instead.")
			c.ConfigFile = set.String("admin.config")
		}
		o.Client = func(ctx context.Context) (*client.Client, error) { return f.Open(ctx, c) }
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return leaderElectionRun(ctx, o)
	})
}

func (o *leaderElectionOptions) parse(set *opt.Set) error {
	if !set.Has("election-type") {
		return errors.New("Missing required option(s): election-type")
	}
	if count(set, "topic", "all-topic-partitions", "path-to-json-file") != 1 {
		return errors.New("One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file")
	}
	if set.Has("topic") && !set.Has("partition") {
		return errors.New("Missing required option(s): partition")
	}
	if set.Has("partition") && !set.Has("topic") {
		return errors.New("Option partition is only allowed if topic is used")
	}
	kind, err := set.Value("election-type")
	if err != nil {
		return err
	}
	if o.Type = strings.ToUpper(kind); o.Type != "PREFERRED" && o.Type != "UNCLEAN" {
		return &opt.ConversionError{Option: "election-type", Value: kind}
	}
	o.All = set.Has("all-topic-partitions")
	if path := set.String("path-to-json-file"); path != "" {
		o.Partitions, err = readPartitionFile(path)
		return err
	}
	n, _, err := set.Int("partition")
	if err != nil {
		return err
	}
	if !o.All {
		o.Partitions = []partitionKey{{set.String("topic"), n}}
	}
	return nil
}

// readPartitionFile reads {"partitions": [{"topic": "foo", "partition": 1}]}.
func readPartitionFile(path string) ([]partitionKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Partitions []struct {
			Topic     *string `json:"topic"`
			Partition *int32  `json:"partition"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, errors.New("Replica election data is empty")
	}
	if file.Partitions == nil {
		return nil, errors.New(`Replica election data is missing "partitions" field`)
	}
	var keys []partitionKey
	for _, p := range file.Partitions {
		if p.Topic == nil || p.Partition == nil {
			return nil, errors.New("Replica election data needs a topic and a partition in each entry")
		}
		key := partitionKey{*p.Topic, *p.Partition}
		if slices.Contains(keys, key) {
			return nil, fmt.Errorf("Replica election data contains duplicate partitions: %s-%d", key.topic, key.partition)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func leaderElectionRun(ctx context.Context, o *leaderElectionOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrElectLeadersRequest()
	req.TimeoutMillis = millisLeft(ctx)
	if o.Type == "UNCLEAN" {
		req.ElectionType = 1
	}
	if !o.All {
		byTopic := make(map[string]int)
		for _, k := range o.Partitions {
			i, ok := byTopic[k.topic]
			if !ok {
				i = len(req.Topics)
				byTopic[k.topic] = i
				req.Topics = append(req.Topics, kmsg.ElectLeadersRequestTopic{Topic: k.topic})
			}
			req.Topics[i].Partitions = append(req.Topics[i].Partitions, k.partition)
		}
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	if err := serverError(resp.ErrorCode, nil); err != nil {
		return err
	}
	return o.report(resp)
}

func (o *leaderElectionOptions) report(resp *kmsg.ElectLeadersResponse) error {
	var elected, already, failed []string
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			name := fmt.Sprintf("%s-%d", t.Topic, p.Partition)
			err := serverError(p.ErrorCode, p.ErrorMessage)
			switch {
			case err == nil:
				elected = append(elected, name)
			case errors.Is(err, kerr.ElectionNotNeeded):
				already = append(already, name)
			default:
				failed = append(failed, fmt.Sprintf("Error completing leader election (%s) for partition: %s: %s\n", o.Type, name, javaError(err)))
			}
		}
	}
	if len(elected) > 0 {
		fmt.Fprintf(o.IO.Out, "Successfully completed leader election (%s) for partitions %s\n", o.Type, strings.Join(elected, ", "))
	}
	if len(already) > 0 && !o.All {
		fmt.Fprintf(o.IO.Out, "Valid replica already elected for partitions %s\n", strings.Join(already, ", "))
	}
	for _, line := range failed {
		fmt.Fprint(o.IO.Out, line)
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d replica(s) could not be elected", len(failed))
	}
	return nil
}
