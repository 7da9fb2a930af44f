// Package client builds franz-go clients from the properties of Java clients: it is the one place where kgo's tools (and later
// its connectors) turn a client.properties file into a connection.
//
// [Properties] is such a file, read by [LoadFile] or [Parse] with its config providers resolved. [New] makes a client from
// it, [Explain] turns what went wrong into one line that names the step that failed: resolving a name, connecting, TLS, SASL, or
// an advertised address that does not answer. [ProducerOptions] and [ConsumerOptions] translate the keys that matter to either.
//
// The package knows nothing of commands or of kgo's broker.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/opt"
)

// Client is a franz-go client that knows why it could not reach the cluster.
type Client struct {
	*kgo.Client
	// Admin is the administrative view of the same connections.
	Admin *kadm.Client
	// Servers are the bootstrap addresses.
	Servers []string

	dialer *dialer
	cancel context.CancelCauseFunc
	// controllers: the bootstrap addresses are those of controllers.
	controllers bool
}

// New makes a client. It connects when the first request is sent. It outlives ctx until Close: who was interrupted still has to commit and to leave its group.
func New(ctx context.Context, p Properties, more ...kgo.Opt) (*Client, error) {
	return newClient(ctx, p, nil, more)
}

// NewLasting makes a client for a program that outlives its cluster's absences: where New's gives up at once when no bootstrap address
// can be reached, this one goes on trying, and tells log of each address that it waits for and of its return. It gives up only where the
// cluster refuses who it says it is.
func NewLasting(ctx context.Context, p Properties, log *slog.Logger, more ...kgo.Opt) (*Client, error) {
	return newClient(ctx, p, log, more)
}

func newClient(ctx context.Context, p Properties, log *slog.Logger, more []kgo.Opt) (*Client, error) {
	servers, err := p.bootstrap()
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(p["bootstrap.servers"], opt.ZooKeeperScheme) {
		if servers, err = brokersBehind(ctx, servers); err != nil {
			return nil, err
		}
	}
	if strings.TrimSpace(p["client.dns.lookup"]) == "resolve_canonical_bootstrap_servers_only" {
		servers = canonicalServers(ctx, servers)
	}
	opts, d, err := options(p, servers)
	if err != nil {
		return nil, err
	}
	clientCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	d.giveUp = cancel
	if limit, ok := ctx.Deadline(); ok {
		d.limit, d.patience = limit, min(d.patience, time.Until(limit)/4)
		if g, ok := d.mechanism.(*gssapi); ok {
			g.limit = limit
		}
	}
	if log != nil {
		d.log, d.patience = log, 0
	}
	opts = append(opts, kgo.WithContext(clientCtx))
	cl, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		cancel(err)
		return nil, err
	}
	return &Client{Client: cl, Admin: kadm.NewClient(cl), Servers: servers, dialer: d, cancel: cancel, controllers: p["bootstrap.servers"] == ""}, nil
}

// Request sends a request to whoever serves it. A client of controllers asks the first of them: they have no metadata for
// choosing one.
func (c *Client) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	if c.controllers {
		return c.Client.SeedBrokers()[0].RetriableRequest(ctx, req)
	}
	return c.Client.Request(ctx, req)
}

// CheckControllers refuses addresses of brokers where those of controllers are needed (KIP-919). What else fails is left to the
// request that the client was made for.
func (c *Client) CheckControllers(ctx context.Context) error {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.EndpointType = 2
	resp, err := c.Request(ctx, req)
	if err != nil {
		return nil //nolint:nilerr // the next request says more
	}
	cluster := resp.(*kmsg.DescribeClusterResponse)
	if err := kerr.ErrorForCode(cluster.ErrorCode); errors.Is(err, kerr.MismatchedEndpointType) && cluster.ErrorMessage != nil {
		return fmt.Errorf("org.apache.kafka.common.errors.MismatchedEndpointTypeException: %s", *cluster.ErrorMessage)
	}
	return nil
}

// Close closes the client's connections.
func (c *Client) Close() {
	c.dialer.hint.update(nil)
	c.Client.Close()
	c.cancel(nil)
}

// Cause returns the reason behind an error of one of the client's requests: when the cluster could not be reached, the step
// that failed.
func (c *Client) Cause(err error) error {
	if err == nil {
		return nil
	}
	return c.dialer.cause(err)
}

// options are the settings every client has.
func options(p Properties, servers []string) ([]kgo.Opt, *dialer, error) {
	tlsConfig, mechanism, err := p.security()
	if err != nil {
		return nil, nil, err
	}
	d := newDialer(servers, tlsConfig, p.Duration("socket.connection.setup.timeout.ms", 10*time.Second))
	d.timeoutMax = max(d.timeout, p.Duration("socket.connection.setup.timeout.max.ms", 30*time.Second))
	d.mechanism = mechanism
	if n, set := p.integer("send.buffer.bytes"); set {
		d.sendBuffer = int(n)
	}
	if n, set := p.integer("receive.buffer.bytes"); set {
		d.receiveBuffer = int(n)
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(servers...),
		kgo.Dialer(d.dial),
		kgo.ClientID(p["client.id"]),
		kgo.SoftwareNameAndVersion("apache-kafka-java", "4.3.1"),
		kgo.WithLogger(d),
		kgo.MetadataMinAge(100 * time.Millisecond),
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return append(opts, p.commonOptions()...), d, nil
}

// bootstrap returns the addresses in bootstrap.servers, or in bootstrap.controllers.
func (p Properties) bootstrap() ([]string, error) {
	key := "bootstrap.servers"
	list := p[key]
	if c := p["bootstrap.controllers"]; list == "" && c != "" {
		key, list = "bootstrap.controllers", c
	}
	var servers []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if _, rest, ok := strings.Cut(s, "://"); ok { // PLAINTEXT://host:port is accepted by the original
			s = rest
		}
		_, port, err := net.SplitHostPort(s)
		if n, bad := parsePort(port); err != nil || bad || n == 0 {
			return nil, &ConfigError{Text: fmt.Sprintf("Invalid url in %s: %s", key, s), Hint: "write host:port"}
		}
		servers = append(servers, s)
	}
	if len(servers) == 0 {
		return nil, &ConfigError{Text: "No resolvable bootstrap urls given in " + key}
	}
	return servers, nil
}

// canonicalServers replaces each bootstrap address by the canonical names of all addresses behind it (KIP-235). What cannot be resolved stays: the connection
// will say so.
func canonicalServers(ctx context.Context, servers []string) []string {
	var out []string
	for _, s := range servers {
		host, port, _ := net.SplitHostPort(s) // bootstrap has seen it
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			addresses = []string{host}
		}
		for _, address := range addresses {
			if names, err := net.DefaultResolver.LookupAddr(ctx, address); err == nil && len(names) > 0 {
				address = strings.TrimSuffix(names[0], ".")
			}
			if server := net.JoinHostPort(address, port); !slices.Contains(out, server) {
				out = append(out, server)
			}
		}
	}
	return out
}

func parsePort(s string) (port int, bad bool) {
	if s == "" || len(s) > 5 {
		return 0, true
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, true
		}
		port = port*10 + int(c-'0')
	}
	return port, port > 65535
}

// ConfigError reports a setting the client cannot work with.
type ConfigError struct {
	Key, Value string
	Text       string
	Hint       string
}

// IsConfigError reports whether an error is the client's configuration's.
func IsConfigError(err error) bool { return errors.As(err, new(*ConfigError)) }

func (e *ConfigError) Error() string {
	text := e.Text
	if e.Key != "" {
		text = fmt.Sprintf("Invalid value %s for configuration %s: %s", e.Value, e.Key, e.Text)
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// OfControllers reports whether the client speaks to controllers rather than to brokers.
func (c *Client) OfControllers() bool { return c.controllers }
