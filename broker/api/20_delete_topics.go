package api

// DeleteTopics, v0-v6: the controller's work, forwarded whole where delete.topic.enable allows it.
//
//   - v6 topics by id (KIP-516). With deletion disabled: TOPIC_DELETION_DISABLED, INVALID_REQUEST before v3.

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) deleteTopics(r *wire.Request) {
	if h.Config().Topics.DeleteEnable {
		h.forward(r)
		return
	}
	err := kerr.TopicDeletionDisabled
	if r.Version < 3 {
		err = kerr.InvalidRequest
	}
	r.Respond(controller.ErrorResponse(r.Body, err))
}
