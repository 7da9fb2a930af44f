package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/wire"
)

// forwardTimeout bounds the wait for the controller where the request names no time-out of its own.
const forwardTimeout = 30 * time.Second

// forward hands the request to the controller and its answer to the client.
func (h *Handlers) forward(r *wire.Request) { h.ask(r, r.Body, r.Respond) }

// errCutOff is why a change was not brought to the controller.
var errCutOff = wire.Refusef(kerr.NotController, "This broker is not in touch with the metadata quorum, and nothing can be changed without it.")

// current makes sure that a change is still wanted before it is brought to the controller. A broker that was cut off, or asleep, may have held it for any time:
// a client that gave it up, and set something newer by way of another broker, must not have it overwritten. So a broker whose session may be
// over is first in touch again, and then the client must still be there.
func (h *Handlers) current(ctx context.Context, r *wire.Request) error {
	if h.InTouch != nil {
		ctx, cancel := context.WithTimeout(ctx, quorumPatience)
		defer cancel()
		if err := h.InTouch(ctx); err != nil {
			return errCutOff // another broker may do better, which clients take NOT_CONTROLLER to mean
		}
	}
	if r.Conn.HungUp() {
		return fmt.Errorf("%w: the client has gone", kerr.NetworkException)
	}
	return nil
}

// quorumPatience is how long a change waits for a metadata quorum that nobody can reach, as while it is restarted. A client that is told so sooner than it gives up
// knows what is wrong.
const (
	quorumPatience = 8 * time.Second
	quorumPoll     = 100 * time.Millisecond
)

// askController asks again while nobody can be asked.
func (h *Handlers) askController(ctx context.Context, r *wire.Request, req kmsg.Request) (kmsg.Response, error) {
	began := time.Now()
	for {
		resp, err := h.Controller.Request(ctx, req)
		if _, answered := errors.AsType[*kerr.Error](err); err == nil || answered {
			return resp, err
		}
		if time.Since(began) > quorumPatience || ctx.Err() != nil || r.Conn.HungUp() {
			return nil, wire.Refusef(kerr.RequestTimedOut, "The metadata quorum does not answer, and nothing can be changed without it: %v", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(quorumPoll):
		}
	}
}

// ask has the controller answer req on behalf of r's client; then gets the answer, or the error in the answer's form. The wait is not the
// connection's reader's.
func (h *Handlers) ask(r *wire.Request, req kmsg.Request, then func(kmsg.Response)) {
	go func() {
		ctx, cancel := context.WithTimeout(r.Conn.Context(), forwardTimeout)
		defer cancel()
		ctx, wait := h.withMutationQuota(ctx, r)
		var resp kmsg.Response
		err := h.current(ctx, r)
		if err == nil {
			if refused := h.spendMutations(ctx, req); refused != nil {
				throttled(r, refused, wait())
				then(refused)
				return
			}
			resp, err = h.askController(ctx, r, req)
		}
		if err != nil {
			h.Logger.Warn("request could not be forwarded to the controller", "client", r.Conn.RemoteAddr().String(), "api", kmsg.NameForKey(r.Key), "error", err)
			resp = controller.ErrorResponse(req, err)
		}
		if err == nil {
			throttled(r, resp, wait())
		}
		then(resp)
	}()
}
