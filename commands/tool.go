package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// kafkaVersion is the release whose tools are mirrored; --version prints it.
const kafkaVersion = "4.3.1"

// tool declares a mirrored tool beside its options.
type tool struct {
	spec                 *opt.Spec
	short, long, example string
	extras               []opt.Option // kgo's own options; see extraOutput and its neighbours
	// plainErrors marks the tools that answer a parse error with the error alone, not with the option table.
	plainErrors bool
	// versionText is what --version prints if not just Kafka's version.
	versionText string
	// parsePrefix stands before the parse errors that are printed alone.
	parsePrefix string
	// unlimited marks tools that run until they are told to stop: --timeout does not end them.
	unlimited bool
	// helpWhenBare makes a usage-line tool print its help when it gets no arguments.
	helpWhenBare bool
	// argsFailed reports a refused command line where a usage-line tool has its own way.
	argsFailed func(*opt.ArgsError)
	// fail prints a failure in the tool's own words; without it the error itself goes to stderr.
	fail func(error)

	// plainConfig marks those whose original reads the client's configuration before it minds its errors: they stand alone on stderr.
	plainConfig bool
}

// Options that kgo adds to the tools.
var (
	extraOutput  = opt.Option{Name: "output", Arg: opt.Required, Type: "String", Meta: "text|json|yaml", Default: "text", Desc: "How to print the result.", Extra: true}
	extraTimeout = opt.Option{Name: "timeout", Arg: opt.Required, Type: "String", Meta: "seconds", Default: "10", Desc: "How long to try before giving up: seconds, or a duration such as 500ms or 1m.", Extra: true}
	extraYes     = opt.Option{Name: "yes", Desc: "Do not ask for confirmation.", Extra: true}
	extraDryRun  = opt.Option{Name: "dry-run", Desc: "Only say what would be done.", Extra: true}
)

// tableTool makes the command of a tool of the option-table family.
func (f *Factory) tableTool(t *tool, run func(ctx context.Context, set *opt.Set) error) *cobra.Command {
	spec := f.declare(t)
	cmd := t.command(spec)
	cmd.ValidArgsFunction = f.completer(spec)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return f.usage(spec, first(spec.Bare, spec.Intro))
		}
		set, err := opt.Parse(spec, args)
		if err != nil {
			return f.parseFailed(t, spec, err)
		}
		switch {
		case set.Has("help"):
			return f.help(spec)
		case set.Has("version"):
			_, err := fmt.Fprintln(f.IO.Out, kafkaVersion)
			return err
		}
		if err := set.CheckRequired(); err != nil {
			return f.usage(spec, f.red(err.Error()))
		}
		for _, name := range []string{"bootstrap-server", "bootstrap-controller", "command-config"} {
			if _, err := set.Value(name); err != nil {
				return err
			}
		}
		return f.runTool(cmd.Context(), t, spec, set, run)
	}
	return cmd
}

// declare completes a tool's options by kgo's own.
func (f *Factory) declare(t *tool) *opt.Spec {
	spec := t.spec.With(t.extras...)
	f.specs[spec.Name] = spec
	return spec
}

// runTool runs a parsed tool within its time limit and words its failure.
func (f *Factory) runTool(ctx context.Context, t *tool, spec *opt.Spec, set *opt.Set, run func(context.Context, *opt.Set) error) error {
	if o := spec.Lookup("timeout"); o != nil && o.Extra && !t.unlimited {
		limit, err := f.Timeout(set)
		if err != nil {
			return f.toolError(spec, err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err := f.cause(run(ctx, set))
	f.closeClients()
	var usage *opt.UsageError
	var refused *opt.ArgsError
	switch {
	case errors.As(err, &refused):
		if err := opt.WriteArgsError(f.IO.ErrOut, refused); err != nil {
			return err
		}
		return ErrSilent
	case err == nil || errors.Is(err, ErrSilent) || isBrokenPipe(err):
		return err
	case errors.As(err, &usage):
		return f.toolError(spec, err)
	case t.fail != nil && !(t.plainConfig && client.IsConfigError(err)):
		t.fail(err)
		return ErrSilent
	}
	return err
}

// usageTool makes the command of a tool of the usage-line family.
func (f *Factory) usageTool(t *tool, run func(ctx context.Context, set *opt.Set) error) *cobra.Command {
	spec := f.declare(t)
	cmd := t.command(spec)
	cmd.ValidArgsFunction = f.completer(spec)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && t.helpWhenBare {
			return f.argsHelp([]*opt.Spec{spec})
		}
		if t.versionText != "" && len(args) > 0 && (args[0] == "--version" || args[0] == "-v") {
			_, err := fmt.Fprintln(f.IO.Out, t.versionText)
			return err
		}
		set, err := opt.ParseArgs(spec, args)
		var wanted *opt.HelpWanted
		var refused *opt.ArgsError
		switch {
		case errors.As(err, &wanted):
			return f.argsHelp(wanted.Path)
		case errors.As(err, &refused) && t.argsFailed != nil:
			t.argsFailed(refused)
			return ErrSilent
		case errors.As(err, &refused):
			if err := opt.WriteArgsError(f.IO.ErrOut, refused); err != nil {
				return err
			}
			return ErrSilent
		case err != nil:
			return err
		}
		return f.runTool(cmd.Context(), t, spec, set, run)
	}
	return cmd
}

func (f *Factory) argsHelp(path []*opt.Spec) error {
	if err := opt.WriteHelp(f.IO.Out, path); err != nil {
		return err
	}
	if !slices.ContainsFunc(path[0].Options, func(o opt.Option) bool { return o.Extra }) {
		return nil
	}
	fmt.Fprintln(f.IO.Out)
	return opt.WriteExtras(f.IO.Out, path[0])
}

func (t *tool) command(spec *opt.Spec) *cobra.Command {
	return &cobra.Command{
		Use:                spec.Name + " [OPTION...]",
		Short:              t.short,
		Long:               t.long,
		Example:            t.example,
		GroupID:            groupTools,
		DisableFlagParsing: true,
		Args:               cobra.ArbitraryArgs,
	}
}

// toolError reports a wrong combination of options as the option-table tools do.
func (f *Factory) toolError(spec *opt.Spec, err error) error {
	if usage, ok := errors.AsType[*opt.UsageError](err); ok {
		return f.usage(spec, f.red(usage.Text))
	}
	return err
}

// usage prints a line and the option table to stderr.
func (f *Factory) usage(spec *opt.Spec, text string) error {
	var b bytes.Buffer
	fmt.Fprintln(&b, text)
	if err := opt.WriteTable(&b, spec); err != nil {
		return err
	}
	if _, err := f.IO.ErrOut.Write(b.Bytes()); err != nil {
		return err
	}
	return ErrSilent
}

// parseFailed reports an option the parser refused, and what may have been meant.
func (f *Factory) parseFailed(t *tool, spec *opt.Spec, err error) error {
	text := f.red(err.Error())
	var unknown *opt.UnknownOptionError
	if errors.As(err, &unknown) && unknown.Suggestion != "" {
		text += "\nDid you mean --" + unknown.Suggestion + "?"
	}
	var gone *opt.GoneError
	var spellings *opt.SpellingsError
	if t.plainErrors || errors.As(err, &gone) || errors.As(err, &spellings) {
		fmt.Fprintln(f.IO.ErrOut, f.red(t.parsePrefix)+text)
		return ErrSilent
	}
	return f.usage(spec, text)
}

// help answers --help: the original's text, on stdout and with exit code 0, then kgo's own options.
func (f *Factory) help(spec *opt.Spec) error {
	fmt.Fprintln(f.IO.Out, spec.Intro)
	if err := opt.WriteTable(f.IO.Out, spec); err != nil {
		return err
	}
	fmt.Fprintln(f.IO.Out)
	return opt.WriteExtras(f.IO.Out, spec)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if seconds, errSeconds := strconv.ParseFloat(s, 64); errSeconds == nil {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || d <= 0 {
		return 0, opt.Usagef("--timeout %s: give seconds, or a duration such as 500ms or 1m", s)
	}
	return d, nil
}
