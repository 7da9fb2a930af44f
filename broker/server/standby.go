package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kgo-project/kgo/broker/api"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/quorum"
)

const (
	standbyPoll     = 100 * time.Millisecond // between looks whether raft brings the metadata
	standbyPatience = 2 * time.Second        // without a leader, before others are asked: several elections' time
)

// standby keeps the metadata coming, and requests going, where raft does not: on a controller that isn't a voter yet, or was removed. A removed voter may not
// have heard of its removal, as the others no longer talk to it; so one that has known no leader for a while asks as well. What it is given is
// committed, and so right in any case.
type standby struct {
	server *Server
	quorum *embeddedQuorum
	node   *quorum.Node
	feed   *metadataFeed
}

func (s *Server) startStandby(q *embeddedQuorum, n *quorum.Node, feed *metadataFeed) {
	if n.Voters()[0].ID == s.nodeID && len(n.Voters()) == 1 && !n.Dynamic() {
		return // alone, for good
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sb := &standby{s, q, n, feed}
		if err := sb.run(ctx); err != nil && ctx.Err() == nil {
			s.fail(fmt.Errorf("metadata log: %w", err))
		}
	}()
	s.onStop(func(context.Context) {
		cancel()
		<-done
	})
}

func (sb *standby) run(ctx context.Context) error {
	led := time.Now()
	for {
		if leader, _ := sb.node.Leader(); leader != ident.NoBroker {
			led = time.Now()
		}
		if !sb.votes() || time.Since(led) > standbyPatience {
			if err := sb.observe(ctx); err != nil {
				return err
			}
			led = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(standbyPoll):
		}
	}
}

func (sb *standby) votes() bool {
	return slices.ContainsFunc(sb.node.Voters(), func(v quorum.Voter) bool { return v.ID == sb.server.nodeID })
}

// observe follows the quorum through its members' listeners until raft does.
func (sb *standby) observe(ctx context.Context) error {
	s := sb.server
	var voters []quorum.Voter
	for _, v := range sb.node.Voters() {
		if v.ID != s.nodeID {
			voters = append(voters, v)
		}
	}
	log := s.opts.Loggers.Logger("kafka.raft")
	members := append(s.otherControllers(), firstEndpoints(voters)...)
	if len(members) == 0 {
		return nil
	}
	r := newRemoteQuorum(s.opts.Network, api.DetourClientID, members, log)
	r.cluster = sb.quorum.cluster
	defer func() {
		sb.quorum.router.remote.Store(nil)
		_ = r.close()
	}()
	o := &observer{nodeID: s.nodeID, quorum: r, feed: sb.feed, log: log, leaderChanged: func(id ident.BrokerID) {
		log.Info("following the metadata quorum without a vote", "leader", id)
		s.leaderChanged(ctx, id)
	}}
	for _, d := range s.storage.Dirs() {
		if d.Path == s.opts.Config.MetadataLogDir {
			o.directoryID = d.DirectoryID
		}
	}
	o.resume()
	sb.quorum.router.remote.Store(r)
	backoff := remoteBackoffMin
	for ctx.Err() == nil {
		if leader, _ := sb.node.Leader(); leader != ident.NoBroker && sb.votes() {
			return nil
		}
		_, err := o.step(ctx)
		switch {
		case errors.Is(err, errUnusableMetadata):
			return err
		case err != nil:
			log.Debug("the metadata log can't be fetched", "error", err)
			backoff = min(2*backoff, remoteBackoffMax)
		default:
			backoff = remoteBackoffMin
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
	}
	return ctx.Err()
}

// firstEndpoints are where voters are, as far as that is known.
func firstEndpoints(voters []quorum.Voter) (out []string) {
	for _, v := range voters {
		out = append(out, endpointsOf(v)[:min(1, len(v.Endpoints))]...)
	}
	return out
}
