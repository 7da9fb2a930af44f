package rest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/herder"
	"github.com/kgo-project/kgo/connect/worker"
)

// endpoints is the table of paths and methods.
func (s *Server) endpoints() map[string]map[string]endpoint {
	table := map[string]map[string]endpoint{}
	add := func(method, path string, h endpoint) {
		if table[path] == nil {
			table[path] = map[string]endpoint{}
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
	add("PUT", "/connectors/{name}/topics/reset", s.resetTopics)
	add("GET", "/connectors/{name}/offsets", func(r *http.Request) (answer, error) {
		return result(s.herder.Offsets(r.Context(), r.PathValue("name")))
	})
	add("PATCH", "/connectors/{name}/offsets", s.alterOffsets)
	add("DELETE", "/connectors/{name}/offsets", func(r *http.Request) (answer, error) {
		return message(s.herder.ResetOffsets(r.Context(), r.PathValue("name")))
	})
	add("GET", "/connector-plugins", s.plugins)
	add("GET", "/connector-plugins/{class}/config", s.pluginConfig)
	add("PUT", "/connector-plugins/{class}/config/validate", s.validate)
	add("GET", "/admin/loggers", func(*http.Request) (answer, error) { return ok(s.worker.Loggers.All()) })
	add("GET", "/admin/loggers/{name}", s.logger)
	add("PUT", "/admin/loggers/{name}", s.setLogger)
	return table
}

// handler serves the paths that are wanted. A slash at the end of a path is ignored.
func (s *Server) handler(headers *extraHeaders, wanted func(path string) bool) http.Handler {
	mux := http.NewServeMux()
	for path, methods := range s.endpoints() {
		if wanted(path) {
			mux.Handle(path, byMethod(methods))
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, r, answer{status: http.StatusNotFound, body: errorBody{404, "HTTP 404 Not Found"}})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers.apply(w.Header(), r)
		if len(r.URL.Path) > 1 {
			r.URL.Path, r.URL.RawPath = strings.TrimSuffix(r.URL.Path, "/"), strings.TrimSuffix(r.URL.RawPath, "/")
		}
		mux.ServeHTTP(w, r)
	})
}

// byMethod serves a path.
func byMethod(methods map[string]endpoint) http.Handler {
	if get := methods[http.MethodGet]; get != nil {
		methods[http.MethodHead] = get
	}
	allowed := append(slices.Sorted(maps.Keys(methods)), http.MethodOptions)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := methods[r.Method]
		if h != nil {
			serve(w, r, h)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ","))
		if r.Method != http.MethodOptions {
			write(w, r, answer{status: http.StatusMethodNotAllowed, body: errorBody{405, "HTTP 405 Method Not Allowed"}})
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, strings.Join(allowed, ", ")) // a client that has gone away hears nothing
	})
}

func result[T any](body T, err error) (answer, error) {
	return answer{status: http.StatusOK, body: body}, err
}

func message(text string, err error) (answer, error) {
	return answer{status: http.StatusOK, body: map[string]string{"message": text}}, err
}

func (s *Server) root(r *http.Request) (answer, error) {
	cluster := s.cluster.Load()
	if cluster == nil {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		md, err := s.admin.Admin.BrokerMetadata(ctx)
		if err != nil {
			return answer{}, s.admin.Cause(err)
		}
		cluster = &md.Cluster
		s.cluster.Store(cluster)
	}
	return ok(struct {
		Version string `json:"version"`
		Commit  string `json:"commit"`
		Cluster string `json:"kafka_cluster_id"`
	}{connect.Version, "kgo", *cluster})
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
		Name    connect.Scalar   `json:"name"`
		Config  connect.Settings `json:"config"`
		Initial string           `json:"initial_state"`
	}
	if err := decode(r, &request); err != nil {
		return answer{}, err
	}
	config, err := configOf(request.Config)
	if err != nil {
		return answer{}, err
	}
	name := strings.TrimSpace(string(request.Name))
	if err := sameName(name, config); err != nil {
		return answer{}, err
	}
	initial := worker.State(strings.ToUpper(request.Initial))
	if initial != "" && initial != worker.Running && initial != worker.Paused && initial != worker.Stopped {
		return answer{}, &herder.Error{Status: http.StatusInternalServerError, Message: "initial_state " + request.Initial + ": give RUNNING, PAUSED or STOPPED"}
	}
	info, _, err := s.herder.Put(name, config, initial, false)
	return answer{status: http.StatusCreated, body: info, created: name}, err
}

func (s *Server) config(r *http.Request) (answer, error) {
	info, err := s.herder.Info(r.PathValue("name"))
	if err != nil {
		return answer{}, err
	}
	return ok(info.Config)
}

func (s *Server) putConfig(r *http.Request) (answer, error) {
	var given connect.Settings
	if err := decode(r, &given); err != nil {
		return answer{}, err
	}
	config, err := configOf(given)
	if err != nil {
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
	var patch connect.Settings
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
		a.status, a.created = http.StatusCreated, name
	}
	return a, err
}

func (s *Server) setState(state worker.State, status int) endpoint {
	return func(r *http.Request) (answer, error) {
		return answer{status: status}, s.herder.SetState(r.PathValue("name"), state)
	}
}

func (s *Server) restart(r *http.Request) (answer, error) {
	q := r.URL.Query()
	includeTasks, onlyFailed := strings.EqualFold(q.Get("includeTasks"), "true"), strings.EqualFold(q.Get("onlyFailed"), "true")
	status, err := s.herder.Restart(r.PathValue("name"), includeTasks, onlyFailed)
	if err == nil && !includeTasks && !onlyFailed {
		return answer{status: http.StatusNoContent}, nil
	}
	return answer{status: http.StatusAccepted, body: status}, err
}

func task(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PathValue("task"))
	if err != nil {
		return 0, status(http.StatusNotFound)
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
	if !s.worker.Config.Bool("topic.tracking.enable", true) {
		return answer{}, &herder.Error{Status: http.StatusForbidden, Message: "Topic tracking is disabled."}
	}
	name := r.PathValue("name")
	topics, err := s.herder.Topics(name)
	return result(map[string]any{name: map[string]any{"topics": topics}}, err)
}

func (s *Server) resetTopics(r *http.Request) (answer, error) {
	if !s.worker.Config.Bool("topic.tracking.enable", true) {
		return answer{}, &herder.Error{Status: http.StatusForbidden, Message: "Topic tracking is disabled."}
	}
	if !s.worker.Config.Bool("topic.tracking.allow.reset", true) {
		return answer{}, &herder.Error{Status: http.StatusForbidden, Message: "Topic tracking reset is disabled."}
	}
	s.herder.ResetTopics(r.PathValue("name"))
	return answer{status: http.StatusAccepted}, nil
}

func (s *Server) alterOffsets(r *http.Request) (answer, error) {
	var request herder.OffsetList
	if err := decode(r, &request); err != nil {
		return answer{}, err
	}
	return message(s.herder.AlterOffsets(r.Context(), r.PathValue("name"), request.Offsets))
}
