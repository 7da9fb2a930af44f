package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/netx"
	"github.com/kgo-project/kgo/broker/wire"
)

// remoteQuorum is a metadataSource in other processes: requests go to whichever of its members answers.
type remoteQuorum struct {
	network    netx.Network
	clientID   string
	configured []string // addresses
	log        *slog.Logger
	cluster    string // set before anything else is started
	leader     atomic.Int32

	// mu guards everything in this struct.
	mu struct {
		sync.Mutex
		members []remoteMember // the configured ones, and those that the log names
		current int            // the member that answered last
		closed  bool
	}
}

type remoteMember struct {
	address string
	client  *wire.Client
}

// brokerClientID is the client id of a broker's requests to the quorum.
const brokerClientID = "kgo-broker"

func newRemoteQuorum(network netx.Network, clientID string, addresses []string, log *slog.Logger) *remoteQuorum {
	q := &remoteQuorum{network: network, clientID: clientID, configured: addresses, log: log}
	q.leader.Store(int32(ident.NoBroker))
	q.learn(nil)
	return q
}

// learn makes voters the members to ask, beside those that the configuration names: it need not name all, and some may have moved.
func (q *remoteQuorum) learn(voters []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.closed {
		return
	}
	old := q.mu.members
	current := ""
	if len(old) > 0 {
		current = old[q.mu.current].address
	}
	q.mu.members, q.mu.current = nil, 0
	for _, a := range slices.Concat(q.configured, voters) {
		if slices.ContainsFunc(q.mu.members, func(m remoteMember) bool { return m.address == a }) {
			continue
		}
		m := remoteMember{address: a}
		if i := slices.IndexFunc(old, func(m remoteMember) bool { return m.address == a }); i >= 0 {
			m.client = old[i].client
		} else {
			m.client = wire.NewClient(wire.ClientConfig{
				ClientID: q.clientID, Dial: func(ctx context.Context) (net.Conn, error) { return q.network.DialContext(ctx, a) },
			})
		}
		if a == current {
			q.mu.current = len(q.mu.members)
		}
		q.mu.members = append(q.mu.members, m)
	}
	for _, m := range old {
		if !slices.Contains(q.mu.members, m) {
			_ = m.client.Close() // what it was asked is asked again of another
		}
	}
}

// member is the one to ask now; n is how many there are.
func (q *remoteQuorum) member() (m remoteMember, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.closed || len(q.mu.members) == 0 {
		return remoteMember{}, 0
	}
	return q.mu.members[q.mu.current], len(q.mu.members)
}

func (q *remoteQuorum) addresses() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []string
	for _, m := range q.mu.members {
		all = append(all, m.address)
	}
	return strings.Join(all, ",")
}

func (q *remoteQuorum) clusterID() string { return q.cluster }

func (q *remoteQuorum) activeController() ident.BrokerID { return ident.BrokerID(q.leader.Load()) }

func (q *remoteQuorum) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.closed = true
	var errs []error
	for _, m := range q.mu.members {
		errs = append(errs, m.client.Close())
	}
	return errors.Join(errs...)
}

// Request asks the member that answered last, and the others in turn while there is no answer. Any member will do: it brings the request to the
// leader. As in Apache Kafka's brokers, a request whose answer was lost is asked again, so that the death of a member is not the client's problem;
// when all have failed, several times over, the error is.
func (q *remoteQuorum) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	var errs []error
	for attempt := 0; ; attempt++ {
		m, n := q.member()
		if n == 0 {
			return nil, wire.ErrClientClosed
		}
		if attempt >= remoteRounds*n {
			return nil, errors.Join(errs...)
		}
		resp, err := ask(ctx, m.client, req)
		if err == nil {
			return resp, nil
		}
		if attempt < n {
			errs = append(errs, fmt.Errorf("%s: %w", m.address, err))
		}
		q.moveOn(m)
		if ctx.Err() != nil {
			return nil, errors.Join(errs...)
		}
		if (attempt+1)%n == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(remoteBackoffMin << (attempt / n)):
			}
		}
	}
}

// ask asks one member. What is due again soon, and a look at who is there, are not waited for as long as an administrator's request: a member that is itself
// waiting for the quorum takes connections and doesn't answer.
func ask(ctx context.Context, client *wire.Client, req kmsg.Request) (kmsg.Response, error) {
	switch req.(type) {
	case *kmsg.BrokerHeartbeatRequest, *kmsg.FetchRequest, *kmsg.DescribeClusterRequest, *kmsg.DescribeQuorumRequest:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, remotePatience)
		defer cancel()
	}
	return client.Request(ctx, req)
}

// moveOn makes the next member the one to ask, unless that has happened.
func (q *remoteQuorum) moveOn(from remoteMember) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.mu.members) > 0 && q.mu.members[q.mu.current] == from {
		q.mu.current = (q.mu.current + 1) % len(q.mu.members)
	}
}

// notThisMember is called where a member answered what another may answer better: one that has fallen behind, for example.
func (q *remoteQuorum) notThisMember() {
	m, _ := q.member()
	q.moveOn(m)
}

// awaitCluster asks which cluster the quorum is until it answers, and says what it waits for.
func (q *remoteQuorum) awaitCluster(ctx context.Context, key string) (*kmsg.DescribeClusterResponse, error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.EndpointType, req.IncludeFencedBrokers = 1, true
	backoff, reminded := remoteBackoffMin, time.Time{}
	for {
		resp, err := q.Request(ctx, req)
		if err == nil {
			d := resp.(*kmsg.DescribeClusterResponse)
			if err = kerr.ErrorForCode(d.ErrorCode); err == nil && d.ClusterID != "" {
				q.cluster = d.ClusterID
				return d, nil
			}
		}
		if time.Since(reminded) > waitingReminder {
			q.log.Warn("waiting for the metadata quorum: start it with `kgo coordinator`, or correct the address", "key", key, "addresses", q.addresses(), "error", err)
			reminded = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no metadata quorum answers at %s (%s); start one with `kgo coordinator`: %w", q.addresses(), key, ctx.Err())
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, remoteBackoffMax)
	}
}
