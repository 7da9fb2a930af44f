package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/netx"
)

// socket is a listener that is bound and perhaps not served yet.
type socket struct {
	net.Listener
	config config.Listener // as it was when it was bound
	gone   chan struct{}   // closed when it is taken out of use
}

// port is the bound port: what the file says, or what the system chose for 0.
func (s *socket) port() int32 {
	if a, ok := s.Addr().(*net.TCPAddr); ok {
		return int32(a.Port)
	}
	return s.config.Port
}

// sockets are the node's listeners. They change while it runs: see Server.relisten.
type sockets struct {
	changing sync.Mutex // held by whoever opens or closes some
	mu       sync.Mutex
	open     []*socket // guarded by mu; never changed in place
	closed   bool      // the node is stopping; guarded by mu
}

func (s *sockets) all() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *sockets) find(name string) *socket {
	for _, sock := range s.all() {
		if sock.config.Name == name {
			return sock
		}
	}
	return nil
}

// add reports false, and closes the socket, when the node is stopping.
func (s *sockets) add(sock *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = sock.Close()
		return false
	}
	s.open = append(slices.Clone(s.open), sock)
	return true
}

func (s *sockets) remove(sock *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(slices.Clone(s.open), func(o *socket) bool { return o == sock })
	close(sock.gone)
}

func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, sock := range s.open {
		_ = sock.Close() // closed twice when it was served: harmless
	}
}

// bind binds all listeners, so that a port in use is an error before anything else happens.
func (s *Server) bind(ctx context.Context) error {
	s.onStop(func(context.Context) { s.sockets.close() })
	for _, l := range s.opts.Config.Network.Listeners {
		sock, err := s.listen(ctx, l)
		if err != nil {
			return err
		}
		s.sockets.add(sock)
	}
	return nil
}

func (s *Server) listen(ctx context.Context, l config.Listener) (*socket, error) {
	ln, err := s.opts.Network.Listen(ctx, l.Address())
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", l, netx.Explain(err))
	}
	if err := netx.SetBacklog(ln, s.opts.Config.Network.Backlog); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("listener %s: %w", l, netx.Explain(err))
	}
	return &socket{Listener: ln, config: l, gone: make(chan struct{})}, nil
}

// serveSockets begins to answer on all listeners.
func (s *Server) serveSockets() {
	s.sockets.changing.Lock()
	defer s.sockets.changing.Unlock()
	for _, sock := range s.sockets.all() {
		s.serveSocket(sock)
	}
}

func (s *Server) serveSocket(sock *socket) {
	l := s.listenerOf(sock)
	s.wg.Go(func() {
		if !s.awaitTurn(sock) {
			return
		}
		if err := s.wire.Serve(sock.Listener, l); err != nil && !errors.Is(err, net.ErrClosed) {
			s.fail(fmt.Errorf("listener %s: %w", sock.config, err))
		}
	})
}

// awaitTurn holds a listener for clients back until the broker has been let in: before, it knows no topics, and would tell clients so. They may
// connect and wait. Controllers' listeners serve at once; the quorum can't do without. It reports false when the node stops or the listener goes first.
func (s *Server) awaitTurn(sock *socket) bool {
	if s.life == nil || s.isControllers(sock.config.Name) {
		return true
	}
	select {
	case <-s.life.unfenced:
		return true
	case <-sock.gone:
	case <-s.stopping:
	}
	return false
}

func (s *Server) isControllers(listener string) bool {
	return slices.Contains(s.opts.Config.Network.ControllerListeners, listener)
}

// relisten opens the listeners that the configuration has and the node has not, and closes those that are gone from it. Where a listener that stays is
// bound changes only while the node starts, as in Apache Kafka. A listener that can't be opened is left out: the others are not to suffer.
func (s *Server) relisten(cfg *config.Broker) {
	s.sockets.changing.Lock()
	defer s.sockets.changing.Unlock()
	want := cfg.Network.Listeners
	changed, before := false, make(map[string]config.Listener)
	for _, sock := range s.sockets.all() {
		i := slices.IndexFunc(want, func(l config.Listener) bool { return l.Name == sock.config.Name })
		if s.isControllers(sock.config.Name) || i >= 0 && (want[i] == sock.config || !s.starting()) {
			continue
		}
		s.log.Info("listener closed", "listener", sock.config.String())
		s.sockets.remove(sock)
		s.wire.CloseListener(sock.Listener)
		before[sock.config.Name] = sock.config
		changed = true
	}
	for _, l := range want {
		if s.sockets.find(l.Name) != nil || s.isControllers(l.Name) {
			continue
		}
		sock, err := s.listen(context.Background(), l)
		if old, ok := before[l.Name]; ok && err != nil { // better where the file says than nowhere
			s.log.Error("a listener can't be opened where the dynamic configuration says; it is where the broker's file says", "listener", l.String(), "file", old.String(), "error", err)
			sock, err = s.listen(context.Background(), old)
		}
		if err != nil {
			s.log.Error("a listener of the dynamic configuration can't be opened; it stays closed until listeners are set again, or the broker is started anew", "listener", l.String(), "error", err)
			continue
		}
		if !s.sockets.add(sock) {
			return
		}
		s.log.Info("listener opened", "listener", sock.config.String())
		s.serveSocket(sock)
		changed = true
	}
	if changed {
		s.life.amend()
	}
}

// starting reports whether the broker hasn't been let in yet.
func (s *Server) starting() bool {
	select {
	case <-s.life.unfenced:
		return false
	default:
		return true
	}
}

// advertised is what clients are told: what the configuration says, but where it leaves that to the listeners, how those are bound.
//
// DEVIATION(kafka): a listener that was added while the broker runs is among them; Apache Kafka's clients learn of it after the next start.
func (s *Server) advertised() []config.Listener {
	network := s.state.config().Network
	out := make([]config.Listener, 0, len(network.Advertised))
	for _, l := range network.Advertised {
		if slices.Contains(network.Listeners, l) {
			sock := s.sockets.find(l.Name)
			if sock == nil {
				continue // it could not be opened
			}
			l = sock.config
		}
		out = append(out, l)
	}
	return out
}

// advertisedHost is what clients are told where the file names no host: this machine's name, localhost if it has none that resolves.
func advertisedHost(host string) string {
	if host != "" && host != "0.0.0.0" && host != "::" {
		return host
	}
	return canonicalHost()
}

// advertisedPort is the port that a listener is reached at: the bound one where the file leaves the choice to the system.
func (s *Server) advertisedPort(l config.Listener) int32 {
	if l.Port != 0 {
		return l.Port
	}
	if sock := s.sockets.find(l.Name); sock != nil {
		return sock.port()
	}
	return 0
}

// Addr is the bound address of a listener, nil if there is none of that name.
func (s *Server) Addr(listener string) net.Addr {
	if sock := s.sockets.find(listener); sock != nil {
		return sock.Addr()
	}
	return nil
}
