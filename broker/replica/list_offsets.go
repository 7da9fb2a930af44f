package replica

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// The timestamps of ListOffsets with a meaning of their own.
const (
	TimestampLatest                int64 = -1 // the end of what the asker may read
	TimestampEarliest              int64 = -2 // the log start
	TimestampMax                   int64 = -3 // the record with the largest timestamp (KIP-734)
	TimestampEarliestLocal         int64 = -4 // the log start on local disk, which is all there is here (KIP-405)
	TimestampLatestTiered          int64 = -5 // the end of what is in remote storage: nothing is (KIP-1005)
	TimestampEarliestPendingUpload int64 = -6 // the start of what is to be uploaded there: nothing is (KIP-1023)
)

// OffsetQuery asks for one partition's offset by timestamp.
type OffsetQuery struct {
	TopicPartition     ident.TopicPartition
	CurrentLeaderEpoch int32 // -1: don't check
	Timestamp          int64
	ReplicaID          ident.BrokerID // NoBroker: a consumer, which sees up to its isolation's bound
	Isolation          Isolation
}

// noTimestampOffset is the answer that nothing was found.
var noTimestampOffset = storage.TimestampOffset{Timestamp: -1, Offset: noOffset, LeaderEpoch: -1}

// ListOffset answers a query. Offset -1 means that no record qualifies.
func (m *Manager) ListOffset(q OffsetQuery) (storage.TimestampOffset, error) {
	p, err := m.Partition(q.TopicPartition)
	if err != nil {
		return noTimestampOffset, err
	}
	p.mu.Lock()
	err = p.checkLocked(q.CurrentLeaderEpoch, q.ReplicaID != DebugReplica)
	leaderEpoch := p.mu.machine.leaderEpoch
	lagging := p.mu.machine.leaderEpochStartOffset > p.mu.machine.highWatermark
	b := p.boundsLocked()
	p.mu.Unlock()
	if err != nil {
		return noTimestampOffset, err
	}
	log := p.log.Load()
	if log == nil {
		return noTimestampOffset, kerr.KafkaStorageError
	}
	params := FetchParams{ReplicaID: q.ReplicaID, Isolation: q.Isolation}
	upTo := b.of(params.bound())
	if lagging && q.ReplicaID == ident.NoBroker {
		// A new leader doesn't know yet how far its predecessor's high watermark was. Answering with its own could take a consumer back.
		err = fmt.Errorf("%w: the high watermark of %s is still behind the start of leader epoch %d", kerr.OffsetNotAvailable, p.tp, leaderEpoch)
	}
	var found storage.TimestampOffset
	switch q.Timestamp {
	case TimestampLatest:
		if err != nil {
			return noTimestampOffset, err
		}
		return storage.TimestampOffset{Timestamp: -1, Offset: upTo, LeaderEpoch: leaderEpoch}, nil
	case TimestampEarliest, TimestampEarliestLocal:
		start := log.LogStartOffset()
		return storage.TimestampOffset{Timestamp: -1, Offset: start, LeaderEpoch: log.EpochForOffset(start)}, nil
	case TimestampLatestTiered, TimestampEarliestPendingUpload:
		return noTimestampOffset, nil
	case TimestampMax:
		var readErr error
		if found, readErr = log.MaxTimestampOffset(); readErr != nil {
			return noTimestampOffset, readErr
		}
	default:
		var readErr error
		if found, readErr = log.OffsetForTimestamp(q.Timestamp); readErr != nil {
			return noTimestampOffset, readErr
		}
	}
	if found.Offset < 0 || found.Offset >= upTo {
		return noTimestampOffset, err
	}
	return found, nil
}

// OffsetsBefore answers ListOffsets v0: up to maxOffsets segment boundaries, from the newest on that was there at timestamp backwards.
func (m *Manager) OffsetsBefore(q OffsetQuery, maxOffsets int) ([]int64, error) {
	p, err := m.Partition(q.TopicPartition)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	err = p.checkLocked(anyEpoch, q.ReplicaID != DebugReplica)
	b := p.boundsLocked()
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	log := p.log.Load()
	if log == nil {
		return nil, kerr.KafkaStorageError
	}
	offsets, err := boundariesBefore(log, q.Timestamp)
	if err != nil {
		return nil, err
	}
	if hw := b.highWatermark; q.ReplicaID == ident.NoBroker && len(offsets) > 0 && offsets[0] > hw {
		for len(offsets) > 0 && offsets[0] > hw {
			offsets = offsets[1:]
		}
		offsets = append([]int64{hw}, offsets...)
	}
	return offsets[:min(len(offsets), max(0, maxOffsets))], nil
}

// boundariesBefore lists the log end and the segments' base offsets, newest first, from the first one that is old enough.
func boundariesBefore(log *storage.Log, timestamp int64) ([]int64, error) {
	segments := log.Segments()
	defer func() {
		for _, s := range segments {
			s.Release()
		}
	}()
	var offsets []int64
	if n := len(segments); timestamp == TimestampLatest && n > 0 && segments[n-1].Size() > 0 {
		offsets = append(offsets, log.LogEndOffset())
	}
	for i, segment := range slices.Backward(segments) {
		base := max(segment.BaseOffset(), log.LogStartOffset())
		switch timestamp {
		case TimestampLatest:
		case TimestampEarliest:
			if i > 0 {
				continue
			}
		default:
			newest, err := segment.LargestTimestamp()
			if err != nil {
				return nil, err
			}
			if newest > timestamp {
				continue
			}
		}
		offsets = append(offsets, base)
	}
	return offsets, nil
}

// EpochEnd answers OffsetForLeaderEpoch: the largest epoch up to leaderEpoch that this log knows, and the offset after its last
// record; -1 and -1 if it knows none.
func (m *Manager) EpochEnd(tp ident.TopicPartition, currentLeaderEpoch, leaderEpoch int32) (EpochEndOffset, error) {
	log, err := m.ledLog(tp, currentLeaderEpoch)
	if err != nil {
		return EpochEndOffset{LeaderEpoch: -1, EndOffset: noOffset}, err
	}
	epoch, end := log.EndOffsetForEpoch(leaderEpoch)
	return EpochEndOffset{LeaderEpoch: epoch, EndOffset: end}, nil
}

// ActiveProducers answers DescribeProducers for one partition.
func (m *Manager) ActiveProducers(tp ident.TopicPartition) ([]storage.ProducerInfo, error) {
	log, err := m.ledLog(tp, anyEpoch)
	if err != nil {
		return nil, err
	}
	return log.ActiveProducers(), nil
}

// ledLog is the log of a partition that this broker leads in the epoch.
func (m *Manager) ledLog(tp ident.TopicPartition, currentLeaderEpoch int32) (*storage.Log, error) {
	p, err := m.Partition(tp)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	err = p.checkLocked(currentLeaderEpoch, true)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if log := p.log.Load(); log != nil {
		return log, nil
	}
	return nil, kerr.KafkaStorageError
}
