package api

// DeleteTopics, v0-v6: the controller's work, forwarded whole where delete.topic.enable allows it.
//
//   - v6 topics by id (KIP-516). With deletion disabled: TOPIC_DELETION_DISABLED, INVALID_REQUEST before v3.

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	r.Respond(deleteTopicsError(r.Body.(*kmsg.DeleteTopicsRequest), err))
}

func deleteTopicsError(req *kmsg.DeleteTopicsRequest, err error) *kmsg.DeleteTopicsResponse {
	resp := req.ResponseKind().(*kmsg.DeleteTopicsResponse)
	add := func(name *string, id [16]byte) {
		row := kmsg.NewDeleteTopicsResponseTopic()
		row.Topic, row.TopicID, row.ErrorCode, row.ErrorMessage = name, id, wire.ErrorCode(err), wire.ErrorMessage(err)
		resp.Topics = append(resp.Topics, row)
	}
	for _, name := range req.TopicNames {
		add(&name, [16]byte{})
	}
	for _, t := range req.Topics {
		add(t.Topic, t.TopicID)
	}
	return resp
}
