package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// groupTool is what consumer-groups, share-groups and streams-groups have in common: they are one tool for three types of groups.
// Each of them embeds it in its options and adds the checks, columns and options that only its type has. The parts are in
// group_list.go, group_describe.go, group_reset.go and group_delete.go.
type groupTool struct {
	offsetReset
	Client func(context.Context) (*client.Client, error)

	Action          string // list, describe, delete, reset-offsets or delete-offsets
	Groups          []string
	AllGroups       bool
	Topics          []string // NAME or NAME:0,1,2
	AllTopics       bool
	ShowState       bool     // a column of --list
	States          []string // a filter of --list, in lower case
	View            string   // of --describe: offsets, members or state
	Verbose         bool
	Execute, Export bool
	Yes             bool
	Timeout         time.Duration
	Output          format

	kind *groupKind
}

// groupKind is a type of groups, as its tool has it.
type groupKind struct {
	name      string                  // consumer, share or streams: as messages have it
	includes  func(groupListing) bool // tells the groups of the type
	feature   string                  // what a cluster lacks that doesn't know the type's requests; empty if every cluster does
	actions   []string
	scenarios []string // of --reset-offsets
	states    []string // as --list --state has them
	topics    string   // the option that names topics
	allTopics string
	notEmpty  string // how the tool says that a group with members is not deleted; empty: in the cluster's words
	// resetWidths are the columns of the plan of --reset-offsets, where they do not grow with their longest value.
	resetWidths []int
}

// groupTool begins the options of a tool.
func (f *Factory) groupTool(kind *groupKind, set *opt.Set) groupTool {
	return groupTool{kind: kind, offsetReset: offsetReset{IO: f.IO, Now: f.Now}, Client: f.opener(set, "adminclient-1")}
}

// declareGroupTool declares the tool of a type of groups.
func (f *Factory) declareGroupTool(kind *groupKind, spec *opt.Spec, short, long, example string) *tool {
	return &tool{
		spec: spec, short: short, long: long, example: example, extras: []opt.Option{extraOutput, extraYes}, plainErrors: true,
		fail: func(err error) {
			say(f.IO.Out, "\nError: Executing %s group command failed due to %s\n", kind.name, client.Explain(err))
		},
	}
}

// parse reads the options that the three tools share, which have been checked.
func (o *groupTool) parse(set *opt.Set) error {
	for _, a := range o.kind.actions {
		if set.Has(a) {
			o.Action = a
		}
	}
	o.Groups, o.AllGroups = set.Values("group"), set.Has("all-groups")
	o.Topics, o.AllTopics = set.Values(o.kind.topics), set.Has(o.kind.allTopics)
	o.Verbose, o.Execute, o.Export, o.Yes = set.Has("verbose"), set.Has("execute"), set.Has("export"), set.Has("yes")
	o.View = "offsets"
	for _, v := range []string{"members", "state"} {
		if set.Has(v) {
			o.View = v
		}
	}
	if err := o.offsetReset.parse(set, o.kind.scenarios); err != nil {
		return err
	}
	// The original's own limit, 30 s by default: a cluster that nobody can connect to is reported earlier, by the dialer.
	ms, _, err := set.Long("timeout")
	if err != nil {
		return err
	}
	o.Timeout = time.Duration(ms) * time.Millisecond
	if o.Output, err = outputFormat(set); err != nil || o.Action != "list" {
		return err
	}
	o.ShowState = set.Has("state")
	o.States, err = groupFilter(set, "state", "state", o.kind.states)
	return err
}

// groupFilter reads the list behind --state or --type, in lower case. what is the word of the refusal.
func groupFilter(set *opt.Set, option, what string, valid []string) ([]string, error) {
	v, err := set.Value(option)
	if err != nil || v == "" {
		return nil, err
	}
	var out []string
	for s := range strings.SplitSeq(v, ",") {
		s = strings.TrimSpace(s)
		if !slices.ContainsFunc(valid, func(name string) bool { return strings.EqualFold(name, s) }) {
			return nil, opt.Usagef("Invalid %s list '%s'. Valid %s are: %s", what, v, strings.TrimSuffix(what, "s")+"s", strings.Join(valid, ", "))
		}
		out = append(out, strings.ToLower(s))
	}
	return out, nil
}

// checkViews refuses the options of --describe and --list where neither is given, as the original's parser does.
func (o *groupTool) checkViews(set *opt.Set) error {
	var unavailable []string
	for _, name := range []string{"members", "offsets", "state", "type", "verbose"} {
		ofDescribe, ofList := name != "type", name == "state" || name == "type"
		if set.Has(name) && !(ofDescribe && set.Has("describe")) && !(ofList && set.Has("list")) {
			unavailable = append(unavailable, name)
		}
	}
	if len(unavailable) == 0 {
		return nil
	}
	refusal := fmt.Sprintf("Option(s) [%s] are unavailable given other options on the command line", strings.Join(unavailable, ", "))
	fmt.Fprintln(o.IO.ErrOut, paint(o.IO.ErrOut, failure, refusal))
	return ErrSilent
}

// checkDescribe refuses a --describe of no groups, or in several ways at once.
func checkDescribe(set *opt.Set) error {
	switch {
	case !set.Has("describe"):
	case count(set, "group", "all-groups") == 0:
		return opt.Usagef("Option [describe] takes one of these options: [all-groups], [group]")
	case count(set, "members", "offsets", "state") > 1:
		return opt.Usagef("Option [describe] takes at most one of these options: [members], [offsets], [state]")
	case set.HasArg("state"):
		return opt.Usagef("Option [describe] does not take a value for [state]")
	}
	return nil
}

// groupActions are the actions that each type of groups has in its own way.
type groupActions interface {
	list(context.Context, *client.Client) error
	describe(context.Context, *client.Client) error
	deleteGroups(context.Context, *client.Client) error
	deleteOffsets(context.Context, *client.Client) error
	resetOffsets(context.Context, *client.Client) error
}

// run does what the command line says, within --timeout.
func (o *groupTool) run(ctx context.Context, do groupActions) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "list":
		err = do.list(ctx, cl)
	case "describe":
		err = do.describe(ctx, cl)
	case "delete":
		err = do.deleteGroups(ctx, cl)
	case "delete-offsets":
		err = do.deleteOffsets(ctx, cl)
	default:
		err = do.resetOffsets(ctx, cl)
	}
	if o.kind.feature != "" && isUnsupported(err) {
		return errors.New("the cluster does not serve " + o.kind.feature)
	}
	return err
}

// existing lists the groups of the tool's type.
func (o *groupTool) existing(ctx context.Context, cl *client.Client) ([]groupListing, error) {
	return listGroups(ctx, cl, o.kind.includes)
}

// selected lists the groups that the command is about: those named, or all of the type.
func (o *groupTool) selected(ctx context.Context, cl *client.Client) ([]string, error) {
	if !o.AllGroups {
		return sortedSet(o.Groups), nil
	}
	groups, err := o.existing(ctx, cl)
	return namesOf(groups), err
}
