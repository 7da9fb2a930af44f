package batch

import (
	"encoding/binary"
	"fmt"
)

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

var controlNames = [...]string{"ABORT", "COMMIT", "LEADER_CHANGE", "SNAPSHOT_HEADER", "SNAPSHOT_FOOTER", "KRAFT_VERSION", "KRAFT_VOTERS"}

// String is Kafka's name for the type.
func (t ControlType) String() string {
	if t < 0 || int(t) >= len(controlNames) {
		return "UNKNOWN"
	}
	return controlNames[t]
}

const (
	controlKeySize   = 4 // version int16, type int16
	endTxnMarkerSize = 6 // version int16, coordinatorEpoch int32
)

// ParseControlKey reads the key of a control record. Types that are not known here are returned as they are.
func ParseControlKey(key []byte) (ControlType, error) {
	if len(key) < controlKeySize {
		return 0, fmt.Errorf("control record key of %d bytes: at least %d expected", len(key), controlKeySize)
	}
	if version := int16(binary.BigEndian.Uint16(key)); version < 0 {
		return 0, fmt.Errorf("control record key has version %d", version)
	}
	return ControlType(binary.BigEndian.Uint16(key[2:])), nil
}

// ControlKey is the key of a control record of type t.
func ControlKey(t ControlType) []byte {
	return binary.BigEndian.AppendUint16(make([]byte, 2, controlKeySize), uint16(t))
}

// EndTxnMarker is the record that ends a transaction on a partition.
type EndTxnMarker struct {
	Commit           bool
	CoordinatorEpoch int32
}

// ParseEndTxnMarker reads a transaction's end from a control record's key and value.
func ParseEndTxnMarker(key, value []byte) (EndTxnMarker, error) {
	t, err := ParseControlKey(key)
	if err != nil {
		return EndTxnMarker{}, err
	}
	if t != ControlAbort && t != ControlCommit {
		return EndTxnMarker{}, fmt.Errorf("control record of type %v ends no transaction", t)
	}
	if len(value) < endTxnMarkerSize {
		return EndTxnMarker{}, fmt.Errorf("end-transaction marker of %d bytes: at least %d expected", len(value), endTxnMarkerSize)
	}
	if version := int16(binary.BigEndian.Uint16(value)); version < 0 {
		return EndTxnMarker{}, fmt.Errorf("end-transaction marker has version %d", version)
	}
	return EndTxnMarker{Commit: t == ControlCommit, CoordinatorEpoch: int32(binary.BigEndian.Uint32(value[2:]))}, nil
}

// AppendEndTxnMarker appends to dst the control batch that ends producerID's transaction, and returns the batch.
func AppendEndTxnMarker(dst []byte, baseOffset int64, leaderEpoch int32, timestamp, producerID int64, producerEpoch int16, m EndTxnMarker) Batch {
	t := ControlAbort
	if m.Commit {
		t = ControlCommit
	}
	value := binary.BigEndian.AppendUint32(make([]byte, 2, endTxnMarkerSize), uint32(m.CoordinatorEpoch))
	var b Builder
	b.Reset(baseOffset, Compression{})
	b.SetPartitionLeaderEpoch(leaderEpoch)
	b.SetProducer(producerID, producerEpoch, NoSequence)
	b.SetTransactional()
	b.SetControl()
	b.Append(timestamp, ControlKey(t), value)
	out, _ := b.Finish(dst) // fails only where compression or sizes do
	return out
}

// AppendControl appends to dst a control batch with one record of type t for each value, for the quorum's control records, whose
// values package record encodes, and returns the batch.
func AppendControl(dst []byte, baseOffset int64, leaderEpoch int32, timestamp int64, t ControlType, values ...[]byte) Batch {
	var b Builder
	b.Reset(baseOffset, Compression{})
	b.SetPartitionLeaderEpoch(leaderEpoch)
	b.SetControl()
	for _, value := range values {
		b.Append(timestamp, ControlKey(t), value)
	}
	out, _ := b.Finish(dst) // fails only where compression or sizes do
	return out
}
