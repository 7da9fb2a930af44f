package storage

// Origin says on whose behalf an append is made; it decides what is checked.
type Origin int8

// The origins. A client's batches get every check; the coordinators' may carry control records and no sequences;
// replication copies what a leader has checked.
const (
	OriginClient Origin = iota
	OriginCoordinator
	OriginReplication
)

// AppendOptions qualify AppendAsLeader. The zero value is a client's produce request.
type AppendOptions struct {
	Origin Origin
	// NowMs is the time for LogAppendTime and the timestamp limits; 0 reads the clock.
	NowMs int64
	// RequireVerified refuses a transactional batch (INVALID_TXN_STATE) that would begin a transaction in this log unless Verified:
	// the transaction coordinator knows that this partition takes part (KIP-890).
	RequireVerified bool
	Verified        bool
	// TransactionVersion is the one of the transaction marker written (KIP-890: at 2 a marker's epoch must have been bumped).
	TransactionVersion int16
}

// AppendInfo is what an append did.
type AppendInfo struct {
	FirstOffset          int64 // of the appended records; of the first copy, for a duplicate
	LastOffset           int64
	LogStartOffset       int64
	LogAppendTime        int64 // -1 unless the topic's timestamps are LogAppendTime
	MaxTimestamp         int64 // -1: none
	OffsetOfMaxTimestamp int64
	Records              int // number of records; 0 for a duplicate
	Bytes                int // bytes written; 0 for a duplicate
	Duplicate            bool
}
