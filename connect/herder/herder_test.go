package herder

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/loggers"
	"github.com/kgo-project/kgo/connect/offsets"
	"github.com/kgo-project/kgo/connect/worker"
)

// fake is a source that reads nothing and notes its tasks' comings and goings.
type fake struct {
	events chan<- string
	name   string
	config connect.Config
}

func (f *fake) Start(_ connect.SourceContext, config connect.Config) error {
	f.name, f.config = config["task"], config
	f.events <- "start " + f.name
	switch config["mood"] {
	case "fails":
		return errors.New("out of order")
	case "panics":
		panic("at the disco")
	}
	return nil
}

func (f *fake) Poll(ctx context.Context) ([]*connect.Record, error) {
	<-ctx.Done()
	return nil, nil
}

func (f *fake) Stop() error {
	f.events <- "stop " + f.name
	return nil
}

// newHerder makes a herder of fakes on a worker without a cluster. events has what their tasks did.
func newHerder(t *testing.T, settings connect.Config) (h *Herder, events chan string) {
	t.Helper()
	store, err := offsets.OpenFile(filepath.Join(t.TempDir(), "offsets"))
	if err != nil {
		t.Fatal(err)
	}
	config := connect.Config{"bootstrap.servers": "127.0.0.1:1", "key.converter": "String", "value.converter": "String"}
	maps.Copy(config, settings)
	events = make(chan string, 100)
	plugin := &connect.Plugin{
		Class: "test.FakeConnector", TaskClass: "test.FakeTask", Kind: connect.Source, Version: "1.2.3",
		Config: &connect.ConfigDef{Keys: []connect.ConfigKey{
			{Name: "mood", Type: "STRING", Default: new("good"), Importance: "LOW"},
			{Name: "secret", Type: "PASSWORD", Importance: "LOW"},
		}},
		NewSource: func() connect.SourceTask { return &fake{events: events} },
		TaskConfigs: func(config connect.Config, most int) ([]connect.Config, error) {
			if config["mood"] == "refuses" {
				return nil, errors.New("no tasks today")
			}
			var out []connect.Config
			for i := range most {
				one := config.Clone()
				one["task"] = strconv.Itoa(i)
				out = append(out, one)
			}
			return out, nil
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	h = New(ctx, &worker.Worker{Config: config, Offsets: store, Loggers: loggers.New(slog.DiscardHandler, slog.LevelInfo)}, []*connect.Plugin{plugin}, "here:8083", nil)
	t.Cleanup(func() {
		h.Stop()
		cancel()
	})
	return h, events
}

func put(t *testing.T, h *Herder, name string, more connect.Config) {
	t.Helper()
	config := connect.Config{"connector.class": "Fake"}
	maps.Copy(config, more)
	if _, _, err := h.Put(name, config, "", true); err != nil {
		t.Fatal(err)
	}
}

// states are a connector's state and its tasks'. It is to be asked when nothing moves.
func states(t *testing.T, h *Herder, name string) string {
	t.Helper()
	synctest.Wait()
	s, err := h.Status(name)
	if err != nil {
		return err.Error()
	}
	list := []string{string(s.Connector.State)}
	for _, task := range s.Tasks {
		list = append(list, string(task.State))
	}
	return strings.Join(list, " ")
}

func happened(events chan string) string {
	synctest.Wait()
	var list []string
	for len(events) > 0 {
		list = append(list, <-events)
	}
	return strings.Join(list, ", ")
}

func TestLifeOfAConnector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, events := newHerder(t, nil)
		for _, step := range []struct {
			what       string
			do         func() error
			states     string
			happened   string
			refusal    int
			unordered2 string // the other order of what two tasks did
		}{
			{what: "create", do: func() error { put(t, h, "c", nil); return nil }, states: "RUNNING RUNNING", happened: "start 0"},
			{what: "create again", do: func() error {
				_, _, err := h.Put("c", connect.Config{"connector.class": "Fake"}, "", false)
				return err
			}, states: "RUNNING RUNNING", refusal: http.StatusConflict},
			{what: "pause", do: func() error { return h.SetState("c", worker.Paused) }, states: "PAUSED PAUSED"},
			{what: "restart a paused task", do: func() error { return h.RestartTask("c", 0) }, states: "PAUSED PAUSED", happened: "stop 0, start 0"},
			{what: "resume", do: func() error { return h.SetState("c", worker.Running) }, states: "RUNNING RUNNING"},
			{what: "more tasks", do: func() error { put(t, h, "c", connect.Config{"tasks.max": "2"}); return nil }, states: "RUNNING RUNNING RUNNING", happened: "stop 0, start 0, start 1", unordered2: "stop 0, start 1, start 0"},
			{what: "restart without tasks", do: func() error { _, err := h.Restart("c", false, false); return err }, states: "RUNNING RUNNING RUNNING"},
			{what: "restart what has failed", do: func() error { _, err := h.Restart("c", true, true); return err }, states: "RUNNING RUNNING RUNNING"},
			{what: "restart a task that there is not", do: func() error { return h.RestartTask("c", 2) }, states: "RUNNING RUNNING RUNNING", refusal: http.StatusNotFound},
			{what: "stop", do: func() error { return h.SetState("c", worker.Stopped) }, states: "STOPPED", happened: "stop 0, stop 1", unordered2: "stop 1, stop 0"},
			{what: "restart a stopped one", do: func() error { _, err := h.Restart("c", true, false); return err }, states: "STOPPED"},
			{what: "change a stopped one", do: func() error { put(t, h, "c", nil); return nil }, states: "STOPPED"},
			{what: "resume a stopped one", do: func() error { return h.SetState("c", worker.Running) }, states: "RUNNING RUNNING", happened: "start 0"},
			{what: "delete", do: func() error { return h.Delete("c") }, states: "No status found for connector c", happened: "stop 0"},
			{what: "delete again", do: func() error { return h.Delete("c") }, states: "No status found for connector c", refusal: http.StatusNotFound},
		} {
			err := step.do()
			var refused *Error
			if errors.As(err, &refused) != (step.refusal != 0) || refused != nil && refused.Status != step.refusal {
				t.Errorf("%s: %v", step.what, err)
			}
			if got := states(t, h, "c"); got != step.states {
				t.Errorf("%s: %s, want %s", step.what, got, step.states)
			}
			if got := happened(events); got != step.happened && got != step.unordered2 {
				t.Errorf("%s: %s; want %s", step.what, got, step.happened)
			}
		}
	})
}

func TestTasksFailAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHerder(t, nil)
		put(t, h, "good", nil)
		for mood, want := range map[string]string{"fails": "RUNNING FAILED", "panics": "RUNNING FAILED", "refuses": "FAILED"} {
			put(t, h, mood, connect.Config{"mood": mood})
			if got := states(t, h, mood); got != want {
				t.Errorf("%s: %s, want %s", mood, got, want)
			}
		}
		for mood, want := range map[string]string{"fails": "out of order", "panics": "panic: at the disco"} {
			s, err := h.TaskStatus(mood, 0)
			if err != nil || !strings.Contains(s.Trace, want) {
				t.Errorf("%s: %+v, %v", mood, s, err)
			}
		}
		status, err := h.Restart("fails", true, true)
		if err != nil || status.Connector.State != worker.Running || status.Tasks[0].State != worker.Restarting {
			t.Errorf("restart of what failed: %+v, %v", status, err)
		}
		if got := states(t, h, "fails"); got != "RUNNING FAILED" {
			t.Error("after the restart:", got)
		}
		put(t, h, "fails", connect.Config{"mood": "good"})
		put(t, h, "refuses", connect.Config{"mood": "good"})
		for _, name := range []string{"good", "fails", "refuses"} {
			if got := states(t, h, name); got != "RUNNING RUNNING" {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

// TestSecretsStayReferences: tasks get what config providers give; what the REST API shows has the references.
func TestSecretsStayReferences(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets.properties")
	if err := os.WriteFile(file, []byte("word=xyzzy\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHerder(t, connect.Config{"config.providers": "vault", "config.providers.vault.class": "org.apache.kafka.common.config.provider.FileConfigProvider"})
		reference := "${vault:" + file + ":word}"
		started := make(chan connect.Config, 1)
		h.plugins[0].NewSource = func() connect.SourceTask { return &watched{started: started} }
		put(t, h, "c", connect.Config{"secret": reference})
		if got := (<-started)["secret"]; got != "xyzzy" {
			t.Errorf("the task has %q", got)
		}
		info, err := h.Info("c")
		if err != nil || info.Config["secret"] != reference {
			t.Errorf("%v, %v", info, err)
		}
		tasks, err := h.Tasks("c")
		if err != nil || tasks[0].Config["secret"] != reference || tasks[0].Config["task.class"] != "test.FakeTask" {
			t.Errorf("%v, %v", tasks, err)
		}
		if _, _, err := h.Put("d", connect.Config{"connector.class": "Fake", "secret": "${vault:/no/such/file:word}"}, "", false); err == nil {
			t.Error("a reference to nothing is taken")
		}
	})
}

type watched struct {
	fake

	started chan<- connect.Config
}

func (w *watched) Start(_ connect.SourceContext, config connect.Config) error {
	w.started <- config
	return nil
}

func (*watched) Stop() error { return nil }

// TestOverridePolicies has Apache's policies judge what a connector wants to change.
func TestOverridePolicies(t *testing.T) {
	for policy, refused := range map[string]string{
		"":          "",
		"All":       "",
		"None":      "producer.override.linger.ms producer.override.sasl.jaas.config",
		"Principal": "producer.override.linger.ms",
		"org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy": "producer.override.linger.ms",
		"Allowlist": "producer.override.sasl.jaas.config",
	} {
		settings := connect.Config{"connector.client.config.override.allowlist": "linger.ms,acks"}
		if policy != "" {
			settings["connector.client.config.override.policy"] = policy
		}
		h, _ := newHerder(t, settings)
		v, err := h.Validate(connect.Config{
			"name": "c", "connector.class": "Fake", "producer.override.linger.ms": "5",
			"producer.override.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";`,
		})
		if err != nil {
			t.Fatal(policy, err)
		}
		var names []string
		for _, s := range v.Settings {
			if len(s.Errors) > 0 {
				names = append(names, s.Key.Name)
			}
		}
		if got := strings.Join(names, " "); got != refused {
			t.Errorf("%s refuses %s; want %s", policy, got, refused)
		}
	}
}
