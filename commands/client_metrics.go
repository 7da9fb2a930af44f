package commands

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// clientMetricsOptions is a parsed command line of kgo client-metrics.
type clientMetricsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Action string // alter, delete, describe, list
	Name   string
	Set    map[string]string // keys to set; an empty value removes the key
	Output format
}

func newClientMetricsCmd(f *Factory, runF func(*clientMetricsOptions) error) *cobra.Command {
	t := &tool{
		spec:        clientMetricsSpec,
		short:       "Manage the subscriptions by which brokers ask clients for their metrics",
		long:        "A subscription names the metrics (by prefix), the interval in milliseconds and the clients (by what they are) that\npush them to the brokers. --describe prints its settings, --alter changes the ones given; an empty value removes one.",
		example:     "  kgo client-metrics --alter --name slow --metrics org.apache.kafka.producer. --interval 60000\n  kgo client-metrics --describe",
		extras:      []opt.Option{extraOutput, extraTimeout},
		plainConfig: true,
		fail: func(err error) {
			say(f.IO.Out, "Error while executing client metrics command : %s\n", client.Explain(err))
		},
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &clientMetricsOptions{IO: f.IO, Client: f.opener(set, "adminclient-1")}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return clientMetricsRun(ctx, o)
	})
}

func (o *clientMetricsOptions) parse(set *opt.Set) error {
	actions := []string{"alter", "delete", "describe", "list"}
	if count(set, actions...) != 1 {
		return opt.Usagef("Command must include exactly one action: --alter, --delete, --describe or --list.")
	}
	if err := firstError(
		excludes(set, "delete", "generate-name", "interval", "match", "metrics"),
		excludes(set, "describe", "generate-name", "interval", "match", "metrics"),
		excludes(set, "list", "name", "generate-name", "interval", "match", "metrics"),
	); err != nil {
		return err
	}
	for _, a := range actions {
		if set.Has(a) {
			o.Action = a
		}
	}
	if o.Action == "alter" && count(set, "name", "generate-name") != 1 {
		fmt.Fprintln(o.IO.ErrOut, "One of --name or --generate-name must be specified with --alter.")
		return ErrSilent
	}
	if o.Action == "delete" && !set.Has("name") {
		fmt.Fprintln(o.IO.ErrOut, "A client metrics resource name must be specified with --delete.")
		return ErrSilent
	}
	var err error
	if o.Name, err = set.Value("name"); err != nil {
		return err
	}
	if set.Has("generate-name") {
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
		o.Name = formatUUID(id)
	}
	o.Set = make(map[string]string)
	for option, key := range map[string]string{"interval": "interval.ms", "match": "match", "metrics": "metrics"} {
		if set.Has(option) {
			o.Set[key] = strings.Join(set.Values(option), ",")
		}
	}
	o.Output, err = outputFormat(set)
	return err
}

// clientMetricsView is one subscription.
type clientMetricsView struct {
	Name    string          `json:"name"`
	Configs []configSetting `json:"configs"`
}

func clientMetricsRun(ctx context.Context, o *clientMetricsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	switch o.Action {
	case "alter":
		if err := o.alter(ctx, cl); err != nil {
			return err
		}
		fmt.Fprintf(o.IO.Out, "Altered client metrics config for %s.\n", o.Name)
		return nil
	case "delete":
		o.Set = make(map[string]string)
		configs, err := resourceConfigs(ctx, cl, "client-metrics", o.Name, true)
		if err != nil {
			return err
		}
		for _, c := range configs {
			o.Set[c.Name] = ""
		}
		if err := o.alter(ctx, cl); err != nil {
			return err
		}
		fmt.Fprintf(o.IO.Out, "Deleted client metrics config for %s.\n", o.Name)
		return nil
	}
	names, err := existingEntities(ctx, cl, "client-metrics")
	if err != nil {
		return err
	}
	if o.Action == "list" {
		return o.Output.write(o.IO.Out, orNone(names), func(w io.Writer) error {
			_, err := fmt.Fprintln(w, strings.Join(names, "\n"))
			return err
		})
	}
	return o.describe(ctx, cl, names)
}

func orNone(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

func (o *clientMetricsOptions) describe(ctx context.Context, cl *client.Client, names []string) error {
	if o.Name != "" {
		if !slices.Contains(names, o.Name) {
			fmt.Fprintf(o.IO.Out, "The client metric resource %s doesn't exist and doesn't have dynamic config.\n", o.Name)
			return nil
		}
		names = []string{o.Name}
	}
	views := []clientMetricsView{}
	for _, name := range names {
		configs, err := resourceConfigs(ctx, cl, "client-metrics", name, true)
		if err != nil {
			return err
		}
		v := clientMetricsView{Name: name, Configs: []configSetting{}}
		for _, c := range configs {
			v.Configs = append(v.Configs, configSetting{c.Name, orNull(c.Value)})
		}
		views = append(views, v)
	}
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		for _, v := range views {
			fmt.Fprintf(w, "Client metrics configs for %s are:\n", v.Name)
			for _, c := range v.Configs {
				fmt.Fprintf(w, "  %s=%s\n", c.Name, c.Value)
			}
		}
		return nil
	})
}

func (o *clientMetricsOptions) alter(ctx context.Context, cl *client.Client) error {
	var changes []settingChange
	for key, value := range o.Set {
		if value == "" {
			changes = append(changes, deleteSetting(key))
		} else {
			changes = append(changes, setSetting(key, value))
		}
	}
	return alterSettings(ctx, cl, kmsg.ConfigResourceTypeClientMetrics, o.Name, changes, false)
}
