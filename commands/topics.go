package commands

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// topicsOptions is a parsed command line of kgo topics.
type topicsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Action      string // list, describe, create, alter, delete
	Topic       string
	HasTopic    bool
	TopicID     [16]byte
	Partitions  int32 // -1: the cluster's default
	Replication int16 // -1: the cluster's default
	Assignment  [][]int32
	Configs     []kmsg.CreateTopicsRequestTopicConfig

	ExcludeInternal, IfExists, IfNotExists        bool
	Overrides                                     bool // --topics-with-overrides
	UnderReplicated, Unavailable, UnderMin, AtMin bool
	PartitionLimit                                int32
	Output                                        format
	Yes, DryRun                                   bool
}

func newTopicsCmd(f *Factory, runF func(*topicsOptions) error) *cobra.Command {
	t := &tool{
		spec:        topicsSpec,
		short:       "Create, delete, describe, or change a topic",
		long:        topicsLong,
		example:     topicsExample,
		extras:      []opt.Option{extraOutput, extraTimeout, extraYes, extraDryRun},
		plainErrors: true,
		plainConfig: true,
		fail:        func(err error) { say(f.IO.Out, "Error while executing topic command : %s\n", client.Explain(err)) },
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &topicsOptions{IO: f.IO, Client: f.opener(set, "adminclient-1")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return topicsRun(ctx, o)
	})
}

const topicsLong = `A topic is a named log, split into partitions that are replicated over brokers.

--list prints the names. --describe prints a line for each topic (its id, the number of partitions,
the replication factor, the settings that differ from the defaults) and one for each partition:

  Leader        the broker that serves reads and writes, none while there is no such broker
  Replicas      the brokers that hold a copy, the preferred leader first
  Isr           the copies that are in sync: one of them takes over when the leader fails
  Elr           copies that are known to be complete though they left the Isr
  LastKnownElr  who was last in that list before it became empty

--topic takes a regular expression, except with --create; a comma separates alternatives.`

const topicsExample = `  kgo topics --create --topic hello --partitions 3
  kgo topics --list
  kgo topics --describe --topic hello
  kgo topics --alter --topic hello --partitions 5
  kgo topics --delete --topic hello --yes`

var topicsActions = []string{"create", "list", "alter", "describe", "delete"}

func (o *topicsOptions) parse(set *opt.Set) error {
	if count(set, topicsActions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --list, --describe, --create, --alter or --delete")
	}
	if set.Has("delete-config") {
		fmt.Fprintln(o.IO.ErrOut, "delete-config option is no longer supported and deprecated since version 4.0. The config will be fully removed in future releases.")
	}
	if err := o.check(set); err != nil {
		return err
	}
	for _, action := range topicsActions {
		if set.Has(action) {
			o.Action = action
		}
	}
	o.ExcludeInternal, o.IfExists, o.IfNotExists = set.Has("exclude-internal"), set.Has("if-exists"), set.Has("if-not-exists")
	o.Overrides = set.Has("topics-with-overrides")
	o.UnderReplicated, o.Unavailable = set.Has("under-replicated-partitions"), set.Has("unavailable-partitions")
	o.UnderMin, o.AtMin = set.Has("under-min-isr-partitions"), set.Has("at-min-isr-partitions")
	o.Yes, o.DryRun = set.Has("yes"), set.Has("dry-run")
	o.HasTopic = set.Has("topic")
	var err error
	if o.Output, err = outputFormat(set); err != nil {
		return err
	}
	return o.values(set)
}

// check refuses combinations of options, in the original's order.
func (o *topicsOptions) check(set *opt.Set) error {
	if set.Has("describe") {
		if set.Has("if-exists") && !set.Has("topic") && !set.Has("topic-id") {
			return opt.Usagef("--topic or --topic-id is required to describe a topic")
		}
		if set.Has("if-exists") && set.Has("topic") && set.Has("topic-id") {
			fmt.Fprintln(o.IO.Out, "Only topic id will be used when both --topic and --topic-id are specified and topicId is not Uuid.ZERO_UUID")
		}
	}
	if !set.Has("list") && !set.Has("describe") {
		if err := required(set, "topic"); err != nil {
			return err
		}
	}
	if set.Has("alter") {
		if set.Has("config") {
			return opt.Usagef(`Option combination "[[config], [bootstrap-server]]" can't be used with option "[alter]" (To alter topic configurations, the kafka-configs tool can be used.)`)
		}
		if err := required(set, "partitions"); err != nil {
			return err
		}
	}
	only := func(used string, allowed ...string) error {
		return excludes(set, used, without(topicsActions, allowed...)...)
	}
	reports := []string{"under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", "unavailable-partitions"}
	report := func(used string) error {
		return firstError(excludes(set, used, "topics-with-overrides"), only(used, "describe"))
	}
	if err := firstError(only("config", "alter", "create"), only("partitions", "alter", "create"),
		only("replication-factor", "create"), only("replica-assignment", "alter", "create")); err != nil {
		return err
	}
	if set.Has("create") {
		if err := excludes(set, "replica-assignment", "partitions", "replication-factor"); err != nil {
			return err
		}
	}
	return firstError(report(reports[0]), report(reports[1]), report(reports[2]), report(reports[3]),
		excludes(set, "topics-with-overrides", reports...), only("topics-with-overrides", "describe"),
		only("if-exists", "alter", "delete", "describe"), only("if-not-exists", "create"), only("exclude-internal", "list", "describe"))
}

// values reads what the action needs; errors here are reported as failures of the tool, not of its usage.
func (o *topicsOptions) values(set *opt.Set) error {
	var err error
	if o.Topic, err = set.Value("topic"); err != nil {
		return err
	}
	o.Partitions, o.Replication = -1, -1
	if n, ok, err := set.Int("partitions"); err != nil {
		return err
	} else if ok {
		o.Partitions = n
	}
	if n, ok, err := set.Int("replication-factor"); err != nil {
		return err
	} else if ok {
		if n < 1 || n > 32767 {
			return errors.New("The replication factor must be between 1 and 32767 inclusive")
		}
		o.Replication = int16(n)
	}
	if set.Has("partitions") && o.Partitions < 1 && o.Action == "create" {
		return errors.New("The partitions must be greater than 0")
	}
	if o.PartitionLimit, _, err = set.Int("partition-size-limit-per-response"); err != nil {
		return err
	}
	if id := set.String("topic-id"); id != "" {
		if o.TopicID, err = parseUUID(id); err != nil {
			return err
		}
	}
	if text, err := set.Value("replica-assignment"); err != nil {
		return err
	} else if text != "" {
		if o.Assignment, err = parseAssignment(text); err != nil {
			return err
		}
	}
	for _, c := range set.Values("config") {
		name, value, ok := strings.Cut(c, "=")
		if !ok {
			return errors.New(`requirement failed: Invalid topic config: all configs to be added must be in the format "key=val".`)
		}
		o.Configs = append(o.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: strings.TrimSpace(name), Value: new(strings.TrimSpace(value))})
	}
	return nil
}

// parseAssignment reads 1:2,2:3 as the replicas of partitions 0 and 1.
func parseAssignment(text string) ([][]int32, error) {
	var out [][]int32
	for i, list := range strings.Split(text, ",") {
		var replicas []int32
		var duplicates []string
		for id := range strings.SplitSeq(list, ":") {
			n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 32)
			if err != nil {
				return nil, fmt.Errorf("For input string: \"%s\"", strings.TrimSpace(id))
			}
			if slices.Contains(replicas, int32(n)) {
				duplicates = append(duplicates, id)
			}
			replicas = append(replicas, int32(n))
		}
		if len(duplicates) > 0 {
			return nil, fmt.Errorf("Partition replica lists may not contain duplicate entries: %s", strings.Join(duplicates, ","))
		}
		if out = append(out, replicas); len(replicas) != len(out[0]) {
			return nil, fmt.Errorf("Partition %d has different replication factor: %s", i, javaList(replicas))
		}
	}
	return out, nil
}

// parseUUID reads the 22 characters by which Kafka prints an id.
func parseUUID(s string) (id [16]byte, err error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	switch {
	case len(s) > 24:
		return id, fmt.Errorf("Input string with prefix `%s` is too long to be decoded as a base64 UUID", s[:24])
	case err != nil:
		return id, fmt.Errorf("%s is not a topic id: %w", s, err)
	case len(b) != 16:
		return id, fmt.Errorf("Input string `%s` decoded as %d bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID", s, len(b))
	}
	return [16]byte(b), nil
}

func topicsRun(ctx context.Context, o *topicsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "create":
		return o.create(ctx, cl)
	case "list":
		return o.list(ctx, cl)
	case "alter":
		return o.alter(ctx, cl)
	case "delete":
		return o.delete(ctx, cl)
	}
	return o.describe(ctx, cl)
}

// names lists the topics that the command is about.
func (o *topicsOptions) names(ctx context.Context, cl *client.Client) ([]string, kadm.TopicDetails, error) {
	filter, err := newTopicFilter(o.Topic, o.HasTopic)
	if err != nil {
		return nil, nil, err
	}
	all, err := cl.Admin.ListTopicsWithInternal(ctx)
	if err != nil {
		return nil, nil, err
	}
	names := slices.DeleteFunc(all.Names(), func(name string) bool {
		return !filter.match(name) || (o.ExcludeInternal && isInternal(name))
	})
	slices.Sort(names)
	if len(names) == 0 && o.HasTopic && o.Topic != "" && o.Action != "list" && !o.IfExists {
		return nil, nil, fmt.Errorf("Topic '%s' does not exist as expected", o.Topic)
	}
	return names, all, nil
}

func (o *topicsOptions) list(ctx context.Context, cl *client.Client) error {
	names, _, err := o.names(ctx, cl)
	if err != nil {
		return err
	}
	if names == nil {
		names = []string{}
	}
	return o.Output.write(o.IO.Out, names, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, strings.Join(names, "\n"))
		return err
	})
}

func (o *topicsOptions) create(ctx context.Context, cl *client.Client) error {
	if strings.ContainsAny(o.Topic, "._") {
		say(o.IO.Out, "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.\n")
	}
	if o.Topic == "" {
		return errors.New("The given topic name '' cannot be represented in a request.")
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = millisLeft(ctx)
	req.ValidateOnly = o.DryRun
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor, topic.Configs = o.Topic, o.Partitions, o.Replication, o.Configs
	for i, replicas := range o.Assignment {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(i), replicas
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, a)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		if err := serverError(t.ErrorCode, t.ErrorMessage); err != nil {
			if errors.Is(err, kerr.TopicAlreadyExists) && o.IfNotExists {
				return nil
			}
			return err
		}
	}
	if o.DryRun {
		fmt.Fprintln(o.IO.Out, paint(o.IO.Out, planned, "Topic "+o.Topic+" would be created."))
		return nil
	}
	fmt.Fprintf(o.IO.Out, "Created topic %s.\n", o.Topic)
	return nil
}

func (o *topicsOptions) alter(ctx context.Context, cl *client.Client) error {
	names, all, err := o.names(ctx, cl)
	if err != nil || len(names) == 0 {
		return err
	}
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = millisLeft(ctx)
	req.ValidateOnly = o.DryRun
	for _, name := range names {
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = name, o.Partitions
		for i := len(all[name].Partitions); i < len(o.Assignment); i++ {
			t.Assignment = append(t.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: o.Assignment[i]})
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		if err := serverError(t.ErrorCode, t.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func (o *topicsOptions) delete(ctx context.Context, cl *client.Client) error {
	names, _, err := o.names(ctx, cl)
	if err != nil || len(names) == 0 {
		return err
	}
	if o.DryRun {
		fmt.Fprintln(o.IO.Out, paint(o.IO.Out, planned, "These topics would be deleted: "+strings.Join(names, ", ")))
		return nil
	}
	if !o.Yes {
		if err := confirm(o.IO, fmt.Sprintf("Delete %s and all records in it?", quantity(len(names), "topic", names))); err != nil {
			return err
		}
	}
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = millisLeft(ctx)
	for _, name := range names {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = new(name)
		req.Topics = append(req.Topics, t)
		req.TopicNames = append(req.TopicNames, name)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		if err := serverError(t.ErrorCode, t.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}
