// Package netx is the network as the broker sees it: listening and dialing, behind one small interface.
//
//	TCP()             the operating system's
//	NewMem().Host(h)  a network in memory, seen from the host named h, whose links a test can cut, heal and slow down
//
// The memory network's connections are net.Pipe's, so that they work inside a testing/synctest bubble: a goroutine that waits for one is
// durably blocked. What the package does not do: TLS, which wraps the connections from here; name resolution, which is the system's.
package netx

import (
	"context"
	"net"
	"time"
)

// Network listens and dials. Addresses are host:port; port 0 lets the network choose one.
type Network interface {
	Listen(ctx context.Context, addr string) (net.Listener, error)
	DialContext(ctx context.Context, addr string) (net.Conn, error)
}

// TCP is the operating system's network. Connections send small writes at once and probe idle peers.
func TCP() Network { return tcp{} }

type tcp struct{}

// keepAlive is how long a connection may be silent before the system asks whether the peer is still there.
const keepAlive = 30 * time.Second

func (tcp) Listen(ctx context.Context, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: keepAlive}
	return lc.Listen(ctx, "tcp", addr)
}

func (tcp) DialContext(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: keepAlive}
	return d.DialContext(ctx, "tcp", addr)
}
