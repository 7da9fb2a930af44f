package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// groupsOptions is a parsed command line of kgo groups.
type groupsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Type, Protocol           string // of --group-type and --protocol; empty: any
	Consumer, Share, Streams bool
	Output                   format
}

func newGroupsCmd(f *Factory, runF func(*groupsOptions) error) *cobra.Command {
	t := &tool{
		spec:        groupsSpec,
		short:       "List groups of every kind",
		long:        "Prints the groups of the cluster with their type (Classic, Consumer, Share or Streams) and protocol.\n--consumer, --share and --streams keep the groups of one kind, simple consumers among the first.",
		example:     "  kgo groups --list\n  kgo groups --list --share",
		extras:      []opt.Option{extraOutput, extraTimeout},
		plainConfig: true,
		fail:        func(err error) { say(f.IO.Out, "Error while executing groups command : %s\n", client.Explain(err)) },
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &groupsOptions{IO: f.IO, Client: f.opener(set, "adminclient-1")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return groupsRun(ctx, o)
	})
}

func (o *groupsOptions) parse(set *opt.Set) error {
	if !set.Has("list") {
		return opt.Usagef("Command must include exactly one action: --list.")
	}
	o.Type, o.Protocol = strings.ToLower(set.String("group-type")), set.String("protocol")
	if set.Has("group-type") && !slices.Contains([]string{"classic", "consumer", "share", "streams"}, o.Type) {
		fmt.Fprintln(o.IO.ErrOut, "--group-type must be a valid group type.")
		return ErrSilent
	}
	kinds := []string{"consumer", "share", "streams"}
	for i, k := range kinds {
		others := append([]string{"group-type", "protocol"}, without(kinds, kinds[i])...)
		slices.Sort(others)
		if err := excludes(set, k, others...); err != nil {
			return err
		}
	}
	o.Consumer, o.Share, o.Streams = set.Has("consumer"), set.Has("share"), set.Has("streams")
	var err error
	o.Output, err = outputFormat(set)
	return err
}

// kindOfGroup is one line of kgo groups.
type kindOfGroup struct {
	Group    string `json:"group"`
	Type     string `json:"type"`
	Protocol string `json:"protocol"`
}

func (o *groupsOptions) match(g groupListing) bool {
	kind := strings.ToLower(g.Type)
	switch {
	case o.Type != "" && o.Protocol != "":
		return kind == o.Type && g.Protocol == o.Protocol
	case o.Type != "":
		return kind == o.Type
	case o.Protocol != "":
		return g.Protocol == o.Protocol
	case o.Consumer:
		return kind == "consumer" || kind == "classic" && (g.Protocol == "consumer" || g.Protocol == "")
	case o.Share:
		return kind == "share"
	case o.Streams:
		return kind == "streams"
	}
	return true
}

func groupsRun(ctx context.Context, o *groupsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	groups, err := listGroups(ctx, cl, o.match)
	if err != nil {
		return err
	}
	views := make([]kindOfGroup, 0, len(groups))
	for _, g := range groups {
		views = append(views, kindOfGroup{g.Group, g.Type, g.Protocol})
	}
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		width := 20
		for _, v := range views {
			width = max(width, len(v.Group), len(v.Type), len(v.Protocol))
		}
		fmt.Fprintln(w, paint(w, heading, fmt.Sprintf("%-*s %-*s %-*s", width, "GROUP", width, "TYPE", width, "PROTOCOL")))
		for _, v := range views {
			fmt.Fprintf(w, "%-*s %-*s %-*s \n", width, v.Group, width, v.Type, width, v.Protocol)
		}
		return nil
	})
}
