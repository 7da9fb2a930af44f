package quorum

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

const (
	quorumStateFile    = "quorum-state"
	maxQuorumStateSize = 64 << 10
)

// electionState is the content of the file quorum-state: what a voter must not forget between two elections. It is KRaft's file in its
// version 1; version 0, which older releases write, has more fields, of which none matters here.
type electionState struct {
	LeaderID         ident.BrokerID `json:"leaderId"` // informative
	LeaderEpoch      int32          `json:"leaderEpoch"`
	VotedID          ident.BrokerID `json:"votedId"`
	VotedDirectoryID string         `json:"votedDirectoryId"`
	DataVersion      int16          `json:"data_version"`
	// CommittedOffset is kgo's own; Apache Kafka skips it. Everything before it is known to be committed. It is written when a change of voters
	// takes effect, for raft acts on committed changes only: voters that all restarted would otherwise fall back to the voters of before.
	CommittedOffset int64 `json:"committedOffset"`

	// These are kgo's own as well: see standing.
	Incarnation ident.UUID                    `json:"incarnation"`
	Standing    standing                      `json:"standing"`
	Floor       int32                         `json:"floor"`
	Founders    map[ident.BrokerID]ident.UUID `json:"founders,omitempty"`

	found bool // there was a file
}

// sameVote compares what an election is about.
func (s electionState) sameVote(o electionState) bool {
	return s.LeaderEpoch == o.LeaderEpoch && s.VotedID == o.VotedID
}

func readElectionState(fsys vfs.FS, dir string) (electionState, error) {
	s := electionState{LeaderID: ident.NoBroker, VotedID: ident.NoBroker}
	raw, err := vfs.ReadFile(fsys, vfs.Join(dir, quorumStateFile), maxQuorumStateSize)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("%s: %w", vfs.Join(dir, quorumStateFile), err)
	}
	s.found = true
	if s.LeaderEpoch < 0 || s.VotedID < ident.NoBroker || s.DataVersion < 0 || s.DataVersion > 1 ||
		s.Standing < standingMember || s.Standing > standingCatchingUp {
		return s, fmt.Errorf("%s holds leader epoch %d, vote %d, version %d: not a state that this version can read",
			vfs.Join(dir, quorumStateFile), s.LeaderEpoch, s.VotedID, s.DataVersion)
	}
	return s, nil
}

// write replaces the file; it returns when the new content is durable.
func (s electionState) write(fsys vfs.FS, dir string) error {
	s.VotedDirectoryID = ident.UUID{}.String()
	s.DataVersion = 1
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return vfs.WriteFileAtomic(fsys, dir, quorumStateFile, raw)
}
