package server

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/wire"
)

// newFetchers makes what copies partitions from the brokers that lead them, over the inter-broker listener.
func (s *Server) newFetchers() *replica.Fetchers {
	cfg := s.state.config()
	return replica.NewFetchers(replica.FetcherConfig{
		BrokerID: s.nodeID, BrokerEpoch: s.life.epoch.Load, AwaitEpoch: true, Connect: s.connectBroker,
		Fetchers: cfg.Replica.Fetchers, MaxWait: cfg.Replica.FetchWaitMax, MinBytes: cfg.Replica.FetchMinBytes,
		MaxBytes: cfg.Replica.FetchResponseMaxBytes, PartitionMaxBytes: cfg.Replica.FetchMaxBytes, Backoff: cfg.Replica.FetchBackoff,
		Throttle: s.copying.follower,
		Logger:   s.opts.Loggers.Logger("kafka.server.ReplicaFetcherManager"),
	})
}

// connectBroker returns a client of another broker. The address is looked up at each dial: a broker may come back elsewhere.
func (s *Server) connectBroker(id ident.BrokerID) replica.Requester {
	return wire.NewClient(wire.ClientConfig{
		ClientID: fmt.Sprintf("broker-%d-fetcher", s.nodeID), Timeout: s.state.config().Replica.SocketTimeout, ReuseFetches: true,
		Dial: func(ctx context.Context) (net.Conn, error) {
			listener := s.state.config().Network.InterBroker
			b := s.store.Current().Broker(id)
			if b == nil {
				return nil, fmt.Errorf("broker %d is not registered", id)
			}
			e, ok := b.Endpoint(listener)
			if !ok {
				return nil, fmt.Errorf("broker %d has no listener %s, which inter.broker.listener.name or security.inter.broker.protocol asks for", id, listener)
			}
			return s.opts.Network.DialContext(ctx, net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))))
		},
	})
}

// rackAwareSelector is the one replica.selector.class that Apache Kafka ships.
const rackAwareSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector"

// replicaSelector is what sends consumers to nearer replicas; nil: they stay with the leader.
func (s *Server) replicaSelector() replica.ReplicaSelector {
	switch class := s.state.config().String("replica.selector.class"); class {
	case "":
		return nil
	case rackAwareSelector:
		return replica.RackAwareSelector{}
	default:
		s.log.Warn("replica.selector.class is a class that only a Java virtual machine can load; consumers read from the leaders", "class", class)
		return nil
	}
}
