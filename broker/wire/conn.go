package wire

import (
	"context"
	"net"

	"github.com/kgo-project/kgo/broker/ident"
)

// Conn is one client's connection.
type Conn struct {
	ctx context.Context

	nc       net.Conn
	listener Listener

	principal       ident.Principal
	softwareName    string
	softwareVersion string
}

// slot is a response's place in the order of a connection's responses.
type slot struct{}

// Context ends when the connection is closed.
func (c *Conn) Context() context.Context { return c.ctx }

// RemoteAddr is the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// LocalAddr is the address the client connected to.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// ClientHost is the client's IP address as Kafka's tools print it: "/127.0.0.1".
func (c *Conn) ClientHost() string { return "" }

// Listener is what the connection came in through.
func (c *Conn) Listener() Listener { return c.listener }

// Principal is who the client is; ident.Anonymous until authentication says otherwise.
func (c *Conn) Principal() ident.Principal { return c.principal }

// SetPrincipal is called by the SASL handlers when the client has authenticated.
func (c *Conn) SetPrincipal(p ident.Principal) { c.principal = p }

// SetClientSoftware keeps the name and version that ApiVersions v3 brings (KIP-511).
func (c *Conn) SetClientSoftware(name, version string) {
	c.softwareName, c.softwareVersion = name, version
}

// ClientSoftware is what the client said it is, empty if it didn't.
func (c *Conn) ClientSoftware() (name, version string) { return c.softwareName, c.softwareVersion }
