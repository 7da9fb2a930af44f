package wire

import (
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

	api  *API
	slot *slot
}

// Respond sends resp in the request's version. The response is encoded before Respond returns, so its fields may be reused.
func (r *Request) Respond(resp kmsg.Response) {
	panic("not landed yet")
}

// RespondPayload sends a body that the handler has encoded itself in the request's version, without the response header.
// The payload belongs to the connection from here on.
func (r *Request) RespondPayload(p Payload) {
	panic("not landed yet")
}

// NoResponse ends a request that gets no answer: a produce request with acks=0.
func (r *Request) NoResponse() { panic("not landed yet") }

// Close ends a request by closing its connection: the protocol's answer to a produce request with acks=0 that failed, and to
// a request that must not be answered.
func (r *Request) Close(reason error) { panic("not landed yet") }

// Throttle stops reading from the connection for d after this request's response is sent (KIP-219). The handler sets the response's
// throttle time itself and calls Throttle before it responds.
func (r *Request) Throttle(d time.Duration) { panic("not landed yet") }
