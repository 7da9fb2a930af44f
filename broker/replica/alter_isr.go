package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/syncx"
)

// isrRetryDelay is how long to wait before asking a controller again that couldn't be reached.
const isrRetryDelay = 50 * time.Millisecond

// pendingProposal is a partition's proposal on its way to the controller.
type pendingProposal struct {
	partition *Partition
	proposal  *isrProposal
}

// isrChanges sends ISR proposals to the controller: one request at a time, with everything that has come together meanwhile.
// Each partition has at most one proposal under way, which bounds the queue.
type isrChanges struct {
	manager *Manager
	wake    chan struct{} // capacity 1: a token says that the queue isn't empty

	// mu guards the queue.
	mu struct {
		syncx.Mutex
		queue []pendingProposal
	}
}

func newISRChanges(m *Manager) *isrChanges {
	return &isrChanges{manager: m, wake: make(chan struct{}, 1)}
}

func (c *isrChanges) propose(p pendingProposal) {
	c.mu.Lock()
	c.mu.queue = append(c.mu.queue, p)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *isrChanges) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		c.mu.Lock()
		batch := c.mu.queue
		c.mu.queue = nil
		c.mu.Unlock()
		if len(batch) == 0 || c.manager.cfg.Controller == nil {
			continue
		}
		if err := c.send(ctx, batch); err != nil && ctx.Err() == nil {
			c.manager.logger.Warn("ISR change not answered; asking again", "partitions", len(batch), "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(isrRetryDelay):
			}
			for _, p := range batch {
				c.end(p, isrRetry, nil)
			}
		}
	}
}

// send asks the controller and hands the answers out. An error means that there is no answer.
func (c *isrChanges) send(ctx context.Context, batch []pendingProposal) error {
	resp, err := c.manager.cfg.Controller.Request(ctx, c.request(batch))
	if err != nil {
		return err
	}
	answer, ok := resp.(*kmsg.AlterPartitionResponse)
	if !ok {
		return fmt.Errorf("the controller answered AlterPartition with %T", resp)
	}
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return err // all of them: not the controller, or this broker's epoch is stale until it has registered again
	}
	for _, p := range batch {
		row := findAlterRow(answer, p.partition)
		c.end(p, outcomeOf(row), row)
	}
	return nil
}

func (c *isrChanges) request(batch []pendingProposal) *kmsg.AlterPartitionRequest {
	req := kmsg.NewPtrAlterPartitionRequest()
	req.BrokerID, req.BrokerEpoch = int32(c.manager.cfg.BrokerID), c.manager.cfg.BrokerEpoch()
	topics := make(map[ident.TopicID]int)
	for _, b := range batch {
		i, ok := topics[b.partition.topicID]
		if !ok {
			i = len(req.Topics)
			topics[b.partition.topicID] = i
			t := kmsg.NewAlterPartitionRequestTopic()
			t.Topic, t.TopicID = b.partition.tp.Topic, b.partition.topicID
			req.Topics = append(req.Topics, t)
		}
		row := kmsg.NewAlterPartitionRequestTopicPartition()
		row.Partition, row.LeaderEpoch, row.PartitionEpoch = b.partition.tp.Partition, b.proposal.leaderEpoch, b.proposal.partitionEpoch
		for k, id := range b.proposal.isr {
			member := kmsg.NewAlterPartitionRequestTopicPartitionNewEpochISR()
			member.BrokerID, member.BrokerEpoch = int32(id), b.proposal.brokerEpochs[k]
			if id == c.manager.cfg.BrokerID {
				member.BrokerEpoch = req.BrokerEpoch
			}
			row.NewISR = append(row.NewISR, int32(id))
			row.NewEpochISR = append(row.NewEpochISR, member)
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, row)
	}
	return req
}

func findAlterRow(answer *kmsg.AlterPartitionResponse, p *Partition) *kmsg.AlterPartitionResponseTopicPartition {
	for i := range answer.Topics {
		t := &answer.Topics[i]
		for k := range t.Partitions {
			if t.TopidID == p.topicID && t.Partitions[k].Partition == p.tp.Partition {
				return &t.Partitions[k]
			}
		}
	}
	return nil
}

// outcomeOf reads what an answer means for the proposal.
func outcomeOf(row *kmsg.AlterPartitionResponseTopicPartition) isrOutcome {
	if row == nil {
		return isrRetry
	}
	switch row.ErrorCode {
	case 0:
		return isrCommitted
	case kerr.IneligibleReplica.Code, kerr.OperationNotAttempted.Code:
		return isrRejected
	case kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code, kerr.FencedLeaderEpoch.Code,
		kerr.InvalidUpdateVersion.Code, kerr.InvalidRequest.Code, kerr.NewLeaderElected.Code:
		return isrObsolete
	default:
		return isrRetry
	}
}

// end tells a partition how its proposal ended.
func (c *isrChanges) end(b pendingProposal, outcome isrOutcome, row *kmsg.AlterPartitionResponseTopicPartition) {
	p := b.partition
	var (
		isr   []ident.BrokerID
		epoch int32
	)
	if outcome == isrCommitted {
		epoch = row.PartitionEpoch
		for _, id := range row.ISR {
			isr = append(isr, ident.BrokerID(id))
		}
		c.manager.logger.Info("ISR changed", "partition", p.tp.String(), "change", b.proposal.change, "isr", isr, "partition_epoch", epoch)
	}
	p.mu.Lock()
	w := p.settleLocked(p.mu.machine.proposalEnded(b.proposal, outcome, isr, epoch, c.manager.eligible, time.Now()))
	p.mu.Unlock()
	w.run(c.manager)
}
