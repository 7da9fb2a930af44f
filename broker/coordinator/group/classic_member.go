package group

import (
	"bytes"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// protocol is one assignment strategy that a member offers, with what it says to the leader under that strategy.
type protocol struct {
	name     string
	metadata []byte
}

// joinWaiter and syncWaiter are requests that wait for a rebalance.
type joinWaiter struct {
	version int16
	done    func(*kmsg.JoinGroupResponse)
}

type syncWaiter struct {
	version int16
	done    func(*kmsg.SyncGroupResponse)
}

// classicMember is a member of a classic group.
type classicMember struct {
	memberID   string
	instanceID *string // of a static member
	clientID   string
	clientHost string

	sessionTimeout   time.Duration
	rebalanceTimeout time.Duration
	protocolType     string
	protocols        []protocol // in the member's order of preference
	assignment       []byte

	// isNew is set until the member's first rebalance completes: it may be expired while it waits in JoinGroup.
	isNew        bool
	awaitingJoin *joinWaiter
	awaitingSync *syncWaiter
	pendingSync  bool // has been told the generation and has not sent SyncGroup yet
}

// metadata is what the member sent for a protocol.
func (m *classicMember) metadata(name string) []byte {
	for _, p := range m.protocols {
		if p.name == name {
			return p.metadata
		}
	}
	return nil
}

// sameProtocols says whether a JoinGroup request brings nothing new.
func (m *classicMember) sameProtocols(protocols []protocol) bool {
	if len(protocols) != len(m.protocols) {
		return false
	}
	for i, p := range protocols {
		if p.name != m.protocols[i].name || !bytes.Equal(p.metadata, m.protocols[i].metadata) {
			return false
		}
	}
	return true
}

// vote is the member's favourite among the candidates.
func (m *classicMember) vote(candidate func(name string) bool) (string, bool) {
	for _, p := range m.protocols {
		if candidate(p.name) {
			return p.name, true
		}
	}
	return "", false
}

// keepsSessionByWaiting: a member that waits for others in a rebalance can't heartbeat and is not expired, unless it is new.
func (m *classicMember) keepsSessionByWaiting() bool {
	return !m.isNew && (m.awaitingJoin != nil || m.awaitingSync != nil)
}

func copyProtocols(in []kmsg.JoinGroupRequestProtocol) []protocol {
	out := make([]protocol, len(in))
	for i, p := range in {
		out[i] = protocol{p.Name, bytes.Clone(p.Metadata)}
	}
	return out
}
