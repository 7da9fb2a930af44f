package wire

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
)

// Config holds the limits of a Server. The zero value of a limit means none, except where noted.
type Config struct {
	MaxRequestBytes     int            // socket.request.max.bytes; 0: 100 MiB
	RequestMemory       int64          // queued.max.request.bytes: all frames in memory together; 0 or less: DefaultRequestMemory()
	MaxInHandlers       int            // queued.max.requests: handlers running at the same time; 0: 500
	MaxConnections      int            // max.connections
	MaxConnectionsPerIP int            // max.connections.per.ip
	PerIPOverrides      map[string]int // max.connections.per.ip.overrides
	IdleTimeout         time.Duration  // connections.max.idle.ms
	SendBuffer          int            // socket buffers; 0 or less: the system's own
	ReceiveBuffer       int
	Logger              *slog.Logger // nil: discarded
	Metrics             Metrics      // nil: not measured
}

// Listener describes one of the server's listeners.
type Listener struct {
	Name     string // as in listeners: PLAINTEXT, CONTROLLER, ...
	Protocol string // security protocol: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
	TLS      *tls.Config
	Table    *Table // nil: the server's

	// TLSPrincipal names the client of a TLS connection by its certificate; nil: ident.Anonymous.
	TLSPrincipal func(tls.ConnectionState) ident.Principal

	// FourLetter answers ZooKeeper's four-letter words ("ruok") and ends the connection; nil or no answer: it is no request.
	FourLetter func(word string) (answer string, ok bool)
}

// Metrics is told what happens; broker/metrics implements it.
type Metrics interface {
	Request(key, version int16, errorCode int16, requestBytes, responseBytes int, local, total, send time.Duration)
	ConnectionOpened(listener string)
	ConnectionClosed(listener string)
}

// Server serves any number of listeners under common limits.
type Server struct {
	cfg   Config
	table *Table
}

// NewServer makes a server; Serve starts it.
func NewServer(cfg Config, table *Table) *Server { return &Server{cfg: cfg, table: table} }

// Serve accepts connections until the listener fails or the server is shut down; then it returns nil. It closes ln.
func (s *Server) Serve(ln net.Listener, l Listener) error { panic("not landed yet") }

// Shutdown stops accepting and reading, lets the requests in progress be answered, and closes the connections. When ctx ends first, it cuts them.
func (s *Server) Shutdown(ctx context.Context) error { panic("not landed yet") }
