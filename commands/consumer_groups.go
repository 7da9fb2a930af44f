package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// consumerGroupsOptions is a parsed command line of kgo consumer-groups.
type consumerGroupsOptions struct {
	groupTool

	ShowType bool     // a column of --list
	Types    []string // a filter of --list, in lower case
	Regex    string   // of --validate-regex
}

func newConsumerGroupsCmd(f *Factory, runF func(*consumerGroupsOptions) error) *cobra.Command {
	t := f.declareGroupTool(consumerGroupKind, consumerGroupsSpec, "List and describe consumer groups, reset and delete their offsets", consumerGroupsLong, consumerGroupsExample)
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &consumerGroupsOptions{groupTool: f.groupTool(consumerGroupKind, set)}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		if o.Action == "validate-regex" {
			return o.validateRegex()
		}
		return o.run(ctx, o)
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

var consumerGroupKind = &groupKind{
	name: "consumer",
	includes: func(g groupListing) bool {
		return (g.Protocol == "consumer" || g.Protocol == "") && (g.Type == "Classic" || g.Type == "Consumer")
	},
	actions:   []string{"list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"},
	scenarios: resetScenarios,
	states:    []string{"PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Reconciling", "Assigning"},
	topics:    "topic", allTopics: "all-topics",
}

func (o *consumerGroupsOptions) parse(set *opt.Set) error {
	if err := o.check(set); err != nil {
		return err
	}
	err := o.groupTool.parse(set)
	if err != nil {
		return err
	}
	if o.Regex, err = set.Value("validate-regex"); err != nil || o.Action != "list" {
		return err
	}
	o.ShowType = set.Has("type")
	o.Types, err = groupFilter(set, "type", "types", []string{"Consumer", "Classic"})
	return err
}

// check refuses combinations of options, in the original's order.
func (o *consumerGroupsOptions) check(set *opt.Set) error {
	if err := o.checkViews(set); err != nil {
		return err
	}
	if count(set, o.kind.actions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets, --validate-regex")
	}
	if err := checkDescribe(set); err != nil {
		return err
	}
	noGroup := count(set, "group", "all-groups") == 0
	switch {
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
			say(o.IO.ErrOut, "WARN: No action will be performed as the --execute option is missing. In version 5.0, this command will require either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting.\n")
		}
		if noGroup {
			return opt.Usagef("Option [reset-offsets] takes one of these options: [all-groups], [group]")
		}
		if err := oneOf(set, resetScenarios); err != nil {
			return err
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

func (o *consumerGroupsOptions) list(ctx context.Context, cl *client.Client) error {
	views, err := o.existing(ctx, cl)
	if err != nil {
		return err
	}
	views = slices.DeleteFunc(views, func(v groupListing) bool {
		return o.States != nil && !slices.Contains(o.States, strings.ToLower(v.State)) ||
			o.Types != nil && !slices.Contains(o.Types, strings.ToLower(v.Type))
	})
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		if !o.ShowState && !o.ShowType {
			for _, v := range views {
				fmt.Fprintln(w, v.Group)
			}
			return nil
		}
		width := 15
		for _, v := range views {
			width = max(width, len(v.Group))
		}
		widths := []int{width + 10}
		row := func(group, kind, state string) []string {
			cells := []string{group}
			if o.ShowType {
				cells = append(cells, kind)
			}
			if o.ShowState {
				cells = append(cells, state)
			}
			return cells
		}
		rows := [][]string{row("GROUP", "TYPE", "STATE")}
		for range rows[0][1:] {
			widths = append(widths, 20)
		}
		for _, v := range views {
			rows = append(rows, row(v.Group, v.Type, v.State))
		}
		printTable(w, widths, rows, "")
		return nil
	})
}

func (o *consumerGroupsOptions) deleteGroups(ctx context.Context, cl *client.Client) error {
	groups, err := o.selected(ctx, cl)
	if err != nil {
		return err
	}
	if err := o.confirmDelete("group", groups, "the committed offsets"); err != nil {
		return err
	}
	deleted, failed, err := o.deleteByName(ctx, cl, groups)
	if err != nil {
		return err
	}
	return o.reportDeleted(deleted, failed)
}

func (o *consumerGroupsOptions) deleteOffsets(ctx context.Context, cl *client.Client) error {
	return o.deleteCommitted(ctx, cl, o.Topics)
}
