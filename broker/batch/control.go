package batch

// ControlType is the kind of a control record, from its key.
type ControlType int16

// The control records of Kafka. Those from LeaderChange on are the metadata quorum's.
const (
	ControlAbort          ControlType = 0
	ControlCommit         ControlType = 1
	ControlLeaderChange   ControlType = 2
	ControlSnapshotHeader ControlType = 3
	ControlSnapshotFooter ControlType = 4
	ControlKRaftVersion   ControlType = 5
	ControlKRaftVoters    ControlType = 6
)

// ParseControlKey reads the key of a control record. Types that are not known here are returned as they are.
func ParseControlKey(key []byte) (ControlType, error) { return 0, errIncomplete }

// EndTxnMarker is the record that ends a transaction on a partition.
type EndTxnMarker struct {
	Commit           bool
	CoordinatorEpoch int32
}

// ParseEndTxnMarker reads a transaction's end from a control record's key and value.
func ParseEndTxnMarker(key, value []byte) (EndTxnMarker, error) { return EndTxnMarker{}, errIncomplete }

// AppendEndTxnMarker appends to dst the control batch that ends producerID's transaction.
func AppendEndTxnMarker(dst []byte, baseOffset int64, leaderEpoch int32, timestamp, producerID int64, producerEpoch int16, m EndTxnMarker) Batch {
	return nil
}

// AppendControl appends to dst a control batch with one record of type t for each value, for the quorum's control records, whose
// values package record encodes.
func AppendControl(dst []byte, baseOffset int64, leaderEpoch int32, timestamp int64, t ControlType, values ...[]byte) Batch {
	return nil
}
