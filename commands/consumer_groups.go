package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// consumerGroupsOptions is a parsed command line of kgo consumer-groups.
type consumerGroupsOptions struct {
	offsetReset
	Client func(context.Context) (*client.Client, error)

	Action              string // list, describe, delete, reset-offsets, delete-offsets, validate-regex
	Groups              []string
	AllGroups           bool
	Topics              []string // NAME or NAME:0,1,2
	AllTopics           bool
	ShowState, ShowType bool     // columns of --list
	States, Types       []string // filters of --list, in lower case
	View                string   // of --describe: offsets, members or state
	Verbose             bool
	Execute, Export     bool
	DryRun, Yes         bool
	Regex               string
	Timeout             time.Duration
	Output              format
}

func newConsumerGroupsCmd(f *Factory, runF func(*consumerGroupsOptions) error) *cobra.Command {
	t := &tool{
		spec:        consumerGroupsSpec,
		short:       "List and describe consumer groups, reset and delete their offsets",
		long:        consumerGroupsLong,
		example:     consumerGroupsExample,
		extras:      []opt.Option{extraOutput, extraYes},
		plainErrors: true,
		fail: func(err error) {
			fmt.Fprintf(f.IO.Out, "\nError: Executing consumer group command failed due to %s\n", client.Explain(err))
		},
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &consumerGroupsOptions{offsetReset: offsetReset{IO: f.IO, Now: f.Now}, Client: f.opener(set, "adminclient-1")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		return consumerGroupsRun(ctx, o)
	})
}

const consumerGroupsLong = `The members of a group share the partitions of its topics among them and commit how far they have read.

--describe prints a line for each partition of each group:

  CURRENT-OFFSET  the committed offset: where reading goes on after a restart
  LOG-END-OFFSET  the offset of the next record that is written
  LAG             how many records there are between the two
  CONSUMER-ID     the member that reads the partition, with its HOST and CLIENT-ID

--members shows the members instead, --state the group's state: Empty, Stable, PreparingRebalance,
CompletingRebalance or Dead; groups of the newer protocol are Assigning or Reconciling while they rebalance.

--reset-offsets needs an inactive group and changes something with --execute only.`

const consumerGroupsExample = `  kgo consumer-groups --list
  kgo consumer-groups --describe --group readers
  kgo consumer-groups --reset-offsets --group readers --topic hello --to-earliest --dry-run
  kgo consumer-groups --delete --group readers --yes`

var (
	groupActions   = []string{"list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"}
	resetScenarios = []string{"to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"}
)

func (o *consumerGroupsOptions) parse(set *opt.Set) error {
	if err := o.check(set); err != nil {
		return err
	}
	for _, a := range groupActions {
		if set.Has(a) {
			o.Action = a
		}
	}
	o.Groups, o.AllGroups = set.Values("group"), set.Has("all-groups")
	o.Topics, o.AllTopics = set.Values("topic"), set.Has("all-topics")
	o.Verbose, o.Execute, o.Export = set.Has("verbose"), set.Has("execute"), set.Has("export")
	o.DryRun, o.Yes = set.Has("dry-run"), set.Has("yes")
	o.View = "offsets"
	for _, v := range []string{"members", "state"} {
		if set.Has(v) {
			o.View = v
		}
	}
	for _, s := range resetScenarios {
		if set.Has(s) {
			o.Scenario = s
			v, err := set.Value(s)
			if err != nil {
				return err
			}
			o.Value = v
		}
	}
	// The original's own limit, 30 s by default: a cluster that nobody can connect to is reported earlier, by the dialer.
	ms, _, err := set.Long("timeout")
	if err != nil {
		return err
	}
	o.Timeout = time.Duration(ms) * time.Millisecond
	for _, name := range []string{"to-offset", "shift-by"} {
		if _, _, err := set.Long(name); err != nil {
			return err
		}
	}
	if o.Regex, err = set.Value("validate-regex"); err != nil {
		return err
	}
	if o.Output, err = outputFormat(set); err != nil {
		return err
	}
	if o.Action == "list" {
		return o.filters(set)
	}
	return nil
}

// check refuses combinations of options, in the original's order.
func (o *consumerGroupsOptions) check(set *opt.Set) error {
	var unavailable []string
	for _, name := range []string{"members", "offsets", "state", "type", "verbose"} {
		if set.Has(name) && !(set.Has("describe") && name != "type" || set.Has("list") && (name == "state" || name == "type")) {
			unavailable = append(unavailable, name)
		}
	}
	if len(unavailable) > 0 {
		fmt.Fprintf(o.IO.ErrOut, "Option(s) [%s] are unavailable given other options on the command line\n", strings.Join(unavailable, ", "))
		return ErrSilent
	}
	if count(set, groupActions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets, --validate-regex")
	}
	noGroup := count(set, "group", "all-groups") == 0
	switch {
	case set.Has("describe") && noGroup:
		return opt.Usagef("Option [describe] takes one of these options: [all-groups], [group]")
	case set.Has("describe") && count(set, "members", "offsets", "state") > 1:
		return opt.Usagef("Option [describe] takes at most one of these options: [members], [offsets], [state]")
	case set.Has("describe") && set.HasArg("state"):
		return opt.Usagef("Option [describe] does not take a value for [state]")
	case set.Has("delete") && noGroup:
		return opt.Usagef("Option [delete] takes one of these options: [group], [all-groups]")
	case set.Has("delete") && set.Has("topic"):
		return opt.Usagef("The consumer does not support topic-specific offset deletion from a consumer group.")
	case set.Has("delete-offsets") && count(set, "group", "topic") < 2:
		return opt.Usagef("Option [delete-offsets] takes the following options: [topic], [group]")
	}
	if set.Has("reset-offsets") {
		if set.Has("dry-run") && set.Has("execute") {
			return opt.Usagef("Option [reset-offsets] only accepts one of [execute] and [dry-run]")
		}
		if !set.Has("dry-run") && !set.Has("execute") {
			fmt.Fprintln(o.IO.ErrOut, "WARN: No action will be performed as the --execute option is missing. In version 5.0, this command will require either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting.")
		}
		if noGroup {
			return opt.Usagef("Option [reset-offsets] takes one of these options: [all-groups], [group]")
		}
		for _, s := range resetScenarios {
			if err := excludes(set, s, resetScenarios...); err != nil {
				return err
			}
		}
		if count(set, resetScenarios...) == 0 {
			return opt.Usagef("Option '[reset-offsets]' requires one of the following scenarios: [[to-datetime], [from-file], [shift-by], [to-offset], [to-earliest], [to-current], [to-latest], [by-duration]]")
		}
		if !set.Has("from-file") && count(set, "topic", "all-topics") == 0 {
			return opt.Usagef("One of the reset scopes should be defined: --all-topics, --topic.")
		}
	}
	return firstError(excludes(set, "group", "all-groups"), excludes(set, "group", "list"), excludes(set, "topic", "list", "describe"))
}

// Names of states and types as the original lists them.
var (
	groupStates = []string{"PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Reconciling", "Assigning"}
	groupTypes  = []string{"Consumer", "Classic"}
)

// filters reads the lists behind --state and --type.
func (o *consumerGroupsOptions) filters(set *opt.Set) error {
	o.ShowState, o.ShowType = set.Has("state"), set.Has("type")
	read := func(option, what string, valid []string) ([]string, error) {
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
	var err error
	if o.States, err = read("state", "state", groupStates); err != nil {
		return err
	}
	o.Types, err = read("type", "types", groupTypes)
	return err
}

func consumerGroupsRun(ctx context.Context, o *consumerGroupsOptions) error {
	if o.Action == "validate-regex" {
		return o.validateRegex()
	}
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "list":
		return o.list(ctx, cl)
	case "describe":
		return o.describe(ctx, cl)
	case "delete":
		return o.deleteGroups(ctx, cl)
	case "delete-offsets":
		return o.deleteOffsets(ctx, cl)
	}
	return o.resetOffsets(ctx, cl)
}

// validateRegex checks a subscription pattern by the rules of the broker's RE2.
func (o *consumerGroupsOptions) validateRegex() error {
	_, err := syntax.Parse(o.Regex, syntax.Perl)
	if err == nil {
		fmt.Fprintf(o.IO.Out, "The regular expression `%s` is valid.\n", o.Regex)
		return nil
	}
	text := err.Error()
	if bad, ok := errors.AsType[*syntax.Error](err); ok {
		text = string(bad.Code)
		if bad.Expr != o.Regex {
			text += ": `" + bad.Expr + "`"
		}
	}
	fmt.Fprintf(o.IO.Out, "The regular expression `%s` is invalid: %s.\n", o.Regex, text)
	return ErrSilent
}

// listedGroupView is one group of kgo consumer-groups --list.
type listedGroupView struct {
	Group string `json:"group"`
	Type  string `json:"type"`
	State string `json:"state"`
}

// consumerGroupIDs lists the groups of consumers, of the classic or the newer protocol.
func consumerGroupIDs(ctx context.Context, cl *client.Client) ([]listedGroupView, error) {
	views := []listedGroupView{}
	for _, shard := range cl.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		resp := shard.Resp.(*kmsg.ListGroupsResponse)
		if err := serverError(resp.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, g := range resp.Groups {
			kind := strings.ToLower(g.GroupType)
			if g.ProtocolType != "consumer" && g.ProtocolType != "" || kind != "" && kind != "classic" && kind != "consumer" {
				continue
			}
			if kind == "" {
				kind = "classic"
			}
			views = append(views, listedGroupView{g.Group, strings.ToUpper(kind[:1]) + kind[1:], g.GroupState})
		}
	}
	slices.SortFunc(views, func(a, b listedGroupView) int { return strings.Compare(a.Group, b.Group) })
	return views, nil
}

func (o *consumerGroupsOptions) list(ctx context.Context, cl *client.Client) error {
	views, err := consumerGroupIDs(ctx, cl)
	if err != nil {
		return err
	}
	views = slices.DeleteFunc(views, func(v listedGroupView) bool {
		return o.States != nil && !slices.Contains(o.States, strings.ToLower(v.State)) ||
			o.Types != nil && !slices.Contains(o.Types, strings.ToLower(v.Type))
	})
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		width := 15
		for _, v := range views {
			width = max(width, len(v.Group))
		}
		row := func(group, kind, state string) {
			if !o.ShowState && !o.ShowType {
				fmt.Fprintln(w, group)
				return
			}
			fmt.Fprintf(w, "%-*s", width+10, group)
			if o.ShowType {
				fmt.Fprintf(w, " %-20s", kind)
			}
			if o.ShowState {
				fmt.Fprintf(w, " %-20s", state)
			}
			fmt.Fprintln(w)
		}
		if o.ShowState || o.ShowType {
			row("GROUP", "TYPE", "STATE")
		}
		for _, v := range views {
			row(v.Group, v.Type, v.State)
		}
		return nil
	})
}

// selected lists the groups that the command is about.
func (o *consumerGroupsOptions) selected(ctx context.Context, cl *client.Client) ([]string, error) {
	if !o.AllGroups {
		groups := slices.Clone(o.Groups)
		slices.Sort(groups)
		return slices.Compact(groups), nil
	}
	views, err := consumerGroupIDs(ctx, cl)
	groups := make([]string, 0, len(views))
	for _, v := range views {
		groups = append(groups, v.Group)
	}
	return groups, err
}
