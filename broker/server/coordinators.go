package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/coordinator/group"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/storage"
)

// logLoader reads partitions that this broker leads for the coordinators: coordinator.Loader.
type logLoader struct {
	replicas  *replica.Manager
	readBytes int // offsets.load.buffer.size and its siblings: how much is read at a time
}

// Load passes every batch of the log to fn and returns when the high watermark has reached the end that was read.
func (l *logLoader) Load(ctx context.Context, tp ident.TopicPartition, leaderEpoch int32, fn func([]byte) error) (int64, error) {
	p, err := l.replicas.Partition(tp)
	if err != nil {
		return 0, err
	}
	log := p.Log()
	if log == nil {
		return 0, fmt.Errorf("read %s: %w", tp, kerr.KafkaStorageError)
	}
	var buf []byte
	offset := log.LogStartOffset()
	for offset < log.LogEndOffset() {
		if err := l.stillLeads(ctx, p, leaderEpoch); err != nil {
			return 0, err
		}
		records, err := log.Read(offset, l.readBytes, log.LogEndOffset(), true)
		if err != nil {
			return 0, fmt.Errorf("read %s at offset %d: %w", tp, offset, err)
		}
		buf, err = records.Bytes(buf[:0])
		records.Release()
		if err != nil {
			return 0, fmt.Errorf("read %s at offset %d: %w", tp, offset, err)
		}
		before := offset
		for rest := buf; len(rest) > 0; {
			b, next, err := batch.Next(rest)
			if err != nil {
				break // the last batch was cut by the read's size: the next read begins with it
			}
			if err := fn(b); err != nil {
				return 0, err
			}
			offset, rest = b.LastOffset()+1, next
		}
		if offset == before {
			return 0, fmt.Errorf("read %s at offset %d: no whole batch in %d bytes: %w", tp, offset, len(buf), kerr.CorruptMessage)
		}
	}
	for log.HighWatermark() < offset {
		if err := l.stillLeads(ctx, p, leaderEpoch); err != nil {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return offset, nil
}

func (l *logLoader) stillLeads(ctx context.Context, p *replica.Partition, leaderEpoch int32) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if s := p.State(); !s.Leading || s.LeaderEpoch != leaderEpoch {
		return kerr.NotLeaderForPartition
	}
	return nil
}

// absentCoordinator is what groups are told whose partition this broker leads without its log, for want of file handles: to try again here. The log says
// what is wrong, and the replica is made as soon as files can be opened.
func (s *Server) absentCoordinator(partition int32) error {
	tp := ident.TopicPartition{Topic: group.OffsetsTopic, Partition: partition}
	if p := s.store.Current().Partition(tp.Topic, partition); p == nil || p.Leader != s.nodeID {
		return nil
	}
	_, err := s.replicas.Partition(tp)
	if _, short := errors.AsType[*storage.HandlesError](err); short {
		return kerr.CoordinatorLoadInProgress
	}
	return nil
}

// imageTopics answers the group coordinator's questions about topics: group.Topics.
type imageTopics struct {
	store   *metadata.Store
	version *atomic.Int64 // counts the changes that brought or took topics
}

// TopicsVersion is group.TopicLister's.
func (t imageTopics) TopicsVersion() int64 { return t.version.Load() }

func (t imageTopics) TopicID(name string) (ident.TopicID, bool) {
	topic := t.store.Current().Topic(name)
	if topic == nil {
		return ident.TopicID{}, false
	}
	return topic.ID, true
}

func (t imageTopics) TopicName(id ident.TopicID) (string, bool) {
	topic := t.store.Current().TopicByID(id)
	if topic == nil {
		return "", false
	}
	return topic.Name, true
}

// TopicNames lists all topics: group.TopicLister.
func (t imageTopics) TopicNames() (names []string) {
	for topic := range t.store.Current().Topics() {
		names = append(names, topic.Name)
	}
	return names
}

func (t imageTopics) PartitionCount(name string) int32 {
	topic := t.store.Current().Topic(name)
	if topic == nil {
		return 0
	}
	return int32(len(topic.Partitions))
}

// leaderships starts and stops coordinators as this broker wins and loses partitions of internal topics. It is Server under another name,
// as the coordinators are made after the replica manager that tells them.
type leaderships Server

// Elected begins to coordinate: replica.LeadershipListener.
func (s *leaderships) Elected(tp ident.TopicPartition, _ ident.TopicID, leaderEpoch int32) {
	if tp.Topic == group.OffsetsTopic {
		s.groups.Elected(tp.Partition, leaderEpoch)
	}
}

// Resigned ends it.
func (s *leaderships) Resigned(tp ident.TopicPartition, _ ident.TopicID, leaderEpoch int32) {
	if tp.Topic == group.OffsetsTopic {
		s.groups.Resigned(tp.Partition, leaderEpoch)
	}
}

// OnMetadata drops the committed offsets of deleted topics, and notes that there are others.
func (s *leaderships) OnMetadata(delta *metadata.Delta, _ *metadata.Image) {
	if len(delta.DeletedTopics) > 0 || slices.ContainsFunc(delta.ChangedTopics, func(c metadata.TopicChange) bool { return c.Old == nil }) {
		s.topicsVersion.Add(1)
	}
	if len(delta.DeletedTopics) == 0 {
		return
	}
	names := make([]string, len(delta.DeletedTopics))
	for i, t := range delta.DeletedTopics {
		names[i] = t.Name
	}
	s.groups.TopicsDeleted(names)
}
