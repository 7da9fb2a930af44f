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

// forward hands the request to the controller and its answer to the client. The wait is not the connection's reader's.
func (h *Handlers) forward(r *wire.Request) {
	go func() {
		ctx, cancel := context.WithTimeout(r.Conn.Context(), forwardTimeout)
		defer cancel()
		resp, err := h.Controller.Request(ctx, r.Body)
		if err != nil {
			h.Logger.Warn("request could not be forwarded to the controller", "api", kmsg.NameForKey(r.Key), "error", err)
			resp = controller.ErrorResponse(r.Body, err)
		}
		r.Respond(resp)
	}()
}
