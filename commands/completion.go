package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// completionTimeout bounds what the shell waits for: a dead cluster never hangs a prompt.
const completionTimeout = 300 * time.Millisecond

// completer offers a tool's sub-commands, options and values to the shell.
func (f *Factory) completer(spec *opt.Spec) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		current := spec
		for _, a := range args {
			if sub := current.SubCommand(a); sub != nil {
				current = sub
			}
		}
		name, prefix, isValue := valueAsked(current, args, word)
		if isValue {
			return f.completeValue(cmd.Context(), spec, args, current.Lookup(name), prefix, word)
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

// valueAsked tells which option's value the word under the cursor is, and what of the word belongs to the option's name.
func valueAsked(spec *opt.Spec, args []string, word string) (name, prefix string, ok bool) {
	if name, _, ok := strings.Cut(strings.TrimLeft(word, "-"), "="); ok && strings.HasPrefix(word, "-") && spec.Lookup(name) != nil {
		return name, word[:strings.IndexByte(word, '=')+1], true
	}
	if len(args) == 0 || !strings.HasPrefix(args[len(args)-1], "-") {
		return "", "", false
	}
	o := spec.Lookup(strings.TrimLeft(args[len(args)-1], "-"))
	if o == nil || o.Arg == opt.NoArg {
		return "", "", false
	}
	return o.Name, "", true
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

func (f *Factory) completeValue(ctx context.Context, spec *opt.Spec, args []string, o *opt.Option, prefix, word string) ([]string, cobra.ShellCompDirective) {
	if values := first2(o.Choices, fixedValues[o.Name]); values != nil {
		return prefixed(prefix, values), cobra.ShellCompDirectiveNoFileComp
	}
	kind := first(o.Complete, valueKinds[o.Name])
	switch kind {
	case "file":
		return nil, cobra.ShellCompDirectiveDefault
	case "topic-config":
		return prefixed(prefix, topicConfigNames()), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	case "entity":
		kind = entityKind(args)
	}
	if kind == "" || strings.HasPrefix(word, "--") && prefix == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	set, err := opt.Parse(spec.With(opt.Option{Name: "bootstrap-server", Arg: opt.Required}, opt.Option{Name: "command-config", Arg: opt.Required}), connectionArgs(args))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cl, err := f.Open(ctx, connection(set, completionClient))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer f.closeClients()
	return prefixed(prefix, liveNames(ctx, cl, kind)), cobra.ShellCompDirectiveNoFileComp
}

// connectionArgs keeps the words that say how to reach the cluster.
func connectionArgs(args []string) []string {
	var out []string
	for i, a := range args {
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if !strings.HasPrefix(a, "-") || name != "bootstrap-server" && name != "command-config" {
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

func prefixed(prefix string, values []string) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, prefix+v)
	}
	return out
}

func first2(a, b []string) []string {
	if len(a) > 0 {
		return a
	}
	return b
}

// completionScripts writes the scripts for all shells, by file name.
func completionScripts(root *cobra.Command) (map[string]string, error) {
	scripts := make(map[string]string)
	for name, generate := range map[string]func(*strings.Builder) error{
		"kgo.bash": func(b *strings.Builder) error { return root.GenBashCompletionV2(b, true) },
		"_kgo":     func(b *strings.Builder) error { return root.GenZshCompletion(b) },
		"kgo.fish": func(b *strings.Builder) error { return root.GenFishCompletion(b, true) },
		"kgo.ps1":  func(b *strings.Builder) error { return root.GenPowerShellCompletionWithDesc(b) },
	} {
		var b strings.Builder
		if err := generate(&b); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		scripts[name] = b.String()
	}
	return scripts, nil
}
