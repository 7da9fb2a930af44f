package quorum

import (
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/kgo-project/kgo/broker/ident"
)

// MemberState is a voter as the leader sees it. On other nodes only the Voter is known.
type MemberState struct {
	Voter
	LogEndOffset     int64     // -1: not known
	LastFetchTime    time.Time // when it last answered; zero: not known
	LastCaughtUpTime time.Time // when it last had everything the leader had
}

// Members are the voters and how far each has come, as of the last heartbeat.
func (n *Node) Members() []MemberState {
	if m := n.members.Load(); m != nil {
		return *m
	}
	var out []MemberState
	for _, v := range n.Voters() {
		out = append(out, MemberState{Voter: v, LogEndOffset: -1})
	}
	return out
}

// hear notes that a follower answered. It runs on the loop.
func (n *Node) hear(m *raftpb.Message) {
	t := m.GetType()
	if t != raftpb.MsgAppResp && t != raftpb.MsgHeartbeatResp {
		return
	}
	id := nodeID(m.GetFrom())
	state := n.heard[id]
	state.LastFetchTime = time.Now()
	if t == raftpb.MsgAppResp && !m.GetReject() && m.GetIndex() >= n.replica.log.index.last() {
		state.LastCaughtUpTime = state.LastFetchTime
	}
	n.heard[id] = state
}

// describe renews what Members returns. It runs on the loop.
func (n *Node) describe(now time.Time) {
	r := n.replica
	ends := map[ident.BrokerID]int64{}
	leads := r.failed == nil && r.raft.BasicStatus().RaftState == raft.StateLeader
	if leads {
		r.raft.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
			if pr.Match >= r.log.index.prev {
				ends[nodeID(id)] = r.log.index.nextOffset(min(pr.Match, r.log.index.last()))
			}
		})
	} else {
		clear(n.heard)
	}
	var out []MemberState
	for _, v := range r.log.voters.at(r.log.applied).voters {
		m := n.heard[v.ID]
		m.Voter, m.LogEndOffset = v, -1
		if end, ok := ends[v.ID]; ok {
			m.LogEndOffset = end
		}
		switch {
		case v.ID == n.cfg.NodeID:
			m.LogEndOffset, m.LastFetchTime, m.LastCaughtUpTime = r.log.index.endOffset, now, now
		case leads && m.LogEndOffset == r.log.index.endOffset: // nothing to fetch: every heartbeat it answers finds it caught up
			m.LastCaughtUpTime = m.LastFetchTime
		}
		out = append(out, m)
	}
	n.members.Store(&out)
}
