package netx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ErrCut is the cause of a dial's failure over a link that Cut has cut.
var ErrCut = errors.New("the link is cut")

// firstMemPort is the first port that a memory host hands out for port 0.
const firstMemPort = 40000

// Mem is a network in memory: hosts by name, and a link between any two of them. It is safe for concurrent use.
type Mem struct {
	mu        sync.Mutex
	listeners map[string]*memListener // by host:port
	nextPort  map[string]int          // by host
	conns     map[*memConn]struct{}   // the dialing ends of what is open
	cut       map[link]bool
	delay     map[link]time.Duration
}

// link is the pair of two hosts, the smaller name first.
type link struct{ a, b string }

func linkOf(a, b string) link {
	if a > b {
		a, b = b, a
	}
	return link{a, b}
}

// NewMem returns a network without hosts; they come into being when they listen or dial.
func NewMem() *Mem {
	return &Mem{
		listeners: make(map[string]*memListener), nextPort: make(map[string]int), conns: make(map[*memConn]struct{}),
		cut: make(map[link]bool), delay: make(map[link]time.Duration),
	}
}

// Host is the network seen from one host: it dials as that host, and listens on it whatever host an address names.
func (m *Mem) Host(name string) Network { return memHost{m, name} }

// Cut breaks the connections between two hosts and lets no new ones through until Heal.
func (m *Mem) Cut(a, b string) {
	m.mu.Lock()
	m.cut[linkOf(a, b)] = true
	var broken []*memConn
	for c := range m.conns {
		if c.link == linkOf(a, b) {
			broken = append(broken, c)
		}
	}
	m.mu.Unlock()
	for _, c := range broken {
		_ = c.Close()
	}
}

// Heal undoes Cut. Connections that it broke stay broken.
func (m *Mem) Heal(a, b string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.cut, linkOf(a, b))
}

// SetDelay makes every write between two hosts take d.
func (m *Mem) SetDelay(a, b string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delay[linkOf(a, b)] = d
}

type memHost struct {
	net  *Mem
	name string
}

func (h memHost) Listen(_ context.Context, addr string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	m := h.net
	m.mu.Lock()
	defer m.mu.Unlock()
	if port == "0" {
		m.nextPort[h.name]++
		port = strconv.Itoa(firstMemPort + m.nextPort[h.name])
	}
	l := &memListener{net: m, host: h.name, addr: memAddr(net.JoinHostPort(h.name, port)), accept: make(chan net.Conn), closed: make(chan struct{})}
	if m.listeners[string(l.addr)] != nil {
		return nil, &net.OpError{Op: "listen", Net: "mem", Addr: l.addr, Err: syscall.EADDRINUSE}
	}
	m.listeners[string(l.addr)] = l
	return l, nil
}

func (h memHost) DialContext(ctx context.Context, addr string) (net.Conn, error) {
	m := h.net
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "mem", Addr: memAddr(addr), Err: err}
	}
	m.mu.Lock()
	l := m.listeners[addr]
	if l == nil {
		m.mu.Unlock()
		return fail(syscall.ECONNREFUSED)
	}
	if m.cut[linkOf(h.name, l.host)] {
		m.mu.Unlock()
		return fail(ErrCut)
	}
	m.nextPort[h.name]++
	local := memAddr(fmt.Sprintf("%s:%d", h.name, firstMemPort+m.nextPort[h.name]))
	near, far := net.Pipe()
	conn := &memConn{Conn: near, net: m, link: linkOf(h.name, l.host), local: local, remote: l.addr}
	m.conns[conn] = struct{}{}
	m.mu.Unlock()

	select {
	case l.accept <- &memConn{Conn: far, net: m, link: conn.link, local: l.addr, remote: local}:
		return conn, nil
	case <-l.closed:
		_ = conn.Close()
		return fail(syscall.ECONNREFUSED)
	case <-ctx.Done():
		_ = conn.Close()
		return fail(ctx.Err())
	}
}

type memListener struct {
	net    *Mem
	host   string
	addr   memAddr
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, string(l.addr))
		l.net.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *memListener) Addr() net.Addr { return l.addr }

// memConn is one end of a connection.
type memConn struct {
	net.Conn
	net           *Mem
	link          link
	local, remote memAddr
}

func (c *memConn) Write(p []byte) (int, error) {
	c.net.mu.Lock()
	delay := c.net.delay[c.link]
	c.net.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	return c.Conn.Write(p)
}

func (c *memConn) Close() error {
	c.net.mu.Lock()
	delete(c.net.conns, c)
	c.net.mu.Unlock()
	return c.Conn.Close()
}

func (c *memConn) LocalAddr() net.Addr  { return c.local }
func (c *memConn) RemoteAddr() net.Addr { return c.remote }

// memAddr is a host:port of the memory network.
type memAddr string

func (memAddr) Network() string  { return "mem" }
func (a memAddr) String() string { return string(a) }
