package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ClientConfig says how a Client reaches its server.
type ClientConfig struct {
	Dial        func(ctx context.Context) (net.Conn, error)
	ClientID    string
	Timeout     time.Duration // of one request; 0: 30 s
	MaxResponse int           // the largest response accepted; 0: 256 MiB

	// ReuseFetches lets the byte slices of a Fetch response be valid only until the next one: for who sends one Fetch after the other and has worked
	// through a response before the next, as followers do with megabytes at a time.
	ReuseFetches bool
}

// Client sends requests over one connection to one server, as brokers and controllers do among themselves: pipelined, answered in order,
// each in the highest version that both sides have. It connects when it is first used and again after a failure. A failed request is
// the caller's to repeat.
type Client struct {
	cfg ClientConfig

	mu     sync.Mutex
	link   *link
	closed bool
	dial   chan struct{} // closed when the dial in progress has ended; nil: none
}

// ErrClientClosed is what requests get after Close.
var ErrClientClosed = errors.New("the client is closed")

// NewClient makes a client; it connects at the first request.
func NewClient(cfg ClientConfig) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.MaxResponse <= 0 {
		cfg.MaxResponse = 256 << 20
	}
	return &Client{cfg: cfg}
}

// Request sends req and waits for its response. Any number of goroutines may call it; the requests share the connection. The response's
// byte slices are its own, but for ClientConfig.ReuseFetches.
func (c *Client) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, errTimeout)
	defer cancel()
	l, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	version, err := l.version(req)
	if err != nil {
		return nil, err
	}
	resp, err := l.roundTrip(ctx, req, version)
	if err != nil && context.Cause(ctx) == errTimeout { //nolint:errorlint // the cause is our own value
		// What was sent before is lost as well: a server that doesn't answer in time has a connection that nobody should wait for.
		l.fail(fmt.Errorf("%s request: %w after %v", kmsg.NameForKey(req.Key()), errTimeout, c.cfg.Timeout))
	}
	return resp, err
}

var errTimeout = errors.New("no response")

// Close ends the connection and fails what is waiting.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	l := c.link
	c.mu.Unlock()
	if l != nil {
		l.fail(ErrClientClosed)
	}
	return nil
}

// connected returns the connection in use, made anew if there is none. One goroutine dials; the others wait for it.
func (c *Client) connected(ctx context.Context) (*link, error) {
	for {
		c.mu.Lock()
		switch {
		case c.closed:
			c.mu.Unlock()
			return nil, ErrClientClosed
		case c.link != nil && !c.link.failed():
			l := c.link
			c.mu.Unlock()
			return l, nil
		case c.dial == nil:
			c.dial = make(chan struct{})
			c.mu.Unlock()
			return c.connect(ctx)
		}
		done := c.dial
		c.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (c *Client) connect(ctx context.Context) (*link, error) {
	l, err := c.newLink(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.dial)
	c.dial = nil
	if err != nil {
		return nil, err
	}
	if c.closed {
		l.fail(ErrClientClosed)
		return nil, ErrClientClosed
	}
	c.link = l
	return l, nil
}

func (c *Client) newLink(ctx context.Context) (*link, error) {
	nc, err := c.cfg.Dial(ctx)
	if err != nil {
		return nil, err
	}
	l := &link{nc: nc, clientID: c.cfg.ClientID, maxResponse: c.cfg.MaxResponse, timeout: c.cfg.Timeout}
	if c.cfg.ReuseFetches {
		l.fetches = new(frameBuffer)
	}
	go l.read()
	if err := l.negotiate(ctx); err != nil {
		l.fail(err)
		return nil, err
	}
	return l, nil
}

// link is one connection of a Client.
type link struct {
	nc          net.Conn
	clientID    string
	maxResponse int
	timeout     time.Duration
	versions    map[int16][2]int16 // by key: min, max; set before the link is shared
	fetches     *frameBuffer       // of Fetch responses; nil: each has memory of its own

	mu      sync.Mutex
	err     error
	nextID  int32
	waiting []*call // in the order of sending
	out     []byte  // requests to be written by whoever is writing
	spare   []byte
	writing bool
}

// call is a request under way.
type call struct {
	resp    kmsg.Response
	id      int32
	done    chan struct{}
	err     error
	oldHead bool // the response has header version 0 whatever its version
}

func (l *link) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// fail ends the link; all waiting calls get err.
func (l *link) fail(err error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = err
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	l.nc.Close()
	for _, c := range waiting {
		c.err = err
		close(c.done)
	}
}

// negotiate asks for the server's versions. A server that is too old for our question answers it in version 0.
func (l *link) negotiate(ctx context.Context) error {
	for version := int16(3); ; version = 0 {
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "kgo", "1"
		resp, err := l.roundTrip(ctx, req, version)
		if err != nil {
			return err
		}
		answer := resp.(*kmsg.ApiVersionsResponse)
		if answer.ErrorCode == 35 && version > 0 {
			continue
		}
		if answer.ErrorCode != 0 {
			return fmt.Errorf("ApiVersions request: the server answered with error code %d", answer.ErrorCode)
		}
		l.versions = make(map[int16][2]int16, len(answer.ApiKeys))
		for _, k := range answer.ApiKeys {
			l.versions[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
		}
		return nil
	}
}

// version is the highest version of a request that both sides have.
func (l *link) version(req kmsg.Request) (int16, error) {
	served, ok := l.versions[req.Key()]
	v := min(req.MaxVersion(), served[1])
	if !ok || v < served[0] {
		return 0, fmt.Errorf("%s doesn't serve %s requests in a version known here", l.nc.RemoteAddr(), kmsg.NameForKey(req.Key()))
	}
	return v, nil
}

func (l *link) roundTrip(ctx context.Context, req kmsg.Request, version int16) (kmsg.Response, error) {
	sent := time.Now()
	c, err := l.send(req, version)
	if err != nil {
		return nil, err
	}
	select {
	case <-c.done:
		return c.resp, c.err
	case <-ctx.Done():
		go l.abandon(c, time.Since(sent))
		return nil, context.Cause(ctx)
	}
}

// overdue is how long a request may take before the link is suspected.
const overdue = 500 * time.Millisecond

// abandon makes sure that a request that nobody waits for any more doesn't reach the server late: what lies in this machine's buffers, because the network
// between the two is cut, would when that is mended. A link that is overdue with an answer is torn down with what was not sent.
func (l *link) abandon(c *call, waited time.Duration) {
	timer := time.NewTimer(max(0, overdue-waited))
	defer timer.Stop()
	select {
	case <-c.done:
		return
	case <-timer.C:
	}
	if tcp, ok := l.nc.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0) // closed as usual otherwise
	}
	l.fail(errAbandoned)
}

var errAbandoned = errors.New("the server did not answer an earlier request")

// send queues the request's bytes; the first to do so writes, for all who come while it does.
func (l *link) send(req kmsg.Request, version int16) (*call, error) {
	c := &call{done: make(chan struct{}), oldHead: req.Key() == apiVersionsKey}
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return nil, l.err
	}
	req.SetVersion(version)
	c.resp = req.ResponseKind()
	c.resp.SetVersion(version)
	c.id = l.nextID
	l.nextID++
	l.out = appendRequest(l.out, req, c.id, l.clientID)
	l.waiting = append(l.waiting, c)
	if l.writing {
		l.mu.Unlock()
		return c, nil
	}
	l.writing = true
	for len(l.out) > 0 && l.err == nil {
		out := l.out
		l.out = l.spare[:0]
		l.mu.Unlock()
		err := l.nc.SetWriteDeadline(time.Now().Add(l.timeout))
		if err == nil {
			_, err = l.nc.Write(out)
		}
		if err != nil {
			l.fail(err)
		}
		l.mu.Lock()
		l.spare = out[:0]
		if cap(out) > maxPooledOut {
			l.spare = nil
		}
	}
	l.writing = false
	l.mu.Unlock()
	return c, nil
}

// appendRequest appends a framed request.
func appendRequest(dst []byte, req kmsg.Request, id int32, clientID string) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(req.Key()))
	dst = binary.BigEndian.AppendUint16(dst, uint16(req.GetVersion()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(id))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(clientID)))
	dst = append(dst, clientID...)
	if req.IsFlexible() {
		dst = append(dst, 0)
	}
	dst = req.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// read delivers responses until the link fails.
func (l *link) read() {
	in := bufio.NewReaderSize(l.nc, 4<<10)
	for {
		if err := l.readOne(in); err != nil {
			l.fail(fmt.Errorf("connection to %s: %w", l.nc.RemoteAddr(), err))
			return
		}
	}
}

func (l *link) readOne(in *bufio.Reader) error {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return err
	}
	n := int32(binary.BigEndian.Uint32(size[:]))
	if n < 4 || int(n) > l.maxResponse {
		return fmt.Errorf("the response's size is %d", n)
	}
	l.mu.Lock()
	if len(l.waiting) == 0 {
		l.mu.Unlock()
		return errors.New("a response came that nothing waits for")
	}
	c := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	l.mu.Unlock()
	frames := l.fetches
	if c.resp.Key() != fetchKey {
		frames = nil
	}
	frame := frames.take(int(n))
	_, err := io.ReadFull(in, frame)
	if err == nil {
		err = c.decode(frame)
	}
	c.err = err
	close(c.done)
	return err
}

// frameBuffer is the memory of one response after the other. It shrinks again when large ones stay away.
type frameBuffer struct {
	buf   []byte
	small int // responses in a row that needed less than an eighth of it
}

// smallResponses is how many small responses in a row give a large buffer back.
const smallResponses = 100

func (f *frameBuffer) take(n int) []byte {
	if f == nil {
		return make([]byte, n)
	}
	if n > cap(f.buf)/8 {
		f.small = 0
	} else if f.small++; f.small >= smallResponses {
		f.buf, f.small = nil, 0
	}
	if cap(f.buf) < n {
		f.buf = make([]byte, n, n+n/8)
	}
	return f.buf[:n]
}

func (c *call) decode(frame []byte) error {
	if id := int32(binary.BigEndian.Uint32(frame)); id != c.id {
		return fmt.Errorf("the response to request %d came where that to %d was due", id, c.id)
	}
	body := frame[4:]
	if c.resp.IsFlexible() && !c.oldHead {
		var err error
		if body, err = skipTags(body); err != nil {
			return err
		}
	}
	if c.oldHead && c.resp.GetVersion() > 0 && len(body) >= 2 && binary.BigEndian.Uint16(body) == 35 {
		c.resp.SetVersion(0) // KIP-511: the refusal is in version 0
	}
	return c.resp.ReadFrom(body)
}
