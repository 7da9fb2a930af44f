package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/api"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/netx"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/wire"
)

const (
	leaderPoll = 20 * time.Millisecond // between looks for a leader
	// leaderPatience is how long a request waits for one. Elections take a second or two; a client that is told so sooner than it gives up knows what is wrong.
	leaderPatience = 8 * time.Second
)

// leaderRouter brings a request to the active controller, whichever voter's it is: this node's own without the network, another's over its
// listener for controllers. While there is none, and when it dies over a request, the request waits for the next, as in Apache Kafka's brokers:
// one that was carried out already is then asked for again, and answered accordingly (TOPIC_ALREADY_EXISTS). Without a quorum it is refused after a while.
//
// DEVIATION(kafka): Apache Kafka's brokers wait for a minute, when most clients have given up.
type leaderRouter struct {
	nodeID   ident.BrokerID
	cluster  string
	local    *controller.Controller
	node     *lateNode
	network  netx.Network
	self     quorum.Voter                 // this node, with its directory and endpoints
	upgraded func()                       // told when the voters have come into the log
	remote   atomic.Pointer[remoteQuorum] // where raft tells this node nothing: see standby

	mu      sync.Mutex
	clients map[clientOf]*wire.Client
	closed  bool
}

// clientOf names a connection to a voter. What the broker of this node says itself has its own, so that its end tells of the broker's.
type clientOf struct {
	voter ident.BrokerID
	own   bool
}

// submit has the active controller handle the request. caller is of use where that is this node's.
func (r *leaderRouter) submit(ctx context.Context, caller *controller.Context, req kmsg.Request) (kmsg.Response, error) {
	began := time.Now()
	for {
		resp, err := r.try(ctx, caller, req)
		if err == nil || !errors.Is(err, controller.ErrNotController) && !errors.Is(err, errForwarding) {
			return resp, err
		}
		if caller.Detoured && r.leader() == ident.NoBroker {
			return nil, controller.ErrNotController // another member may know more
		}
		if r.alone() { // a lone voter that doesn't lead is starting or stopping
			return nil, err
		}
		if time.Since(began) > leaderPatience {
			return nil, wire.Refusef(kerr.RequestTimedOut, "The metadata quorum has no active controller, and nothing can be changed without one: %v", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", controller.ErrNotController, err)
		case <-time.After(leaderPoll):
		}
	}
}

// errForwarding marks a request that didn't get an answer from the voter that led.
var errForwarding = errors.New("the active controller could not be asked")

func (r *leaderRouter) try(ctx context.Context, caller *controller.Context, req kmsg.Request) (kmsg.Response, error) {
	leader := r.leader()
	switch leader {
	case ident.NoBroker:
		if q := r.remote.Load(); q != nil && !caller.Detoured {
			return r.elsewhere(ctx, q, req)
		}
		return nil, controller.ErrNotController
	case r.nodeID:
		return r.here(ctx, caller, req)
	}
	client, err := r.client(clientOf{leader, caller.InProcess})
	if err != nil {
		return nil, err
	}
	attempt, cancel := context.WithCancel(ctx)
	defer cancel()
	go r.watch(attempt, cancel, leader)
	resp, err := client.Request(attempt, req)
	if err != nil {
		return nil, fmt.Errorf("%w: node %d: %w", errForwarding, leader, err)
	}
	return resp, nil
}

// elsewhere has any member bring the request to the leader.
func (r *leaderRouter) elsewhere(ctx context.Context, q *remoteQuorum, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, leaderPatience) // a member that hangs must not use up the client's patience
	defer cancel()
	resp, err := q.Request(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForwarding, err)
	}
	return resp, nil
}

// here has this node handle the request: the quorum a change of voters, the controller all others.
func (r *leaderRouter) here(ctx context.Context, caller *controller.Context, req kmsg.Request) (kmsg.Response, error) {
	if n := r.node.node.Load(); n != nil && isVoterChange(req) {
		return changeVoters(ctx, n, r.nodeID, r.cluster, req)
	} else if u, ok := req.(*kmsg.UpdateFeaturesRequest); ok && n != nil && upgradesQuorum(u) && !n.Dynamic() {
		return r.updateFeatures(ctx, caller, n, u)
	}
	return r.local.Submit(ctx, caller, req)
}

// watch ends an attempt when another node leads.
func (r *leaderRouter) watch(ctx context.Context, cancel context.CancelFunc, leader ident.BrokerID) {
	ticker := time.NewTicker(leaderPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if now := r.leader(); now != leader && now != ident.NoBroker {
				cancel()
				return
			}
		}
	}
}

func (r *leaderRouter) leader() ident.BrokerID {
	if n := r.node.node.Load(); n != nil {
		leader, _ := n.Leader()
		return leader
	}
	return ident.NoBroker
}

// active is the active controller, as far as this node knows by whatever way.
func (r *leaderRouter) active() ident.BrokerID {
	leader := r.leader()
	if q := r.remote.Load(); leader == ident.NoBroker && q != nil {
		return q.activeController()
	}
	return leader
}

func (r *leaderRouter) alone() bool {
	n := r.node.node.Load()
	return n == nil || len(n.Voters()) < 2 && n.Voters()[0].ID == r.nodeID
}

// client returns the connection to a voter, which dials where the voter is at that time.
func (r *leaderRouter) client(of clientOf) (*wire.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, wire.ErrClientClosed
	}
	c := r.clients[of]
	if c == nil {
		name := api.ForwardingClientID
		if of.own {
			name = api.NodeClientID
		}
		c = wire.NewClient(wire.ClientConfig{ClientID: name, Dial: func(ctx context.Context) (net.Conn, error) {
			addr, err := r.address(of.voter)
			if err != nil {
				return nil, err
			}
			return r.network.DialContext(ctx, addr)
		}})
		if r.clients == nil {
			r.clients = make(map[clientOf]*wire.Client)
		}
		r.clients[of] = c
	}
	return c, nil
}

func (r *leaderRouter) address(id ident.BrokerID) (string, error) {
	if n := r.node.node.Load(); n != nil {
		for _, v := range n.Voters() {
			if v.ID == id && len(v.Endpoints) > 0 {
				return net.JoinHostPort(v.Endpoints[0].Host, strconv.Itoa(int(v.Endpoints[0].Port))), nil
			}
		}
	}
	return "", fmt.Errorf("the address of node %d is not known", id)
}

func (r *leaderRouter) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, c := range r.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
