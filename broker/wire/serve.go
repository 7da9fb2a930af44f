package wire

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/record/schema"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// errShutdown ends a reader whose server is shutting down.
var errShutdown = errors.New("the server is shutting down")

// handshakeTimeout is how long a client may take for its TLS handshake.
const handshakeTimeout = 10 * time.Second

// serve reads and handles requests until the connection ends, then closes it.
func (c *Conn) serve() {
	err := c.handshake()
	if err == nil {
		c.initRead()
		err = c.readAll()
	}
	switch {
	case c.ending() && (errors.Is(err, errShutdown) || errors.Is(err, os.ErrDeadlineExceeded)):
		err = errShutdown
		c.drain(true)
		c.resetIfNew()
	case errors.Is(err, io.EOF):
		c.drain(false) // a client that has closed its side may still read
	}
	c.breakOff(err)
	c.dropBuffer()
	c.logEnd()
}

// newConnAnswers is how many answers a connection may have had and still count as new: those by which a client finds out whom it talks to.
const newConnAnswers = 2

// resetIfNew has a connection that was hardly used end with a reset rather than an orderly close: clients take that one, before their first
// answers, for a server that wants TLS or SASL, and give up where they would try elsewhere.
func (c *Conn) resetIfNew() {
	if tcp, ok := c.nc.(*net.TCPConn); ok && c.answers.Load() < newConnAnswers {
		_ = tcp.SetLinger(0) // it is closed either way
	}
}

func (c *Conn) handshake() error {
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	if err := t.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	if err := t.HandshakeContext(c.ctx); err != nil {
		return fmt.Errorf("TLS handshake failed: %w", err)
	}
	if name := c.listener.TLSPrincipal; name != nil {
		c.principal = name(t.ConnectionState())
	}
	return t.SetDeadline(time.Time{})
}

func (c *Conn) readAll() error {
	if c.listener.FourLetter != nil {
		if err := c.fourLetterWord(); err != nil {
			return err
		}
	}
	for {
		frame, err := c.nextFrame()
		if err != nil {
			return err
		}
		if !c.waitForRoom() {
			return net.ErrClosed
		}
		if raw := c.rawFrames.Load(); raw != nil {
			err = c.serveRaw(*raw, frame)
		} else {
			err = c.serveFrame(frame)
		}
		if err != nil {
			return err
		}
	}
}

// serveFrame makes a request of a frame and runs its handler. An error ends the connection: Kafka's answer to what it can't parse, and to
// requests and versions that the ApiVersions response doesn't list.
func (c *Conn) serveFrame(frame []byte) error {
	r, api, err := c.parse(frame)
	if err != nil {
		return err
	}
	if err := c.srv.enterHandler(c); err != nil {
		return err
	}
	c.enqueue(r)
	received := r.Received
	if api == nil {
		r.Respond(c.versionsAnyClientReads())
	} else {
		api.Handle(r)
	}
	c.srv.leaveHandler()
	c.handled(r, time.Since(received))
	return nil
}

// parse decodes the frame. A nil row with a request is the ApiVersions request of a newer client.
func (c *Conn) parse(frame []byte) (*Request, *API, error) {
	h, rest, err := parseFixed(frame)
	if err != nil {
		return nil, nil, err
	}
	row := c.table.Lookup(h.key)
	if row == nil {
		return nil, nil, &frameError{fmt.Sprintf("the request's api key %d is not served by listener %s", h.key, c.listener.Name)}
	}
	r := &Request{Key: h.key, Version: h.version, CorrelationID: h.correlationID, Conn: c, Received: time.Now(), Size: len(frame)}
	if h.version < row.Min || h.version > row.Max {
		if h.key == apiVersionsKey {
			r.Version = 0
			return r, nil, nil
		}
		return nil, nil, &frameError{fmt.Sprintf("the request is %s version %d; listener %s serves versions %d to %d",
			kmsg.NameForKey(h.key), h.version, c.listener.Name, row.Min, row.Max)}
	}
	if !c.authenticated.Load() && !row.BeforeAuth {
		return nil, nil, &frameError{kmsg.NameForKey(h.key) + " request before authentication"}
	}
	req := kmsg.RequestForKey(h.key)
	req.SetVersion(h.version)
	r.flexible = req.IsFlexible()
	body, err := h.parseRest(rest, r.flexible)
	if err != nil {
		return nil, nil, err
	}
	r.ClientID = c.sharedClientID(&h)
	if err := c.checkBody(r, body); err != nil {
		return nil, nil, err
	}
	if !row.Borrow {
		body = slices.Clone(body)
	}
	if err := decode(req, body, row.Borrow); err != nil {
		c.srv.budget.put(r.decoded)
		return nil, nil, fmt.Errorf("the %s request version %d can't be parsed: %w", kmsg.NameForKey(h.key), h.version, err)
	}
	r.Body = req
	if row.Borrow {
		c.in.buf.retain()
		r.borrowed = c.in.buf
	}
	return r, row, nil
}

// A request may hold maxElements array elements in all. Decoded memory beyond freeDecoded is counted against the budget: an element of one
// byte on the wire may take a hundred in memory.
const (
	maxElements = 1_000_000
	freeDecoded = 64 << 10
)

// checkBody walks a body before it is decoded, so that false counts cost nothing, and reserves the memory that decoding will take.
func (c *Conn) checkBody(r *Request, body []byte) error {
	_, size, err := schema.CheckRequest(r.Key, r.Version, body, maxElements)
	if err != nil {
		return &frameError{fmt.Sprintf("the %s request version %d is malformed: %v", kmsg.NameForKey(r.Key), r.Version, err)}
	}
	if size <= freeDecoded {
		return nil
	}
	c.flush()
	if err := c.takeMemory(int64(size)); err != nil {
		return err
	}
	r.decoded = int64(size)
	return nil
}

// decode parses a body. A panic of the decoder is the sender's fault, not a reason to die.
func decode(req kmsg.Request, body []byte, unsafe bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the decoder failed: %v\n%s", p, debug.Stack())
		}
	}()
	if fast, ok := req.(kmsg.UnsafeReadFrom); ok && unsafe {
		return fast.UnsafeReadFrom(body)
	}
	return req.ReadFrom(body)
}

// sharedClientID avoids a string for each request: a connection's client id rarely changes.
func (c *Conn) sharedClientID(h *header) *string {
	if h.nullClientID {
		return nil
	}
	if c.clientID == nil || *c.clientID != string(h.clientID) {
		id := string(h.clientID)
		c.clientID = &id
	}
	return c.clientID
}

// versionsAnyClientReads answers an ApiVersions request of a version that is too new (KIP-511): version 0, UNSUPPORTED_VERSION, and the
// versions of ApiVersions itself, for the client to try again.
func (c *Conn) versionsAnyClientReads() kmsg.Response {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ErrorCode = 35
	row := c.table.Lookup(apiVersionsKey)
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = row.Key, row.Min, row.Max
	resp.ApiKeys = append(resp.ApiKeys, k)
	return resp
}

// serveRaw hands a frame without a request header to the SASL exchange.
func (c *Conn) serveRaw(exchange rawFrames, token []byte) error {
	reply, more, err := exchange(token)
	if !more {
		c.rawFrames.Store(nil)
	}
	if reply != nil {
		out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(reply)), uint32(len(reply)))
		if _, werr := c.nc.Write(append(out, reply...)); werr != nil && err == nil {
			err = werr
		}
	}
	return err
}

// fourLetterWord looks at a connection's first four bytes for one of ZooKeeper's commands.
func (c *Conn) fourLetterWord() error {
	for c.in.w-c.in.r < 4 {
		if err := c.makeSpace(4); err != nil {
			return err
		}
		n, err := c.readSome()
		c.in.w += n
		if n == 0 {
			return orUnexpectedEOF(err)
		}
	}
	answer, ok := c.listener.FourLetter(string(c.in.buf.b[c.in.r : c.in.r+4]))
	if !ok {
		return nil
	}
	if _, err := io.WriteString(c.nc, answer); err != nil {
		return err
	}
	return io.EOF
}
