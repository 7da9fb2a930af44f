package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// streamsResetOptions is a parsed command line of kgo streams-application-reset.
type streamsResetOptions struct {
	offsetReset
	Client func(context.Context) (*client.Client, error)

	Application  string
	Input        []string
	Intermediate []string
	Internal     []string // a choice of the internal topics; nil: all of them
	DryRun       bool
	Force, Yes   bool
}

const streamsResetLong = `Makes a Kafka Streams application begin again: the offsets of its input topics go back to the start (or to where one of the
--to-... options says), and the topics that it has made for itself are deleted.

It deletes the application's -changelog and -repartition topics, never its output. The application has to
be stopped; --force removes members that have died without saying so. Afterwards the application's local
state has to be removed too, by KafkaStreams#cleanUp() or by hand.

Run it with --dry-run first.`

const streamsResetExample = `  kgo streams-application-reset --application-id wordcount --input-topics lines --dry-run
  kgo streams-application-reset --application-id wordcount --input-topics lines,words --to-offset 42`

// streamsResetTimeout is how long a reset may take: it deletes topics.
const streamsResetTimeout = time.Minute

func newStreamsResetCmd(f *Factory, runF func(*streamsResetOptions) error) *cobra.Command {
	t := &tool{
		spec: streamsResetSpec, short: "Make a Kafka Streams application begin again",
		long: streamsResetLong, example: streamsResetExample, extras: []opt.Option{extraYes},
		fail: func(err error) {
			say(f.IO.ErrOut, "ERROR: %s\n", javaError(err))
		},
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &streamsResetOptions{offsetReset: offsetReset{IO: f.IO, Now: f.Now}}
		if err := o.parse(set); err != nil {
			return asUsage(err)
		}
		if set.Has("config-file") {
			fmt.Fprintln(f.IO.Out, "Option --config-file has been deprecated and will be removed in a future version. Use --command-config instead.")
		}
		o.Client = func(ctx context.Context) (*client.Client, error) {
			return f.Open(ctx, Connection{
				Bootstrap: set.String("bootstrap-server"), ConfigFile: first(set.String("command-config"), set.String("config-file")), ClientID: "adminclient-1",
			})
		}
		if runF != nil {
			return runF(o)
		}
		ctx, cancel := context.WithTimeout(ctx, streamsResetTimeout)
		defer cancel()
		return streamsResetRun(ctx, o)
	})
}

func (o *streamsResetOptions) parse(set *opt.Set) error {
	scenarios := without(resetScenarios, "to-current")
	if err := firstError(excludes(set, "config-file", "command-config"), oneOf(set, scenarios), o.offsetReset.parse(set, scenarios)); err != nil {
		return err
	}
	var err error
	if o.Application, err = set.Value("application-id"); err != nil {
		return err
	}
	list := func(name string) (out []string) {
		for _, v := range set.Values(name) {
			out = append(out, strings.Split(v, ",")...)
		}
		return out
	}
	o.Input, o.Intermediate, o.Internal = list("input-topics"), list("intermediate-topics"), list("internal-topics")
	o.DryRun, o.Force, o.Yes = set.Has("dry-run"), set.Has("force"), set.Has("yes")
	return nil
}

func streamsResetRun(ctx context.Context, o *streamsResetOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	if err := o.checkMembers(ctx, cl); err != nil {
		return err
	}
	topics, err := cl.Admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	if o.DryRun {
		fmt.Fprintln(o.IO.Out, paint(o.IO.Out, planned, "----Dry run displays the actions which will be performed when running Streams Reset Tool----"))
	} else if !o.Yes {
		if err := confirm(o.IO, fmt.Sprintf("Reset the application %s and delete its internal topics?", o.Application)); err != nil {
			return err
		}
	}
	if len(o.Intermediate) > 0 {
		say(o.IO.Out, "WARN: `--intermediate-topics` is deprecated and will be removed in a future release\n")
	}
	missing, err := o.resetOffsets(ctx, cl, topics)
	if err != nil {
		return err
	}
	if err := o.deleteInternal(ctx, cl, topics); err != nil {
		return err
	}
	if missing {
		return ErrSilent
	}
	return nil
}

// checkMembers refuses an application that runs, or with --force removes its members from the group.
func (o *streamsResetOptions) checkMembers(ctx context.Context, cl *client.Client) error {
	groups, err := describeGroups(ctx, cl, []string{o.Application})
	if err != nil || len(groups) == 0 || len(groups[0].Members) == 0 {
		return err
	}
	g := &groups[0]
	if !o.Force {
		members := make([]string, 0, len(g.Members))
		for i := range g.Members {
			members = append(members, g.Members[i].javaText())
		}
		return fmt.Errorf("java.lang.IllegalStateException: Consumer group '%s' is still active and has following members: %s. "+
			"Make sure to stop all running application instances before running the reset tool. You can use option '--force' to remove active members from the group.",
			o.Application, javaList(members))
	}
	if o.DryRun {
		return nil
	}
	fmt.Fprintf(o.IO.Out, "Force deleting all active members in the group: %s\n", o.Application)
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = o.Application
	for i := range g.Members {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID, m.InstanceID = g.Members[i].MemberID, g.Members[i].InstanceID
		reason := "member was removed by an admin"
		m.Reason = &reason
		req.Members = append(req.Members, m)
	}
	resp, err := req.RequestWith(ctx, cl.Client)
	if err != nil {
		return err
	}
	for _, m := range resp.Members {
		if err := kerr.ErrorForCode(m.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownMemberID) {
			return err
		}
	}
	return serverError(resp.ErrorCode, nil)
}

// javaText prints a member as the Java client's MemberDescription does.
func (m *groupMemberView) javaText() string {
	null := func(s *string) string {
		if s == nil {
			return "null"
		}
		return *s
	}
	partitions := func(list []topicPartitionsView) string {
		var out []string
		for _, t := range list {
			for _, p := range t.Partitions {
				out = append(out, fmt.Sprintf("%s-%d", t.Topic, p))
			}
		}
		return "(topicPartitions=" + strings.Join(out, ",") + ")"
	}
	target, epoch := "Optional.empty", "null"
	if m.Epoch != nil {
		target, epoch = "Optional["+partitions(m.TargetAssignment)+"]", strconv.Itoa(int(*m.Epoch))
	}
	return fmt.Sprintf("(memberId=%s, groupInstanceId=%s, rackId=null, clientId=%s, host=%s, assignment=%s, targetAssignment=%s, memberEpoch=%s, upgraded=null)",
		m.MemberID, null(m.InstanceID), m.ClientID, m.Host, partitions(m.Assignment), target, epoch)
}

// resetOffsets commits new offsets for the input and intermediate topics; missing tells that one of them does not exist.
func (o *streamsResetOptions) resetOffsets(ctx context.Context, cl *client.Client, existing kadm.TopicDetails) (missing bool, err error) {
	if len(o.Input)+len(o.Intermediate) == 0 {
		fmt.Fprintln(o.IO.Out, "No input or intermediate topics specified. Skipping seek.")
		return false, nil
	}
	if len(o.Input) > 0 {
		fmt.Fprintf(o.IO.Out, "Reset-offsets for input topics %s\n", javaList(o.Input))
	}
	if len(o.Intermediate) > 0 {
		fmt.Fprintf(o.IO.Out, "Seek-to-end for intermediate topics %s\n", javaList(o.Intermediate))
	}
	input, lost := o.existing(existing, "input", "Topic: ", o.Input)
	intermediate, lostToo := o.existing(existing, "intermediate", "Topic:", o.Intermediate)
	missing = lost || lostToo
	keys := slices.Concat(input, intermediate)
	if len(keys) == 0 {
		return missing, nil
	}
	b, err := readBounds(ctx, cl, keys)
	if err != nil {
		return missing, err
	}
	var reset []resetView
	if len(input) > 0 {
		if reset, err = o.planReset(ctx, cl, b, input); err != nil {
			return missing, err
		}
	}
	if len(intermediate) > 0 {
		fmt.Fprintf(o.IO.Out, "Following intermediate topics offsets will be reset to end (for consumer group %s)\n", o.Application)
		for _, k := range intermediate {
			_, end := b.of(k)
			reset = append(reset, resetView{o.Application, k.topic, k.partition, end})
			fmt.Fprintf(o.IO.Out, "Topic: %s\n", k.topic)
		}
	}
	if !o.DryRun {
		if err := commitReset(ctx, cl, o.Application, reset); err != nil {
			return missing, err
		}
	}
	fmt.Fprintln(o.IO.Out, "Done.")
	return missing, nil
}

// existing lists the partitions of the topics that exist, and says which don't.
func (o *streamsResetOptions) existing(all kadm.TopicDetails, what, label string, topics []string) (keys []partitionKey, missing bool) {
	for _, t := range topics {
		if all.Has(t) {
			for _, p := range all[t].Partitions.Numbers() {
				keys = append(keys, partitionKey{t, p})
			}
			continue
		}
		if !missing {
			fmt.Fprintf(o.IO.Out, "Following %s topics are not found, skipping them\n", what)
		}
		missing = true
		fmt.Fprintf(o.IO.Out, "%s%s\n", label, t)
	}
	sortPartitions(keys)
	return slices.Compact(keys), missing
}

// planReset computes and prints the new offsets of the input topics.
func (o *streamsResetOptions) planReset(ctx context.Context, cl *client.Client, b bounds, keys []partitionKey) ([]resetView, error) {
	fmt.Fprintf(o.IO.Out, "Following input topics offsets will be reset to (for consumer group %s)\n", o.Application)
	target, err := o.targets(ctx, cl, b, keys)
	if err != nil {
		return nil, err
	}
	reset, err := newOffsets(o.Application, keys, target)
	if err != nil {
		return nil, err
	}
	for _, r := range reset {
		fmt.Fprintf(o.IO.Out, "Topic: %s Partition: %d Offset: %d\n", r.Topic, r.Partition, r.NewOffset)
	}
	return reset, nil
}

// targets returns the function that computes a partition's new offset.
func (o *streamsResetOptions) targets(ctx context.Context, cl *client.Client, b bounds, keys []partitionKey) (func(partitionKey) (int64, error), error) {
	switch o.Scenario {
	case "":
		return func(k partitionKey) (int64, error) { start, _ := b.of(k); return start, nil }, nil
	case "to-offset":
		n, err := strconv.ParseInt(o.Value, 10, 64)
		return func(k partitionKey) (int64, error) { return o.inRange(b, k, n), nil }, err
	case "shift-by":
		n, err := strconv.ParseInt(strings.TrimPrefix(o.Value, "+"), 10, 64)
		if err != nil {
			return nil, err
		}
		committed, err := committedOffsets(ctx, cl, o.Application)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return nil, err
		}
		return func(k partitionKey) (int64, error) {
			at, _ := b.of(k) // where the application would begin without a commit
			if r, ok := committed.Lookup(k.topic, k.partition); ok && r.Err == nil && r.At >= 0 {
				at = r.At
			}
			return o.inRange(b, k, at+n), nil
		}, nil
	case "from-file":
		return o.fromPlan(b)
	case "to-datetime", "by-duration":
		return o.since(ctx, cl, b, keys)
	}
	return o.target(ctx, cl, nil, b, keys)
}

// inRange keeps an offset within the log and says so; the original does at the log's ends too, where it changes nothing.
func (o *streamsResetOptions) inRange(b bounds, k partitionKey, offset int64) int64 {
	start, end := b.of(k)
	switch {
	case offset >= end:
		fmt.Fprintf(o.IO.Out, "New offset (%d) is higher than latest offset. Value will be set to %d\n", offset, end)
		return end
	case offset <= start:
		fmt.Fprintf(o.IO.Out, "New offset (%d) is lower than earliest offset. Value will be set to %d\n", offset, start)
		return start
	}
	return offset
}

// fromPlan reads the offsets of a file of TOPIC,PARTITION,OFFSET.
func (o *streamsResetOptions) fromPlan(b bounds) (func(partitionKey) (int64, error), error) {
	rows, err := o.readFile(o.Application)
	if err != nil {
		say(o.IO.ErrOut, "ERROR: Resetting offsets failed.\n")
		return nil, err
	}
	return func(k partitionKey) (int64, error) {
		for _, r := range rows {
			if r.Topic == k.topic && r.Partition == k.partition {
				return o.inRange(b, k, r.NewOffset), nil
			}
		}
		return 0, fmt.Errorf("%s: no offset for partition %d of topic %s", o.Value, k.partition, k.topic)
	}, nil
}

func (o *streamsResetOptions) since(ctx context.Context, cl *client.Client, b bounds, keys []partitionKey) (func(partitionKey) (int64, error), error) {
	millis, err := o.timestamp()
	if err != nil {
		if o.Scenario == "to-datetime" {
			say(o.IO.ErrOut, "ERROR: Resetting offsets failed.\n")
		} else {
			err = fmt.Errorf("java.time.format.DateTimeParseException: %w", err)
		}
		return nil, err
	}
	topics := make([]string, 0, len(keys))
	for _, k := range keys {
		topics = append(topics, k.topic)
	}
	after, err := cl.Admin.ListOffsetsAfterMilli(ctx, millis, slices.Compact(topics)...)
	if err != nil {
		return nil, err
	}
	return func(k partitionKey) (int64, error) {
		if r, ok := after.Lookup(k.topic, k.partition); ok && r.Err == nil && r.Timestamp >= 0 {
			return r.Offset, nil
		}
		fmt.Fprintf(o.IO.Out, "Partition %d from topic %s is empty, without a committed record. Falling back to latest known offset.\n", k.partition, k.topic)
		_, end := b.of(k)
		return end, nil
	}, nil
}

// deleteInternal deletes the topics that the application has made for itself.
func (o *streamsResetOptions) deleteInternal(ctx context.Context, cl *client.Client, existing kadm.TopicDetails) error {
	var topics []string
	for _, t := range existing.Names() {
		if isStreamsInternal(o.Application, t) {
			topics = append(topics, t)
		}
	}
	how := "inferred"
	if len(o.Internal) > 0 {
		for _, t := range o.Internal {
			if !slices.Contains(topics, t) {
				return errors.New("java.lang.IllegalArgumentException: Invalid topic specified in the --internal-topics option. Ensure that the topics specified are all internal topics. " +
					"Do a dry run without the --internal-topics option to see the list of all internal topics that can be deleted.")
			}
		}
		how, topics = "specified", o.Internal
	}
	fmt.Fprintf(o.IO.Out, "Deleting %s internal topics %s\n", how, javaList(topics))
	if !o.DryRun && len(topics) > 0 {
		if err := deleteTopics(ctx, cl, topics, func(topic string) { say(o.IO.ErrOut, "ERROR: deleting topic %s\n", topic) }); err != nil {
			return fmt.Errorf("java.lang.RuntimeException: Encountered an error deleting one or more topics: %w", err)
		}
	}
	fmt.Fprintln(o.IO.Out, "Done.")
	return nil
}

// isStreamsInternal reports whether a topic's name is one that Kafka Streams gives to what an application keeps for itself.
func isStreamsInternal(application, topic string) bool {
	rest, ok := strings.CutPrefix(topic, application+"-")
	if !ok {
		return false
	}
	for _, suffix := range []string{"-changelog", "-repartition", "-subscription-registration-topic", "-subscription-response-topic"} {
		if strings.HasSuffix(topic, suffix) {
			return true
		}
	}
	for _, kind := range []string{"KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-", "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-"} {
		if number, ok := strings.CutPrefix(rest, kind); ok {
			digits := strings.TrimSuffix(number, "-topic")
			_, err := strconv.ParseUint(digits, 10, 64)
			return err == nil && digits != number
		}
	}
	return false
}
