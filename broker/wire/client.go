package wire

import (
	"context"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ClientConfig says how a Client reaches its server.
type ClientConfig struct {
	Dial        func(ctx context.Context) (net.Conn, error)
	ClientID    string
	Timeout     time.Duration // of one request; 0: 30 s
	MaxResponse int           // the largest response accepted; 0: 256 MiB
}

// Client sends requests over one connection to one server, as brokers and controllers do among themselves: pipelined, answered in order,
// each in the highest version that both sides have. It connects when it is first used and again after a failure. A failed request is
// the caller's to repeat.
type Client struct{ cfg ClientConfig }

// NewClient makes a client; it connects at the first request.
func NewClient(cfg ClientConfig) *Client { return &Client{cfg: cfg} }

// Request sends req and waits for its response. Any number of goroutines may call it; the requests share the connection.
func (c *Client) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	panic("not landed yet")
}

// Close ends the connection and fails what is waiting.
func (c *Client) Close() error { panic("not landed yet") }
