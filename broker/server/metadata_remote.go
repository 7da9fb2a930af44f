package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

const (
	observerMaxBytes  = 8 << 20
	observerMaxWait   = 500 * time.Millisecond
	remoteBackoffMin  = 20 * time.Millisecond
	remoteBackoffMax  = time.Second
	firstReservedID   = 1000 // reserved.broker.max.id: ids that the cluster gives are above it
	waitingReminder   = 10 * time.Second
	metadataPartition = 0
	remoteRounds      = 3                // how often all members are asked before a request fails
	remotePatience    = 2 * time.Second  // with one member, for what is asked often
	divergedPatience  = 30 * time.Second // with members that know less of the log than this node does
)

// openRemote follows the quorum that the configuration names. Nothing on disk is touched before the quorum has said which cluster it is.
func (s *Server) openRemote(ctx context.Context) error { //nolint:contextcheck // what it opens ends by close
	addresses, key := quorumAddresses(s.opts.Config)
	if len(addresses) == 0 {
		return errors.New("the configuration names no metadata quorum: set controller.quorum.bootstrap.servers (or zookeeper.connect), or process.roles=broker,controller for one inside this process")
	}
	q := newRemoteQuorum(s.opts.Network, brokerClientID, addresses, s.opts.Loggers.Logger("kafka.server.NodeToControllerChannelManager"))
	s.quorum = q
	s.onStop(func(context.Context) { _ = q.close() })
	described, err := q.awaitCluster(ctx, key)
	if err != nil {
		return err
	}
	if id := s.opts.ClusterID; id != "" && id != q.cluster {
		return fmt.Errorf("the metadata quorum at %s belongs to cluster %s, this broker to %s: correct %s, or the cluster id that the broker is given", q.addresses(), q.cluster, id, key)
	}
	s.nodeID = s.chooseNodeID(nextBrokerID(described))
	if err := s.openStorage(ctx, q.cluster); err != nil {
		return err
	}
	s.store = metadata.NewStore(q.cluster)
	o := &observer{nodeID: s.nodeID, quorum: q, feed: newMetadataFeed(s.store), log: s.opts.Loggers.Logger("kafka.raft"), leaderChanged: func(id ident.BrokerID) { s.leaderChanged(ctx, id) }}
	for _, d := range s.storage.Dirs() {
		if o.directoryID.IsZero() || d.Path == s.opts.Config.MetadataLogDir {
			o.directoryID = d.DirectoryID
		}
	}
	caughtUp := make(chan struct{})
	follow, cancel := context.WithCancel(context.Background())
	s.wg.Go(func() {
		if err := o.run(follow, caughtUp); err != nil && follow.Err() == nil {
			s.fail(fmt.Errorf("metadata log: %w", err))
		}
	})
	s.onStop(func(context.Context) { cancel() })
	select {
	case <-caughtUp:
		return nil
	case <-s.failed:
		return s.Err()
	case <-ctx.Done():
		return fmt.Errorf("reading the metadata log from %s: %w", strings.Join(addresses, ","), ctx.Err())
	}
}

// quorumAddresses are where the configuration says the quorum is, and by which key.
func quorumAddresses(cfg *config.Broker) (addresses []string, key string) {
	q := cfg.Quorum
	servers, key := q.Bootstrap, "controller.quorum.bootstrap.servers"
	if len(servers) == 0 {
		key = "controller.quorum.voters"
		for _, v := range q.Voters {
			servers = append(servers, v.HostPort)
		}
	}
	if len(servers) == 0 {
		servers, key = q.ZooKeeper, "zookeeper.connect"
	}
	for _, s := range servers {
		addresses = append(addresses, s.String())
	}
	return addresses, key
}

// nextBrokerID is an id for a broker that was given none: above all that are taken.
func nextBrokerID(cluster *kmsg.DescribeClusterResponse) ident.BrokerID {
	next := ident.BrokerID(firstReservedID)
	for _, b := range cluster.Brokers {
		next = max(next, ident.BrokerID(b.NodeID))
	}
	return next + 1
}
