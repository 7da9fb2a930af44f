package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// Factory makes the dependencies of commands. A test replaces its fields.
type Factory struct {
	IO     *IOStreams
	Getenv func(string) string
	Now    func() time.Time

	clients []*client.Client     // opened by the running command
	specs   map[string]*opt.Spec // of the mirrored tools, by name
}

// NewFactory returns a factory for a real process.
func NewFactory(streams *IOStreams) *Factory {
	return &Factory{IO: streams, Getenv: os.Getenv, Now: time.Now, specs: make(map[string]*opt.Spec)}
}

// defaultTimeout bounds the whole of an administrative command.
const defaultTimeout = 10 * time.Second

// completionClient is who asks for names to complete a command line by: nothing may be printed meanwhile.
const completionClient = "kgo-completion"

// DefaultBootstrap is the address of a cluster nobody named.
const DefaultBootstrap = "localhost:9092"

// Bootstrap returns the cluster's addresses: the option, else KAFKA_BOOTSTRAP_SERVERS, else localhost:9092.
func (f *Factory) Bootstrap(option string) string {
	if option != "" {
		return option
	}
	if env := f.Getenv("KAFKA_BOOTSTRAP_SERVERS"); env != "" {
		return env
	}
	return DefaultBootstrap
}

// Timeout returns how long the command may take: --timeout (in seconds or as a duration), else default.api.timeout.ms in its configuration file.
func (f *Factory) Timeout(set *opt.Set) (time.Duration, error) {
	o := set.Spec.Lookup("timeout")
	if o == nil || !o.Extra || !set.Has("timeout") {
		if path := set.String("command-config"); path != "" {
			if p, err := client.LoadFile(path); err == nil { // who opens the client says what is wrong with it
				return max(p.Duration("default.api.timeout.ms", defaultTimeout), time.Millisecond), nil
			}
		}
		return defaultTimeout, nil
	}
	return parseTimeout(set.String("timeout"))
}

// Connection says how a command reaches the cluster.
type Connection struct {
	Bootstrap  string            // --bootstrap-server; empty means the default
	Controller string            // --bootstrap-controller
	ConfigFile string            // --command-config and its older names
	ClientID   string            // what the original sends when the file sets none
	Override   map[string]string // properties given on the command line: they win over the file
}

// Properties reads the configuration file of a connection and lays the command line's own settings over it.
func (f *Factory) Properties(c Connection) (client.Properties, error) {
	p := make(client.Properties)
	if c.ConfigFile != "" {
		var err error
		if p, err = client.LoadFile(c.ConfigFile); err != nil {
			return nil, err
		}
	}
	maps.Copy(p, c.Override)
	if c.ClientID != completionClient {
		for _, remark := range p.Remarks() {
			fmt.Fprintln(f.IO.ErrOut, "Warning:", remark)
		}
	}
	switch {
	case c.Controller != "":
		p["bootstrap.controllers"] = c.Controller
		delete(p, "bootstrap.servers")
	case c.Bootstrap != "" || p["bootstrap.servers"] == "":
		p["bootstrap.servers"] = f.Bootstrap(c.Bootstrap)
	}
	if p["client.id"] == "" && c.ClientID != "" {
		p["client.id"] = c.ClientID
	}
	return p, nil
}

// Open returns an administrative client. It does not connect yet, but to controllers: the first request does. It is closed when the command ends.
func (f *Factory) Open(ctx context.Context, c Connection) (*client.Client, error) {
	p, err := f.Properties(c)
	if err != nil {
		return nil, err
	}
	opts, err := client.AdminOptions(p)
	if err != nil {
		return nil, err
	}
	cl, err := client.New(ctx, p, opts...)
	if err != nil {
		return nil, err
	}
	f.keep(cl)
	if c.Controller != "" {
		return cl, cl.CheckControllers(ctx)
	}
	return cl, nil
}

// keep has a client closed when the command ends, and tells a person what it waits for.
func (f *Factory) keep(cl *client.Client) {
	cl.OnWait(f.IO.hint)
	f.clients = append(f.clients, cl)
}

// cause finds out why a request failed: see [client.Client.Cause].
func (f *Factory) cause(err error) error {
	for _, c := range f.clients {
		err = c.Cause(err)
	}
	return err
}

func (f *Factory) closeClients() {
	for _, c := range f.clients {
		c.Close()
	}
	f.clients = nil
}

// connection reads the options that nearly all tools share.
func connection(set *opt.Set, clientID string) Connection {
	return Connection{
		Bootstrap:  set.String("bootstrap-server"),
		Controller: set.String("bootstrap-controller"),
		ConfigFile: set.String("command-config"),
		ClientID:   clientID,
	}
}

// explain turns an error into the line a person reads.
func (f *Factory) explain(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return client.Explain(err)
}

// opener returns a function that opens the client of a tool with the usual options.
func (f *Factory) opener(set *opt.Set, clientID string) func(context.Context) (*client.Client, error) {
	return func(ctx context.Context) (*client.Client, error) { return f.Open(ctx, connection(set, clientID)) }
}
