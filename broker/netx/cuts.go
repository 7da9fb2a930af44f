package netx

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cutsPoll is how often the file of cuts is looked at while there are connections.
const cutsPoll = 50 * time.Millisecond

// Cuts is a network some of whose links are cut, as a file says that someone else writes: a line for each port that can't be reached. `kgo lab cut`
// does so. What is sent over a link that is cut is lost, and nothing comes; dials wait in vain. So it is with a cable that is pulled: neither side is
// told. When the link is mended its old connections are closed. Only what this process dials is cut: a link between two has to be cut on both sides.
type Cuts struct {
	Network
	file string

	mu       sync.Mutex
	open     map[*cutConn]bool
	watching bool
}

// NewCuts returns a network that obeys file, which need not exist: then nothing is cut.
func NewCuts(network Network, file string) *Cuts {
	return &Cuts{Network: network, file: file, open: make(map[*cutConn]bool)}
}

// ports are those that the file names: none where there is no file.
func (c *Cuts) ports() []string {
	raw, err := os.ReadFile(c.file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(raw))
}

func portIn(ports []string, addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	return err == nil && slices.Contains(ports, port)
}

// DialContext waits in vain where the link is cut.
func (c *Cuts) DialContext(ctx context.Context, addr string) (net.Conn, error) {
	for ticker := time.NewTicker(cutsPoll); portIn(c.ports(), addr); {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return nil, fmt.Errorf("dial %s: the link is cut: %w", addr, ctx.Err())
		case <-ticker.C:
		}
	}
	conn, err := c.Network.DialContext(ctx, addr)
	if err != nil {
		return nil, err
	}
	cc := &cutConn{Conn: conn, addr: addr, cuts: c}
	c.mu.Lock()
	c.open[cc] = true
	if !c.watching {
		c.watching = true
		go c.watch()
	}
	c.mu.Unlock()
	return cc, nil
}

// watch carries out what the file says while there are connections.
func (c *Cuts) watch() {
	for ticker := time.NewTicker(cutsPoll); ; <-ticker.C {
		c.mu.Lock()
		open := make([]*cutConn, 0, len(c.open))
		for cc := range c.open {
			open = append(open, cc)
		}
		c.watching = len(open) > 0
		c.mu.Unlock()
		if len(open) == 0 {
			ticker.Stop()
			return
		}
		ports := c.ports()
		for _, cc := range open {
			switch now := portIn(ports, cc.addr); {
			case now:
				cc.cut.Store(true)
			case cc.cut.Load():
				_ = cc.Close() // what was lost can't be made good
			}
		}
	}
}

// cutConn is a connection over a link that may be cut.
type cutConn struct {
	net.Conn
	addr string
	cuts *Cuts
	cut  atomic.Bool
}

// Read drops what comes over a link that is cut.
func (c *cutConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.cut.Load() {
			return n, err
		}
	}
}

// Write loses what is sent over a link that is cut.
func (c *cutConn) Write(p []byte) (int, error) {
	if c.cut.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// Close closes the connection.
func (c *cutConn) Close() error {
	c.cuts.mu.Lock()
	delete(c.cuts.open, c)
	c.cuts.mu.Unlock()
	return c.Conn.Close()
}
