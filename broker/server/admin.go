package server

import (
	"context"

	"github.com/kgo-project/kgo/broker/wire"
)

// adminServer serves /metrics, /healthz and /readyz.
type adminServer struct{}

func (s *Server) startAdmin(context.Context) error { return nil }

func (s *Server) requestMetrics() wire.Metrics { return nil }
