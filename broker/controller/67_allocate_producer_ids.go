package controller

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/record"
)

// producerIDBlock is how many producer ids a broker gets at a time.
const producerIDBlock = 1000

// AllocateProducerIDs: v0
//
// Gives a broker a block of producer ids (KIP-730). Ids that it doesn't use before it restarts are lost; there are enough.
func (c *call) allocateProducerIDs(req *kmsg.AllocateProducerIDsRequest) (Result, error) {
	if _, err := c.checkBrokerEpoch(req.BrokerID, req.BrokerEpoch); err != nil {
		return Result{}, err
	}
	start := c.image.ProducerIDs().Next
	if start > math.MaxInt64-producerIDBlock {
		return Result{}, failf(kerr.UnknownServerError, "Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit")
	}
	c.emit(&record.ProducerIdsRecord{BrokerId: req.BrokerID, BrokerEpoch: req.BrokerEpoch, NextProducerId: start + producerIDBlock}, 0)
	resp := responseTo[*kmsg.AllocateProducerIDsResponse](req)
	resp.ProducerIDStart, resp.ProducerIDLen = start, producerIDBlock
	return Result{Records: c.out, Response: resp}, nil
}
