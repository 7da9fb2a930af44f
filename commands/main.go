// Package commands holds kgo's subcommands, one file each, and the few things they share.
//
// A mirrored tool (kafka-topics and its forty siblings) is declared by an [opt.Spec], which is the original's option table as
// data, and by a function that runs it. [Factory.tableTool] and [Factory.usageTool] wrap the two into a command that parses,
// answers --help and --version, reports errors and exits as the original does. [Factory.Open] is the one way to a cluster.
// kgo's own commands (server, lab, ...) are plain cobra commands.
//
// Where to begin: root.go has the list of commands, tool.go what every tool does before and after its own work, topics.go is a
// typical tool.
package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

// version is kgo's own version, set by the linker.
var version = "devel"

// Main runs the command line of the process and returns its exit code.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A reader that goes away is told by a failing write: a consumer still commits and leaves its group then.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return Run(ctx, NewFactory(SystemIO()), os.Args)
}

// Run runs one command line, args[0] being the name under which the program was called, and returns the exit code.
func Run(ctx context.Context, f *Factory, args []string) int {
	root := newRootCmd(f) //nolint:contextcheck // the commands get theirs when one of them is executed
	words := dispatch(args)
	root.SetArgs(words)
	flagFailed := root.FlagErrorFunc()
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd == root && len(words) > 0 && !strings.HasPrefix(words[0], "-") { // flags of a command that there is not
			return unknownCommand(root, words[0])
		}
		return flagFailed(cmd, err)
	})
	err := root.ExecuteContext(ctx)
	if flushed := f.IO.Flush(); err == nil {
		err = flushed
	}
	if code := f.report(err); code != 1 || !errors.Is(err, context.Canceled) || ctx.Err() == nil {
		return code
	}
	return signalCode(ctx)
}

// ErrSilent is returned by a command that has failed and said so already.
var ErrSilent = errors.New("failed")

// exitError carries an exit code other than 1.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// report prints an error that nobody has printed and maps it to the exit code: 0 is success, 1 failure, and 2 a usage error of
// one of kgo's own commands (the mirrored tools answer usage errors with 1, as the originals do).
func (f *Factory) report(err error) int {
	if err == nil {
		return 0
	}
	var exit *exitError
	var usage *opt.UsageError
	switch {
	case isBrokenPipe(err):
		return 0
	case errors.As(err, &exit):
		if exit.err != nil && !errors.Is(exit.err, ErrSilent) {
			f.complain(exit.err.Error())
		}
		return exit.code
	case errors.Is(err, ErrSilent):
		return 1
	case errors.As(err, &usage):
		f.complain(usage.Text)
		return 2
	}
	f.complain(f.explain(err))
	return 1
}

func (f *Factory) complain(text string) { fmt.Fprintln(f.IO.ErrOut, f.red(text)) }

// red colours an error that goes to stderr.
func (f *Factory) red(text string) string { return paint(f.IO.ErrOut, failure, text) }
