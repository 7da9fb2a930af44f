package api

// InitProducerId, v0-v5: a producer id for an idempotent producer, unique in the cluster.
//
// Not implemented: transactional ids (they need the transaction coordinator); INVALID_REQUEST.

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) initProducerID(r *wire.Request) {
	req := r.Body.(*kmsg.InitProducerIDRequest)
	resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	if req.TransactionalID != nil || (req.ProducerID == -1) != (req.ProducerEpoch == -1) {
		resp.ErrorCode = kerr.InvalidRequest.Code
		r.Respond(resp)
		return
	}
	// A block of ids is at hand nearly always; the wait for a new one is the controller's, so not the connection's reader's.
	go func() {
		ctx, cancel := context.WithTimeout(r.Conn.Context(), forwardTimeout)
		defer cancel()
		id, err := h.ProducerIDs.Next(ctx)
		if err != nil {
			h.Logger.Warn("no producer id could be had", "client", r.Conn.RemoteAddr().String(), "error", err)
			resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code // what makes clients ask again
		} else {
			resp.ProducerID, resp.ProducerEpoch = id, 0
		}
		r.Respond(resp)
	}()
}
