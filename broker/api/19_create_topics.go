package api

// CreateTopics, v0-v7: the controller makes them.
//
//   - What a request leaves open (-1, since v4) comes from the configuration of the controller. A coordinator with a ZooKeeper's file has none of these keys:
//     there they are the broker's that is asked, whose server.properties says num.partitions and default.replication.factor.

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/wire"
)

func (h *Handlers) createTopics(r *wire.Request) {
	if cfg := h.Config(); cfg.ZooKeeperStyle && r.Version >= 4 {
		fillDefaults(r.Body.(*kmsg.CreateTopicsRequest), cfg.Topics)
	}
	h.forward(r)
}

// fillDefaults sets what topics without an assignment of their own leave open.
func fillDefaults(req *kmsg.CreateTopicsRequest, defaults config.Topics) {
	for i := range req.Topics {
		t := &req.Topics[i]
		if len(t.ReplicaAssignment) > 0 {
			continue
		}
		if t.NumPartitions == -1 {
			t.NumPartitions = defaults.NumPartitions
		}
		if t.ReplicationFactor == -1 {
			t.ReplicationFactor = defaults.ReplicationFactor
		}
	}
}
