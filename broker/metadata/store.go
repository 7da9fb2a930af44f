package metadata

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/syncx"
)

// Publisher acts on changes of the metadata. OnMetadata is called for each new image in order, by the goroutine that applies records;
// the next change waits until it returns, so it must not block on the network or on a commit.
type Publisher interface {
	OnMetadata(delta *Delta, image *Image)
}

// PublisherFunc makes a function a Publisher.
type PublisherFunc func(delta *Delta, image *Image)

// OnMetadata calls f.
func (f PublisherFunc) OnMetadata(delta *Delta, image *Image) { f(delta, image) }

// Store holds the newest image and tells publishers of each new one. Any goroutine may call Current; Apply and Restore are for
// the one that follows the log.
type Store struct {
	current atomic.Pointer[Image]
	kraft   atomic.Int32 // kraft.version, which is no record's but the quorum's

	// applying guards what follows and serializes changes with Subscribe, so that a new publisher misses nothing and sees nothing twice.
	applying   syncx.Mutex
	publishers []Publisher
	pending    *Builder // records of an unfinished transaction: not visible yet
}

// NewStore returns a store that holds the empty image.
func NewStore(clusterID string) *Store {
	s := &Store{}
	s.current.Store(NewImage(clusterID))
	return s
}

// Current returns the newest image: one atomic load.
func (s *Store) Current() *Image { return s.current.Load() }

// SetKRaftVersion notes the quorum's kraft.version: 1 where the voters are kept in the log.
func (s *Store) SetKRaftVersion(level int16) { s.kraft.Store(int32(level)) }

// KRaftVersion is the level noted last.
func (s *Store) KRaftVersion() int16 { return int16(s.kraft.Load()) }

// Subscribe adds a publisher. If the image isn't empty, the publisher first gets the whole of it as one delta, before Subscribe returns.
func (s *Store) Subscribe(p Publisher) {
	s.applying.Lock()
	defer s.applying.Unlock()
	if im := s.Current(); im.Provenance.LastOffset >= 0 {
		p.OnMetadata(Diff(NewImage(im.ClusterID), im), im)
	}
	s.publishers = append(s.publishers, p)
}

// Apply replays committed records, the first of which has baseOffset, and publishes the image that they make. Records between
// BeginTransaction and EndTransaction become visible together, when the end is applied, and never if the transaction is aborted.
// An error leaves the store as it was before the call and means that the log can't be followed any further.
func (s *Store) Apply(baseOffset int64, epoch int32, timestamp int64, records [][]byte) error {
	messages := make([]record.Message, len(records))
	for i, raw := range records {
		m, _, err := record.ReadMetadata(raw)
		if err != nil {
			return fmt.Errorf("metadata record at offset %d: %w", baseOffset+int64(i), err)
		}
		messages[i] = m
	}
	return s.ApplyMessages(baseOffset, epoch, timestamp, messages)
}

// ApplyMessages is Apply for records that are decoded already.
func (s *Store) ApplyMessages(baseOffset int64, epoch int32, timestamp int64, messages []record.Message) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	builder, inTransaction := s.pending, s.pending != nil
	if builder == nil {
		builder = NewBuilder(s.Current())
	}
	for i, m := range messages {
		var err error
		switch m.(type) {
		case *record.BeginTransactionRecord:
			if inTransaction {
				err = errors.New("a transaction begins inside another")
			} else if builder.Changed() {
				// What came before in this batch isn't part of the transaction.
				s.publish(builder, Provenance{baseOffset + int64(i) - 1, epoch, timestamp})
				builder = NewBuilder(s.Current())
			}
			inTransaction = true
		case *record.EndTransactionRecord:
			if !inTransaction {
				err = errors.New("a transaction ends that never began")
			}
			inTransaction = false
		case *record.AbortTransactionRecord:
			if !inTransaction {
				err = errors.New("a transaction is aborted that never began")
			}
			inTransaction, builder = false, NewBuilder(s.Current())
		default:
			err = builder.Replay(m)
		}
		if err != nil {
			return fmt.Errorf("metadata record at offset %d: %w", baseOffset+int64(i), err)
		}
	}
	if s.pending = nil; inTransaction {
		s.pending = builder
		return nil
	}
	s.publish(builder, Provenance{baseOffset + int64(len(messages)) - 1, epoch, timestamp})
	return nil
}

// InTransaction reports whether the records applied last belong to a transaction that has not ended.
func (s *Store) InTransaction() bool {
	s.applying.Lock()
	defer s.applying.Unlock()
	return s.pending != nil
}

// Restore replaces the image by the one that a snapshot's records make. next returns one record after another, and nil at the end.
func (s *Store) Restore(end Provenance, next func() ([]byte, error)) error {
	builder := NewBuilder(NewImage(s.Current().ClusterID))
	for i := 0; ; i++ {
		raw, err := next()
		if err != nil {
			return fmt.Errorf("snapshot at offset %d: %w", end.LastOffset, err)
		}
		if raw == nil {
			break
		}
		m, _, err := record.ReadMetadata(raw)
		if err == nil {
			err = builder.Replay(m)
		}
		if err != nil {
			return fmt.Errorf("snapshot at offset %d, record %d: %w", end.LastOffset, i, err)
		}
	}
	s.applying.Lock()
	defer s.applying.Unlock()
	s.pending = nil
	image, _ := builder.Build(end)
	delta := Diff(s.Current(), image)
	s.current.Store(image)
	for _, p := range s.publishers {
		p.OnMetadata(delta, image)
	}
	return nil
}

// publish makes the builder's image the current one and tells the publishers, also where nothing changed but the provenance: brokers report
// the offset they have reached. REQUIRES: s.applying.
func (s *Store) publish(builder *Builder, end Provenance) {
	s.applying.AssertHeld()
	image, delta := builder.Build(end)
	s.current.Store(image)
	for _, p := range s.publishers {
		p.OnMetadata(delta, image)
	}
}
