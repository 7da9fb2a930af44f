package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// shareGroupsOptions is a parsed command line of kgo share-groups.
type shareGroupsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Action    string // list, describe, delete, reset-offsets or delete-offsets
	Groups    []string
	AllGroups bool
	Topics    []string // NAME or NAME:0,1,2
	AllTopics bool
	ShowState bool     // a column of --list
	States    []string // a filter of --list, in lower case
	View      string   // of --describe: offsets, members or state
	Verbose   bool
	Scenario  string // of --reset-offsets
	Value     string // the scenario's argument
	Execute   bool
	Yes       bool
	Timeout   time.Duration
	Output    format
}

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
	t := &tool{
		spec: shareGroupsSpec, short: "List and describe share groups, reset and delete their offsets",
		long: shareGroupsLong, example: shareGroupsExample, extras: []opt.Option{extraOutput, extraYes}, plainErrors: true,
		fail: func(err error) {
			fmt.Fprintf(f.IO.Out, "\nError: Executing share group command failed due to %s\n", client.Explain(err))
		},
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &shareGroupsOptions{IO: f.IO, Client: f.opener(set, "adminclient-1")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		return shareGroupsRun(ctx, o)
	})
}

var (
	shareGroupActions   = []string{"list", "describe", "delete", "reset-offsets", "delete-offsets"}
	shareResetScenarios = []string{"to-datetime", "to-earliest", "to-latest"}
	shareGroupStates    = []string{"Dead", "Empty", "Stable"}
)

func (o *shareGroupsOptions) parse(set *opt.Set) error {
	if err := o.check(set); err != nil {
		return err
	}
	for _, a := range shareGroupActions {
		if set.Has(a) {
			o.Action = a
		}
	}
	o.Groups, o.AllGroups = set.Values("group"), set.Has("all-groups")
	o.Topics, o.AllTopics = set.Values("topic"), set.Has("all-topics")
	o.Verbose, o.Execute, o.Yes = set.Has("verbose"), set.Has("execute"), set.Has("yes")
	o.View = viewOf(set)
	for _, s := range shareResetScenarios {
		if set.Has(s) {
			o.Scenario = s
		}
	}
	var err error
	if o.Value, err = set.Value("to-datetime"); err != nil {
		return err
	}
	ms, _, err := set.Long("timeout")
	if err != nil {
		return err
	}
	o.Timeout = time.Duration(ms) * time.Millisecond
	if o.Action == "reset-offsets" || o.Action == "delete-offsets" {
		if _, err := set.Value("group"); err != nil {
			return err
		}
	}
	if o.Output, err = outputFormat(set); err != nil {
		return err
	}
	o.ShowState = o.Action == "list" && set.Has("state")
	if o.ShowState {
		o.States, err = statesOf(set, shareGroupStates)
	}
	return err
}

// viewOf tells which of the views of --describe is wanted.
func viewOf(set *opt.Set) string {
	for _, v := range []string{"members", "state"} {
		if set.Has(v) {
			return v
		}
	}
	return "offsets"
}

// statesOf reads the list behind --state, in lower case.
func statesOf(set *opt.Set, valid []string) ([]string, error) {
	v, err := set.Value("state")
	if err != nil || v == "" {
		return nil, err
	}
	var out []string
	for s := range strings.SplitSeq(v, ",") {
		s = strings.TrimSpace(s)
		if !slices.ContainsFunc(valid, func(name string) bool { return strings.EqualFold(name, s) }) {
			return nil, opt.Usagef("Invalid state list '%s'. Valid states are: %s", v, strings.Join(valid, ", "))
		}
		out = append(out, strings.ToLower(s))
	}
	return out, nil
}

// checkViews refuses the options of --describe and --list where neither is given, as the original's parser does.
func checkViews(streams *IOStreams, set *opt.Set) error {
	var unavailable []string
	for _, name := range []string{"members", "offsets", "state", "verbose"} {
		if set.Has(name) && !set.Has("describe") && !(name == "state" && set.Has("list")) {
			unavailable = append(unavailable, name)
		}
	}
	if len(unavailable) == 0 {
		return nil
	}
	fmt.Fprintf(streams.ErrOut, "Option(s) [%s] are unavailable given other options on the command line\n", strings.Join(unavailable, ", "))
	return ErrSilent
}

// check refuses combinations of options, in the original's order.
func (o *shareGroupsOptions) check(set *opt.Set) error {
	if err := checkViews(o.IO, set); err != nil {
		return err
	}
	if err := firstError(o.checkAction(set), excludes(set, "group", "all-groups"), excludes(set, "group", "list"), excludes(set, "topic", "list", "describe")); err != nil {
		return err
	}
	if count(set, shareGroupActions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets.")
	}
	return nil
}

func (o *shareGroupsOptions) checkAction(set *opt.Set) error {
	noGroup := count(set, "group", "all-groups") == 0
	switch {
	case set.Has("describe") && noGroup:
		return opt.Usagef("Option [describe] takes one of these options: [all-groups], [group]")
	case set.Has("describe") && count(set, "members", "offsets", "state") > 1:
		return opt.Usagef("Option [describe] takes at most one of these options: [members], [offsets], [state]")
	case set.Has("describe") && set.HasArg("state"):
		return opt.Usagef("Option [describe] does not take a value for [state]")
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
	case count(set, shareResetScenarios...) == 0:
		return opt.Usagef("Option [reset-offsets] takes one of these options: [to-datetime], [to-earliest], [to-latest]")
	}
	for _, s := range shareResetScenarios {
		if err := excludes(set, s, shareResetScenarios...); err != nil {
			return err
		}
	}
	return nil
}

func shareGroupsRun(ctx context.Context, o *shareGroupsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "list":
		views, err := groupsOfType(ctx, cl, "share")
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
	return served(err, "share groups")
}

// errNoShareGroups says that a cluster cannot do what a whole tool is for.
var errNoShareGroups = errors.New("the cluster does not serve share groups")

// served says it in one line when the cluster lacks a whole feature.
func served(err error, feature string) error {
	if isUnsupported(err) {
		return errors.New("the cluster does not serve " + feature)
	}
	return err
}

// groupsOfType lists the groups of a type: share or streams.
func groupsOfType(ctx context.Context, cl *client.Client, kind string) ([]groupStateView, error) {
	views := []groupStateView{}
	for _, shard := range cl.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		resp := shard.Resp.(*kmsg.ListGroupsResponse)
		if err := serverError(resp.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, g := range resp.Groups {
			if strings.EqualFold(g.GroupType, kind) {
				views = append(views, groupStateView{g.Group, g.GroupState})
			}
		}
	}
	slices.SortFunc(views, func(a, b groupStateView) int { return strings.Compare(a.Group, b.Group) })
	return views, nil
}

// groupStateView is one group of kgo share-groups --list and of kgo streams-groups --list.
type groupStateView struct {
	Group string `json:"group"`
	State string `json:"state"`
}

// listGroupsByState prints the names of groups, or with their states those that are in one of the given ones.
func listGroupsByState(w io.Writer, out format, views []groupStateView, showState bool, states []string) error {
	views = slices.DeleteFunc(views, func(v groupStateView) bool {
		return states != nil && !slices.Contains(states, strings.ToLower(v.State))
	})
	return out.write(w, views, func(w io.Writer) error {
		width := 15
		for _, v := range views {
			width = max(width, len(v.Group))
		}
		if showState {
			fmt.Fprintf(w, "%-*s %s\n", width, "GROUP", "STATE")
		}
		for _, v := range views {
			if showState {
				fmt.Fprintf(w, "%-*s %s\n", width, v.Group, v.State)
			} else {
				fmt.Fprintln(w, v.Group)
			}
		}
		return nil
	})
}

// selectedGroups lists the groups that a command is about: those named, or all of a type.
func selectedGroups(ctx context.Context, cl *client.Client, names []string, all bool, kind string) ([]string, error) {
	if !all {
		names = slices.Clone(names)
		slices.Sort(names)
		return slices.Compact(names), nil
	}
	views, err := groupsOfType(ctx, cl, kind)
	groups := make([]string, 0, len(views))
	for _, v := range views {
		groups = append(groups, v.Group)
	}
	return groups, err
}
