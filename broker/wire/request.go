package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Request is one request of a client. A handler answers it exactly once: Respond, RespondPayload, NoResponse or Close.
// It may do so from any goroutine. After a Borrow API's request is answered, Body must not be used.
type Request struct {
	Key, Version  int16
	CorrelationID int32
	ClientID      *string
	Body          kmsg.Request
	Conn          *Conn
	Received      time.Time // when the last byte of the request had been read
	Size          int       // bytes of the frame without its size field

	flexible bool
	borrowed *buffer // what Body aliases
	decoded  int64   // memory counted for Body beyond the frame
	held     int64   // memory counted for the response, until it is sent
	charged  bool

	// What follows is guarded by Conn.mu.
	next     *Request // the request after this one on the connection
	answered bool
	out      *outBuffer // nil: no response
	payload  Payload
	size     int   // of the whole response
	closing  error // close the connection instead of going on
	throttle time.Duration
	local    time.Duration // until the handler returned
	hurry    func()        // see OnFollowed
}

// Context ends when the client's connection does.
func (r *Request) Context() context.Context { return r.Conn.ctx }

// Respond sends resp in the request's version. The response is encoded before Respond returns, so its fields may be reused.
func (r *Request) Respond(resp kmsg.Response) {
	resp.SetVersion(r.Version)
	if wait := r.Charge(); wait > 0 {
		setThrottle(resp, wait)
	}
	out := getOut()
	out.b = appendResponseHeader(out.b, r.Key, r.CorrelationID, resp.IsFlexible())
	out.b = resp.AppendTo(out.b)
	finishResponse(out.b, 0)
	r.size = len(out.b)
	r.answer(out, nil)
}

// RespondPayload sends a body that the handler has encoded itself in the request's version, without the response header.
// The payload belongs to the connection from here on.
func (r *Request) RespondPayload(p Payload) {
	out := getOut()
	out.b = appendResponseHeader(out.b, r.Key, r.CorrelationID, r.flexible)
	finishResponse(out.b, p.size)
	r.payload = p
	r.size = len(out.b) + p.size
	r.answer(out, nil)
}

// NoResponse ends a request that gets no answer: a produce request with acks=0.
func (r *Request) NoResponse() { r.answer(nil, nil) }

// Close ends a request by closing its connection, once the responses before it are sent: the protocol's answer to a produce
// request with acks=0 that failed, and to a request that must not be answered.
func (r *Request) Close(reason error) { r.answer(nil, reason) }

// RespondAndClose sends resp as the connection's last response: a failed authentication.
func (r *Request) RespondAndClose(resp kmsg.Response, reason error) {
	resp.SetVersion(r.Version)
	out := getOut()
	out.b = appendResponseHeader(out.b, r.Key, r.CorrelationID, resp.IsFlexible())
	out.b = resp.AppendTo(out.b)
	finishResponse(out.b, 0)
	r.size = len(out.b)
	r.answer(out, reason)
}

// Throttle stops reading from the connection for d after this request's response is sent (KIP-219). The handler sets the response's
// throttle time itself and calls Throttle before it responds.
func (r *Request) Throttle(d time.Duration) { r.throttle = d }

// Charge accounts for the time that the request has taken so far, and returns how long its client is to wait for it: as of Throttle, but never less than that
// has said. Respond calls it and tells the client. A handler that encodes its response itself calls it before, and tells it, unless its client is free of
// charge.
func (r *Request) Charge() time.Duration {
	fn := r.Conn.listener.TimeQuota
	if fn == nil || r.charged {
		return 0
	}
	r.charged = true
	wait := fn(r, r.spent())
	r.throttle = max(r.throttle, wait)
	return wait
}

// spent is how long the handler has worked, or did before it left the request to others.
func (r *Request) spent() time.Duration {
	r.Conn.mu.Lock()
	defer r.Conn.mu.Unlock()
	if r.Conn.current == r {
		return time.Since(r.Received)
	}
	return r.local
}

// setThrottle tells the client to wait, unless it is to wait longer already.
func setThrottle(resp kmsg.Response, wait time.Duration) {
	to, ok := resp.(kmsg.SetThrottleResponse)
	if !ok {
		return
	}
	if told, ok := resp.(kmsg.ThrottleResponse); ok {
		if ms, _ := told.Throttle(); int64(ms) >= wait.Milliseconds() {
			return
		}
	}
	to.SetThrottle(int32(wait.Milliseconds()))
}

// Reserve counts memory that the response takes, as that of requests is counted, until it is sent. It waits while there is none, so it is not to be
// called by whoever others wait for; an error says that the client has gone.
func (r *Request) Reserve(bytes int) error {
	if err := r.Conn.srv.budget.take(r.Conn.ctx, int64(bytes)); err != nil {
		return err
	}
	r.held += int64(bytes)
	return nil
}

// Reserved corrects what Reserve has counted to what it came to.
func (r *Request) Reserved(bytes int) {
	if more := int64(bytes) - r.held; more > 0 {
		r.Conn.srv.budget.force(more)
	} else {
		r.Conn.srv.budget.put(-more)
	}
	r.held = int64(bytes)
}

// OnFollowed has fn called, once, if a request of another kind arrives on the connection before this one is answered: responses leave in order, so that one
// would wait for this one's. A handler that parks its request says so before it returns. fn may come too late, when the request is answered.
func (r *Request) OnFollowed(fn func()) {
	c := r.Conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !r.answered {
		r.hurry = fn
		c.patient++
	}
}

// answer marks the request as answered and sees to it that somebody writes: the reader, if this is the request whose handler it is running,
// else a goroutine of its own, so that whoever answers never waits for a client.
func (r *Request) answer(out *outBuffer, closing error) {
	if buf := r.borrowed; buf != nil {
		r.borrowed = nil
		r.Body = nil
		buf.release()
	}
	c := r.Conn
	if r.decoded > 0 {
		c.srv.budget.put(r.decoded)
		r.decoded = 0
	}
	c.mu.Lock()
	if r.answered {
		c.mu.Unlock()
		panic(fmt.Sprintf("wire: %s request %d answered twice", kmsg.NameForKey(r.Key), r.CorrelationID))
	}
	r.answered, r.out, r.closing = true, out, closing
	if r.hurry != nil {
		r.hurry = nil
		c.patient--
	}
	c.unsent += r.memory()
	if r.throttle > 0 {
		c.muteUntil = time.Now().Add(r.throttle)
	}
	spawn := c.current != r && !c.writing && c.head.answered
	if spawn {
		c.writing = true
	}
	c.mu.Unlock()
	if spawn {
		go c.write()
	}
}

// memory is how many bytes of memory the response holds until it is sent.
func (r *Request) memory() int {
	if r.out == nil {
		return 0
	}
	return len(r.out.b) + r.payload.mem
}
