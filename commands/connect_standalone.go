package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/connect/standalone"
)

// connectStandaloneOptions are what `kgo connect-standalone` was asked to do.
type connectStandaloneOptions struct {
	IO         *IOStreams
	Worker     string
	Connectors []string
	LogLevel   string
}

func newConnectStandaloneCmd(f *Factory, runF func(context.Context, *connectStandaloneOptions) error) *cobra.Command {
	o := &connectStandaloneOptions{IO: f.IO}
	cmd := &cobra.Command{
		Use:     "connect-standalone connect-standalone.properties [connector1.properties connector2.json ...]",
		Short:   "Run Kafka Connect in one process: files in and out of topics",
		GroupID: groupCluster,
		Long: `Runs a Kafka Connect worker with the connectors that the files describe; more can be made over its REST API
on port 8083. The files are Apache Kafka's own. FileStreamSource and FileStreamSink are built in.

The worker stops cleanly on SIGTERM and Ctrl-C, and goes on where it was after kill -9.`,
		Example: `  kgo connect-standalone config/connect-standalone.properties config/connect-file-source.properties config/connect-file-sink.properties`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				fmt.Fprintln(f.IO.Out, "USAGE: kgo connect-standalone worker.properties [connector1.properties connector2.json ...]")
				return ErrSilent
			}
			o.Worker, o.Connectors = args[0], args[1:]
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return connectStandaloneRun(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.LogLevel, "log-level", "INFO", "DEBUG, INFO, WARN or ERROR")
	return cmd
}

func connectStandaloneRun(ctx context.Context, o *connectStandaloneOptions) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
		return &exitError{code: 2, err: errors.New("kgo connect-standalone: --log-level " + o.LogLevel + ": give DEBUG, INFO, WARN or ERROR")}
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // a worker lives beside other things: a little more work for half the memory
	}
	handler := tint.NewTextHandler(o.IO.ErrOut, &tint.Options{Level: slog.LevelDebug - 4, TimeFormat: "2006-01-02 15:04:05.000", NoColor: !showsColor(o.IO.ErrOut)})
	err := standalone.Run(ctx, standalone.Options{WorkerFile: o.Worker, Connectors: o.Connectors, Log: slog.New(handler), Level: level})
	if err != nil {
		return &exitError{code: 2, err: err} // as Apache's worker
	}
	return nil
}
