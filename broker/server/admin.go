package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/kgo-project/kgo/broker/metrics"
	"github.com/kgo-project/kgo/broker/netx"
	"github.com/kgo-project/kgo/broker/wire"
)

// adminServer serves /metrics, /healthz and /readyz.
type adminServer struct {
	registry *metrics.Registry
	requests *metrics.Requests
	topics   *metrics.Topics
	listener net.Listener
	http     *http.Server
}

// openAdmin binds the address that metrics are served at, if there is one. Without it nothing is measured.
func (s *Server) openAdmin(ctx context.Context) error {
	addr := s.opts.AdminAddr
	if addr == "" {
		addr = s.opts.Config.String("kgo.metrics.listener")
	}
	if addr == "" {
		return nil
	}
	ln, err := s.opts.Network.Listen(ctx, addr)
	if err != nil {
		return fmt.Errorf("metrics at %s: %w", addr, netx.Explain(err))
	}
	reg := metrics.NewRegistry()
	s.admin = &adminServer{registry: reg, requests: metrics.NewRequests(reg), topics: metrics.NewTopics(reg), listener: ln}
	s.admin.http = &http.Server{Handler: metrics.Handler(reg, s.healthy, s.readyToServe), ReadHeaderTimeout: 5 * time.Second}
	s.onStop(func(ctx context.Context) {
		if err := s.admin.http.Shutdown(ctx); err != nil {
			_ = s.admin.http.Close()
		}
		_ = ln.Close() // where it was never served
	})
	return nil
}

// startAdmin begins to answer; until the node is ready, /readyz says what it waits for.
func (s *Server) startAdmin() {
	a := s.admin
	if a == nil {
		return
	}
	metrics.RegisterProcess(a.registry, s.opts.Version)
	s.registerGauges(a.registry)
	if s.store != nil {
		s.store.Subscribe(forgetTopics{a.topics})
	}
	s.wg.Go(func() {
		if err := a.http.Serve(a.listener); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.fail(fmt.Errorf("metrics at %s: %w", a.listener.Addr(), err))
		}
	})
}

// AdminAddr is where /metrics is served, nil if nowhere.
func (s *Server) AdminAddr() net.Addr {
	if s.admin == nil {
		return nil
	}
	return s.admin.listener.Addr()
}

func (s *Server) healthy() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *Server) readyToServe() error {
	if err := s.healthy(); err != nil {
		return err
	}
	if !s.ready.Load() {
		return errors.New("starting")
	}
	return nil
}

func (s *Server) requestMetrics() wire.Metrics {
	if s.admin == nil {
		return nil
	}
	return s.admin.requests
}

// topicMetrics counts the traffic of topics; nil: nobody asks.
func (s *Server) topicMetrics() *metrics.Topics {
	if s.admin == nil {
		return nil
	}
	return s.admin.topics
}
