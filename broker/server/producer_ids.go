package server

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
)

// requester is the broker's way to the active controller.
type requester interface {
	Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
}

// producerIDs hands out producer ids from blocks that the controller allots to this broker. What is left of a block at a restart is lost,
// as in Apache Kafka: there are enough.
type producerIDs struct {
	nodeID     ident.BrokerID
	controller requester
	epoch      func() int64 // the broker's epoch, -1 before it is registered

	mu        sync.Mutex // held across the request for a block: whoever needs an id then waits for it anyway
	next, end int64      // [next, end) is free
}

// Next returns an id that no one else gets.
func (p *producerIDs) Next(ctx context.Context) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == p.end {
		if err := p.allocateLocked(ctx); err != nil {
			return 0, fmt.Errorf("allocate a block of producer ids: %w", err)
		}
	}
	id := p.next
	p.next++
	return id, nil
}

func (p *producerIDs) allocateLocked(ctx context.Context) error {
	epoch := p.epoch()
	if epoch < 0 {
		return errors.New("the broker is not registered yet")
	}
	req := kmsg.NewPtrAllocateProducerIDsRequest()
	req.BrokerID, req.BrokerEpoch = int32(p.nodeID), epoch
	resp, err := p.controller.Request(ctx, req)
	if err != nil {
		return err
	}
	block := resp.(*kmsg.AllocateProducerIDsResponse)
	if err := kerr.ErrorForCode(block.ErrorCode); err != nil {
		return err
	}
	if block.ProducerIDLen <= 0 {
		return errors.New("the controller answered with an empty block")
	}
	p.next, p.end = block.ProducerIDStart, block.ProducerIDStart+int64(block.ProducerIDLen)
	return nil
}
