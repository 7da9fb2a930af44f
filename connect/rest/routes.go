package rest

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/herder"
	"github.com/kgo-project/kgo/connect/worker"
)

// routes is the table of paths.
func (s *Server) routes() http.Handler {
	table := map[string]map[string]handler{}
	add := func(method, path string, h handler) {
		if table[path] == nil {
			table[path] = map[string]handler{}
		}
		table[path][method] = h
	}
	add("GET", "/{$}", s.root)
	add("GET", "/health", s.health)
	add("GET", "/connectors", s.list)
	add("POST", "/connectors", s.create)
	add("GET", "/connectors/{name}", func(r *http.Request) (answer, error) { return result(s.herder.Info(r.PathValue("name"))) })
	add("DELETE", "/connectors/{name}", func(r *http.Request) (answer, error) {
		return answer{status: http.StatusNoContent}, s.herder.Delete(r.PathValue("name"))
	})
	add("GET", "/connectors/{name}/config", s.config)
	add("PUT", "/connectors/{name}/config", s.putConfig)
	add("PATCH", "/connectors/{name}/config", s.patchConfig)
	add("GET", "/connectors/{name}/status", func(r *http.Request) (answer, error) { return result(s.herder.Status(r.PathValue("name"))) })
	add("PUT", "/connectors/{name}/pause", s.setState(worker.Paused, http.StatusAccepted))
	add("PUT", "/connectors/{name}/resume", s.setState(worker.Running, http.StatusAccepted))
	add("PUT", "/connectors/{name}/stop", s.setState(worker.Stopped, http.StatusNoContent))
	add("POST", "/connectors/{name}/restart", s.restart)
	add("GET", "/connectors/{name}/tasks", func(r *http.Request) (answer, error) { return result(s.herder.Tasks(r.PathValue("name"))) })
	add("GET", "/connectors/{name}/tasks/{task}/status", s.taskStatus)
	add("POST", "/connectors/{name}/tasks/{task}/restart", s.restartTask)
	add("GET", "/connectors/{name}/topics", s.topics)
	add("PUT", "/connectors/{name}/topics/reset", func(r *http.Request) (answer, error) {
		s.herder.ResetTopics(r.PathValue("name"))
		return answer{status: http.StatusAccepted}, nil
	})
	add("GET", "/connectors/{name}/offsets", func(r *http.Request) (answer, error) {
		return result(s.herder.Offsets(r.Context(), r.PathValue("name"), s.admin))
	})
	add("PATCH", "/connectors/{name}/offsets", s.alterOffsets)
	add("DELETE", "/connectors/{name}/offsets", func(r *http.Request) (answer, error) {
		return message(s.herder.ResetOffsets(r.Context(), r.PathValue("name"), s.admin))
	})
	add("GET", "/connector-plugins", s.plugins)
	add("GET", "/connector-plugins/{class}/config", s.pluginConfig)
	add("PUT", "/connector-plugins/{class}/config/validate", s.validate)
	add("GET", "/admin/loggers", func(*http.Request) (answer, error) { return ok(s.worker.Loggers.All()) })
	add("GET", "/admin/loggers/{name}", s.logger)
	add("PUT", "/admin/loggers/{name}", s.setLogger)
	mux := http.NewServeMux()
	for path, methods := range table {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			h := methods[r.Method]
			if h == nil && r.Method == http.MethodHead {
				h = methods[http.MethodGet]
			}
			if h == nil {
				write(w, answer{status: http.StatusMethodNotAllowed, body: errorBody{405, "HTTP 405 Method Not Allowed"}})
				return
			}
			s.ServeHTTP(w, r, h)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		write(w, answer{status: http.StatusNotFound, body: errorBody{404, "HTTP 404 Not Found"}})
	})
	return mux
}

func result[T any](body T, err error) (answer, error) {
	return answer{status: http.StatusOK, body: body}, err
}

func message(text string, err error) (answer, error) {
	return answer{status: http.StatusOK, body: map[string]string{"message": text}}, err
}

func (s *Server) root(r *http.Request) (answer, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	md, err := s.admin.Admin.BrokerMetadata(ctx)
	if err != nil {
		return answer{}, s.admin.Cause(err)
	}
	return ok(struct {
		Version string `json:"version"`
		Commit  string `json:"commit"`
		Cluster string `json:"kafka_cluster_id"`
	}{connect.Version, "kgo", md.Cluster})
}

func (s *Server) health(*http.Request) (answer, error) {
	if !s.ready.Load() {
		return answer{status: http.StatusServiceUnavailable, body: map[string]string{"status": "starting", "message": "Worker is still starting up."}}, nil
	}
	return ok(struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}{"healthy", "Worker has completed startup and is ready to handle requests."})
}

func (s *Server) list(r *http.Request) (answer, error) {
	names := s.herder.Names()
	expand := r.URL.Query()["expand"]
	if len(expand) == 0 {
		if names == nil {
			names = []string{}
		}
		return ok(names)
	}
	out := map[string]map[string]any{}
	for _, name := range names {
		one := map[string]any{}
		for _, what := range expand {
			switch what {
			case "status":
				if st, err := s.herder.Status(name); err == nil {
					one["status"] = st
				}
			case "info":
				if info, err := s.herder.Info(name); err == nil {
					one["info"] = info
				}
			}
		}
		out[name] = one
	}
	return ok(out)
}

func (s *Server) create(r *http.Request) (answer, error) {
	var request struct {
		Name    string         `json:"name"`
		Config  connect.Config `json:"config"`
		Initial string         `json:"initial_state"`
	}
	if err := decode(r, &request); err != nil {
		return answer{}, err
	}
	name := strings.TrimSpace(request.Name)
	if err := sameName(name, request.Config); err != nil {
		return answer{}, err
	}
	initial := worker.State(strings.ToUpper(request.Initial))
	if initial != "" && initial != worker.Running && initial != worker.Paused && initial != worker.Stopped {
		return answer{}, &herder.Error{Status: http.StatusInternalServerError, Message: "initial_state " + request.Initial + ": give RUNNING, PAUSED or STOPPED"}
	}
	info, _, err := s.herder.Put(name, request.Config, initial, false)
	return answer{status: http.StatusCreated, body: info, location: "/connectors/" + name}, err
}

func (s *Server) config(r *http.Request) (answer, error) {
	info, err := s.herder.Info(r.PathValue("name"))
	if err != nil {
		return answer{}, err
	}
	return ok(info.Config)
}

func (s *Server) putConfig(r *http.Request) (answer, error) {
	var config connect.Config
	if err := decode(r, &config); err != nil {
		return answer{}, err
	}
	if err := sameName(r.PathValue("name"), config); err != nil {
		return answer{}, err
	}
	return s.put(r.PathValue("name"), config)
}

// sameName refuses a configuration with another connector's name.
func sameName(name string, config connect.Config) error {
	if own, set := config["name"]; set && own != name {
		return &herder.Error{Status: http.StatusBadRequest, Message: "Connector name configuration (" + own + ") doesn't match connector name in the URL (" + name + ")"}
	}
	return nil
}

func (s *Server) patchConfig(r *http.Request) (answer, error) {
	var patch map[string]*string
	if err := decode(r, &patch); err != nil {
		return answer{}, err
	}
	info, err := s.herder.Info(r.PathValue("name"))
	if err != nil {
		return answer{}, err
	}
	config := info.Config.Clone()
	for k, v := range patch {
		if v == nil {
			delete(config, k)
		} else {
			config[k] = *v
		}
	}
	return s.put(info.Name, config)
}

func (s *Server) put(name string, config connect.Config) (answer, error) {
	info, created, err := s.herder.Put(name, config, "", true)
	a := answer{status: http.StatusOK, body: info}
	if created {
		a.status, a.location = http.StatusCreated, "/connectors/"+name
	}
	return a, err
}

func (s *Server) setState(state worker.State, status int) handler {
	return func(r *http.Request) (answer, error) {
		return answer{status: status}, s.herder.SetState(r.PathValue("name"), state)
	}
}

func (s *Server) restart(r *http.Request) (answer, error) {
	q := r.URL.Query()
	includeTasks, onlyFailed := q.Get("includeTasks") == "true", q.Get("onlyFailed") == "true"
	status, err := s.herder.Restart(r.PathValue("name"), includeTasks, onlyFailed)
	if err == nil && !includeTasks && !onlyFailed {
		return answer{status: http.StatusNoContent}, nil
	}
	return answer{status: http.StatusAccepted, body: status}, err
}

func task(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PathValue("task"))
	if err != nil {
		return 0, &herder.Error{Status: http.StatusNotFound, Message: "HTTP 404 Not Found"}
	}
	return n, nil
}

func (s *Server) taskStatus(r *http.Request) (answer, error) {
	n, err := task(r)
	if err != nil {
		return answer{}, err
	}
	return result(s.herder.TaskStatus(r.PathValue("name"), n))
}

func (s *Server) restartTask(r *http.Request) (answer, error) {
	n, err := task(r)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, s.herder.RestartTask(r.PathValue("name"), n)
}

func (s *Server) topics(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	topics, err := s.herder.Topics(name)
	return result(map[string]any{name: map[string]any{"topics": topics}}, err)
}

func (s *Server) alterOffsets(r *http.Request) (answer, error) {
	var request herder.OffsetList
	if err := decode(r, &request); err != nil {
		return answer{}, err
	}
	return message(s.herder.AlterOffsets(r.Context(), r.PathValue("name"), request.Offsets, s.admin))
}
