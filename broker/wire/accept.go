package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/kgo-project/kgo/broker/vfs"
)

// service is a listener that is being served.
type service struct {
	Listener
	closing atomic.Bool // the listener is gone, and its connections are to end
	open    int         // its connections; guarded by Server.mu
}

// Serve accepts connections until the listener fails, is closed by CloseListener, or the server is shut down; in the last two cases it returns nil. It
// closes ln.
func (s *Server) Serve(ln net.Listener, l Listener) error {
	defer ln.Close()
	if l.secure() && l.TLS == nil {
		return fmt.Errorf("listener %s: the security protocol %s needs a TLS configuration", l.Name, l.Protocol)
	}
	sv := &service{Listener: l}
	if !s.addListener(ln, sv) {
		return nil
	}
	defer s.dropListener(ln)
	var failing acceptFailures
	for pause := time.Duration(0); ; {
		nc, err := ln.Accept()
		if s.closing.Load() || sv.closing.Load() {
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
			if failing.note(time.Now()) {
				s.logAcceptFailure(l.Name, err, failing.count)
			}
			if !s.sleep(pause) {
				return nil
			}
			continue
		}
		pause = 0
		if failing.over() {
			s.log.Info("connections are accepted again", "listener", l.Name)
		}
		s.admit(nc, sv)
	}
}

// acceptFailuresEvery bounds how often the log says that connections can't be accepted.
const acceptFailuresEvery = 10 * time.Second

// acceptFailures are those of a listener in a row.
type acceptFailures struct {
	count    int
	reported time.Time
}

func (s *Server) logAcceptFailure(listener string, err error, failures int) {
	if vfs.OutOfHandles(err) {
		s.log.Error("too many open files: no connection can be accepted until some are closed; raise the limit (ulimit -n, or LimitNOFILE of the service), or lower max.connections",
			"listener", listener, "limit", vfs.HandleLimit(), "failures", failures)
		return
	}
	s.log.Warn("connections can't be accepted", "listener", listener, "error", err, "failures", failures)
}

// note counts a failure and reports whether to log it: the second, as the first may be a client that has gone already, and then one at times.
func (f *acceptFailures) note(now time.Time) bool {
	f.count++
	if f.count < 2 || now.Sub(f.reported) < acceptFailuresEvery {
		return false
	}
	f.reported = now
	return true
}

// over ends the row, and tells whether anything was said about it.
func (f *acceptFailures) over() bool {
	said := !f.reported.IsZero()
	*f = acceptFailures{}
	return said
}

// addListener registers a listener. A server that is shut down takes none.
func (s *Server) addListener(ln net.Listener, sv *service) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners[ln] = sv
	if !s.sweeping {
		s.sweeping = true
		s.wg.Go(s.sweep)
	}
	return true
}

func (s *Server) dropListener(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

// CloseListener stops serving ln. Requests in progress on its connections are answered, then they end.
func (s *Server) CloseListener(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sv := s.listeners[ln]
	if sv == nil {
		ln.Close()
		return
	}
	delete(s.listeners, ln)
	sv.closing.Store(true)
	ln.Close()
	for c := range s.conns {
		if c.listener == sv {
			c.wakeReader()
		}
	}
	s.slotFree.Broadcast()
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

// admit starts a connection, or refuses it. Where there are too many, or they come too fast, it waits, and the system's backlog holds the clients; a
// client of whose address there are too many is closed.
func (s *Server) admit(nc net.Conn, l *service) {
	ip := addrOf(nc)
	if hold := s.pace(l, time.Now()); hold > 0 && !s.sleep(hold) {
		nc.Close()
		return
	}
	s.mu.Lock()
	for s.fullLocked(l) && !s.closing.Load() && !l.closing.Load() {
		s.slotFree.Wait()
	}
	if s.closing.Load() || l.closing.Load() {
		s.mu.Unlock()
		nc.Close()
		return
	}
	if hold := s.paceOf(ip, time.Now()); hold > 0 {
		s.holdLocked(nc, hold)
		s.mu.Unlock()
		return
	}
	if limit := s.limits.perIP(ip); s.perIP[ip] >= limit {
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
	l.open++
	crowded := s.crowdedLocked(l)
	s.mu.Unlock()
	if crowded != nil {
		crowded.breakOff(errCrowded)
	}
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
	c.listener.open--
	s.slotFree.Broadcast()
	s.mu.Unlock()
	if m := s.cfg.Metrics; m != nil {
		m.ConnectionClosed(c.listener.Name)
	}
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
