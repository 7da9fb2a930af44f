package quorum

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/netx"
)

const (
	peerQueue        = 256                    // messages that wait for a peer; more are dropped, raft sends again
	dialTimeout      = 2 * time.Second        // for connecting and being welcomed
	writeTimeout     = 10 * time.Second       // for a frame to leave
	retryFirst       = 20 * time.Millisecond  // the wait after a failed dial, doubled each time
	retryMost        = 100 * time.Millisecond // and its bound: a voter that comes back should not have to wait for its leader
	retryRefused     = 5 * time.Second        // after a peer that does not want us
	greetingTimeout  = 5 * time.Second        // for what connected to say who it is
	maxIncoming      = 64                     // connections from peers at a time
	reconnectGrace   = 150 * time.Millisecond // for a peer whose connection broke to make another: above its heartbeat interval and its retry
	acceptErrorDelay = 100 * time.Millisecond // after a failed accept
)

// NetworkConfig says how a node talks to the other voters.
type NetworkConfig struct {
	Network   netx.Network
	Listener  net.Listener // where peers connect; closed by the transport
	NodeID    ident.BrokerID
	ClusterID string
	// ListenerName is the endpoint of a voter to connect to; "" takes its first one.
	ListenerName string
	Logger       *slog.Logger
}

// NetworkTransport is the Transport over connections: one to each voter for what this node sends, and one from each for what it gets.
type NetworkTransport struct {
	cfg      NetworkConfig
	receiver Receiver
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	// mu guards everything in this struct. Never held across network or channel waits.
	mu struct {
		sync.Mutex
		peers    map[ident.BrokerID]*peer
		incoming map[net.Conn]struct{}
		from     map[ident.BrokerID]int // connections that each peer's messages come over
		closed   bool
	}
}

// peer is the way to one voter.
type peer struct {
	id    ident.BrokerID
	queue chan *raftpb.Message
}

// NewNetworkTransport starts to accept peers' connections. It dials a peer when there is something to send.
func NewNetworkTransport(cfg NetworkConfig, receiver Receiver) *NetworkTransport {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ends with Close
	t := &NetworkTransport{cfg: cfg, receiver: receiver, ctx: ctx, cancel: cancel}
	t.mu.peers = make(map[ident.BrokerID]*peer)
	t.mu.incoming = make(map[net.Conn]struct{})
	t.mu.from = make(map[ident.BrokerID]int)
	t.wg.Go(t.accept)
	return t
}

// Send implements Transport. A full queue drops the message and lets raft know.
func (t *NetworkTransport) Send(messages []*raftpb.Message) {
	for _, m := range messages {
		p := t.peer(nodeID(m.GetTo()))
		if p == nil {
			return
		}
		select {
		case p.queue <- m:
		default:
			t.lost(m, p.id)
		}
	}
}

// lost tells raft about a message that did not get through. A snapshot's end is reported from another goroutine, as it must not be dropped.
func (t *NetworkTransport) lost(m *raftpb.Message, id ident.BrokerID) {
	t.receiver.Unreachable(id)
	if m.GetType() == raftpb.MsgSnap {
		go t.receiver.SnapshotSent(id, false)
	}
}

func (t *NetworkTransport) peer(id ident.BrokerID) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed {
		return nil
	}
	p := t.mu.peers[id]
	if p == nil {
		p = &peer{id: id, queue: make(chan *raftpb.Message, peerQueue)}
		t.mu.peers[id] = p
		t.wg.Go(func() { t.serve(p) })
	}
	return p
}

// serve keeps a connection to a peer while there is something to send. While it can't be had, what waits is dropped: raft's messages age fast.
func (t *NetworkTransport) serve(p *peer) {
	wait := retryFirst
	for {
		var first *raftpb.Message
		select {
		case first = <-p.queue:
		case <-t.ctx.Done():
			return
		}
		conn, err := t.dial(p.id)
		if err == nil {
			wait = retryFirst
			err = t.stream(conn, p, first)
			_ = conn.Close()
		} else {
			t.lost(first, p.id)
			if wait = min(2*wait, retryMost); errors.Is(err, errRefused) {
				wait = retryRefused
			}
			t.cfg.Logger.Debug("no connection to a voter", "node", int32(p.id), "error", err)
		}
		if t.ctx.Err() != nil {
			return
		}
		if err != nil && !t.pause(p, wait) {
			return
		}
	}
}

// pause drops what is sent to a peer that can't be reached for a while.
func (t *NetworkTransport) pause(p *peer, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case m := <-p.queue:
			t.lost(m, p.id)
		case <-timer.C:
			return true
		case <-t.ctx.Done():
			return false
		}
	}
}

func (t *NetworkTransport) dial(id ident.BrokerID) (net.Conn, error) {
	addr, err := t.address(id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.ctx, dialTimeout)
	defer cancel()
	conn, err := t.cfg.Network.DialContext(ctx, addr)
	if err != nil {
		return nil, err
	}
	if err := t.greet(conn, id); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("node %d at %s: %w", id, addr, err)
	}
	return conn, nil
}

func (t *NetworkTransport) address(id ident.BrokerID) (string, error) {
	for _, v := range t.receiver.Voters() {
		if v.ID != id {
			continue
		}
		for _, e := range v.Endpoints {
			if t.cfg.ListenerName == "" || e.Name == t.cfg.ListenerName {
				return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))), nil
			}
		}
	}
	return "", fmt.Errorf("the address of node %d is not known", id)
}

func (t *NetworkTransport) greet(conn net.Conn, id ident.BrokerID) error {
	stop := context.AfterFunc(t.ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(dialTimeout))
	hello := greeting{from: t.cfg.NodeID, to: id, clusterID: t.cfg.ClusterID}
	if _, err := conn.Write(hello.append(nil)); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := conn.Read(answer[:]); err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Time{})
	return answerError(answer[0])
}

// stream sends first and what follows until the connection breaks. Messages that wait together leave with one write.
func (t *NetworkTransport) stream(conn net.Conn, p *peer, first *raftpb.Message) error {
	stop := context.AfterFunc(t.ctx, func() { _ = conn.Close() })
	defer stop()
	var buf []byte
	for m := first; ; {
		batch := []*raftpb.Message{m}
		buf = buf[:0]
		var err error
		for err == nil && m != nil {
			if buf, err = appendFrame(buf, m); err != nil {
				return err
			}
			m = nil
			if len(buf) < frameStep {
				select {
				case m = <-p.queue:
					batch = append(batch, m)
				default:
				}
			}
		}
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout + time.Duration(len(buf)>>20)*time.Second))
		_, err = conn.Write(buf)
		for _, sent := range batch {
			if err != nil {
				t.lost(sent, p.id)
			} else if sent.GetType() == raftpb.MsgSnap {
				t.receiver.SnapshotSent(p.id, true)
			}
		}
		if err != nil {
			return err
		}
		if cap(buf) > 4*frameStep {
			buf = nil
		}
		select {
		case m = <-p.queue:
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
	}
}

func (t *NetworkTransport) accept() {
	for {
		conn, err := t.cfg.Listener.Accept()
		if t.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		if err != nil {
			t.cfg.Logger.Warn("accepting a quorum connection", "error", err)
			select {
			case <-time.After(acceptErrorDelay):
				continue
			case <-t.ctx.Done():
				return
			}
		}
		if !t.admit(conn) {
			_ = conn.Close()
			continue
		}
		t.wg.Go(func() { t.receive(conn) })
	}
}

func (t *NetworkTransport) admit(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed || len(t.mu.incoming) >= maxIncoming {
		return false
	}
	t.mu.incoming[conn] = struct{}{}
	return true
}

// receive reads a peer's messages and delivers those that are what they should be: from the node that greeted, to this one.
func (t *NetworkTransport) receive(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		t.mu.Lock()
		delete(t.mu.incoming, conn)
		t.mu.Unlock()
	}()
	from, err := t.welcome(conn)
	if err == nil {
		t.connected(from, 1)
		defer t.disconnected(from)
	}
	in := bufio.NewReaderSize(conn, 64<<10)
	for err == nil {
		var m *raftpb.Message
		if m, err = readFrame(in); err != nil {
			break
		}
		if m.GetFrom() != raftID(from) || m.GetTo() != raftID(t.cfg.NodeID) {
			err = fmt.Errorf("a message from node %d to node %d", nodeID(m.GetFrom()), nodeID(m.GetTo()))
			break
		}
		t.receiver.Deliver(m)
	}
	if t.ctx.Err() == nil {
		t.cfg.Logger.Debug("quorum connection ended", "remote", conn.RemoteAddr().String(), "error", err)
	}
}

func (t *NetworkTransport) connected(from ident.BrokerID, n int) (left int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.from[from] += n
	return t.mu.from[from]
}

// disconnected tells the receiver that a peer is gone, unless it connects again at once, as a live one does that has something to say. One whose address refuses connections has no
// process any more, and is not waited for.
func (t *NetworkTransport) disconnected(from ident.BrokerID) {
	if t.connected(from, -1) > 0 {
		return
	}
	grace, cancel := context.WithTimeout(t.ctx, reconnectGrace)
	defer cancel()
	if addr, err := t.address(from); err != nil || !netx.Refuses(grace, t.cfg.Network, addr, reconnectGrace) {
		<-grace.Done()
	}
	if t.ctx.Err() == nil && t.connected(from, 0) == 0 {
		t.receiver.Disconnected(from)
	}
}

func (t *NetworkTransport) welcome(conn net.Conn) (ident.BrokerID, error) {
	_ = conn.SetDeadline(time.Now().Add(greetingTimeout))
	g, err := readGreeting(conn)
	if err != nil {
		return 0, err
	}
	answer := byte(welcome)
	switch {
	case g.version != protocolVersion:
		answer = otherVersion
	case g.clusterID != t.cfg.ClusterID:
		answer = otherCluster
	case g.to != t.cfg.NodeID:
		answer = otherReceiver
	}
	if _, err := conn.Write([]byte{answer}); err != nil {
		return 0, err
	}
	if answer != welcome {
		t.cfg.Logger.Warn("quorum connection refused", "remote", conn.RemoteAddr().String(), "node", int32(g.from), "cluster_id", g.clusterID)
		return 0, errRefused
	}
	return g.from, conn.SetDeadline(time.Time{})
}

// Close implements Transport.
func (t *NetworkTransport) Close() error {
	t.mu.Lock()
	t.mu.closed = true
	for conn := range t.mu.incoming {
		_ = conn.Close()
	}
	t.mu.Unlock()
	t.cancel()
	err := t.cfg.Listener.Close()
	t.wg.Wait()
	return err
}

var _ Transport = (*NetworkTransport)(nil)
