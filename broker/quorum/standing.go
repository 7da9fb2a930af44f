package quorum

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/storage"
)

// A voter whose disk is new can't know what the one before it promised: for whom it voted, and which records it acknowledged. Were it counted
// at once, it could vote a second time in one leader epoch, or help elect a leader that lacks committed records. So it is not counted until no
// promise of its predecessor can matter any more. docs/adr/0005 has the reasoning; the states, durable in quorum-state:
//
//	blank        It takes no part. It asks all other voters who they are, until it is clear what holds: if all are blank the quorum is new, and
//	             they found it; if it is the disk that was just added as a voter there is nothing it could have promised; otherwise the
//	             highest leader epoch that any of them knows is its floor.
//	catching up  It follows leaders of epochs above the floor and acknowledges what it has from them, but gives no vote and stands for no election.
//	             A leader that isn't above the floor resigns when it hears of it: what it remembers of this voter is no longer so.
//	member       It has a committed record of an epoch above the floor, and so everything that was ever committed before: it is a voter as any other.
type standing int8

const (
	standingMember standing = iota
	standingBlank
	standingCatchingUp
)

func (s standing) String() string { return [...]string{"member", "blank", "catching up"}[s] }

const (
	inquiryTicks      = 2        // between two inquiries
	introductionTicks = 5        // between two reports of a node that is no voter
	strangerTicks     = 10       // how old such a report may be when the node is made a voter
	reminderTicks     = 100      // between two words in the log about who is waited for
	maxInquiryBytes   = 64 << 10 // of a peer's statement
	maxStrangers      = 64       // nodes that are no voters

	// foundingPatience is how many ticks blank voters wait for others that they never heard of before a majority of them founds the quorum. Were the
	// absent ones the only ones to hold a quorum's records, these would be lost: that takes a quorum founded without one voter, another's
	// disk lost, and the third away.
	foundingPatience = 100
)

// statement is what a voter says about itself when a blank one asks.
type statement struct {
	Incarnation ident.UUID                    `json:"incarnation"` // of the disk's content: a new one when it begins anew
	ReplyTo     ident.UUID                    `json:"replyTo"`     // in an answer: the incarnation that asked
	Standing    standing                      `json:"standing"`
	Epoch       int32                         `json:"epoch"`              // the newest leader epoch that it knows
	Floor       int32                         `json:"floor"`              // catching up: above which it may be counted
	Founders    map[ident.BrokerID]ident.UUID `json:"founders,omitempty"` // who founded the quorum, where this voter did
	Voters      []Voter                       `json:"voters,omitempty"`   // in an answer: all that its log knows
	DirectoryID ident.UUID                    `json:"directory"`
	EndOffset   int64                         `json:"end"`                 // of its log
	Observers   []ObserverState               `json:"observers,omitempty"` // a follower's: those that fetch from it
}

// candidacy is what a voter that isn't a member yet has found out, in this life.
type candidacy struct {
	heard   map[ident.BrokerID]statement
	ticks   int
	inquire bool // at the next occasion

	askedBack int // the tick in which one who asked was asked in turn
}

// initStanding decides at open what a node is. A lone voter has nobody to ask, and nobody to contradict.
func (r *Replica) initStanding() error {
	r.candidacy = candidacy{heard: map[ident.BrokerID]statement{}, inquire: true, askedBack: -1}
	if r.IsOnlyVoter() {
		r.log.state.Standing = standingMember
		return nil
	}
	if !r.log.state.found {
		state := r.log.state
		state.Standing, state.Incarnation = standingBlank, storage.NewUUID()
		// Durable before anything else is: a log that begins to fill must not pass for a member's after a crash.
		if err := r.log.saveState(state, r.log.applied); err != nil {
			return err
		}
		r.cfg.Logger.Info("no metadata log on this disk: asking the other voters whether the quorum is new", "dir", r.log.dir, "voters", fmt.Sprint(ids(r.peers())))
	}
	return nil
}

// IsMember reports whether this voter is counted. One with a new disk is not until it has caught up.
func (r *Replica) IsMember() bool { return r.log.state.Standing == standingMember }

// peers are the other voters: those of the log or the configuration, and while this one isn't a member those that the others know.
func (r *Replica) peers() []Voter {
	known := map[ident.BrokerID]Voter{}
	add := func(voters []Voter) {
		for _, v := range voters {
			if _, ok := known[v.ID]; !ok && v.ID != r.cfg.NodeID {
				known[v.ID] = v
			}
		}
	}
	add(r.log.voters.at(r.log.applied).voters)
	if !r.IsMember() {
		for _, id := range slices.Sorted(maps.Keys(r.candidacy.heard)) {
			add(r.candidacy.heard[id].Voters)
		}
	}
	return slices.SortedFunc(maps.Values(known), func(a, b Voter) int { return int(a.ID) - int(b.ID) })
}

// reachable are the voters and where they listen: those of the log, or while this node isn't a member also those that it heard of.
func (r *Replica) reachable() []Voter {
	own := r.log.voters.at(r.log.applied)
	if r.IsMember() {
		return own.voters
	}
	all := r.peers()
	if self, ok := own.find(r.cfg.NodeID); ok {
		all = voterSet{voters: all}.with(self)
	}
	return all
}

// tickCandidacy is Tick for a voter that isn't a member: raft's clock, which leads to elections, stands still.
func (r *Replica) tickCandidacy() error {
	c := &r.candidacy
	c.ticks++
	c.inquire = c.inquire || c.ticks%inquiryTicks == 0
	if c.ticks%reminderTicks == 0 {
		r.remind()
	}
	return r.conclude()
}

func (r *Replica) remind() {
	var silent []ident.BrokerID
	for _, v := range r.peers() {
		if _, ok := r.candidacy.heard[v.ID]; !ok {
			silent = append(silent, v.ID)
		}
	}
	r.cfg.Logger.Warn("this voter's metadata log is new and it isn't counted yet", "standing", r.log.state.Standing.String(), "not_heard_of", fmt.Sprint(silent))
}

// inquireIfDue asks the other voters.
func (r *Replica) inquireIfDue() {
	if r.IsMember() || !r.candidacy.inquire {
		return
	}
	r.candidacy.inquire = false
	for _, v := range r.peers() {
		r.state(v.ID, raftpb.MsgReadIndex, ident.UUID{})
	}
}

// stranger is a node that reported to this one without being a voter.
type stranger struct {
	statement

	tick int
}

// introduce has a node that is no voter report, so that it can be made one.
func (r *Replica) introduce() {
	if _, voter := r.log.voters.at(r.log.applied).find(r.cfg.NodeID); voter || r.failed != nil || !r.IsMember() || r.ticks%introductionTicks != 0 {
		return
	}
	for _, v := range r.peers() {
		r.state(v.ID, raftpb.MsgReadIndex, ident.UUID{})
	}
}

// noteAdded remembers the incarnations of voters that were added while this node leads: what their predecessors acknowledged in the same
// leader epoch may still be on its way.
func (r *Replica) noteAdded(e *raftpb.Entry) {
	if e.GetTerm() != r.addedIn {
		r.added, r.addedIn = map[ident.BrokerID]ident.UUID{}, e.GetTerm()
	}
	before := r.log.voters.at(e.GetIndex() - 1)
	for _, v := range r.log.voters.at(e.GetIndex()).voters {
		if _, known := before.find(v.ID); !known {
			r.added[v.ID] = v.Incarnation
			delete(r.strangers, v.ID) // to be added once more, it has to report anew
		}
	}
}

// fromCurrent reports whether an acknowledgement comes from the disk that was added, not from the one before.
func (r *Replica) fromCurrent(m *raftpb.Message) bool {
	if m.GetType() != raftpb.MsgAppResp {
		return true
	}
	was, known := r.added[nodeID(m.GetFrom())]
	said := m.GetContext()
	m.Context = nil // raft's core is not to see it
	return !known || r.addedIn != m.GetTerm() || string(said) == string(was[:])
}

// state sends this voter's statement. The messages that carry it are of kinds that raft's core would use for reads through the leader, which kgo has no use for.
func (r *Replica) state(to ident.BrokerID, kind raftpb.MessageType, replyTo ident.UUID) {
	r.stateWith(to, kind, replyTo, nil)
}

func (r *Replica) stateWith(to ident.BrokerID, kind raftpb.MessageType, replyTo ident.UUID, seen []ObserverState) {
	st := r.log.state
	s := statement{Incarnation: st.Incarnation, ReplyTo: replyTo, Standing: st.Standing, Epoch: int32(r.raft.BasicStatus().GetTerm()), Floor: st.Floor, Founders: st.Founders, DirectoryID: r.cfg.DirectoryID, EndOffset: r.log.index.endOffset, Observers: seen}
	if kind == raftpb.MsgReadIndexResp {
		s.Voters = r.log.voters.latest().voters
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return // it holds nothing that can't be written
	}
	r.send([]*raftpb.Message{{Type: kind.Enum(), From: new(raftID(r.cfg.NodeID)), To: new(raftID(to)), Context: raw}})
}

// stepStatement takes a message about standing; false means that it is none.
func (r *Replica) stepStatement(m *raftpb.Message) (ok bool, err error) {
	t := m.GetType()
	if t != raftpb.MsgReadIndex && t != raftpb.MsgReadIndexResp {
		return false, nil
	}
	if len(m.GetContext()) > maxInquiryBytes {
		return true, fmt.Errorf("message from node %d: a statement of %d bytes", nodeID(m.GetFrom()), len(m.GetContext()))
	}
	var s statement
	if err := json.Unmarshal(m.GetContext(), &s); err != nil {
		return true, fmt.Errorf("message from node %d: statement: %w", nodeID(m.GetFrom()), err)
	}
	if r.failed != nil {
		return true, r.failed
	}
	from := nodeID(m.GetFrom())
	if t == raftpb.MsgReadIndex {
		return true, r.answerInquiry(from, s)
	}
	if s.ReplyTo != r.log.state.Incarnation {
		return true, nil // an answer to the disk before this one says nothing
	}
	if r.IsMember() { // it asked to know the directories: see UpgradeVoters
		if _, voter := r.log.voters.latest().find(from); voter {
			if r.directories == nil {
				r.directories = map[ident.BrokerID]ident.UUID{}
			}
			r.directories[from] = s.DirectoryID
		}
		return true, nil
	}
	r.candidacy.heard[from] = s
	return true, r.conclude()
}

// answerInquiry tells a blank voter about this one. A leader that remembers the voter's predecessor makes room for one that doesn't.
func (r *Replica) answerInquiry(from ident.BrokerID, s statement) error {
	if len(s.Observers) > 0 {
		if r.observers != nil {
			r.observers.merge(s.Observers, time.Now())
		}
		return nil
	}
	r.state(from, raftpb.MsgReadIndexResp, s.Incarnation)
	_, voter := r.log.voters.latest().find(from)
	if !voter && (len(r.strangers) < maxStrangers || r.strangers[from].tick > 0) {
		if r.strangers == nil {
			r.strangers = map[ident.BrokerID]stranger{}
		}
		r.strangers[from] = stranger{s, r.ticks}
		if r.observers != nil {
			r.observers.fetched(from, s.DirectoryID, s.EndOffset, r.log.log.HighWatermark(), time.Now())
		}
	}
	if !r.IsMember() {
		if _, heard := r.candidacy.heard[from]; !heard && r.candidacy.askedBack != r.ticks {
			r.candidacy.askedBack = r.ticks
			r.state(from, raftpb.MsgReadIndex, ident.UUID{})
		}
		return nil
	}
	st := r.raft.BasicStatus()
	if s.Standing == standingCatchingUp && st.RaftState == raft.StateLeader && int64(st.GetTerm()) <= int64(s.Floor) && voter {
		r.cfg.Logger.Info("a voter came back without its metadata log: resigning, so that the next leader counts it from nothing", "node", int32(from), "leader_epoch", st.GetTerm())
		return r.Resign(int32(st.GetTerm()))
	}
	return nil
}

// conclude draws conclusions from what a blank voter has heard.
func (r *Replica) conclude() error {
	if r.IsMember() {
		return nil
	}
	voter, added := r.ownEntry()
	if added {
		return r.becomeMember(nil)
	}
	if !voter || r.log.state.Standing != standingBlank {
		return nil
	}
	peers, heard := r.peers(), r.candidacy.heard
	all := len(peers) > 0
	blanks := map[ident.BrokerID]ident.UUID{r.cfg.NodeID: r.log.state.Incarnation}
	var founders map[ident.BrokerID]ident.UUID
	founder, isNew, floor := true, true, int32(0) // as far as those who were heard know
	for _, p := range peers {
		s, ok := heard[p.ID]
		if !ok {
			all = false
			continue
		}
		floor = max(floor, s.Epoch)
		switch {
		case s.Standing == standingBlank:
			blanks[p.ID] = s.Incarnation
		case s.Founders[r.cfg.NodeID] == r.log.state.Incarnation:
			isNew, founders = false, s.Founders
		case s.Standing == standingCatchingUp:
			isNew = false // it can't know who founded the quorum
		default:
			isNew, founder = false, false
		}
	}
	patient := r.candidacy.ticks >= foundingPatience && 2*(len(heard)+1) > len(peers)+1
	switch {
	case !all && !(founder && patient):
		return nil
	case founder && isNew:
		r.cfg.Logger.Info("no voter has a metadata log: founding a new quorum", "founders", fmt.Sprint(slices.Sorted(maps.Keys(blanks))))
		return r.becomeMember(blanks)
	case founder && founders != nil:
		return r.becomeMember(founders)
	case !all:
		return nil
	}
	state := r.log.state
	state.Standing, state.Floor = standingCatchingUp, floor
	r.candidacy.inquire = true
	r.cfg.Logger.Warn("the other voters have a metadata log and this disk has none: catching up first", "floor_leader_epoch", floor)
	return r.saveStanding(state)
}

// ownEntry looks for this node among the voters that it and the others know. added says that the disk which was added as a voter is this very
// one: it made no promises before that.
func (r *Replica) ownEntry() (voter, added bool) {
	look := func(voters []Voter) {
		for _, v := range voters {
			if v.ID == r.cfg.NodeID {
				voter = true
				added = added || v.Incarnation == r.log.state.Incarnation
			}
		}
	}
	look(r.log.voters.at(r.log.applied).voters)
	for _, s := range r.candidacy.heard {
		look(s.Voters)
	}
	return voter, added
}

func (r *Replica) becomeMember(founders map[ident.BrokerID]ident.UUID) error {
	state := r.log.state
	state.Standing, state.Floor, state.Founders = standingMember, 0, founders
	if founders == nil {
		r.cfg.Logger.Info("this voter has caught up with the metadata quorum and is counted again")
	}
	r.candidacy = candidacy{}
	return r.saveStanding(state)
}

func (r *Replica) saveStanding(state electionState) error {
	if err := r.log.saveState(state, r.log.applied); err != nil {
		return r.fail(err)
	}
	return nil
}

// mayTake reports whether a voter may act on a raft message: one that isn't a member follows leaders above its floor, and nothing else.
func (r *Replica) mayTake(m *raftpb.Message) bool {
	switch r.log.state.Standing {
	case standingMember:
		return true
	case standingBlank:
		return false
	case standingCatchingUp:
	}
	if int64(m.GetTerm()) <= int64(r.log.state.Floor) {
		return false
	}
	t := m.GetType()
	return t == raftpb.MsgApp || t == raftpb.MsgSnap || t == raftpb.MsgHeartbeat
}

// caughtUp makes a voter a member that has a committed record of an epoch above its floor.
func (r *Replica) caughtUp(term uint64) error {
	if r.log.state.Standing == standingCatchingUp && int64(term) > int64(r.log.state.Floor) {
		return r.becomeMember(nil)
	}
	return nil
}
