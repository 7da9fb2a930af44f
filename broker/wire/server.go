package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
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
	MaxRequestBytes     int            // socket.request.max.bytes; 0: 100 MiB
	RequestMemory       int64          // queued.max.request.bytes: all frames in memory together; 0 or less: DefaultRequestMemory()
	MaxInHandlers       int            // queued.max.requests: handlers running at the same time; 0: 500
	MaxConnections      int            // max.connections
	MaxConnectionsPerIP int            // max.connections.per.ip
	PerIPOverrides      map[string]int // max.connections.per.ip.overrides, by address
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
	listeners map[net.Listener]struct{}
	conns     map[*Conn]netip.Addr
	perIP     map[netip.Addr]int
	slotFree  sync.Cond // an acceptor waits for a connection to end
	sweeping  bool
	creation  creationRate
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
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*Conn]netip.Addr),
		perIP:     make(map[netip.Addr]int),
	}
	s.budget.limit = cfg.RequestMemory
	s.slotFree.L = &s.mu
	return s
}

// Serve accepts connections until the listener fails or the server is shut down; then it returns nil. It closes ln.
func (s *Server) Serve(ln net.Listener, l Listener) error {
	defer ln.Close()
	if l.secure() && l.TLS == nil {
		return fmt.Errorf("listener %s: the security protocol %s needs a TLS configuration", l.Name, l.Protocol)
	}
	if !s.addListener(ln) {
		return nil
	}
	for pause := time.Duration(0); ; {
		nc, err := ln.Accept()
		if s.closing.Load() {
			if err == nil {
				nc.Close()
			}
			return nil
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("listener %s: %w", l.Name, err)
			}
			// Out of file descriptors, or the client has gone already: go on, but not in a spin.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Warn("accepting a connection failed", "listener", l.Name, "error", err, "retry_in", pause)
			if !s.sleep(pause) {
				return nil
			}
			continue
		}
		pause = 0
		s.mu.Lock()
		held := s.creation.wait(time.Now())
		s.mu.Unlock()
		if held > 0 && !s.sleep(held) { // the others wait in the system's backlog
			nc.Close()
			return nil
		}
		s.admit(nc, &l)
	}
}

func (s *Server) addListener(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners[ln] = struct{}{}
	if !s.sweeping {
		s.sweeping = true
		s.wg.Go(s.sweep)
	}
	return true
}

// sleep waits, and reports false if the server is shut down meanwhile.
func (s *Server) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.stop:
		return false
	}
}

// admit starts a connection, or refuses it. At max.connections it waits for another to end, and the system's backlog holds the clients; a
// client with too many connections from its address is closed.
func (s *Server) admit(nc net.Conn, l *Listener) {
	ip := addrOf(nc)
	s.mu.Lock()
	for s.cfg.MaxConnections > 0 && len(s.conns) >= s.cfg.MaxConnections && !s.closing.Load() {
		s.slotFree.Wait()
	}
	if s.closing.Load() {
		s.mu.Unlock()
		nc.Close()
		return
	}
	if limit := s.perIPLimit(ip); s.perIP[ip] >= limit {
		s.mu.Unlock()
		s.log.Info("connection refused: too many from this address", "listener", l.Name, "client", nc.RemoteAddr().String(), "limit", limit)
		nc.Close()
		return
	}
	s.setBuffers(nc)
	if l.TLS != nil {
		nc = tls.Server(nc, l.TLS)
	}
	c := newConn(s, nc, l)
	s.conns[c] = ip
	s.perIP[ip]++
	s.mu.Unlock()
	if m := s.cfg.Metrics; m != nil {
		m.ConnectionOpened(l.Name)
	}
	s.wg.Go(func() {
		c.serve()
		s.remove(c)
	})
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	ip := s.conns[c]
	delete(s.conns, c)
	if s.perIP[ip]--; s.perIP[ip] == 0 {
		delete(s.perIP, ip)
	}
	s.slotFree.Signal()
	s.mu.Unlock()
	if m := s.cfg.Metrics; m != nil {
		m.ConnectionClosed(c.listener.Name)
	}
}

// perIPLimit is how many connections an address may have.
func (s *Server) perIPLimit(ip netip.Addr) int {
	if len(s.cfg.PerIPOverrides) > 0 {
		if n, ok := s.cfg.PerIPOverrides[ip.String()]; ok {
			return n
		}
	}
	if s.cfg.MaxConnectionsPerIP <= 0 {
		return math.MaxInt
	}
	return s.cfg.MaxConnectionsPerIP
}

func (s *Server) setBuffers(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if n := s.cfg.SendBuffer; n > 0 {
		_ = tcp.SetWriteBuffer(n)
	}
	if n := s.cfg.ReceiveBuffer; n > 0 {
		_ = tcp.SetReadBuffer(n)
	}
}

func addrOf(nc net.Conn) netip.Addr {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
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

// SetLimits changes the limits of connections; open connections stay.
func (s *Server) SetLimits(maxConnections, perIP int, overrides map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.MaxConnections, s.cfg.MaxConnectionsPerIP, s.cfg.PerIPOverrides = maxConnections, perIP, overrides
	s.slotFree.Broadcast()
}

// creationBurst is for how long connections may come faster than max.connection.creation.rate after a time without any: Kafka's rates look
// back on ten windows of a second.
const creationBurst = 10 * time.Second

// SetCreationRate changes max.connection.creation.rate; 0 or less is none.
func (s *Server) SetCreationRate(perSecond int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.creation.interval = 0
	if perSecond > 0 {
		s.creation.interval = time.Second / time.Duration(perSecond)
	}
}

// creationRate paces the acceptance of connections.
type creationRate struct {
	interval time.Duration // between two connections; 0: no limit
	paidFor  time.Time     // until when the connections so far have used up the rate
}

// wait accounts for a connection and returns how long to hold it back.
func (r *creationRate) wait(now time.Time) time.Duration {
	if r.interval == 0 {
		return 0
	}
	if oldest := now.Add(-creationBurst); r.paidFor.Before(oldest) {
		r.paidFor = oldest
	}
	r.paidFor = r.paidFor.Add(r.interval)
	return r.paidFor.Sub(now)
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
		// Wakes a reader that waits for its client; it then sees that the server is closing.
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
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
