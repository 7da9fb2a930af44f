// Package standalone assembles a Kafka Connect worker in one process: connect-standalone.
package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/connectors/file"
	"github.com/kgo-project/kgo/connect/connectors/http"
	"github.com/kgo-project/kgo/connect/herder"
	"github.com/kgo-project/kgo/connect/loggers"
	"github.com/kgo-project/kgo/connect/offsets"
	"github.com/kgo-project/kgo/connect/rest"
	"github.com/kgo-project/kgo/connect/worker"
)

// Options are what a standalone worker is started with.
type Options struct {
	WorkerFile string
	Connectors []string          // files, .properties or .json
	Plugins    []*connect.Plugin // beside the built-in ones
	Log        *slog.Logger      // its handler lets everything through: the loggers' levels decide
	Level      slog.Level        // of all loggers, until the REST API changes it
}

// Run runs a worker until ctx ends. Connectors that cannot be started are reported; the others run.
func Run(ctx context.Context, o Options) error {
	props, err := client.LoadFile(o.WorkerFile)
	if err != nil {
		return err
	}
	config := connect.Config(props)
	unknown, err := worker.Check(config)
	if err != nil {
		return fmt.Errorf("%s: %w", o.WorkerFile, err)
	}
	store, err := offsets.OpenFile(config["offset.storage.file.filename"])
	if err != nil {
		return err
	}
	levels := loggers.New(o.Log.Handler(), o.Level)
	log := levels.Logger(loggers.Connect)
	if len(unknown) > 0 {
		log.Warn("These configurations were supplied but are not used", "keys", strings.Join(unknown, ", "))
	}
	w := &worker.Worker{Config: config, Offsets: store, Loggers: levels}
	// The cluster's id is asked for when somebody wants to know it: connectors start without waiting.
	admin, err := client.NewLasting(ctx, w.ClientProperties("admin", nil, nil), log)
	if err != nil {
		return err
	}
	defer admin.Close()
	listeners, err := rest.Listen(config) //nolint:contextcheck // the sockets live until the worker closes them
	if err != nil {
		return err
	}
	tasks, stopTasks := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTasks()
	h := herder.New(tasks, w, slices.Concat(file.Plugins(), http.Plugins(), o.Plugins), listeners.Advertised, admin)
	server, err := rest.New(h, w, admin)
	if err != nil {
		return errors.Join(err, listeners.Close())
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listeners) }()
	for _, path := range o.Connectors {
		if err := start(h, path, log); err != nil {
			log.Error("Failed to create connector for "+path, "error", err)
		}
	}
	server.Ready()
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	log.Info("Kafka Connect stopping")
	h.Stop()
	return errors.Join(err, server.Close())
}

// start creates the connector that a file describes.
func start(h *herder.Herder, path string, log *slog.Logger) error {
	config, initial, err := load(path)
	if err != nil {
		return err
	}
	name := config["name"]
	if name == "" {
		return fmt.Errorf("%s: the connector has no name", path)
	}
	if _, _, err = h.Put(name, config, initial, false); err == nil {
		log.Info("Created connector " + name)
	}
	return err
}

// load reads a connector's file: properties, JSON as posted to /connectors, or a JSON object of settings alone.
func load(path string) (connect.Config, worker.State, error) {
	if !strings.HasSuffix(strings.ToLower(path), ".json") {
		props, err := client.ReadFile(path)
		return connect.Config(props), "", err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	config, initial, err := connect.ParseConfig(b)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w; give properties, or JSON with name and config", path, err)
	}
	return config, worker.State(strings.ToUpper(initial)), nil
}
