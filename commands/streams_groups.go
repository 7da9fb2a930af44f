package commands

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

// streamsGroupsOptions is a parsed command line of kgo streams-groups.
type streamsGroupsOptions struct {
	groupTool

	DeleteAllInternal bool
	DeleteInternal    []string
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
	t := f.declareGroupTool(streamsGroupKind, streamsGroupsSpec, "List and describe the groups of Kafka Streams applications, reset and delete them", streamsGroupsLong, streamsGroupsExample)
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &streamsGroupsOptions{groupTool: f.groupTool(streamsGroupKind, set)}
		if err := o.parse(set); err != nil {
			return asUsage(err)
		}
		if runF != nil {
			return runF(o)
		}
		return o.run(ctx, o)
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

var streamsGroupKind = &groupKind{
	name:      "streams",
	includes:  func(g groupListing) bool { return g.Type == "Streams" },
	feature:   "streams groups",
	actions:   []string{"list", "describe", "delete", "reset-offsets", "delete-offsets"},
	scenarios: resetScenarios,
	states:    []string{"Empty", "Assigning", "Stable", "Dead", "Reconciling", "NotReady"},
	topics:    "input-topic", allTopics: "all-input-topics",
	resetWidths: []int{30, 30, 10, 15},
}

func (o *streamsGroupsOptions) parse(set *opt.Set) error {
	if err := o.check(set); err != nil {
		return err
	}
	o.DeleteAllInternal, o.DeleteInternal = set.Has("delete-all-internal-topics"), set.Values("delete-internal-topic")
	return o.groupTool.parse(set)
}

// check refuses combinations of options, in the original's order.
func (o *streamsGroupsOptions) check(set *opt.Set) error {
	if err := firstError(o.checkViews(set), checkDescribe(set), checkStreamsAction(set), checkStreamsReset(set), checkInternal(set)); err != nil {
		return err
	}
	if err := firstError(excludes(set, "list", "members", "offsets"), excludes(set, "group", "all-groups"),
		excludes(set, "group", "list"), excludes(set, "input-topic", "list", "describe", "delete")); err != nil {
		return err
	}
	if count(set, o.kind.actions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, or --delete-offsets.")
	}
	return nil
}

func checkStreamsAction(set *opt.Set) error {
	noGroup := count(set, "group", "all-groups") == 0
	topics := count(set, "input-topic", "all-input-topics") > 0
	switch {
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

func checkStreamsReset(set *opt.Set) error {
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
	if err := oneOf(set, resetScenarios); err != nil {
		return err
	}
	switch {
	case !set.Has("from-file") && count(set, "input-topic", "all-input-topics") == 0:
		return opt.Usagef("One of the reset scopes should be defined: --all-topics, --topic.")
	case count(set, resetScenarios...) == 0:
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
