// Package rest is Kafka Connect's REST API: its paths, bodies, status codes and error bodies.
//
// [Listen] opens the worker's listeners, [New] makes the server. The table of paths is in routes.go.
package rest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/herder"
	"github.com/kgo-project/kgo/connect/loggers"
	"github.com/kgo-project/kgo/connect/worker"
)

// Herder is what the API needs of a herder: the standalone one, or one that decides together with those of other workers.
type Herder interface {
	Names() []string
	Info(name string) (*herder.Info, error)
	Status(name string) (*herder.Status, error)
	Tasks(name string) ([]herder.TaskInfo, error)
	TaskStatus(name string, task int) (*herder.TaskState, error)
	Topics(name string) ([]string, error)
	ResetTopics(name string)

	Put(name string, config connect.Config, initial worker.State, mayReplace bool) (info *herder.Info, created bool, err error)
	Delete(name string) error
	SetState(name string, state worker.State) error
	Restart(name string, includeTasks, onlyFailed bool) (*herder.Status, error)
	RestartTask(name string, task int) error

	Offsets(ctx context.Context, name string) (*herder.OffsetList, error)
	AlterOffsets(ctx context.Context, name string, list []herder.Offset) (done string, err error)
	ResetOffsets(ctx context.Context, name string) (done string, err error)

	Plugins() []*connect.Plugin
	Definitions(plugin string) ([]connect.ConfigKey, error)
	ValidateNullable(config map[string]*string) (*herder.Validation, error)
}

// Server serves the API.
type Server struct {
	herder Herder
	worker *worker.Worker
	admin  *client.Client
	log    *slog.Logger
	http   *http.Server // of the regular listeners
	admins *http.Server // of admin.listeners
	ready  atomic.Bool

	cluster atomic.Pointer[string] // its id, when it has been asked
}

// New makes a server. admin is a client of the worker's cluster.
func New(h Herder, w *worker.Worker, admin *client.Client) (*Server, error) {
	s := &Server{herder: h, worker: w, admin: admin, log: w.Loggers.Logger(loggers.Rest)}
	headers, err := newExtraHeaders(w.Config)
	if err != nil {
		return nil, err
	}
	_, adminApart := w.Config["admin.listeners"]
	s.http = newHTTP(s.handler(headers, func(path string) bool { return !adminApart || !strings.HasPrefix(path, "/admin/") }))
	s.admins = newHTTP(s.handler(&extraHeaders{}, func(path string) bool { return strings.HasPrefix(path, "/admin/") }))
	return s, nil
}

func newHTTP(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10}
}

// Serve answers requests until Close, or until a listener fails.
func (s *Server) Serve(l *Listeners) error {
	failed := make(chan error, len(l.Regular)+len(l.Admin))
	serve := func(server *http.Server, list []net.Listener) {
		for _, one := range list {
			s.log.Info("REST API listens", "address", one.Addr().String())
			go func() { failed <- server.Serve(one) }()
		}
	}
	serve(s.http, l.Regular)
	serve(s.admins, l.Admin)
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Ready makes /health answer that the worker has started.
func (s *Server) Ready() { s.ready.Store(true) }

// Close stops the server.
func (s *Server) Close() error { return errors.Join(s.http.Close(), s.admins.Close()) }

// answer is what a handler returns: nil body means none.
type answer struct {
	status  int
	body    any
	created string // the connector that there is now
}

func ok(body any) (answer, error) { return answer{status: http.StatusOK, body: body}, nil }

// requestTimeout is how long a request may take, as with Apache's worker.
const requestTimeout = 90 * time.Second

type endpoint func(r *http.Request) (answer, error)

func serve(w http.ResponseWriter, r *http.Request, h endpoint) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), requestTimeout, &herder.Error{Status: http.StatusInternalServerError, Message: "Request timed out"})
	defer cancel()
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	err := acceptable(r)
	var a answer
	if err == nil {
		a, err = h(r)
	}
	if err != nil {
		if late := context.Cause(ctx); errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = late
		}
		var refused *herder.Error
		if !errors.As(err, &refused) {
			refused = &herder.Error{Status: http.StatusInternalServerError, Message: err.Error()}
		}
		a = answer{status: refused.Status, body: errorBody{refused.Status, refused.Message}}
	}
	write(w, r, a)
}

type errorBody struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func write(w http.ResponseWriter, r *http.Request, a answer) {
	if a.created != "" {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		w.Header().Set("Location", scheme+"://"+r.Host+"/connectors/"+url.PathEscape(a.created))
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	b, err := worker.Plain(a.body)
	if err != nil {
		a.status, b = http.StatusInternalServerError, []byte(`{"error_code":500,"message":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(b) // a client that has gone away hears nothing
}
