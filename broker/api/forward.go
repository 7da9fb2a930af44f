package api

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/wire"
)

// forwardTimeout bounds the wait for the controller where the request names no time-out of its own.
const forwardTimeout = 30 * time.Second

// forward hands the request to the controller and its answer to the client.
func (h *Handlers) forward(r *wire.Request) { h.ask(r, r.Body, r.Respond) }

// ask has the controller answer req on behalf of r's client; then gets the answer, or the error in the answer's form. The wait is not the
// connection's reader's.
func (h *Handlers) ask(r *wire.Request, req kmsg.Request, then func(kmsg.Response)) {
	go func() {
		ctx, cancel := context.WithTimeout(r.Conn.Context(), forwardTimeout)
		defer cancel()
		ctx, wait := h.withMutationQuota(ctx, r)
		resp, err := h.Controller.Request(ctx, req)
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
