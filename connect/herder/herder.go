// Package herder decides which connectors run: it owns their configurations and their wanted states, and has a worker run their
// tasks. [Herder] is the standalone one, which keeps all of that in memory; the REST API speaks to it, and a distributed herder
// would answer the same methods from a topic.
package herder

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/loggers"
	"github.com/kgo-project/kgo/connect/worker"
)

// Error is a refusal with the HTTP status that goes with it.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

func refuse(status int, format string, args ...any) *Error {
	return &Error{status, fmt.Sprintf(format, args...)}
}

func notFound(name string) *Error { return refuse(http.StatusNotFound, "Connector %s not found", name) }

func unknown(name string) *Error { return refuse(http.StatusNotFound, "Unknown connector %s", name) }

// Herder runs connectors on one worker.
type Herder struct {
	worker   *worker.Worker
	plugins  []*connect.Plugin
	workerID string
	ctx      context.Context // of all tasks
	admin    *client.Client  // of the worker's cluster
	log      *slog.Logger

	// mu guards connectors and their fields. It is held while tasks stop, so that a connector's changes happen one after the other.
	mu         sync.Mutex
	connectors map[string]*connector
}

type connector struct {
	name    string
	config  connect.Config
	plugin  *connect.Plugin
	state   worker.State
	trace   string
	tasks   []*worker.Task
	stopped []string // topics used by tasks that are gone
}

// New makes a herder; its tasks end with ctx. It asks admin, a client of the worker's cluster, for sinks' offsets.
func New(ctx context.Context, w *worker.Worker, plugins []*connect.Plugin, workerID string, admin *client.Client) *Herder {
	return &Herder{worker: w, plugins: plugins, workerID: workerID, ctx: ctx, admin: admin, log: w.Loggers.Logger(loggers.Herder), connectors: make(map[string]*connector)}
}

// Plugins returns the connectors that can be run.
func (h *Herder) Plugins() []*connect.Plugin { return h.plugins }

// Find returns a plugin by its class name or an alias such as FileStreamSource.
func (h *Herder) Find(class string) (*connect.Plugin, error) {
	for _, p := range h.plugins {
		simple := p.Class[strings.LastIndexByte(p.Class, '.')+1:]
		if class == p.Class || class == simple || class == strings.TrimSuffix(simple, "Connector") {
			return p, nil
		}
	}
	var list []string
	for _, p := range h.plugins {
		list = append(list, fmt.Sprintf("PluginDesc{klass=class %s, name='%s', version='%s', encodedVersion=%s, type=%s, typeName='%s', location='classpath'}", p.Class, p.Class, p.Version, p.Version, p.Kind, p.Kind))
	}
	return nil, refuse(http.StatusBadRequest, "org.apache.kafka.connect.errors.ConnectException: Failed to find any class that implements Connector and which name matches %s, available connectors are: %s", class, strings.Join(list, ", "))
}

// Names returns the connectors' names.
func (h *Herder) Names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.connectors))
}

// Put creates a connector or changes its configuration.
func (h *Herder) Put(name string, config connect.Config, initial worker.State, mayReplace bool) (info *Info, created bool, err error) {
	config = config.Clone()
	if config == nil {
		config = connect.Config{}
	}
	config["name"] = name
	result, err := h.Validate(config)
	if err != nil {
		return nil, false, err
	}
	if result.ErrorCount > 0 {
		return nil, false, result.refusal()
	}
	plugin, err := h.Find(config["connector.class"])
	if err != nil {
		return nil, false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c != nil && !mayReplace {
		return nil, false, refuse(http.StatusConflict, "Connector %s already exists", name)
	}
	if created = c == nil; created {
		c = &connector{name: name, state: worker.Running}
		if initial != "" {
			c.state = initial
		}
		h.connectors[name] = c
	} else {
		h.stopTasks(c)
		if c.state == worker.Failed {
			c.state, c.trace = worker.Running, ""
		}
	}
	c.config, c.plugin = config, plugin
	if !created || c.state == worker.Running {
		h.startTasks(c)
	}
	return c.info(), created, nil
}

// startTasks starts a connector's tasks unless it is stopped. REQUIRES: h.mu.
func (h *Herder) startTasks(c *connector) {
	if c.state == worker.Stopped {
		return
	}
	configs, err := h.taskConfigs(c)
	if err != nil {
		c.state, c.trace = worker.Failed, worker.Trace(err)
		h.log.Error("connector failed", "connector", c.name, "error", err)
		return
	}
	for i, config := range configs {
		c.tasks = append(c.tasks, h.worker.StartTask(h.ctx, c.plugin, worker.ID{Connector: c.name, Task: i}, config, c.state == worker.Paused))
	}
}

// taskConfigs returns the tasks' configurations. References to config providers stay in them.
func (h *Herder) taskConfigs(c *connector) ([]connect.Config, error) {
	var configs []connect.Config
	switch {
	case c.plugin.TaskConfigs != nil:
		resolved, err := h.worker.Resolve(c.config)
		if err != nil {
			return nil, err
		}
		if configs, err = c.plugin.TaskConfigs(resolved.Clone(), int(c.config.Int("tasks.max", 1))); err != nil {
			return nil, err
		}
		for i, config := range configs {
			configs[i] = withReferences(config, c.config, resolved)
		}
	case c.plugin.Kind == connect.Sink:
		for range c.config.Int("tasks.max", 1) {
			configs = append(configs, c.config.Clone())
		}
	default:
		configs = append(configs, c.config.Clone())
	}
	for _, config := range configs {
		config["task.class"] = c.plugin.TaskClass
	}
	return configs, nil
}

// withReferences puts the references of a connector's configuration back into a task's, where that has the values they stand for.
func withReferences(task, connector, resolved connect.Config) connect.Config {
	for name, value := range task {
		if given, ok := connector[name]; ok && resolved[name] == value {
			task[name] = given
		}
	}
	return task
}

// stopTasks stops a connector's tasks, all at once. REQUIRES: h.mu.
func (h *Herder) stopTasks(c *connector) {
	var wg sync.WaitGroup
	for _, t := range c.tasks {
		wg.Go(t.Stop)
	}
	wg.Wait()
	for _, t := range c.tasks {
		c.stopped = append(c.stopped, t.Topics()...)
	}
	c.tasks = nil
}

// Delete removes a connector. Its offsets stay.
func (h *Herder) Delete(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c == nil {
		return notFound(name)
	}
	h.stopTasks(c)
	delete(h.connectors, name)
	return nil
}

// SetState pauses, resumes or stops a connector.
func (h *Herder) SetState(name string, state worker.State) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	switch {
	case c == nil && state == worker.Stopped: // Apache's way
		return refuse(http.StatusInternalServerError, "No connector `%s` configured", name)
	case c == nil:
		return unknown(name)
	}
	was := c.state
	c.state, c.trace = state, ""
	switch {
	case state == worker.Stopped:
		h.stopTasks(c)
	case state == worker.Paused && len(c.tasks) == 0: // as with Apache's, there are tasks when it is resumed
	case was == worker.Failed || len(c.tasks) == 0:
		h.startTasks(c)
	default:
		for _, t := range c.tasks {
			t.SetPaused(state == worker.Paused)
		}
	}
	return nil
}

// Restart restarts a connector and, if asked, its tasks. It returns the state in which the restart began.
func (h *Herder) Restart(name string, includeTasks, onlyFailed bool) (*Status, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c == nil {
		return nil, refuse(http.StatusNotFound, "Unknown connector: %s", name)
	}
	status := h.status(c)
	if c.state == worker.Stopped {
		if !onlyFailed {
			status.Connector.State = worker.Restarting
		}
		return status, nil
	}
	if !onlyFailed || c.state == worker.Failed {
		status.Connector.State = worker.Restarting
		if c.state == worker.Failed {
			c.state, c.trace = worker.Running, ""
			h.startTasks(c)
		}
	}
	if includeTasks {
		for i := range c.tasks {
			if onlyFailed && status.Tasks[i].State != worker.Failed {
				continue
			}
			status.Tasks[i].State = worker.Restarting
			h.restartTask(c, i)
		}
	}
	return status, nil
}

// RestartTask restarts one task.
func (h *Herder) RestartTask(name string, index int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c == nil {
		return unknown(name)
	}
	if index < 0 || index >= len(c.tasks) {
		return refuse(http.StatusNotFound, "Task %s-%d not found", name, index)
	}
	h.restartTask(c, index)
	return nil
}

// restartTask: REQUIRES: h.mu.
func (h *Herder) restartTask(c *connector, i int) {
	old := c.tasks[i]
	old.Stop()
	c.tasks[i] = h.worker.StartTask(h.ctx, c.plugin, old.ID, old.Config, c.state == worker.Paused)
}

// Stop stops all connectors; they commit what they have done.
func (h *Herder) Stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range h.connectors {
		wg.Go(func() { h.stopTasks(c) })
	}
	wg.Wait()
}
