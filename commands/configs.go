package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// configsOptions is a parsed command line of kgo configs.
type configsOptions struct {
	IO     *IOStreams
	Client func(context.Context) (*client.Client, error)

	Alter, All bool
	Types      []string // of the entity: topics, brokers, ...
	Names      []string // one for each type, or fewer; an empty name is the default entity
	Add        []configSetting
	Delete     []string
	Output     format
	DryRun     bool
	args       []string
}

func newConfigsCmd(f *Factory, runF func(*configsOptions) error) *cobra.Command {
	t := &tool{
		spec:        configsSpec,
		short:       "Describe and change the settings of topics, brokers, clients and others",
		long:        configsLong,
		example:     configsExample,
		extras:      []opt.Option{extraOutput, extraTimeout, extraDryRun},
		plainErrors: true,
	}
	return f.tableTool(t, func(ctx context.Context, set *opt.Set) error {
		o := &configsOptions{IO: f.IO, Client: f.opener(set, "adminclient-1"), args: set.Args}
		if err := o.parse(ctx, set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		err := f.cause(configsRun(ctx, o))
		var wrong *configsError
		if err == nil || errors.As(err, &wrong) {
			return err
		}
		say(f.IO.ErrOut, "Error while executing config command with args '%s'\n%s\n", strings.Join(set.Args, " "), client.Explain(err))
		return ErrSilent
	})
}

const configsLong = `Settings belong to an entity: a topic, a broker, a user, a client, an ip address, a client-metrics
subscription, a group, or the default of all users, clients, brokers or ips.

--describe prints the settings made for the entity itself, with --all every setting that holds for it:

  sensitive  whether the value is a secret, which is never shown
  synonyms   where the value comes from: the first of the list that is set wins

--alter changes settings with --add-config and --delete-config; brackets group values with commas.`

const configsExample = `  kgo configs --describe --topic hello --all
  kgo configs --alter --topic hello --add-config retention.ms=86400000
  kgo configs --alter --topic hello --add-config 'cleanup.policy=[compact,delete]'
  kgo configs --alter --topic hello --delete-config retention.ms`

// configsError is a refusal that the original prints as a line of its own.
type configsError struct{ text string }

func (e *configsError) Error() string { return e.text }

func configsErrorf(format string, args ...any) error {
	return &configsError{fmt.Sprintf(format, args...)}
}

var (
	entityTypes = []string{"topics", "clients", "users", "brokers", "ips", "client-metrics", "groups", "broker-loggers"}
	// entityFlags are the options that name an entity of a certain type.
	entityFlags = [][2]string{
		{"topic", "topics"},
		{"client", "clients"},
		{"user", "users"},
		{"broker", "brokers"},
		{"broker-logger", "broker-loggers"},
		{"ip", "ips"},
		{"client-metrics", "client-metrics"},
		{"group", "groups"},
	}
	entityDefaultFlags = [][2]string{
		{"client-defaults", "clients"}, {"user-defaults", "users"}, {"broker-defaults", "brokers"}, {"ip-defaults", "ips"},
	}
)

func (o *configsOptions) parse(ctx context.Context, set *opt.Set) error {
	if count(set, "alter", "describe") != 1 {
		return opt.Usagef("Command must include exactly one action: --describe, --alter")
	}
	if err := excludes(set, "describe", "add-config", "delete-config"); err != nil {
		return err
	}
	o.Alter, o.All, o.DryRun = set.Has("alter"), set.Has("all"), set.Has("dry-run")
	o.Types = append(o.Types, set.Values("entity-type")...)
	specific := false
	values := set.Values("entity-name")
	for _, name := range set.Order {
		switch name {
		case "entity-name":
			o.Names = append(o.Names, values[0])
			values = values[1:]
		case "entity-default":
			o.Names = append(o.Names, "")
		}
	}
	for _, flag := range entityFlags {
		if set.Has(flag[0]) {
			v, err := set.Value(flag[0])
			if err != nil {
				return err
			}
			o.Types, o.Names, specific = append(o.Types, flag[1]), append(o.Names, v), true
		}
	}
	for _, flag := range entityDefaultFlags {
		if set.Has(flag[0]) {
			o.Types, o.Names, specific = append(o.Types, flag[1]), append(o.Names, ""), true
		}
	}
	if err := o.checkEntities(); err != nil {
		return err
	}
	if specific && count(set, "entity-name", "entity-type", "entity-default") > 0 {
		return configsErrorf("--entity-{type,name,default} should not be used in conjunction with specific entity flags")
	}
	if set.Has("bootstrap-server") && set.Has("bootstrap-controller") {
		return configsErrorf("Only one of --bootstrap-server or --bootstrap-controller can be specified")
	}
	if err := o.checkNames(ctx); err != nil {
		return err
	}
	var err error
	if o.Output, err = outputFormat(set); err != nil {
		return err
	}
	return o.changes(set)
}

func (o *configsOptions) checkEntities() error {
	for i, t := range o.Types {
		if slices.Contains(o.Types[:i], t) {
			return configsErrorf("Duplicate entity type(s) specified: %s", t)
		}
	}
	for _, t := range o.Types {
		if !slices.Contains(entityTypes, t) {
			return configsErrorf("Invalid entity type %s, the entity type must be one of %s with a --bootstrap-server or --bootstrap-controller argument", t, strings.Join(entityTypes, ", "))
		}
	}
	if len(o.Types) == 0 {
		return configsErrorf("At least one entity type must be specified")
	}
	if len(o.Types) > 1 && !(len(o.Types) == 2 && o.has("users") && o.has("clients")) {
		return configsErrorf("Only 'users' and 'clients' entity types may be specified together")
	}
	return nil
}

func (o *configsOptions) has(entityType string) bool { return slices.Contains(o.Types, entityType) }

func (o *configsOptions) checkNames(ctx context.Context) error {
	named, isDefault := false, false
	for _, n := range o.Names {
		named, isDefault = named || n != "", isDefault || n == ""
		switch {
		case n == "":
		case o.has("brokers") || o.has("broker-loggers"):
			if _, err := strconv.ParseInt(n, 10, 32); err != nil {
				return configsErrorf("The entity name for %s must be a valid integer broker id, but it is: %s", o.Types[0], n)
			}
		case o.has("ips"):
			if _, err := net.DefaultResolver.LookupHost(ctx, n); err != nil {
				return configsErrorf("The entity name for ips must be a valid IP or resolvable host, but it is: %s", n)
			}
		}
	}
	switch {
	case !o.Alter && o.has("broker-loggers") && !named:
		return configsErrorf("An entity name must be specified with --describe of %s", strings.Join(o.Types, ","))
	case !o.Alter || named:
		return nil
	case o.has("users") || o.has("clients") || o.has("brokers") || o.has("ips"):
		if !isDefault {
			return configsErrorf("An entity-name or default entity must be specified with --alter of users, clients, brokers or ips")
		}
		return nil
	}
	return configsErrorf("An entity name must be specified with --alter of %s", strings.Join(o.Types, ","))
}

// changes reads what --alter shall do.
func (o *configsOptions) changes(set *opt.Set) error {
	if !o.Alter {
		return nil
	}
	if set.Has("add-config") && set.Has("add-config-file") {
		return configsErrorf("Only one of --add-config or --add-config-file must be specified")
	}
	if count(set, "add-config", "add-config-file", "delete-config") == 0 {
		return configsErrorf("At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter")
	}
	if path, err := set.Value("add-config-file"); err != nil {
		return err
	} else if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			say(o.IO.ErrOut, "Error while executing config command with args '%s'\n%s\n", strings.Join(set.Args, " "), path)
			return ErrSilent
		}
		p, err := client.Parse(text)
		if err != nil {
			return err
		}
		for _, k := range p.Keys() {
			o.Add = append(o.Add, configSetting{k, p[k]})
		}
	}
	text, err := set.Value("add-config")
	if err != nil {
		return err
	}
	if o.Add, err = parseSettings(o.Add, text); err != nil {
		return err
	}
	for _, list := range set.Values("delete-config") {
		for name := range strings.SplitSeq(list, ",") {
			o.Delete = append(o.Delete, strings.TrimSpace(name))
		}
	}
	return nil
}

// parseSettings reads k1=v1,k2=[a,b].
func parseSettings(settings []configSetting, text string) ([]configSetting, error) {
	for _, part := range splitOutsideBrackets(text) {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, configsErrorf(`requirement failed: Invalid entity config: all configs to be added must be in the format "key=val" or  "key=[val1,val2]" to group values which contain commas.`)
		}
		value = strings.NewReplacer("[", "", "]", "").Replace(value)
		settings = append(settings, configSetting{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return settings, nil
}

func splitOutsideBrackets(text string) []string {
	if text == "" {
		return nil
	}
	var parts []string
	depth, start := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth <= 0 {
				parts = append(parts, text[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, text[start:])
}

func configsRun(ctx context.Context, o *configsOptions) error {
	cl, err := o.Client(ctx)
	if err != nil {
		return err
	}
	if !o.Alter {
		return o.describe(ctx, cl)
	}
	if err := o.alter(ctx, cl); err != nil {
		return err
	}
	done := "Completed updating"
	if o.DryRun {
		done = "Would update"
	}
	kind := o.Types[0]
	if o.Names[0] == "" {
		fmt.Fprintf(o.IO.Out, "%s default config for %s in the cluster.\n", done, kind)
	} else {
		fmt.Fprintf(o.IO.Out, "%s config for %s %s.\n", done, kind[:len(kind)-1], o.Names[0])
	}
	return nil
}
