package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/invariants"
)

// classicState is the state of a classic group, see the package comment.
type classicState int8

const (
	stateEmpty classicState = iota
	statePreparingRebalance
	stateCompletingRebalance
	stateStable
)

// String is the state's name in DescribeGroups and ListGroups. A group that doesn't exist is "Dead" there.
func (s classicState) String() string {
	return [...]string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable"}[s]
}

const consumerProtocolType = "consumer"

// classicGroup is a group of the protocol with JoinGroup and SyncGroup, or a simple group, which only has offsets.
type classicGroup struct {
	groupID       string
	state         classicState
	previousState classicState
	stateSince    time.Time // zero: not known, a record of an old version; or a simple group
	generation    int32

	protocolType string  // "" for a simple group
	protocolName *string // chosen by the members' votes
	leaderID     string  // "" when there is none

	members        map[string]*classicMember
	order          []string          // member ids as they joined, so that nothing depends on a map's order
	staticMembers  map[string]string // instance id to member id
	pendingMembers map[string]bool   // ids that were given out and are expected to come back (KIP-394)
	awaitingJoin   int               // members that wait in JoinGroup
	supported      map[string]int    // protocol name to the number of members that offer it

	// newMemberAdded extends the first rebalance: someone has joined since the delay began.
	newMemberAdded   bool
	initialRemaining time.Duration // of the rebalance timeout, for more initial delays
	initialDelay     time.Duration // of the current one

	// subscribed is the union of the members' topics under the consumer protocol; nil when it can't be told.
	subscribed map[string]bool
}

func newClassicGroup(groupID string) *classicGroup {
	return &classicGroup{
		groupID:        groupID,
		members:        make(map[string]*classicMember),
		staticMembers:  make(map[string]string),
		pendingMembers: make(map[string]bool),
		supported:      make(map[string]int),
	}
}

func (g *classicGroup) transitionTo(to classicState, now time.Time) {
	from := g.state
	legal := to == stateEmpty && from == statePreparingRebalance ||
		to == statePreparingRebalance && from != statePreparingRebalance ||
		to == stateCompletingRebalance && from == statePreparingRebalance ||
		to == stateStable && from == stateCompletingRebalance
	invariants.Assert(legal, "group %q goes from %v to %v", g.groupID, from, to)
	g.previousState, g.state, g.stateSince = from, to, now
}

func (g *classicGroup) is(states ...classicState) bool { return slices.Contains(states, g.state) }

// all yields the members in the order in which they joined.
func (g *classicGroup) all() []*classicMember {
	members := make([]*classicMember, len(g.order))
	for i, id := range g.order {
		members[i] = g.members[id]
	}
	return members
}

func (g *classicGroup) isLeader(memberID string) bool {
	return g.leaderID != "" && g.leaderID == memberID
}

func (g *classicGroup) usesConsumerProtocol() bool { return g.protocolType == consumerProtocolType }

func (g *classicGroup) protocol() string {
	if g.protocolName == nil {
		return ""
	}
	return *g.protocolName
}

// add puts a new member into the group.
func (g *classicGroup) add(m *classicMember) {
	if len(g.members) == 0 {
		g.protocolType = m.protocolType
	}
	if g.leaderID == "" {
		g.leaderID = m.memberID
	}
	g.members[m.memberID] = m
	g.order = append(g.order, m.memberID)
	g.countProtocols(m, 1)
	if m.awaitingJoin != nil {
		g.awaitingJoin++
	}
	if m.instanceID != nil {
		g.staticMembers[*m.instanceID] = m.memberID
	}
	delete(g.pendingMembers, m.memberID)
}

// remove takes a member or a pending member out. The caller answers what the member waits for.
func (g *classicGroup) remove(memberID string) {
	delete(g.pendingMembers, memberID)
	m, ok := g.members[memberID]
	if !ok {
		return
	}
	delete(g.members, memberID)
	g.countProtocols(m, -1)
	if m.awaitingJoin != nil {
		g.awaitingJoin--
	}
	g.order = slices.DeleteFunc(g.order, func(id string) bool { return id == memberID })
	if m.instanceID != nil && g.staticMembers[*m.instanceID] == memberID {
		delete(g.staticMembers, *m.instanceID)
	}
	if g.leaderID == memberID {
		g.leaderID = ""
		if len(g.order) > 0 {
			g.leaderID = g.order[0]
		}
	}
}

// replaceStatic gives a static member's place to a new member id; leadership and assignment go with it.
func (g *classicGroup) replaceStatic(instanceID, oldID, newID string) *classicMember {
	old := g.members[oldID]
	m := *old
	m.memberID, m.awaitingJoin, m.awaitingSync = newID, nil, nil
	if old.awaitingJoin != nil {
		g.awaitingJoin--
	}
	delete(g.members, oldID)
	g.members[newID] = &m
	g.order[slices.Index(g.order, oldID)] = newID
	g.staticMembers[instanceID] = newID
	if g.leaderID == oldID {
		g.leaderID = newID
	}
	return &m
}

// validateMember checks the identity that a request claims.
func (g *classicGroup) validateMember(memberID string, instanceID *string) error {
	if instanceID != nil {
		owner, ok := g.staticMembers[*instanceID]
		if !ok {
			return kerr.UnknownMemberID
		}
		if owner != memberID {
			return kerr.FencedInstanceID
		}
	}
	if _, ok := g.members[memberID]; !ok {
		return kerr.UnknownMemberID
	}
	return nil
}

// await makes a member wait in JoinGroup, or with nil no longer, and returns the request that waited before.
func (g *classicGroup) await(m *classicMember, w *joinWaiter) *joinWaiter {
	old := m.awaitingJoin
	m.awaitingJoin = w
	if old != nil {
		g.awaitingJoin--
	}
	if w != nil {
		g.awaitingJoin++
	}
	return old
}

func (g *classicGroup) setProtocols(m *classicMember, protocols []protocol) {
	g.countProtocols(m, -1)
	m.protocols = protocols
	g.countProtocols(m, 1)
}

func (g *classicGroup) countProtocols(m *classicMember, by int) {
	for i, p := range m.protocols {
		if slices.ContainsFunc(m.protocols[:i], func(q protocol) bool { return q.name == p.name }) {
			continue // named twice
		}
		if g.supported[p.name] += by; g.supported[p.name] == 0 {
			delete(g.supported, p.name)
		}
	}
}

func (g *classicGroup) hasAllMembersJoined() bool {
	return len(g.pendingMembers) == 0 && g.awaitingJoin == len(g.members)
}

// rebalanceTimeout is the longest that any member asks for.
func (g *classicGroup) rebalanceTimeout() (longest time.Duration) {
	for _, m := range g.members {
		longest = max(longest, m.rebalanceTimeout)
	}
	return longest
}

// supportedByAll says whether every member offers the protocol.
func (g *classicGroup) supportedByAll(name string) bool {
	n, ok := g.supported[name]
	return ok && n == len(g.members)
}

// supports says whether a member that offers these protocols can be in the group with the others.
func (g *classicGroup) supports(protocolType string, protocols []protocol) bool {
	if g.state == stateEmpty {
		return protocolType != "" && len(protocols) > 0
	}
	if g.protocolType != protocolType {
		return false
	}
	return slices.ContainsFunc(protocols, func(p protocol) bool { return g.supportedByAll(p.name) })
}

// selectProtocol takes the members' votes. A tie goes to the protocol that got its first vote first.
func (g *classicGroup) selectProtocol() string {
	votes := make(map[string]int)
	var ballot []string
	for _, m := range g.all() {
		if name, ok := m.vote(g.supportedByAll); ok {
			if votes[name]++; votes[name] == 1 {
				ballot = append(ballot, name)
			}
		}
	}
	best := ""
	for _, name := range ballot {
		if votes[name] > votes[best] {
			best = name
		}
	}
	return best
}

// electJoinedLeader makes sure that the leader is a member that takes part in this rebalance.
func (g *classicGroup) electJoinedLeader() bool {
	if g.leaderID == "" {
		return false
	}
	if g.members[g.leaderID].awaitingJoin != nil {
		return true
	}
	for _, m := range g.all() {
		if m.awaitingJoin != nil {
			g.leaderID = m.memberID
			return true
		}
	}
	return false
}

// nextGeneration begins a generation with the members that are in the group now.
func (g *classicGroup) nextGeneration(now time.Time) {
	g.generation++
	if len(g.members) == 0 {
		g.protocolName = nil
		g.transitionTo(stateEmpty, now)
	} else {
		g.protocolName = new(g.selectProtocol())
		g.transitionTo(stateCompletingRebalance, now)
	}
	g.computeSubscribed()
}

func (g *classicGroup) countPendingSync() (n int) {
	for _, m := range g.members {
		if m.pendingSync {
			n++
		}
	}
	return n
}
