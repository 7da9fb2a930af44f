package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
)

// Config holds the limits of a Server. The zero value of a limit means none, except where noted.
type Config struct {
	MaxRequestBytes int           // socket.request.max.bytes; 0: 100 MiB
	RequestMemory   int64         // queued.max.request.bytes: all frames in memory together; 0 or less: DefaultRequestMemory()
	MaxInHandlers   int           // queued.max.requests: handlers running at the same time; 0: 500
	Limits          Limits        // of connections; SetLimits changes them
	IdleTimeout     time.Duration // connections.max.idle.ms
	SendBuffer      int           // socket buffers; 0 or less: the system's own
	ReceiveBuffer   int
	Logger          *slog.Logger // nil: discarded
	Metrics         Metrics      // nil: not measured
}

// Listener describes one of the server's listeners.
type Listener struct {
	Name     string // as in listeners: PLAINTEXT, CONTROLLER, ...
	Protocol string // security protocol: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
	TLS      *tls.Config
	Table    *Table // nil: the server's

	// TLSPrincipal names the client of a TLS connection by its certificate; nil: ident.Anonymous.
	TLSPrincipal func(tls.ConnectionState) ident.Principal

	// TimeQuota accounts for the time that a request took in its handler, and returns how long its client is to wait (KIP-124); nil: no such quota.
	TimeQuota func(r *Request, spent time.Duration) time.Duration

	// FourLetter answers ZooKeeper's four-letter words ("ruok") and ends the connection; nil or not ok: it is no such word.
	FourLetter func(word string) (answer string, ok bool)
}

func (l *Listener) sasl() bool   { return strings.HasPrefix(l.Protocol, "SASL_") }
func (l *Listener) secure() bool { return strings.HasSuffix(l.Protocol, "SSL") }

// Metrics is told what happens; broker/metrics implements it.
type Metrics interface {
	// Request is called for each answered request. Local is the time in the handler, total the time from the last byte read to the last
	// byte written, send the share of it spent writing.
	Request(key, version int16, requestBytes, responseBytes int, local, total, send time.Duration)
	ConnectionOpened(listener string)
	ConnectionClosed(listener string)
}

// Server serves any number of listeners under common limits.
type Server struct {
	cfg      Config
	table    *Table
	log      *slog.Logger
	budget   budget
	handlers chan struct{} // a token for each running handler
	closing  atomic.Bool
	stop     chan struct{} // closed by Shutdown
	wg       sync.WaitGroup

	mu        sync.Mutex
	limits    Limits
	listeners map[net.Listener]*service
	conns     map[*Conn]netip.Addr
	perIP     map[netip.Addr]int
	slotFree  sync.Cond // an acceptor waits for a connection to end
	held      int       // connections that came too fast and wait to be closed
	sweeping  bool
}

// NewServer makes a server; Serve starts it.
func NewServer(cfg Config, table *Table) *Server {
	if cfg.MaxRequestBytes <= 0 {
		cfg.MaxRequestBytes = 100 << 20
	}
	if cfg.RequestMemory <= 0 {
		cfg.RequestMemory = DefaultRequestMemory()
	}
	if cfg.MaxInHandlers <= 0 {
		cfg.MaxInHandlers = 500
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, table: table, log: cfg.Logger,
		handlers:  make(chan struct{}, cfg.MaxInHandlers),
		stop:      make(chan struct{}),
		limits:    cfg.Limits,
		listeners: make(map[net.Listener]*service),
		conns:     make(map[*Conn]netip.Addr),
		perIP:     make(map[netip.Addr]int),
	}
	s.budget.limit = cfg.RequestMemory
	s.slotFree.L = &s.mu
	return s
}

// enterHandler waits for leave to run a handler: queued.max.requests bounds how many run at a time.
// DEVIATION(kafka): there is no queue of requests, so queued.max.requests bounds the handlers.
func (s *Server) enterHandler(c *Conn) error {
	select {
	case s.handlers <- struct{}{}:
		return nil
	default:
	}
	c.flush()
	select {
	case s.handlers <- struct{}{}:
		return nil
	case <-c.ctx.Done():
		return net.ErrClosed
	}
}

func (s *Server) leaveHandler() { <-s.handlers }

func (s *Server) observe(r *Request, sendStart, sendEnd time.Time) {
	if m := s.cfg.Metrics; m != nil {
		m.Request(r.Key, r.Version, r.Size, r.size, r.local, sendEnd.Sub(r.Received), sendEnd.Sub(sendStart))
	}
}

// Connections is how many are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// MemoryInUse is how many bytes of requests are in memory.
func (s *Server) MemoryInUse() int64 { return s.budget.used.Load() }

// Shutdown stops accepting and reading, lets the requests in progress be answered, and closes the connections. When ctx ends first, it cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing.Swap(true) {
		close(s.stop)
	}
	for ln := range s.listeners {
		ln.Close()
	}
	for c := range s.conns {
		c.wakeReader()
	}
	s.slotFree.Broadcast()
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.breakOff(errShutdown)
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}

// logEnd writes one line for a connection that ended badly; the ordinary ends are of interest only when debugging.
func (c *Conn) logEnd() {
	c.mu.Lock()
	why := c.closeWhy
	c.mu.Unlock()
	var bad *frameError
	switch {
	case errors.Is(why, io.EOF), errors.Is(why, errShutdown), errors.Is(why, net.ErrClosed), isReset(why):
		c.srv.log.Debug("connection closed", "listener", c.listener.Name, "client", c.id, "reason", why)
	case errors.As(why, &bad):
		c.srv.log.Warn("connection closed: not a request that can be served", "listener", c.listener.Name, "client", c.id, "error", why)
	default:
		c.srv.log.Info("connection closed", "listener", c.listener.Name, "client", c.id, "error", why)
	}
}
