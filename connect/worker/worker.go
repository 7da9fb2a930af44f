// Package worker runs the tasks of connectors: it owns the clients, the converters and the offsets, and knows nothing of which
// connectors there should be. That is decided by a herder, which starts and stops tasks here.
//
// [Worker.StartTask] is where to begin: source_task.go and sink_task.go have the two loops.
package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/converters"
	"github.com/kgo-project/kgo/connect/loggers"
	"github.com/kgo-project/kgo/connect/offsets"
)

// Worker is the part of a process that runs tasks.
type Worker struct {
	Config  connect.Config // the worker's properties
	Offsets offsets.Store
	Loggers *loggers.Levels
}

// flushInterval is how often offsets are committed.
func (w *Worker) flushInterval() time.Duration {
	return max(w.Config.Duration("offset.flush.interval.ms", time.Minute), 10*time.Millisecond)
}

// stopPatience is how long a stopping task may take.
func (w *Worker) stopPatience() time.Duration {
	return w.Config.Duration("task.shutdown.graceful.timeout.ms", 5*time.Second)
}

// ClientProperties returns the properties of a producer, a consumer or an admin client of a connector: the worker's, those with
// the kind's prefix, and the connector's own <kind>.override ones.
//
// DEVIATION(kafka): the worker's security settings are inherited where the prefixed ones are absent.
func (w *Worker) ClientProperties(kind string, connector connect.Config, defaults map[string]string) client.Properties {
	p := client.Properties{"bootstrap.servers": w.Config["bootstrap.servers"]}
	for k, v := range w.Config {
		if strings.HasPrefix(k, "ssl.") || strings.HasPrefix(k, "sasl.") || k == "security.protocol" || k == "client.dns.lookup" {
			p[k] = v
		}
	}
	maps.Copy(p, defaults)
	maps.Copy(p, w.Config.Prefixed(kind+"."))
	maps.Copy(p, connector.Prefixed(kind+".override."))
	return p
}

// absent tells whether an error is that the cluster cannot be reached, which its client has told of.
func absent(cause error) bool {
	unreachable, ok := errors.AsType[*client.UnreachableError](cause)
	return ok && !unreachable.Refused()
}

// untilPresent does what needs the cluster, again and again while that cannot be reached.
func untilPresent(ctx context.Context, cl *client.Client, operation func() error) error {
	for {
		err := operation()
		if err == nil || !absent(cl.Cause(err)) || !sleep(ctx, time.Second) {
			return err
		}
	}
}

const defaultHeaderConverter = "org.apache.kafka.connect.storage.SimpleHeaderConverter"

// converterSet are the converters of a connector.
type converterSet struct {
	key, value, header                connect.Converter
	keyClass, valueClass, headerClass string
}

// converters makes a connector's converters: its own, else the worker's.
func (w *Worker) converters(config connect.Config) (set converterSet, err error) {
	one := func(role string, key bool) (connect.Converter, string) {
		from := config
		class, ok := config[role]
		if !ok {
			from, class = w.Config, w.Config[role]
		}
		if class == "" {
			class = defaultHeaderConverter
		}
		full, _ := converters.Find(class)
		c, bad := converters.New(class, from.Prefixed(role+"."), key)
		if bad != nil && err == nil {
			err = fmt.Errorf("Invalid value %s for configuration %s: %w", class, role, bad)
		}
		return c, full
	}
	set.key, set.keyClass = one("key.converter", true)
	set.value, set.valueClass = one("value.converter", false)
	set.header, set.headerClass = one("header.converter", false)
	return set, err
}

// State is what a connector or task is doing.
type State string

// The states, spelled as the REST API has them.
const (
	Unassigned State = "UNASSIGNED"
	Running    State = "RUNNING"
	Paused     State = "PAUSED"
	Failed     State = "FAILED"
	Stopped    State = "STOPPED"
	Restarting State = "RESTARTING"
)

// ID names a task.
type ID struct {
	Connector string
	Task      int
}

// String returns the id as Kafka Connect writes it.
func (id ID) String() string { return id.Connector + "-" + strconv.Itoa(id.Task) }

// StartTask starts a task in the background. Whatever fails is shown by its Status.
func (w *Worker) StartTask(ctx context.Context, plugin *connect.Plugin, id ID, config connect.Config, paused bool) *Task {
	ctx, cancel := context.WithCancel(ctx)
	t := &Task{ID: id, Config: config, cancel: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1), topics: make(map[string]bool)}
	name := loggers.Sink
	if plugin.Kind == connect.Source {
		name = loggers.Source
	}
	t.log = w.Loggers.Logger(name).With("connector", id.Connector, "task", id.Task)
	t.mu.state = Running
	if paused {
		t.mu.state, t.mu.paused = Paused, true
	}
	go func() {
		defer close(t.done)
		defer cancel()
		defer func() { // a connector's panic is its task's failure, not the worker's
			if p := recover(); p != nil {
				t.fail(fmt.Errorf("panic: %v", p))
			}
		}()
		if err := w.run(ctx, plugin, t); err != nil {
			t.fail(err)
		}
	}()
	return t
}

func (w *Worker) run(ctx context.Context, plugin *connect.Plugin, t *Task) (err error) {
	if t.settings, err = w.Resolve(t.Config); err != nil {
		return err
	}
	if plugin.Kind == connect.Source {
		return w.runSource(ctx, plugin, t)
	}
	return w.runSink(ctx, plugin, t)
}

// Resolve replaces a configuration's references by what the worker's config providers give.
func (w *Worker) Resolve(config connect.Config) (connect.Config, error) {
	out, err := client.Properties(w.Config).Resolve(config)
	if err != nil {
		return nil, &connect.DataError{Class: configException, Text: err.Error()}
	}
	return out, nil
}
