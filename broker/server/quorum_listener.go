package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	raftGreeting  = "KGOQ"           // how a voter's connection begins: as the size of a Kafka request it would be above all limits
	firstBytesMax = 10 * time.Second // for a connection to say what it is
	undecidedMax  = 1024             // connections that didn't say yet
)

// votersListener gives a controller's listener to two servers: connections of voters, which begin with a greeting, to the quorum, all others to
// the server of Kafka's protocol. One port is then enough for a member of the quorum, whichever style of configuration names it.
type votersListener struct {
	net.Listener
	kafka, raft *handedOver
	done        chan struct{}
	once        sync.Once
	slots       chan struct{}
}

func newVotersListener(ln net.Listener) *votersListener {
	l := &votersListener{Listener: ln, done: make(chan struct{}), slots: make(chan struct{}, undecidedMax)}
	l.kafka = &handedOver{l: l, conns: make(chan net.Conn)}
	l.raft = &handedOver{l: l, conns: make(chan net.Conn)}
	return l
}

// run accepts until the listener is closed.
func (l *votersListener) run() {
	for {
		conn, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			_ = l.Close()
			return
		}
		if err != nil {
			select {
			case <-time.After(50 * time.Millisecond): // out of file descriptors, say
				continue
			case <-l.done:
				return
			}
		}
		select {
		case l.slots <- struct{}{}:
			go l.decide(conn)
		default:
			_ = conn.Close()
		}
	}
}

func (l *votersListener) decide(conn net.Conn) {
	defer func() { <-l.slots }()
	var first [len(raftGreeting)]byte
	_ = conn.SetReadDeadline(time.Now().Add(firstBytesMax))
	if _, err := io.ReadFull(conn, first[:]); err != nil {
		_ = conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	to := l.kafka
	if string(first[:]) == raftGreeting {
		to = l.raft
	}
	select {
	case to.conns <- &begunConn{Conn: conn, begun: bytes.NewReader(first[:])}:
	case <-l.done:
		_ = conn.Close()
	}
}

// Close closes the listener for both.
func (l *votersListener) Close() error {
	var err error
	l.once.Do(func() {
		close(l.done)
		err = l.Listener.Close()
	})
	return err
}

// handedOver is the listener that one of the two servers sees.
type handedOver struct {
	l     *votersListener
	conns chan net.Conn
}

// Accept returns the next connection of this kind.
func (h *handedOver) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.l.done:
		return nil, net.ErrClosed
	}
}

// Addr is the address of the listener that both share.
func (h *handedOver) Addr() net.Addr { return h.l.Addr() }

// Close closes the listener for both: neither is of use without the other.
func (h *handedOver) Close() error { return h.l.Close() }

// begunConn is a connection whose first bytes have been read, and are read again.
type begunConn struct {
	net.Conn
	begun *bytes.Reader
}

// Read returns the first bytes, then those of the connection.
func (c *begunConn) Read(p []byte) (int, error) {
	if c.begun.Len() > 0 {
		return c.begun.Read(p)
	}
	return c.Conn.Read(p)
}

// raftListeners is where voters connect: all of the node's listeners for controllers, as one.
type raftListeners struct {
	all   []*votersListener
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newRaftListeners(all []*votersListener) *raftListeners {
	r := &raftListeners{all: all, conns: make(chan net.Conn), done: make(chan struct{})}
	for _, l := range all {
		go func() {
			for {
				c, err := l.raft.Accept()
				if err != nil {
					return
				}
				select {
				case r.conns <- c:
				case <-r.done:
					_ = c.Close()
				}
			}
		}()
	}
	return r
}

// Accept returns the next connection of a voter.
func (r *raftListeners) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.done:
		return nil, net.ErrClosed
	}
}

// Addr is the first listener's.
func (r *raftListeners) Addr() net.Addr { return r.all[0].Addr() }

// Close ends the handing over; the listeners are closed by those who bound them.
func (r *raftListeners) Close() error {
	r.once.Do(func() { close(r.done) })
	return nil
}
