package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/storage"
)

// newClusterID names a new cluster. The members of an ensemble must come to the same name without talking, as they don't talk to those of another
// cluster: it is made of who and where they are. A lone voter has a random one.
func newClusterID(voters []config.Voter) string {
	if len(voters) < 2 {
		return storage.NewUUID().String()
	}
	voters = slices.SortedFunc(slices.Values(voters), func(a, b config.Voter) int { return int(a.ID) - int(b.ID) })
	hash := sha256.New()
	for _, v := range voters {
		fmt.Fprintf(hash, "%d@%s\n", v.ID, v.String())
	}
	var id ident.UUID
	copy(id[:], hash.Sum(nil))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8: made by a rule of our own
	return id.String()
}

// shareControllerListeners lets voters in at the listeners for controllers, where there are other voters.
func (s *Server) shareControllerListeners() []*votersListener {
	if len(s.opts.Config.Quorum.Voters) == 1 {
		return nil
	}
	var all []*votersListener
	for _, sock := range s.sockets.all() {
		if slices.Contains(s.opts.Config.Network.ControllerListeners, sock.config.Name) {
			l := newVotersListener(sock.Listener)
			sock.Listener = l.kafka
			all = append(all, l)
			go l.run() // ends with the listener, which is closed as any other
		}
	}
	return all
}

// votersTransport makes the way to the other voters, nil where there are none.
func (s *Server) votersTransport(clusterID string) func(quorum.Receiver) (quorum.Transport, error) {
	shared := s.shareControllerListeners()
	if len(shared) == 0 {
		return nil
	}
	return func(r quorum.Receiver) (quorum.Transport, error) {
		return quorum.NewNetworkTransport(quorum.NetworkConfig{
			Network: s.opts.Network, Listener: newRaftListeners(shared), NodeID: s.nodeID, ClusterID: clusterID, Logger: s.opts.Loggers.Logger("kafka.raft"),
		}, r), nil
	}
}

// leaderChanged has this node's broker report to a new active controller. Where that is this node's, it looks which brokers are gone.
func (s *Server) leaderChanged(ctx context.Context, leader ident.BrokerID) {
	if l := s.beating.Load(); l != nil && leader != ident.NoBroker {
		l.nudge()
	}
	if q, ok := s.quorum.(*embeddedQuorum); ok && leader == s.nodeID {
		go q.brokers.Probe(ctx, int32(s.nodeID))
	}
}

// QuorumRole is what this node is in the metadata quorum: "leader", "follower", "standalone", or "looking" while there is no leader.
func (s *Server) QuorumRole() string {
	q, ok := s.quorum.(*embeddedQuorum)
	switch {
	case !ok:
		return "observer"
	case q.router.alone():
		return "standalone"
	case q.router.leader() == s.nodeID:
		return "leader"
	case q.router.leader() == ident.NoBroker:
		return "looking"
	}
	return "follower"
}
