// Package brokertest starts real nodes inside a test: the same code that `kgo server` runs, on ports of the system's choice and in folders that
// the test leaves behind empty.
//
// Read [Start]. Every cleanup checks: a node that was stopped cleanly leaves log directories in which storage/check finds nothing.
package brokertest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/server"
	"github.com/kgo-project/kgo/broker/storage/check"
	"github.com/kgo-project/kgo/broker/vfs"
)

// patience bounds the start and the stop of a node.
const patience = 30 * time.Second

// Node is a running node.
type Node struct {
	*server.Server
	// Addr is the address of its clients' listener, host:port.
	Addr string
	// Dir is its log directory.
	Dir string

	t         testing.TB
	overrides []string
	stopped   bool
}

// Start starts a cluster of one: broker and controller in one. overrides are key=value lines over its configuration.
func Start(t testing.TB, overrides ...string) *Node {
	t.Helper()
	n := &Node{t: t, Dir: t.TempDir(), overrides: overrides}
	n.start()
	t.Cleanup(n.Stop)
	return n
}

func (n *Node) start() {
	n.t.Helper()
	layers, cfg, _, err := config.Load(config.LoadOptions{Overrides: append([]string{
		"process.roles=broker,controller", "node.id=1", "listeners=PLAINTEXT://127.0.0.1:0", "log.dirs=" + n.Dir,
		"group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=5",
	}, n.overrides...)})
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := server.Start(ctx, server.Options{Layers: layers, Config: cfg, Loggers: server.NewLoggers(logHandler(n.t), slog.LevelWarn)})
	if err != nil {
		n.t.Fatal(err)
	}
	n.Server, n.Addr, n.stopped = s, s.Addr(cfg.Network.Advertised[0].Name).String(), false
}

// Stop stops the node cleanly and checks what it left on disk.
func (n *Node) Stop() {
	if n.stopped {
		return
	}
	n.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Shutdown(ctx); err != nil {
		n.t.Errorf("shutdown: %v", err)
	}
	problems, err := check.Check(vfs.OS(), n.Dir)
	if err != nil {
		n.t.Errorf("check %s: %v", n.Dir, err)
	}
	for _, p := range problems {
		n.t.Errorf("after a clean shutdown: %v", p)
	}
}

// Restart stops the node cleanly and starts it again on the same directory, on another port.
func (n *Node) Restart() {
	n.t.Helper()
	n.Stop()
	n.start()
}

// Client returns a client of the node, closed when the test ends.
func (n *Node) Client(opts ...kgo.Opt) *kgo.Client {
	n.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(n.Addr)}, opts...)...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(cl.Close)
	return cl
}

// logHandler puts a node's warnings into the test's log.
func logHandler(t testing.TB) slog.Handler {
	return slog.NewTextHandler(testWriter{t}, nil)
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p[:len(p)-1])
	return len(p), nil
}
