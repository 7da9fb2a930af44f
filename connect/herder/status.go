package herder

import (
	"net/http"
	"slices"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/worker"
)

// Info is a connector as GET /connectors/NAME shows it.
type Info struct {
	Name   string         `json:"name"`
	Config connect.Config `json:"config"`
	Tasks  []TaskID       `json:"tasks"`
	Type   connect.Kind   `json:"type"`
}

// TaskID names a task.
type TaskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

// Status is a connector's state.
type Status struct {
	Name      string         `json:"name"`
	Connector ConnectorState `json:"connector"`
	Tasks     []TaskState    `json:"tasks"`
	Type      connect.Kind   `json:"type"`
}

// ConnectorState is the state of a connector apart from its tasks.
type ConnectorState struct {
	State    worker.State `json:"state"`
	WorkerID string       `json:"worker_id"`
	Version  string       `json:"version,omitempty"`
	Trace    string       `json:"trace,omitempty"`
}

// TaskState is a task's state.
type TaskState struct {
	ID int `json:"id"`
	ConnectorState
}

// TaskInfo is a task's configuration.
type TaskInfo struct {
	ID     TaskID         `json:"id"`
	Config connect.Config `json:"config"`
}

func (c *connector) info() *Info {
	i := &Info{Name: c.name, Config: c.config, Tasks: []TaskID{}, Type: c.plugin.Kind}
	for _, t := range c.tasks {
		i.Tasks = append(i.Tasks, TaskID{c.name, t.ID.Task})
	}
	return i
}

// status: REQUIRES: h.mu.
func (h *Herder) status(c *connector) *Status {
	s := &Status{
		Name: c.name, Type: c.plugin.Kind, Tasks: []TaskState{},
		Connector: ConnectorState{State: c.state, WorkerID: h.workerID, Version: c.plugin.Version, Trace: c.trace},
	}
	for _, t := range c.tasks {
		state, trace := t.Status()
		s.Tasks = append(s.Tasks, TaskState{t.ID.Task, ConnectorState{State: state, WorkerID: h.workerID, Version: c.plugin.Version, Trace: trace}})
	}
	return s
}

// Info describes a connector.
func (h *Herder) Info(name string) (*Info, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c == nil {
		return nil, notFound(name)
	}
	return c.info(), nil
}

// Status tells a connector's state.
func (h *Herder) Status(name string) (*Status, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c == nil {
		return nil, refuse(http.StatusNotFound, "No status found for connector %s", name)
	}
	return h.status(c), nil
}

// TaskStatus tells a task's state.
func (h *Herder) TaskStatus(name string, index int) (*TaskState, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.connectors[name]; c != nil && index >= 0 && index < len(c.tasks) {
		return &h.status(c).Tasks[index], nil
	}
	return nil, refuse(http.StatusNotFound, "No status found for task %s-%d", name, index)
}

// Tasks returns the tasks' configurations.
func (h *Herder) Tasks(name string) ([]TaskInfo, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c == nil {
		return nil, notFound(name)
	}
	out := []TaskInfo{}
	for _, t := range c.tasks {
		out = append(out, TaskInfo{TaskID{name, t.ID.Task}, t.Config})
	}
	return out, nil
}

// Topics returns the topics a connector has used.
func (h *Herder) Topics(name string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connectors[name]
	if c == nil {
		return []string{}, nil
	}
	out := slices.Clone(c.stopped)
	for _, t := range c.tasks {
		out = append(out, t.Topics()...)
	}
	slices.Sort(out)
	if out = slices.Compact(out); out == nil {
		out = []string{}
	}
	return out, nil
}

// ResetTopics forgets the topics a connector has used.
func (h *Herder) ResetTopics(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.connectors[name]; c != nil {
		c.stopped = nil
		for _, t := range c.tasks {
			t.ResetTopics()
		}
	}
}
