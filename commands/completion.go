package commands

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// completionTimeout bounds the question to the cluster: with the start of the process, a dead one holds a prompt up for less than 300 ms.
const completionTimeout = 250 * time.Millisecond

// completer offers a tool's sub-commands, options and values to the shell.
func (f *Factory) completer(spec *opt.Spec) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		current := spec
		for _, a := range args {
			if sub := current.SubCommand(a); sub != nil {
				current = sub
			}
		}
		if o := valueAsked(current, args, word); o != nil {
			return f.completeValue(cmd.Context(), spec, args, o)
		}
		var out []string
		if len(current.Sub) > 0 && !strings.HasPrefix(word, "-") {
			for _, sub := range current.Sub {
				out = append(out, sub.Name+"\t"+sub.Desc)
			}
		}
		for i := range current.Options {
			if o := &current.Options[i]; o.Extra || o.Means == "" && o.Gone == "" && !o.Ignored {
				line, _, _ := strings.Cut(o.Desc, "\n")
				out = append(out, "--"+o.Name+"\t"+line)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// valueAsked tells which option's value the word under the cursor is: behind the option, or behind an equals sign. The shells' scripts take
// what stands before that sign for a prefix of their own: values are offered without it.
func valueAsked(spec *opt.Spec, args []string, word string) *opt.Option {
	if name, _, ok := strings.Cut(strings.TrimLeft(word, "-"), "="); ok && strings.HasPrefix(word, "-") && spec.Lookup(name) != nil {
		return spec.Lookup(name)
	}
	if len(args) == 0 || !strings.HasPrefix(args[len(args)-1], "-") {
		return nil
	}
	if o := spec.Lookup(strings.TrimLeft(args[len(args)-1], "-")); o != nil && o.Arg != opt.NoArg && !strings.HasPrefix(word, "--") {
		return o
	}
	return nil
}

// valueKinds says what the values of an option are, where its declaration does not.
var valueKinds = map[string]string{
	"topic": "topic", "topic-list": "topic", "topics-include": "topic", "group": "group", "broker": "broker", "broker-id": "broker",
	"broker-list": "broker", "node-id": "broker", "command-config": "file", "producer.config": "file", "consumer.config": "file",
	"admin.config": "file", "offset-json-file": "file", "reassignment-json-file": "file", "topics-to-move-json-file": "file",
	"path-to-json-file": "file", "add-config-file": "file", "from-file": "file", "payload-file": "file", "entity-name": "entity",
	"config": "topic-config",
}

var fixedValues = map[string][]string{
	"output": {"text", "json", "yaml"}, "entity-type": entityTypes, "election-type": {"preferred", "unclean"},
	"resource-pattern-type": {"any", "match", "literal", "prefixed"}, "group-type": {"classic", "consumer", "share", "streams"},
	"time": {"latest", "earliest", "max-timestamp"},
}

func (f *Factory) completeValue(ctx context.Context, spec *opt.Spec, args []string, o *opt.Option) ([]string, cobra.ShellCompDirective) {
	values := o.Choices
	if len(values) == 0 {
		values = fixedValues[o.Name]
	}
	if values != nil {
		return values, cobra.ShellCompDirectiveNoFileComp
	}
	kind := first(o.Complete, valueKinds[o.Name])
	switch kind {
	case "file":
		return nil, cobra.ShellCompDirectiveDefault
	case "topic-config":
		return topicConfigNames(), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	case "entity":
		kind = entityKind(args)
	}
	if kind == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	set, err := opt.Parse(spec.With(opt.Option{Name: "bootstrap-server", Arg: opt.Required}, opt.Option{Name: "command-config", Arg: opt.Required}), connectionArgs(spec, args))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cl, err := f.Open(ctx, connection(set, completionClient))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer f.closeClients()
	return liveNames(ctx, cl, kind), cobra.ShellCompDirectiveNoFileComp
}

// connectionArgs keeps the words that say how to reach the cluster.
func connectionArgs(spec *opt.Spec, args []string) []string {
	var out []string
	for i, a := range args {
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		o := spec.Lookup(name)
		if !strings.HasPrefix(a, "-") || o == nil || !slices.Contains([]string{"bootstrap-server", "command-config"}, first(o.Means, o.Name)) {
			continue
		}
		out = append(out, a)
		if !hasValue && i+1 < len(args) {
			out = append(out, args[i+1])
		}
	}
	return out
}

// entityKind is what kgo configs --entity-type names.
func entityKind(args []string) string {
	i := slices.Index(args, "--entity-type")
	if i < 0 || i+1 >= len(args) {
		return ""
	}
	return map[string]string{"topics": "topic", "brokers": "broker", "groups": "group", "broker-loggers": "broker"}[args[i+1]]
}

func liveNames(ctx context.Context, cl *client.Client, kind string) []string {
	var names []string
	switch kind {
	case "topic":
		if topics, err := cl.Admin.ListTopicsWithInternal(ctx); err == nil {
			names = topics.Names()
		}
	case "group":
		if groups, err := cl.Admin.ListGroups(ctx); err == nil {
			names = groups.Groups()
		}
	case "broker":
		if cluster, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl); err == nil {
			for _, b := range cluster.Brokers {
				names = append(names, strconv.Itoa(int(b.NodeID)))
			}
		}
	}
	slices.Sort(names)
	return names
}

// topicConfigNames reads the names of topic settings out of the text of kgo topics --config, which lists them.
func topicConfigNames() []string {
	var names []string
	for line := range strings.Lines(topicsSpec.Lookup("config").Desc) {
		if name, ok := strings.CutPrefix(line, "\t"); ok {
			names = append(names, strings.TrimSpace(name)+"=")
		}
	}
	return names
}
