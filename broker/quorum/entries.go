package quorum

import (
	"errors"
	"fmt"
	"iter"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/kgo-project/kgo/broker/batch"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// buildBatch makes a proposal's batch. Offsets count from 0: they and the leader epoch are set when the log's end is known.
func buildBatch(timestampMs int64, records [][]byte) (batch.Batch, error) {
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	size := batch.HeaderSize
	for _, r := range records {
		size += len(r)
	}
	if size > MaxBatchBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, MaxBatchBytes)
	}
	for _, r := range records {
		b.Append(timestampMs, nil, r)
	}
	return b.Finish(nil)
}

// leaderChangeBatch is what a new leader's first entry, which raft leaves empty, looks like in the log.
func leaderChangeBatch(timestampMs int64, leader ident.BrokerID, voters voterSet, granting []ident.BrokerID) (batch.Batch, error) {
	m := record.NewLeaderChangeMessage()
	m.LeaderId = int32(leader)
	version := int16(0)
	if voters.dynamic {
		version = kraftVersionDynamic
	}
	m.Version = version
	for _, v := range voters.voters {
		out := record.LeaderChangeMessageVoter{VoterId: int32(v.ID)}
		if voters.dynamic {
			out.VoterDirectoryId = v.DirectoryID
		}
		m.Voters = append(m.Voters, out)
		for _, id := range granting {
			if id == v.ID {
				m.GrantingVoters = append(m.GrantingVoters, out)
			}
		}
	}
	value, err := m.AppendTo(nil, version)
	if err != nil {
		return nil, err
	}
	return batch.AppendControl(nil, 0, 0, timestampMs, batch.ControlLeaderChange, value), nil
}

// votersBatch is a change of voters in the log. The first one raises kraft.version, from which on readers look for voters in the log.
func votersBatch(timestampMs int64, voters []Voter, first bool) (batch.Batch, error) {
	var b batch.Builder
	b.Reset(0, batch.Compression{})
	b.SetControl()
	if err := appendVoters(&b, timestampMs, voters, first); err != nil {
		return nil, err
	}
	return b.Finish(nil)
}

func appendVoters(b *batch.Builder, timestampMs int64, voters []Voter, withVersion bool) error {
	if withVersion {
		version := record.NewKRaftVersionRecord()
		version.KRaftVersion = kraftVersionDynamic
		value, err := version.AppendTo(nil, 0)
		if err != nil {
			return err
		}
		b.Append(timestampMs, batch.ControlKey(batch.ControlKRaftVersion), value)
	}
	value, err := votersRecord(voters).AppendTo(nil, 0)
	if err != nil {
		return err
	}
	b.Append(timestampMs, batch.ControlKey(batch.ControlKRaftVoters), value)
	return nil
}

// controlRecords yields a control batch's records by type.
func controlRecords(b batch.Batch) iter.Seq2[batch.ControlType, []byte] {
	return func(yield func(batch.ControlType, []byte) bool) {
		for r, err := range b.Records(MaxBatchBytes) {
			if err != nil {
				return // the batch's CRC was right: its writer knew a record format that we don't
			}
			if t, err := batch.ParseControlKey(r.Key); err == nil && !yield(t, r.Value) {
				return
			}
		}
	}
}

// VotersIn returns the voters that a batch of the log sets; ok is false for a batch that sets none.
func VotersIn(b batch.Batch) (voters []Voter, ok bool, err error) { return votersIn(b) }

// votersIn returns the voters that a batch sets; ok is false for a batch that sets none.
func votersIn(b batch.Batch) (voters []Voter, ok bool, err error) {
	if !b.IsControl() {
		return nil, false, nil
	}
	for t, value := range controlRecords(b) {
		if t == batch.ControlKRaftVoters {
			if voters, err = parseVoters(value); err == nil && len(voters) == 0 {
				err = errors.New("a set of no voters")
			}
			return voters, true, err
		}
	}
	return nil, false, nil
}

// KRaftVersionIn reads from a batch which kraft.version it was written under: a leader's first batch, or a change of voters, tells.
func KRaftVersionIn(b batch.Batch) (level int16, ok bool) {
	for t, value := range controlRecords(b) {
		switch t {
		case batch.ControlKRaftVoters:
			return kraftVersionDynamic, true
		case batch.ControlLeaderChange:
			m := record.NewLeaderChangeMessage()
			if _, err := m.ReadFrom(value, 0); err == nil {
				return m.Version, true
			}
		default:
		}
	}
	return 0, false
}

func isLeaderChange(b batch.Batch) bool {
	if b.IsControl() {
		for t := range controlRecords(b) {
			return t == batch.ControlLeaderChange
		}
	}
	return false
}

// entryOf is the raft entry that a batch in the log stands for. before is the set of voters in force before it.
func entryOf(b batch.Batch, index uint64, before voterSet) (*raftpb.Entry, error) {
	e := &raftpb.Entry{Index: new(index), Term: new(uint64(b.PartitionLeaderEpoch())), Type: raftpb.EntryNormal.Enum(), Data: b}
	voters, ok, err := votersIn(b)
	if err != nil || !ok {
		return e, err
	}
	change := &raftpb.ConfChange{Type: raftpb.ConfChangeUpdateNode.Enum(), NodeId: new(raftID(voters[0].ID))} // of no consequence
	if changes := before.changes(voters); len(changes) > 0 {
		change = changes[0]
	}
	change.Context = b
	e.Type = raftpb.EntryConfChange.Enum()
	e.Data, err = proto.Marshal(change)
	return e, err
}

// batchOf is the record batch in a raft entry, nil in a new leader's empty one. Whoever gets entries from a peer checks them with checkEntry first.
func batchOf(e *raftpb.Entry) (batch.Batch, error) {
	if e.GetType() != raftpb.EntryConfChange {
		return e.GetData(), nil
	}
	var change raftpb.ConfChange
	if err := proto.Unmarshal(e.GetData(), &change); err != nil {
		return nil, fmt.Errorf("change of voters in entry %d: %w", e.GetIndex(), err)
	}
	return change.GetContext(), nil
}

// checkEntry refuses an entry from a peer that isn't exactly one valid batch of the current format.
func checkEntry(e *raftpb.Entry) error {
	if e.GetType() == raftpb.EntryConfChangeV2 {
		return fmt.Errorf("entry %d is a change of voters of a kind that kgo does not make", e.GetIndex())
	}
	raw, err := batchOf(e)
	if err != nil {
		return err
	}
	b, rest, err := batch.Next(raw)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes after its batch", len(rest))
	}
	if err == nil {
		err = b.Validate()
	}
	if err == nil && (b.LastOffsetDelta()+1 != b.RecordCount() || b.RecordCount() == 0) {
		err = fmt.Errorf("%d records in %d offsets", b.RecordCount(), b.LastOffsetDelta()+1)
	}
	if err == nil && e.GetType() == raftpb.EntryConfChange {
		if _, ok, verr := votersIn(b); verr != nil || !ok {
			err = fmt.Errorf("a change of voters without voters: %w", verr)
		}
	}
	if err != nil {
		return fmt.Errorf("entry %d of term %d: %w", e.GetIndex(), e.GetTerm(), err)
	}
	return nil
}
