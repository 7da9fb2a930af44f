package api

// CreateTopics, v0-v7, and CreatePartitions, v0-v3: the controller's work, forwarded whole (see package controller for the rules).

import (
	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) createTopics(r *wire.Request) { h.forward(r) }
