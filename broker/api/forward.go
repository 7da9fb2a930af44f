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
var errCutOff = errors.New("this broker is not in touch with the controller")

// current makes sure that a change is still wanted before it is brought to the controller. A broker that was cut off, or asleep, may have held it for any time:
// a client that gave it up, and set something newer by way of another broker, must not have it overwritten. So a broker whose session may be
// over is first in touch again, and then the client must still be there.
func (h *Handlers) current(ctx context.Context, r *wire.Request) error {
	if h.InTouch != nil {
		if err := h.InTouch(ctx); err != nil {
			return fmt.Errorf("%w: %w: %w", kerr.NotController, errCutOff, err)
		}
	}
	if r.Conn.HungUp() {
		return fmt.Errorf("%w: the client has gone", kerr.NetworkException)
	}
	return nil
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
			resp, err = h.Controller.Request(ctx, req)
		}
		if err != nil {
			h.Logger.Warn("request could not be forwarded to the controller", "api", kmsg.NameForKey(r.Key), "error", err)
			resp = controller.ErrorResponse(req, err)
		}
		if err == nil {
			throttled(r, resp, wait())
		}
		then(resp)
	}()
}
