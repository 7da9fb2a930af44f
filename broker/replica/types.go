package replica

import (
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// Isolation is how far a fetch may see.
type Isolation int8

// The isolation levels of the protocol.
const (
	ReadUncommitted Isolation = 0 // up to the high watermark
	ReadCommitted   Isolation = 1 // up to the last stable offset, with the list of aborted transactions
)

// Acks is a produce request's required acknowledgements.
type Acks int16

// The values the protocol allows.
const (
	AcksAll    Acks = -1 // answered when the whole ISR has the records
	AcksNone   Acks = 0  // never answered
	AcksLeader Acks = 1  // answered when the leader has them
)

// Valid reports whether a is one of the three.
func (a Acks) Valid() bool { return a >= AcksAll && a <= AcksLeader }

// LeaderHint tells a client that asked the wrong broker, or with an old epoch, who leads (KIP-951). The zero value has LeaderEpoch 0
// and is a valid hint; NoHint is none.
type LeaderHint struct {
	LeaderID    ident.BrokerID
	LeaderEpoch int32
}

// NoHint is the hint that says nothing.
var NoHint = LeaderHint{LeaderID: ident.NoBroker, LeaderEpoch: -1}

// ProduceRequest is the records for several partitions, to be acknowledged together.
type ProduceRequest struct {
	Acks    Acks
	Timeout time.Duration // how long to wait for the ISR with AcksAll
	// AllowInternal lets a client write to internal topics.
	AllowInternal bool
	// Internal is set for records that don't come from a client's produce request: they may go to internal topics and may be control batches.
	Internal   bool
	Partitions []ProducePartition
}

// ProducePartition is one partition's records.
type ProducePartition struct {
	TopicPartition ident.TopicPartition
	// Records is one or more whole batches. The log writes offsets and epoch into it; it must stay untouched until the answer.
	Records []byte
	// Err, when set, is the answer: the caller found the partition unusable (not authorized, unknown). The row passes through.
	Err error
}

// ProduceResult is the answer for one partition, in the order of the request.
type ProduceResult struct {
	Err             error                 // nil, or what wire.ErrorCode understands
	BaseOffset      int64                 // -1 on error
	LogAppendTimeMs int64                 // -1 unless the topic's message.timestamp.type is LogAppendTime
	LogStartOffset  int64                 // -1 where unknown
	RecordErrors    []storage.RecordError // the records that had the whole batch refused (KIP-467)
	Leader          LeaderHint
}

// FetchParams is what applies to a whole fetch.
type FetchParams struct {
	// ReplicaID is the fetching broker, or ident.NoBroker for a consumer. DebugReplica reads up to the log end.
	ReplicaID    ident.BrokerID
	ReplicaEpoch int64 // the fetching broker's epoch, -1 where unknown (before version 15)
	MaxWait      time.Duration
	MinBytes     int
	MaxBytes     int
	Isolation    Isolation
	// HardMaxBytes says that MaxBytes holds even if nothing can be returned (versions below 3). Otherwise the first non-empty
	// partition gets at least one batch.
	HardMaxBytes bool
	// Client says where a consumer is, to send it to a nearer replica (KIP-392); nil for versions below 11, which may read from the leader only.
	Client *ClientMetadata
}

// DebugReplica is the replica id of a client that may see beyond the high watermark.
const DebugReplica ident.BrokerID = -2

// fromFollower reports whether a broker of the cluster is asking.
func (p *FetchParams) fromFollower() bool { return p.ReplicaID >= 0 }

// leaderOnly reports whether only the leader may answer.
func (p *FetchParams) leaderOnly() bool {
	return p.ReplicaID >= 0 || p.Client == nil && p.ReplicaID == ident.NoBroker
}

// ClientMetadata is what a replica selector may base its choice on.
type ClientMetadata struct {
	RackID    string
	ClientID  string
	Principal string
	Listener  string
}

// FetchPartition is what is asked of one partition.
type FetchPartition struct {
	TopicPartition     ident.TopicPartition
	TopicID            ident.TopicID // zero for versions below 13
	CurrentLeaderEpoch int32         // -1: don't check
	FetchOffset        int64
	LastFetchedEpoch   int32 // epoch of the fetcher's last record; -1: don't check for divergence
	LogStartOffset     int64 // a follower's; -1 otherwise
	HighWatermark      int64 // a follower's; math.MaxInt64 where it doesn't say (versions below 18)
	MaxBytes           int
	Err                error // when set, the answer: the caller found the partition unusable

	partition *Partition // as found last time; nil or closed: look again
}

// FetchResult is one partition's answer. Whoever gets it releases Records.
type FetchResult struct {
	Err                  error
	HighWatermark        int64
	LastStableOffset     int64
	LogStartOffset       int64
	Records              *storage.Records // nil: none
	AbortedTransactions  []storage.AbortedTxn
	DivergingEpoch       *EpochEndOffset
	PreferredReadReplica ident.BrokerID
	Leader               LeaderHint
}

// size is how many bytes of records the result has.
func (r *FetchResult) size() int {
	if r.Records == nil {
		return 0
	}
	return r.Records.Size()
}

// EpochEndOffset is a leader epoch and the offset after its last record.
type EpochEndOffset struct {
	LeaderEpoch int32
	EndOffset   int64
}
