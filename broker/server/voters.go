package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/record"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/wire"
)

const (
	voterChangeTimeout  = 30 * time.Second // where the request names none
	maxQuorumListeners  = 16
	discoveryReminder   = 10 * time.Second
	metadataRecordLimit = 100_000 // of a bootstrap file
)

// firstVoters are the quorum's members when its log says nothing about them:
//
//	controller.quorum.voters, server.N           those, for good (kraft.version 0)
//	storage format --standalone, --initial-...   those that it wrote; the log knows later ones
//	storage format --no-initial-controllers      those that controller.quorum.bootstrap.servers name: this node waits to be added
//	nothing formatted, nobody else named         this node alone
//
// In the third case the result is nil: discoverVoters finds them. It touches nothing, so that a folder which needs formatting stays as it is.
func (s *Server) firstVoters() ([]quorum.Voter, error) {
	cfg := s.opts.Config
	alone := []quorum.Voter{{ID: s.nodeID}}
	if len(cfg.Quorum.Voters) > 0 {
		return s.configuredVoters(), nil
	}
	known, err := quorum.Look(s.opts.FS, cfg.MetadataLogDir)
	if err != nil {
		return nil, err
	}
	if len(known.Voters) > 0 {
		return known.Voters, nil
	}
	others := s.otherControllers()
	_, err = s.opts.FS.Stat(vfs.Join(cfg.MetadataLogDir, quorum.BootstrapFile))
	formatted := err == nil
	switch {
	case known.Log, len(others) == 0 && !formatted:
		return alone, nil
	case !formatted:
		return nil, fmt.Errorf("controller.quorum.bootstrap.servers names other controllers, and %s is not formatted: run `kgo storage format` with --initial-controllers on the first ones, --no-initial-controllers on one that is to be added, or set controller.quorum.voters", cfg.MetadataLogDir)
	}
	return nil, nil
}

// configuredVoters are those of controller.quorum.voters or server.N.
func (s *Server) configuredVoters() []quorum.Voter {
	cfg := s.opts.Config
	if len(cfg.Quorum.Voters) == 1 {
		return []quorum.Voter{{ID: s.nodeID}}
	}
	name := ""
	if names := cfg.Network.ControllerListeners; len(names) > 0 {
		name = names[0]
	}
	var out []quorum.Voter
	for _, v := range cfg.Quorum.Voters {
		out = append(out, quorum.Voter{ID: ident.BrokerID(v.ID), Endpoints: []quorum.Endpoint{{Name: name, Host: v.Host, Port: uint16(v.Port)}}})
	}
	return out
}

// otherControllers are the addresses of controller.quorum.bootstrap.servers that aren't this node's.
func (s *Server) otherControllers() []string {
	var others []string
	cfg := s.opts.Config
	for _, b := range cfg.Quorum.Bootstrap {
		own := slices.ContainsFunc(slices.Concat(cfg.Network.Listeners, cfg.Network.Advertised), func(l config.Listener) bool {
			return l.Port == b.Port && slices.Contains(cfg.Network.ControllerListeners, l.Name) &&
				(l.Host == b.Host || l.Host == "" || l.Host == "0.0.0.0" || isLoopback(l.Host) && isLoopback(b.Host))
		})
		if !own {
			others = append(others, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
		}
	}
	return others
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// discoverVoters asks who the voters are, until somebody answers, and writes it down: from then on the log says.
func (s *Server) discoverVoters(ctx context.Context) ([]quorum.Voter, error) {
	addresses := s.otherControllers()
	log := s.opts.Loggers.Logger("kafka.raft")
	q := newRemoteQuorum(s.opts.Network, brokerClientID, addresses, log)
	defer func() { _ = q.close() }()
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: metadataTopic, Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{}}}}
	backoff, reminded := remoteBackoffMin, time.Time{}
	for {
		resp, err := q.Request(ctx, req)
		if err == nil {
			voters := votersIn(resp.(*kmsg.DescribeQuorumResponse))
			if len(voters) > 0 {
				log.Info("the metadata quorum was found; this controller waits to be added to it (kgo metadata-quorum add-controller)", "voters", len(voters))
				return voters, quorum.WriteFirstVoters(s.opts.FS, s.opts.Config.MetadataLogDir, time.Now().UnixMilli(), voters)
			}
			err = errors.New("it has no leader")
		}
		if time.Since(reminded) > discoveryReminder {
			log.Warn("waiting for the metadata quorum that this controller is to be added to", "addresses", addresses, "error", err)
			reminded = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no metadata quorum answers at %v (controller.quorum.bootstrap.servers): %w", addresses, ctx.Err())
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, remoteBackoffMax)
	}
}

func votersIn(resp *kmsg.DescribeQuorumResponse) []quorum.Voter {
	var voters []quorum.Voter
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			for _, v := range p.CurrentVoters {
				voter := quorum.Voter{ID: ident.BrokerID(v.ReplicaID), DirectoryID: v.ReplicaDirectoryID}
				for _, n := range resp.Nodes {
					if n.NodeID != v.ReplicaID {
						continue
					}
					for _, l := range n.Listeners {
						voter.Endpoints = append(voter.Endpoints, quorum.Endpoint{Name: l.Name, Host: l.Host, Port: l.Port})
					}
				}
				voters = append(voters, voter)
			}
		}
	}
	return voters
}

// bootstrapRecords are a new cluster's features and other first records, where `storage format` wrote some.
func (s *Server) bootstrapRecords() (features []metadata.FeatureLevel, more []controller.Record, err error) {
	raw, err := quorum.ReadBootstrap(s.opts.FS, s.opts.Config.MetadataLogDir)
	if err != nil || len(raw) > metadataRecordLimit {
		return nil, nil, err
	}
	for _, r := range raw {
		m, version, err := record.ReadMetadata(r)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", quorum.BootstrapFile, err)
		}
		if f, ok := m.(*record.FeatureLevelRecord); ok {
			features = append(features, metadata.FeatureLevel{Name: f.Name, Level: f.FeatureLevel})
		} else {
			more = append(more, controller.Record{Message: m, Version: version})
		}
	}
	return features, more, nil
}

// isVoterChange reports whether a request changes the quorum's voters (KIP-853).
func isVoterChange(req kmsg.Request) bool {
	switch req.(type) {
	case *kmsg.AddRaftVoterRequest, *kmsg.RemoveRaftVoterRequest, *kmsg.UpdateRaftVoterRequest:
		return true
	}
	return false
}

// voterChange is what a request wants to do with a voter, in the words of Kafka's answers.
func voterChange(req kmsg.Request) string {
	switch req.(type) {
	case *kmsg.AddRaftVoterRequest:
		return "adding"
	case *kmsg.RemoveRaftVoterRequest:
		return "removing"
	}
	return "updating"
}

// ofOtherCluster reports whether a change of voters is meant for another cluster. Where it names none, it is for any.
func ofOtherCluster(req kmsg.Request, clusterID string) bool {
	var id *string
	switch r := req.(type) {
	case *kmsg.AddRaftVoterRequest:
		id = r.ClusterID
	case *kmsg.RemoveRaftVoterRequest:
		id = r.ClusterID
	case *kmsg.UpdateRaftVoterRequest:
		id = r.ClusterID
	}
	return id != nil && *id != clusterID
}

// changeVoters has the leader carry out a change of the voters; it returns when that is committed.
func changeVoters(ctx context.Context, n *quorum.Node, self ident.BrokerID, clusterID string, req kmsg.Request) (kmsg.Response, error) {
	if ofOtherCluster(req, clusterID) { // before all else, as in Apache Kafka
		return nil, fmt.Errorf("the request is for another cluster than %s: %w", clusterID, kerr.InconsistentClusterID)
	}
	leader, epoch := n.Leader()
	if leader != self {
		return nil, controller.ErrNotController
	}
	if update, ok := req.(*kmsg.UpdateRaftVoterRequest); ok && !n.Dynamic() {
		return locateVoter(n, update)
	}
	if !n.Dynamic() {
		return nil, wire.Refusef(kerr.UnsupportedVersion, "Cluster doesn't support %s voter because the kraft.version feature is 0", voterChange(req))
	}
	timeout := voterChangeTimeout
	if t, ok := req.(interface{ Timeout() int32 }); ok && t.Timeout() > 0 {
		timeout = min(timeout, time.Duration(t.Timeout())*time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var err error
	switch r := req.(type) {
	case *kmsg.AddRaftVoterRequest:
		if voter := slices.ContainsFunc(n.Voters(), func(v quorum.Voter) bool { return v.ID == ident.BrokerID(r.VoterID) }); voter {
			return nil, wire.Refusef(kerr.DuplicateVoter, "The voter id for ReplicaKey(id=%d, directoryId=%s) is already part of the set of voters %v.", r.VoterID, ident.UUID(r.VoterDirectoryID), voterIDs(n))
		}
		voter := quorum.Voter{ID: ident.BrokerID(r.VoterID), DirectoryID: r.VoterDirectoryID}
		for _, l := range r.Listeners {
			voter.Endpoints = append(voter.Endpoints, quorum.Endpoint{Name: l.Name, Host: l.Host, Port: l.Port})
		}
		if r.VoterID < 0 || len(voter.Endpoints) == 0 || len(voter.Endpoints) > maxQuorumListeners {
			return nil, wire.Refusef(kerr.InvalidRequest, "A voter needs an id and up to %d listeners.", maxQuorumListeners)
		}
		err = n.AddVoter(ctx, epoch, voter)
	case *kmsg.RemoveRaftVoterRequest:
		if known := slices.ContainsFunc(n.Voters(), func(v quorum.Voter) bool {
			return v.ID == ident.BrokerID(r.VoterID) && v.DirectoryID == r.VoterDirectoryID
		}); !known {
			return nil, wire.Refusef(kerr.VoterNotFound, "Cannot remove voter ReplicaKey(id=%d, directoryId=%s) from the set of voters %v", r.VoterID, ident.UUID(r.VoterDirectoryID), voterIDs(n))
		}
		if ident.BrokerID(r.VoterID) == self && len(n.Voters()) > 1 {
			n.Resign(epoch) // its successor removes it, so that there is somebody to lead at once
			return nil, controller.ErrNotController
		}
		err = n.RemoveVoter(ctx, epoch, ident.BrokerID(r.VoterID))
	case *kmsg.UpdateRaftVoterRequest:
		voter, refused := movedVoter(n, r)
		if refused != nil {
			return nil, refused
		}
		n.Locate(voter.ID, voter.Endpoints)
		err = n.AddVoter(ctx, epoch, voter)
	}
	switch {
	case errors.Is(err, quorum.ErrVoterSilent):
		return nil, wire.Refusef(kerr.RequestTimedOut, "%v", quorum.ErrVoterSilent)
	case errors.Is(err, quorum.ErrVoterChangePending), errors.Is(err, context.DeadlineExceeded):
		return nil, wire.Refusef(kerr.RequestTimedOut, "%v", err)
	case errors.Is(err, quorum.ErrNotLeader):
		return nil, controller.ErrNotController
	case err != nil:
		return nil, err
	}
	return req.ResponseKind(), nil
}

// movedVoter is the voter of an update, with its endpoints.
func movedVoter(n *quorum.Node, r *kmsg.UpdateRaftVoterRequest) (quorum.Voter, error) {
	voter := quorum.Voter{ID: ident.BrokerID(r.VoterID), DirectoryID: r.VoterDirectoryID}
	known := slices.ContainsFunc(n.Voters(), func(v quorum.Voter) bool {
		return v.ID == voter.ID && (v.DirectoryID == voter.DirectoryID || !n.Dynamic())
	})
	if !known {
		return voter, wire.Refusef(kerr.VoterNotFound, "Voter %d with directory id %s is not in the set of voters %v", r.VoterID, voter.DirectoryID, voterIDs(n))
	}
	for _, l := range r.Listeners {
		voter.Endpoints = append(voter.Endpoints, quorum.Endpoint{Name: l.Name, Host: l.Host, Port: l.Port})
	}
	if len(voter.Endpoints) == 0 || len(voter.Endpoints) > maxQuorumListeners {
		return voter, wire.Refusef(kerr.InvalidRequest, "A voter needs up to %d listeners.", maxQuorumListeners)
	}
	return voter, nil
}

// locateVoter notes where a voter of a static quorum is now; as with Apache Kafka's kraft.version 0 it is not written down.
func locateVoter(n *quorum.Node, r *kmsg.UpdateRaftVoterRequest) (kmsg.Response, error) {
	voter, err := movedVoter(n, r)
	if err != nil {
		return nil, err
	}
	n.Locate(voter.ID, voter.Endpoints)
	return r.ResponseKind(), nil
}

func voterIDs(n *quorum.Node) []ident.BrokerID {
	var ids []ident.BrokerID
	for _, v := range n.Voters() {
		ids = append(ids, v.ID)
	}
	return ids
}
