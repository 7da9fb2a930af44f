// Package rest is Kafka Connect's REST API: its paths, bodies, status codes and error bodies.
//
// [Listen] opens the worker's listeners, [New] makes the server. The table of paths is in routes.go.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Listen opens the addresses in listeners (http://:8083 by default). advertised is the worker's host:port in answers.
func Listen(config connect.Config) (out []net.Listener, advertised string, err error) {
	list := config.List("listeners")
	if len(list) == 0 {
		list = []string{"http://:8083"}
	}
	for _, address := range list {
		u, err := url.Parse(address)
		if err != nil || !strings.EqualFold(u.Scheme, "http") {
			return nil, "", errors.Join(fmt.Errorf("listeners: %s: give http://host:port (https is not served yet)", address), closeAll(out))
		}
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", u.Host)
		if err != nil {
			return nil, "", errors.Join(fmt.Errorf("listeners: %s: %w", address, err), closeAll(out))
		}
		out = append(out, l)
		if advertised == "" {
			host, _, _ := net.SplitHostPort(u.Host)
			if host == "" || host == "0.0.0.0" {
				host = "127.0.0.1"
			}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			advertised = net.JoinHostPort(config.Or("rest.advertised.host.name", host), config.Or("rest.advertised.port", port))
		}
	}
	return out, advertised, nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// Server serves the API.
type Server struct {
	herder *herder.Herder
	worker *worker.Worker
	admin  *client.Client
	log    *slog.Logger
	http   *http.Server
	ready  atomic.Bool
}

// New makes a server.
func New(h *herder.Herder, w *worker.Worker, admin *client.Client) *Server {
	s := &Server{herder: h, worker: w, admin: admin, log: w.Loggers.Logger(loggers.Rest)}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: 64 << 10}
	return s
}

// Serve answers requests until Close.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Ready makes /health answer that the worker has started.
func (s *Server) Ready() { s.ready.Store(true) }

// Close stops the server.
func (s *Server) Close() error { return s.http.Close() }

// maxBody bounds a request's body.
const maxBody = 4 << 20

// answer is what a handler returns: nil body means none.
type answer struct {
	status   int
	body     any
	location string
}

func ok(body any) (answer, error) { return answer{status: http.StatusOK, body: body}, nil }

type handler func(r *http.Request) (answer, error)

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request, h handler) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a, err := h(r)
	if err != nil {
		var refused *herder.Error
		if !errors.As(err, &refused) {
			refused = &herder.Error{Status: http.StatusInternalServerError, Message: err.Error()}
		}
		a = answer{status: refused.Status, body: errorBody{refused.Status, refused.Message}}
	}
	write(w, a)
}

type errorBody struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func write(w http.ResponseWriter, a answer) {
	if a.location != "" {
		w.Header().Set("Location", a.location)
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

// decode reads a request's body.
func decode(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return &herder.Error{Status: http.StatusInternalServerError, Message: strings.TrimPrefix(err.Error(), "json: ")}
	}
	return nil
}
