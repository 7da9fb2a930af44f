// Package worker runs the tasks of connectors: it owns the clients, the converters and the offsets, and knows nothing of which
// connectors there should be. That is decided by a herder, which starts and stops tasks here.
//
// [Worker.StartTask] is where to begin: source_task.go and sink_task.go have the two loops.
package worker

import (
	"context"
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
			class = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
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
		var err error
		if plugin.Kind == connect.Source {
			err = w.runSource(ctx, plugin, t)
		} else {
			err = w.runSink(ctx, plugin, t)
		}
		if err != nil {
			t.fail(err)
		}
	}()
	return t
}
