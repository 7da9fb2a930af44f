package wire

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kgo-project/kgo/broker/clock"
	"github.com/kgo-project/kgo/broker/ident"
)

// DEVIATION(kafka): a connection may have many requests in progress; Apache Kafka handles one at a time.
// A connection stops being read while this many of its requests are unanswered or this much memory waits to be sent.
const (
	maxPending     = 256
	maxUnsentBytes = 4 << 20
)

// Conn is one client's connection. Its reader goroutine owns the input and runs the handlers. Its requests form a queue in the order of
// arrival; whoever holds the writing flag sends the answered ones at its head.
type Conn struct {
	srv      *Server
	ctx      context.Context
	cancel   context.CancelFunc
	nc       net.Conn
	listener *service
	table    *Table
	id       string // for logs: the client's address

	in  input // the reader's own
	raw rawReader

	lastActive atomic.Int64 // clock.Nanos of the last byte read or written
	frameStart atomic.Int64 // clock.Nanos of the start of the frame being read, 0 between frames: for the sweep
	frameBytes atomic.Int64 // memory taken for that frame

	wantsMemory atomic.Bool  // the reader waits for the budget
	answers     atomic.Int32 // sent, up to newConnAnswers

	mu        sync.Mutex
	head      *Request // the oldest request whose response is not sent
	tail      *Request
	current   *Request  // the request whose handler the reader is running
	pending   int       // requests in the queue
	patient   int       // of them, those with a hurry
	unsent    int       // bytes of memory of answered requests in the queue
	writing   bool      // somebody is in write
	room      sync.Cond // the reader waits for the queue to become shorter
	waiting   bool
	broken    bool // nothing more will be sent: what is answered is dropped
	closeWhy  error
	muteUntil time.Time

	principal       ident.Principal
	authenticated   atomic.Bool
	rawFrames       atomic.Pointer[rawFrames]
	softwareName    string
	softwareVersion string
	clientID        *string // of the last request, to share the string
}

func newConn(srv *Server, nc net.Conn, l *service) *Conn {
	c := &Conn{srv: srv, nc: nc, listener: l, table: l.Table, id: nc.RemoteAddr().String(), principal: ident.Anonymous}
	if c.table == nil {
		c.table = srv.table
	}
	c.authenticated.Store(!l.sasl())
	c.room.L = &c.mu
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.touch(time.Now())
	return c
}

// Context ends when the connection is closed.
func (c *Conn) Context() context.Context { return c.ctx }

// HungUp reports whether the client has closed the connection, even where its reader has not come to the end of what was sent: a process that was
// asleep finds both at once. Nothing need be done for such a client, and nothing should be that it has perhaps asked for again elsewhere.
func (c *Conn) HungUp() bool { return c.ctx.Err() != nil || c.peerGone() }

// RemoteAddr is the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// LocalAddr is the address the client connected to.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// ClientHost is the client's IP address as Kafka's tools print it: "/127.0.0.1".
func (c *Conn) ClientHost() string {
	host, _, err := net.SplitHostPort(c.id)
	if err != nil {
		host = c.id
	}
	return "/" + host
}

// Listener is what the connection came in through.
func (c *Conn) Listener() *Listener { return &c.listener.Listener }

// Principal is who the client is; ident.Anonymous until authentication says otherwise.
func (c *Conn) Principal() ident.Principal {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.principal
}

// SetPrincipal is called by the SASL handlers when the client has authenticated; from then on all requests are served.
func (c *Conn) SetPrincipal(p ident.Principal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.principal = p
	c.authenticated.Store(true)
}

// rawFrames answers SASL tokens.
type rawFrames func(token []byte) (reply []byte, more bool, err error)

// RawFrames hands the next frames, which have no request header, to fn until it returns more = false: the SASL tokens that follow
// a SaslHandshake of version 0.
func (c *Conn) RawFrames(fn func(token []byte) (reply []byte, more bool, err error)) {
	f := rawFrames(fn)
	c.rawFrames.Store(&f)
}

// SetClientSoftware keeps the name and version that ApiVersions v3 brings (KIP-511).
func (c *Conn) SetClientSoftware(name, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.softwareName, c.softwareVersion = name, version
}

// ClientSoftware is what the client said it is, empty if it didn't.
func (c *Conn) ClientSoftware() (name, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.softwareName, c.softwareVersion
}

// TLS is the state of a TLS connection.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	if t, ok := c.nc.(*tls.Conn); ok {
		return t.ConnectionState(), true
	}
	return tls.ConnectionState{}, false
}

func (c *Conn) touch(now time.Time) { c.lastActive.Store(clock.Nanos(now)) }

// enqueue gives a new request its place in the order of responses.
func (c *Conn) enqueue(r *Request) {
	c.mu.Lock()
	if c.tail == nil {
		c.head = r
	} else {
		c.tail.next = r
	}
	c.tail = r
	c.pending++
	c.current = r
	hurry := c.hurryLocked(r)
	c.mu.Unlock()
	for _, fn := range hurry {
		fn()
	}
}

// hurryLocked takes what the requests before r want done when one of r's kind follows them.
func (c *Conn) hurryLocked(r *Request) (hurry []func()) {
	if c.patient == 0 {
		return nil
	}
	for earlier := c.head; earlier != r; earlier = earlier.next {
		if earlier.hurry != nil && earlier.Key != r.Key {
			hurry = append(hurry, earlier.hurry)
			earlier.hurry = nil
			c.patient--
		}
	}
	return hurry
}

// handled marks the end of a request's handler. A large response leaves at once; small ones wait for company until the reader has no
// further request at hand.
func (c *Conn) handled(r *Request, local time.Duration) {
	c.mu.Lock()
	c.current = nil
	r.local = local
	large := r.answered && r.size >= gatherBytes || c.unsent >= gatherBytes
	c.mu.Unlock()
	if large {
		c.flush()
	}
}

// flush sends what is ready, unless somebody else is at it.
func (c *Conn) flush() {
	c.mu.Lock()
	if c.writing || c.head == nil || !c.head.answered {
		c.mu.Unlock()
		return
	}
	c.writing = true
	c.mu.Unlock()
	c.write()
}

// waitForRoom holds the reader back while the client owes us reading, or while it is throttled. It reports whether to go on.
func (c *Conn) waitForRoom() bool {
	c.mu.Lock()
	for !c.broken && (c.pending >= maxPending || c.unsent >= maxUnsentBytes) {
		if !c.writing && c.head.answered {
			c.writing = true
			c.mu.Unlock()
			c.write()
			c.mu.Lock()
			continue
		}
		c.wait()
	}
	ok, mute := !c.broken, c.muteUntil
	c.mu.Unlock()
	if ok && !mute.IsZero() {
		return c.waitMuted(mute)
	}
	return ok
}

func (c *Conn) waitMuted(until time.Time) bool {
	c.flush()
	d := time.Until(until)
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	case <-c.srv.stop:
		return true
	}
}

// ending reports that the connection is to end when its requests are answered: its server is shutting down, or its listener is gone.
func (c *Conn) ending() bool { return c.srv.closing.Load() || c.listener.closing.Load() }

// wakeReader wakes a reader that waits for its client; it then sees that the connection is ending.
func (c *Conn) wakeReader() { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) }

// breakOff makes the connection useless at once: the reader and the writer fail at their next step, responses still to come are dropped.
func (c *Conn) breakOff(why error) {
	c.mu.Lock()
	if !c.broken {
		c.broken, c.closeWhy = true, why
	}
	c.room.Broadcast()
	c.mu.Unlock()
	c.cancel()
	c.nc.Close()
}

// drain waits until the answered requests are sent; with unanswered ones too, until all are answered.
func (c *Conn) drain(unanswered bool) {
	c.flush()
	c.mu.Lock()
	for !c.broken && (c.writing || c.head != nil && (unanswered || c.head.answered)) {
		c.wait()
	}
	c.mu.Unlock()
}

// wait waits for room with c.mu held.
func (c *Conn) wait() {
	c.waiting = true
	c.room.Wait()
	c.waiting = false
}
