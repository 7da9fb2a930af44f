// Command connector is a Kafka Connect worker with a connector of its own: a source that counts. It imports only public packages,
// and so can be copied out of this repository into a module that requires github.com/kgo-project/kgo.
//
//	go run ./docs/examples/connector worker.properties counter.properties
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/standalone"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: connector worker.properties [connector.properties ...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := standalone.Run(ctx, standalone.Options{
		WorkerFile: os.Args[1], Connectors: os.Args[2:],
		Plugins: []*connect.Plugin{counter},
		Log:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
