package commands

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

func newTopicsCmd(f *Factory, _ func() error) *cobra.Command {
	t := &tool{spec: topicsSpec, short: "Create, delete, describe, or change a topic", extras: []opt.Option{extraOutput, extraTimeout, extraYes, extraDryRun}, plainErrors: true,
		fail: func(err error) { fmt.Fprintln(f.IO.Out, "Error while executing topic command : "+err.Error()) }}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		cl, err := f.Open(ctx, connection(set, "adminclient-1"))
		if err != nil {
			return err
		}
		topics, err := cl.Admin.ListTopicsWithInternal(ctx)
		if err != nil {
			return err
		}
		names := topics.Names()
		slices.Sort(names)
		for _, n := range names {
			fmt.Fprintln(f.IO.Out, n)
		}
		return nil
	})
}
