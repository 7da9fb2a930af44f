package api

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/netx"
	"github.com/kgo-project/kgo/broker/wire"
)

const (
	// reconnectGrace is how long a broker whose connection broke has to come back. One that lives does so at once.
	reconnectGrace = 200 * time.Millisecond
	// connectionFresh is how old a connection's last heartbeat may be for its end to mean something: a broker that was not heard on it any more had another.
	connectionFresh = 5 * time.Second
	probeAfter      = 50 * time.Millisecond // for live brokers to report to a new controller
	probeTimeout    = time.Second
	lostTimeout     = 5 * time.Second // for the controller to be told
)

// BrokerConnections watches the connections that brokers' heartbeats come over, because one that ends is news: the system closes it when the
// broker's process dies, long before the session times out. A broker that doesn't come back at once is fenced.
//
// DEVIATION(kafka): Apache Kafka waits for broker.session.timeout.ms. A broker that hangs keeps its connection, and gets that time here as well. One
// whose connection ended and whose address refuses others has no process any more; for one that merely doesn't answer there is reconnectGrace.
//
// What the controller is told is the heartbeat of a broker that is gone: fenced and shut down. Should the broker live after all, its next
// heartbeat lets it in again.
type BrokerConnections struct {
	Submit  func(ctx context.Context, caller *controller.Context, req kmsg.Request) (kmsg.Response, error)
	Network netx.Network
	Leader  func() ident.BrokerID // of the quorum, as far as this node knows
	Store   *metadata.Store       // where brokers' addresses are
	Logger  *slog.Logger

	// mu guards everything in this struct.
	mu struct {
		sync.Mutex
		brokers map[int32]*brokerConnection // the one that each was last heard on
		heardAt map[int32]time.Time         // on whatever connection, another member's included
		closed  bool
	}
}

type brokerConnection struct {
	conn      *wire.Conn
	heartbeat kmsg.BrokerHeartbeatRequest // the last one
	heardAt   time.Time
	leader    ident.BrokerID // at that time
}

// heard notes a heartbeat; own says that it came over a connection that ends with the broker.
func (b *BrokerConnections) heard(conn *wire.Conn, req *kmsg.BrokerHeartbeatRequest, own bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.brokers == nil {
		b.mu.brokers, b.mu.heardAt = make(map[int32]*brokerConnection), make(map[int32]time.Time)
	}
	b.mu.heardAt[req.BrokerID] = time.Now()
	if !own {
		return
	}
	c := b.mu.brokers[req.BrokerID]
	if c == nil || c.conn != conn {
		c = &brokerConnection{conn: conn}
		id := ident.BrokerID(req.BrokerID)
		b.mu.brokers[req.BrokerID] = c
		context.AfterFunc(conn.Context(), func() {
			grace := time.Now().Add(reconnectGrace)
			ctx, cancel := context.WithDeadline(context.Background(), grace)
			defer cancel()
			if broker := b.Store.Current().Broker(id); broker != nil && b.dead(ctx, broker) {
				b.ended(c, true)
				return
			}
			time.AfterFunc(time.Until(grace), func() { b.ended(c, false) })
		})
	}
	c.heartbeat.BrokerID, c.heartbeat.BrokerEpoch, c.heartbeat.CurrentMetadataOffset = req.BrokerID, req.BrokerEpoch, req.CurrentMetadataOffset
	c.heardAt, c.leader = b.mu.heardAt[req.BrokerID], b.Leader()
}

// ended is called when a connection has been closed for a while, and the broker is dead or just doesn't come back. Where the leader has changed meanwhile, the
// latter has a good reason: it reports to that one.
func (b *BrokerConnections) ended(c *brokerConnection, dead bool) {
	b.mu.Lock()
	gone := !b.mu.closed && b.mu.brokers[c.heartbeat.BrokerID] == c
	if gone {
		delete(b.mu.brokers, c.heartbeat.BrokerID)
	}
	moved := !dead && c.leader != b.Leader()
	b.mu.Unlock()
	if gone && !moved && time.Since(c.heardAt) < connectionFresh {
		b.lost(c.heartbeat.BrokerID, c.heartbeat.BrokerEpoch, c.heartbeat.CurrentMetadataOffset, "its connection has ended")
	}
}

func (b *BrokerConnections) lost(id int32, epoch, offset int64, why string) {
	ctx, cancel := context.WithTimeout(context.Background(), lostTimeout)
	defer cancel()
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.BrokerID, req.BrokerEpoch, req.CurrentMetadataOffset = id, epoch, offset
	req.WantFence, req.WantShutdown = true, true
	if _, err := b.Submit(ctx, &controller.Context{}, req); err != nil { // stale where it registered anew meanwhile
		b.Logger.Debug("a broker that is gone could not be fenced", "broker", id, "error", err)
		return
	}
	b.Logger.Info("broker gone", "broker", id, "broker_epoch", epoch, "reason", why)
}

// Probe finds the brokers that died together with the controller that watched them: a new active controller calls it. All live ones report to it
// when they hear of it. One that doesn't and whose address refuses connections has no process any more; one whose address doesn't answer is
// left to its session's time-out.
func (b *BrokerConnections) Probe(ctx context.Context, self int32) {
	began := time.Now()
	select {
	case <-ctx.Done():
		return
	case <-time.After(probeAfter):
	}
	for broker := range b.Store.Current().Brokers() {
		b.mu.Lock()
		reported := b.mu.heardAt[int32(broker.ID)].After(began)
		b.mu.Unlock()
		if reported || broker.Fenced || int32(broker.ID) == self {
			continue
		}
		go func() {
			if b.dead(ctx, broker) {
				b.lost(int32(broker.ID), broker.Epoch, -1, "its address refuses connections") //nolint:contextcheck // the report is sent though the connection that gave the context is gone
			}
		}()
	}
}

// dead reports whether a broker's address refuses connections, twice: then no process is there.
func (b *BrokerConnections) dead(ctx context.Context, broker *metadata.Broker) bool {
	if len(broker.Endpoints) == 0 {
		return false
	}
	addr := net.JoinHostPort(broker.Endpoints[0].Host, strconv.Itoa(int(broker.Endpoints[0].Port)))
	return netx.Refuses(ctx, b.Network, addr, probeTimeout)
}

// Close ends the watch: this node closes its connections itself, which says nothing about brokers.
func (b *BrokerConnections) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.closed = true
}
