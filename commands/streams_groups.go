package commands

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// streamsGroupsOptions is a parsed command line of kgo streams-groups.
type streamsGroupsOptions struct {
	offsetReset
	Client func(context.Context) (*client.Client, error)

	Action            string // list, describe, delete, reset-offsets or delete-offsets
	Groups            []string
	AllGroups         bool
	Topics            []string // NAME or NAME:0,1,2
	AllTopics         bool
	ShowState         bool     // a column of --list
	States            []string // a filter of --list, in lower case
	View              string   // of --describe: offsets, members or state
	Verbose           bool
	Execute, Export   bool
	DeleteAllInternal bool
	DeleteInternal    []string
	Yes               bool
	Timeout           time.Duration
	Output            format
}

const streamsGroupsLong = `The instances of a Kafka Streams application that runs with group.protocol=streams are a streams group: the group's
coordinator divides the tasks of the application's topology among them (KIP-1071).

--describe prints how far the tasks are behind in each partition they read, --members who runs which
tasks (SUBTOPOLOGY:[PARTITION,...]), --state the group's state: Empty, NotReady, Assigning, Reconciling,
Stable or Dead.

--reset-offsets needs an application that is stopped and changes something with --execute only. The
topics that the application made for itself are deleted by --delete-all-internal-topics, or one by one
by --delete-internal-topic.`

const streamsGroupsExample = `  kgo streams-groups --list --state
  kgo streams-groups --describe --group wordcount --members
  kgo streams-groups --reset-offsets --group wordcount --all-input-topics --to-earliest --dry-run
  kgo streams-groups --delete --group wordcount --delete-all-internal-topics --yes`

func newStreamsGroupsCmd(f *Factory, runF func(*streamsGroupsOptions) error) *cobra.Command {
	t := &tool{
		spec: streamsGroupsSpec, short: "List and describe the groups of Kafka Streams applications, reset and delete them",
		long: streamsGroupsLong, example: streamsGroupsExample, extras: []opt.Option{extraOutput, extraYes}, plainErrors: true,
		fail: func(err error) {
			fmt.Fprintf(f.IO.Out, "\nError: Executing streams group command failed due to %s\n", client.Explain(err))
		},
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &streamsGroupsOptions{offsetReset: offsetReset{IO: f.IO, Now: f.Now}, Client: f.opener(set, "adminclient-1")}
		if err := o.parse(set); err != nil {
			return asUsage(err)
		}
		if runF != nil {
			return runF(o)
		}
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		return streamsGroupsRun(ctx, o)
	})
}

// asUsage makes a value that cannot be read a usage error, for the tools that print the option table below it.
func asUsage(err error) error {
	switch err.(type) { //nolint:errorlint // only errors that come straight from reading an option
	case *opt.ConversionError, *opt.MultipleArgumentsError:
		return opt.Usagef("%s", err)
	}
	return err
}

var (
	streamsResetScenarios = []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"}
	streamsGroupStates    = []string{"Empty", "Assigning", "Stable", "Dead", "Reconciling", "NotReady"}
)

func (o *streamsGroupsOptions) parse(set *opt.Set) error {
	if err := o.check(set); err != nil {
		return err
	}
	for _, a := range shareGroupActions {
		if set.Has(a) {
			o.Action = a
		}
	}
	o.Groups, o.AllGroups = set.Values("group"), set.Has("all-groups")
	o.Topics, o.AllTopics = set.Values("input-topic"), set.Has("all-input-topics")
	o.Verbose, o.Execute, o.Export, o.Yes = set.Has("verbose"), set.Has("execute"), set.Has("export"), set.Has("yes")
	o.DeleteAllInternal, o.DeleteInternal = set.Has("delete-all-internal-topics"), set.Values("delete-internal-topic")
	o.View = viewOf(set)
	for _, s := range streamsResetScenarios {
		if !set.Has(s) {
			continue
		}
		v, err := set.Value(s)
		if err != nil {
			return err
		}
		o.Scenario, o.Value = s, v
	}
	for _, name := range []string{"to-offset", "shift-by"} {
		if _, _, err := set.Long(name); err != nil {
			return err
		}
	}
	ms, _, err := set.Long("timeout")
	if err != nil {
		return err
	}
	o.Timeout = time.Duration(ms) * time.Millisecond
	if o.Output, err = outputFormat(set); err != nil {
		return err
	}
	o.ShowState = o.Action == "list" && set.Has("state")
	if o.ShowState {
		o.States, err = statesOf(set, streamsGroupStates)
	}
	return err
}

// check refuses combinations of options, in the original's order.
func (o *streamsGroupsOptions) check(set *opt.Set) error {
	if err := firstError(checkViews(o.IO, set), o.checkAction(set), o.checkReset(set), checkInternal(set)); err != nil {
		return err
	}
	if err := firstError(excludes(set, "list", "members", "offsets"), excludes(set, "group", "all-groups"),
		excludes(set, "group", "list"), excludes(set, "input-topic", "list", "describe", "delete")); err != nil {
		return err
	}
	if count(set, shareGroupActions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, or --delete-offsets.")
	}
	return nil
}

func (o *streamsGroupsOptions) checkAction(set *opt.Set) error {
	noGroup := count(set, "group", "all-groups") == 0
	topics := count(set, "input-topic", "all-input-topics") > 0
	switch {
	case set.Has("describe") && noGroup:
		return opt.Usagef("Option [describe] takes one of these options: [all-groups], [group]")
	case set.Has("describe") && count(set, "members", "offsets", "state") > 1:
		return opt.Usagef("Option [describe] takes at most one of these options: [members], [offsets], [state]")
	case set.Has("describe") && set.HasArg("state"):
		return opt.Usagef("Option [describe] does not take a value for [state]")
	case set.Has("delete") && noGroup:
		return opt.Usagef("Option [delete] takes one of these options: [all-groups], [group]")
	case set.Has("delete") && topics:
		return opt.Usagef("Kafka Streams does not support topic-specific offset deletion from a streams group.")
	case set.Has("delete-offsets") && !(topics && set.Has("group")):
		return opt.Usagef("Option [delete-offsets] takes the [group] and one of these options: [all-input-topics], [input-topic]")
	case set.Has("delete-offsets") && len(set.Values("group")) > 1:
		return opt.Usagef("Option [delete-offsets] supports only one [group] at a time, but found: %s", javaList(set.Values("group")))
	}
	return nil
}

func (o *streamsGroupsOptions) checkReset(set *opt.Set) error {
	if !set.Has("reset-offsets") {
		return nil
	}
	switch {
	case set.Has("dry-run") && set.Has("execute"):
		return opt.Usagef("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
	case !set.Has("dry-run") && !set.Has("execute"):
		return opt.Usagef("Option [reset-offsets] takes the option: [execute] or [dry-run]")
	case count(set, "group", "all-groups") == 0:
		return opt.Usagef("Option [reset-offsets] takes one of these options: [all-groups], [group]")
	}
	for _, s := range []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"} {
		if err := excludes(set, s, streamsResetScenarios...); err != nil {
			return err
		}
	}
	switch {
	case !set.Has("from-file") && count(set, "input-topic", "all-input-topics") == 0:
		return opt.Usagef("One of the reset scopes should be defined: --all-topics, --topic.")
	case count(set, streamsResetScenarios...) == 0:
		return opt.Usagef("Option '[reset-offsets]' requires one of the following scenarios: [[shift-by], [to-offset], [to-earliest], [to-current], [to-latest], [by-duration], [to-datetime], [from-file]]")
	}
	return nil
}

// checkInternal refuses the options about internal topics where they mean nothing.
func checkInternal(set *opt.Set) error {
	switch {
	case set.Has("delete-all-internal-topics") && set.Has("reset-offsets") && !set.Has("execute"):
		return opt.Usagef("Option [delete-all-internal-topics] takes [execute] when [reset-offsets] is used.")
	case set.Has("delete-internal-topic") && !(set.Has("reset-offsets") && set.Has("execute")):
		return opt.Usagef("Option [delete-internal-topic] takes [reset-offsets] when [execute] is used.")
	case count(set, "dry-run", "execute") > 0 && !set.Has("reset-offsets"):
		return opt.Usagef("Only Option [reset-offsets] accepts [execute] or [dry-run]")
	}
	return nil
}

func streamsGroupsRun(ctx context.Context, o *streamsGroupsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "list":
		views, err := groupsOfType(ctx, cl, "streams")
		if err != nil {
			return err
		}
		return listGroupsByState(o.IO.Out, o.Output, views, o.ShowState, o.States)
	case "describe":
		err = o.describe(ctx, cl)
	case "delete":
		err = o.deleteGroups(ctx, cl)
	case "delete-offsets":
		err = o.deleteOffsets(ctx, cl)
	default:
		err = o.resetOffsets(ctx, cl)
	}
	return served(err, "streams groups")
}
