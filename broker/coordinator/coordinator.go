// Package coordinator runs replicated state machines over the partitions of an internal topic.
//
// A coordinator (group, transaction, share) is a set of shards, one for each partition of its topic (__consumer_offsets,
// __transaction_state, ...). The broker that leads the partition runs the shard: it reads the partition's log into memory, and then
// every change is a record appended to that log. Read [StateMachine] first: it is what a coordinator implements; [Runtime] does the rest.
//
//	           Submit(partition, op)                    Elected / Resigned
//	                    |                                       |
//	                    v                                       v
//	+--------------------- shard: one queue, one owner ---------------------------+
//	|  op.Run(state, now) -> Outcome{Records, Done}                               |
//	|       |                                                                     |
//	|       v                                                                     |
//	|  state.Replay(record)      at once, so that the next operation sees it      |
//	|       |                                                                     |
//	|       v                                                                     |
//	|  batch of several operations --> PartitionWriter.Append --> high watermark  |
//	|                                                                  |          |
//	|  Outcome.Done(nil) <--- committed -------------------------------+          |
//	+-----------------------------------------------------------------------------+
//
// A response never leaves before everything its operation could have seen is committed, reads included: an operation without records
// waits for the appends in front of it. So no client acts on state that a failover could take back.
//
// What happens when an append fails: the state in memory is ahead of the log, and there is no way to tell it apart from the committed
// part. The shard drops it, fails the operations in flight and those whose answers still wait, and reads the log again.
// DEVIATION(kafka): Apache Kafka keeps snapshots in every map to roll back instead; failed appends are rare enough that we prefer the simple thing that
// can't be wrong. An operation whose records are too large for the log is refused before it touches the state, so that one client's
// oversized request doesn't cost the shard a reload.
//
// A shard owns no goroutine while it has nothing to do: thousands of idle shards cost their memory and one timer each at most.
package coordinator

import (
	"context"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
)

// Record is one key and value for the coordinator's log. A nil Value is a tombstone.
type Record struct {
	Key, Value []byte
	// Applied says that the state in memory has this record's effect already, so that it is replayed only when the log is loaded.
	// Classic groups need it: most of their state (who has joined so far) is never written.
	Applied bool
}

// Producer marks an operation's records as part of a transaction: they are appended in a transactional batch of their own.
type Producer struct {
	ID    int64
	Epoch int16
	// Sequence is the batch's base sequence; -1 for the coordinators' own writes, which are not sequenced.
	Sequence int32
}

// EndTxn is a transaction's end, as the transaction coordinator tells it.
type EndTxn struct {
	ProducerID       int64
	ProducerEpoch    int16
	CoordinatorEpoch int32
	Commit           bool
}

// Outcome is what an operation wants done.
type Outcome struct {
	Records []Record
	// Producer, when not nil, makes the records transactional.
	Producer *Producer
	// EndTxn, when not nil, appends a transaction marker; such an outcome has no records.
	EndTxn *EndTxn
	// Divisible says that a part of the records, from the first on, is a state to go on from: they may be appended in several batches when one
	// can't hold them. Records of other outcomes are appended together or not at all.
	Divisible bool
	// Done releases the answers: with nil once the records, and all records before them, are committed; with an error when that
	// failed or was given up. It is called once, from the shard, and must not block. It may be nil.
	Done func(err error)
}

// Replayed is a record of the log as the state machine gets to see it.
type Replayed struct {
	Offset        int64
	ProducerID    int64 // -1 outside a transaction
	ProducerEpoch int16
	Key, Value    []byte // valid until Replay returns
}

// StateMachine is the state of one shard. The runtime calls it from one goroutine at a time; it has no goroutine, clock or lock of its own.
type StateMachine interface {
	// Replay applies one record. It is the only way in which written state changes, at run time and when loading alike.
	// An error means that the log holds something this version can't read: the shard fails.
	Replay(r Replayed) error
	// ReplayEndTxn applies the end of a transaction: the marker in the log.
	ReplayEndTxn(producerID int64, producerEpoch int16, commit bool) error
	// Loaded is called once, when the log has been replayed and the shard becomes active.
	Loaded(now time.Time) Outcome
	// Unloaded is called once, when an active shard goes away; the state machine must answer what it holds back with err.
	Unloaded(err error)
	// NextDeadline says when Tick should be called, if ever.
	NextDeadline() (time.Time, bool)
	// Tick does what is due. It is called again until nothing is due any more.
	Tick(now time.Time) Outcome
}

// PartitionWriter appends to the log of a partition that this broker leads.
type PartitionWriter interface {
	// Append writes record batches (one or more, whole) with acks=all. It calls done exactly once, possibly before it returns: with the
	// offset of the first record when the high watermark has passed the last one, or with the error. A broker that is not the
	// leader in leaderEpoch answers NOT_LEADER_OR_FOLLOWER. The writer owns records after the call.
	Append(tp ident.TopicPartition, leaderEpoch int32, records []byte, done func(baseOffset int64, err error))
	// MaxBatchBytes is the partition's max.message.bytes: a larger batch would be refused.
	MaxBatchBytes(tp ident.TopicPartition) int
}

// Loader reads a partition's log.
type Loader interface {
	// Load passes every batch from the log start offset to the log end offset to fn, in order, the batch's bytes valid only during
	// the call. It returns the log end offset when the high watermark has reached it: the state that was read is committed then.
	Load(ctx context.Context, tp ident.TopicPartition, leaderEpoch int32, fn func(batch []byte) error) (endOffset int64, err error)
}
