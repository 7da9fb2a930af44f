package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// UnregisterBroker: v0
//
// Forgets a broker for good. Its replicas stay assigned: a reassignment moves them. The broker may register again.
func (c *call) unregisterBroker(req *kmsg.UnregisterBrokerRequest) (Result, error) {
	b := c.image.Broker(ident.BrokerID(req.BrokerID))
	if b == nil {
		return Result{}, failf(kerr.BrokerIDNotRegistered, "Broker ID %d is not currently registered", req.BrokerID)
	}
	c.changeMemberships(removing(b.ID), b.ID, inIsr)
	c.changeMemberships(removing(b.ID), b.ID, inElr)
	c.emit(&record.UnregisterBrokerRecord{BrokerId: int32(b.ID), BrokerEpoch: b.Epoch}, 0)
	return Result{Records: c.out, Response: responseTo[*kmsg.UnregisterBrokerResponse](req)}, nil
}
