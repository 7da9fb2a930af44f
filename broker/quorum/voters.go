package quorum

import (
	"cmp"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/record"
)

// voterHistory is the sets of voters that the log knows, by the entry that made each. The first one stands for everything before: the
// configured voters, or a snapshot's. Raft acts on a set once its entry is committed.
type voterHistory struct {
	sets []voterSet
}

type voterSet struct {
	index   uint64 // of the entry
	dynamic bool   // from a voters record, not from the configuration
	voters  []Voter
}

// at is the set in force after the entry index is applied.
func (h *voterHistory) at(index uint64) voterSet {
	for i := len(h.sets) - 1; i > 0; i-- {
		if h.sets[i].index <= index {
			return h.sets[i]
		}
	}
	return h.sets[0]
}

func (h *voterHistory) latest() voterSet { return h.sets[len(h.sets)-1] }

func (h *voterHistory) truncateFrom(index uint64) {
	for len(h.sets) > 1 && h.sets[len(h.sets)-1].index >= index {
		h.sets = h.sets[:len(h.sets)-1]
	}
}

// dropTo forgets the sets that none of the entries after index needs.
func (h *voterHistory) dropTo(index uint64) {
	for len(h.sets) > 1 && h.sets[1].index <= index {
		h.sets = h.sets[1:]
	}
}

func (s voterSet) find(id ident.BrokerID) (Voter, bool) {
	i := slices.IndexFunc(s.voters, func(v Voter) bool { return v.ID == id })
	if i < 0 {
		return Voter{}, false
	}
	return s.voters[i], true
}

// with returns the voters after one was added, or replaced where the id is known.
func (s voterSet) with(v Voter) []Voter {
	voters := append(s.without(v.ID), v)
	slices.SortFunc(voters, func(a, b Voter) int { return cmp.Compare(a.ID, b.ID) })
	return voters
}

func (s voterSet) without(id ident.BrokerID) []Voter {
	return slices.DeleteFunc(slices.Clone(s.voters), func(v Voter) bool { return v.ID == id })
}

func (s voterSet) confState() *raftpb.ConfState {
	cs := &raftpb.ConfState{}
	for _, v := range s.voters {
		cs.Voters = append(cs.Voters, raftID(v.ID))
	}
	return cs
}

// change is the raft change that leads from one set to the next: exactly one voter is added, removed, or has other endpoints.
func (s voterSet) change(next []Voter) (*raftpb.ConfChange, error) {
	found := s.changes(next)
	if len(found) != 1 {
		return nil, fmt.Errorf("voters change from %v to %v: %d of them differ, want one", ids(s.voters), ids(next), len(found))
	}
	return found[0], nil
}

// changes are the raft changes that lead from one set to the next. There is one, except where a node that joined later reads about the time before: what it
// began with are the voters that it found.
func (s voterSet) changes(next []Voter) []*raftpb.ConfChange {
	var found []*raftpb.ConfChange
	note := func(t raftpb.ConfChangeType, id ident.BrokerID) {
		found = append(found, &raftpb.ConfChange{Type: t.Enum(), NodeId: new(raftID(id))})
	}
	for _, v := range next {
		if old, ok := s.find(v.ID); !ok {
			note(raftpb.ConfChangeAddNode, v.ID)
		} else if old.DirectoryID != v.DirectoryID || !slices.Equal(old.Endpoints, v.Endpoints) {
			note(raftpb.ConfChangeUpdateNode, v.ID)
		}
	}
	for _, v := range s.voters {
		if !slices.ContainsFunc(next, func(n Voter) bool { return n.ID == v.ID }) {
			note(raftpb.ConfChangeRemoveNode, v.ID)
		}
	}
	return found
}

func ids(voters []Voter) []ident.BrokerID {
	var out []ident.BrokerID
	for _, v := range voters {
		out = append(out, v.ID)
	}
	return out
}

// votersRecord is the record that KRaft keeps a set of voters in.
func votersRecord(voters []Voter) *record.VotersRecord {
	r := record.NewVotersRecord()
	for _, v := range voters {
		out := record.VotersRecordVoter{VoterId: int32(v.ID), VoterDirectoryId: v.DirectoryID}
		for _, e := range v.Endpoints {
			out.Endpoints = append(out.Endpoints, record.VotersRecordEndpoint{Name: e.Name, Host: e.Host, Port: e.Port})
		}
		out.KRaftVersionFeature.MaxSupportedVersion = kraftVersionDynamic
		if !v.Incarnation.IsZero() {
			out.UnknownTags = []record.UnknownTag{{Tag: incarnationTag, Data: v.Incarnation[:]}}
		}
		r.Voters = append(r.Voters, out)
	}
	return r
}

func parseVoters(value []byte) ([]Voter, error) {
	r := record.NewVotersRecord()
	if _, err := r.ReadFrom(value, 0); err != nil {
		return nil, err
	}
	var voters []Voter
	for _, in := range r.Voters {
		v := Voter{ID: ident.BrokerID(in.VoterId), DirectoryID: in.VoterDirectoryId}
		for _, e := range in.Endpoints {
			v.Endpoints = append(v.Endpoints, Endpoint{Name: e.Name, Host: e.Host, Port: e.Port})
		}
		for _, tag := range in.UnknownTags {
			if tag.Tag == incarnationTag && len(tag.Data) == len(v.Incarnation) {
				copy(v.Incarnation[:], tag.Data)
			}
		}
		voters = append(voters, v)
	}
	return voters, nil
}

// incarnationTag is the tagged field of a voter in a voters record that holds its incarnation. It is kgo's own; Apache Kafka skips it.
const incarnationTag = 27496

// kraftVersionDynamic is the kraft.version from which voters are kept in the log (KIP-853).
const kraftVersionDynamic = 1
