package commands

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

// shareGroupsOptions is a parsed command line of kgo share-groups.
type shareGroupsOptions struct{ groupTool }

const shareGroupsLong = `The members of a share group read a topic's records as workers take jobs from a queue: each record goes to one of them
at a time, is acknowledged on its own, and comes again if it is not (KIP-932).

--describe prints a line for each partition of each group:

  START-OFFSET  the first offset that is not done with
  LAG           how many records are not done with yet

--members shows the members instead, --state the group's state: Empty, Stable or Dead.

--reset-offsets moves START-OFFSET. It needs a group without members and changes something with --execute only.`

const shareGroupsExample = `  kgo share-groups --list --state
  kgo share-groups --describe --group workers
  kgo share-groups --reset-offsets --group workers --topic jobs --to-earliest --dry-run
  kgo share-groups --delete --group workers --yes`

func newShareGroupsCmd(f *Factory, runF func(*shareGroupsOptions) error) *cobra.Command {
	t := f.declareGroupTool(shareGroupKind, shareGroupsSpec, "List and describe share groups, reset and delete their offsets", shareGroupsLong, shareGroupsExample)
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &shareGroupsOptions{f.groupTool(shareGroupKind, set)}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return o.run(ctx, o)
	})
}

var shareGroupKind = &groupKind{
	name:      "share",
	includes:  func(g groupListing) bool { return g.Type == "Share" },
	feature:   "share groups",
	actions:   []string{"list", "describe", "delete", "reset-offsets", "delete-offsets"},
	scenarios: []string{"to-datetime", "to-earliest", "to-latest"},
	states:    []string{"Dead", "Empty", "Stable"},
	topics:    "topic", allTopics: "all-topics",
	notEmpty: "org.apache.kafka.common.errors.GroupNotEmptyException: Share group '%s' is not EMPTY.",
}

func (o *shareGroupsOptions) parse(set *opt.Set) error {
	err := firstError(o.check(set), o.groupTool.parse(set))
	if err == nil && (o.Action == "reset-offsets" || o.Action == "delete-offsets") {
		_, err = set.Value("group") // one group at a time
	}
	return err
}

// check refuses combinations of options, in the original's order.
func (o *shareGroupsOptions) check(set *opt.Set) error {
	if err := firstError(o.checkViews(set), o.checkAction(set), excludes(set, "group", "all-groups"), excludes(set, "group", "list"), excludes(set, "topic", "list", "describe")); err != nil {
		return err
	}
	if count(set, o.kind.actions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets.")
	}
	return nil
}

func (o *shareGroupsOptions) checkAction(set *opt.Set) error {
	if err := checkDescribe(set); err != nil {
		return err
	}
	noGroup := count(set, "group", "all-groups") == 0
	switch {
	case set.Has("delete") && noGroup:
		return opt.Usagef("Option [delete] takes the options [group] or [all-groups]")
	case set.Has("delete") && count(set, "group", "all-groups") == 2:
		return opt.Usagef("Option [delete] takes either [group] or [all-groups], not both.")
	case set.Has("delete") && set.Has("topic"):
		return opt.Usagef("Option [delete] does not take the option: [topic]")
	case set.Has("delete-offsets") && count(set, "group", "topic") < 2:
		return opt.Usagef("Option [delete-offsets] takes the following options: [group], [topic]")
	case !set.Has("reset-offsets"):
		return nil
	case set.Has("dry-run") && set.Has("execute"):
		return opt.Usagef("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
	case !set.Has("dry-run") && !set.Has("execute"):
		return opt.Usagef("Option [reset-offsets] takes the option: [execute] or [dry-run]")
	case !set.Has("group"):
		return opt.Usagef("Option [reset-offsets] takes the option: [group]")
	case count(set, "topic", "all-topics") == 0:
		return opt.Usagef("Option [reset-offsets] takes one of these options: [all-topics], [topic]")
	case count(set, o.kind.scenarios...) == 0:
		return opt.Usagef("Option [reset-offsets] takes one of these options: [to-datetime], [to-earliest], [to-latest]")
	}
	return oneOf(set, o.kind.scenarios)
}

// errNoShareGroups says that a cluster cannot do what a whole tool is for.
var errNoShareGroups = errors.New("the cluster does not serve share groups")
