package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/syncx"
)

// dirAssignRetryDelay is how long to wait before telling a controller again that couldn't be reached.
const dirAssignRetryDelay = 200 * time.Millisecond

// dirAssignLaterDelay is how long to wait where the controller wants to hear of a replica later.
const dirAssignLaterDelay = time.Second

// dirAssignments tells the controller in which log directory each replica lies (KIP-858), so that it moves the leadership of just those
// partitions whose directory fails. The latest word for a partition wins, which bounds the queue.
type dirAssignments struct {
	manager *Manager
	wake    chan struct{} // capacity 1: a token says that there is something to tell
	waiting int           // the loop's own: how many the controller wanted to hear of later

	// mu guards what is to be told.
	mu struct {
		syncx.Mutex
		pending map[placedReplica]ident.UUID
	}
}

type placedReplica struct {
	topicID   ident.TopicID
	partition int32
}

func newDirAssignments(m *Manager) *dirAssignments {
	a := &dirAssignments{manager: m, wake: make(chan struct{}, 1)}
	a.mu.pending = make(map[placedReplica]ident.UUID)
	return a
}

// placed notes that a replica lies in log's directory, unless the metadata, which has it in known, says so already.
func (a *dirAssignments) placed(p *Partition, log *storage.Log, known ident.UUID) {
	for _, d := range a.manager.cfg.Storage.Dirs() {
		if d.Path != log.ParentDir() || d.DirectoryID == known || a.manager.cfg.Controller == nil {
			continue
		}
		a.mu.Lock()
		a.mu.pending[placedReplica{p.topicID, p.tp.Partition}] = d.DirectoryID
		a.mu.Unlock()
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

func (a *dirAssignments) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		a.mu.Lock()
		batch := a.mu.pending
		a.mu.pending = make(map[placedReplica]ident.UUID)
		a.mu.Unlock()
		if len(batch) == 0 {
			continue
		}
		err := a.tell(ctx, batch)
		if err == nil || ctx.Err() != nil {
			continue
		}
		a.manager.logger.Warn("log directories of replicas not taken by the controller; telling again", "replicas", len(batch), "error", err)
		a.again(batch)
		select {
		case <-ctx.Done():
		case <-time.After(dirAssignRetryDelay):
		}
	}
}

// again puts back what was not told, but for replicas that have moved on meanwhile.
func (a *dirAssignments) again(batch map[placedReplica]ident.UUID) {
	a.mu.Lock()
	for r, dir := range batch {
		if _, newer := a.mu.pending[r]; !newer {
			a.mu.pending[r] = dir
		}
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// tell sends one request. Replicas that the controller doesn't know (any more) are its business.
func (a *dirAssignments) tell(ctx context.Context, batch map[placedReplica]ident.UUID) error {
	req := kmsg.NewPtrAssignReplicasToDirsRequest()
	req.BrokerID, req.BrokerEpoch = int32(a.manager.cfg.BrokerID), a.manager.cfg.BrokerEpoch()
	dirs := make(map[ident.UUID]map[ident.TopicID][]int32)
	for r, dir := range batch {
		if dirs[dir] == nil {
			dirs[dir] = make(map[ident.TopicID][]int32)
		}
		dirs[dir][r.topicID] = append(dirs[dir][r.topicID], r.partition)
	}
	for dir, topics := range dirs {
		d := kmsg.NewAssignReplicasToDirsRequestDirectory()
		d.ID = dir
		for id, partitions := range topics {
			t := kmsg.NewAssignReplicasToDirsRequestDirectoryTopic()
			t.TopicID = id
			for _, p := range partitions {
				row := kmsg.NewAssignReplicasToDirsRequestDirectoryTopicPartition()
				row.Partition = p
				t.Partitions = append(t.Partitions, row)
			}
			d.Topics = append(d.Topics, t)
		}
		req.Directories = append(req.Directories, d)
	}
	resp, err := a.manager.cfg.Controller.Request(ctx, req)
	if err != nil {
		return err
	}
	answer, ok := resp.(*kmsg.AssignReplicasToDirsResponse)
	if !ok {
		return fmt.Errorf("the controller answered AssignReplicasToDirs with %T", resp)
	}
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return err
	}
	a.postpone(batch, answer)
	return nil
}

// postpone keeps the replicas that the controller wants to hear of later: made anew on another disk than before, they are empty, and may not lead before another replica has led.
func (a *dirAssignments) postpone(batch map[placedReplica]ident.UUID, answer *kmsg.AssignReplicasToDirsResponse) {
	later := make(map[placedReplica]ident.UUID)
	for _, d := range answer.Directories {
		for _, t := range d.Topics {
			for _, p := range t.Partitions {
				r := placedReplica{t.TopicID, p.Partition}
				if dir, asked := batch[r]; asked && p.ErrorCode == kerr.EligibleLeadersNotAvailable.Code {
					later[r] = dir
				}
			}
		}
	}
	if n := len(later); n > 0 {
		if n != a.waiting {
			a.manager.logger.Warn("replicas on a new disk wait for another replica of their partitions to lead: they are empty", "replicas", n)
		}
		time.AfterFunc(dirAssignLaterDelay, func() { a.again(later) })
	}
	a.waiting = len(later)
}
