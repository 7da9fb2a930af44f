package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/netx"
	"github.com/kgo-project/kgo/broker/server"
)

// serverOptions are what `kgo server` was asked to do.
type serverOptions struct {
	io        *IOStreams
	file      string
	overrides []string
	environ   []string
	check     bool
	logJSON   bool
	logLevel  string
	adminAddr string
	addrFile  string

	coordinator bool // the metadata quorum alone
	daemon      bool
}

func newServerCmd(f *Factory, runF func(context.Context, *serverOptions) error) *cobra.Command {
	o := &serverOptions{io: f.IO, environ: os.Environ()}
	cmd := &cobra.Command{
		Use:     "server [server.properties] [--override key=value]...",
		Aliases: []string{"server-start"},
		Short:   "Run a Kafka broker",
		Version: kafkaVersion,
		GroupID: groupCluster,
		Long: `Runs a Kafka broker: the one that server.properties describes, or, without a file, a cluster of one on
localhost:9092 that keeps its data in ` + defaultDataDir("~") + `.

The file is Apache Kafka's own. With process.roles=broker,controller the metadata quorum runs inside the
process; a file from the ZooKeeper days (broker.id, zookeeper.connect) looks for a kgo coordinator at
zookeeper.connect. KAFKA_... variables of the environment win over the file, --override wins over both;
CLUSTER_ID names the cluster of a node that is new, as in Apache's image.

The broker stops cleanly on SIGTERM and Ctrl-C, and survives kill -9.`,
		Example: `  kgo server
  kgo server config/server.properties --override log.dirs=/tmp/logs
  kgo server --check config/server.properties`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args, runF) },
	}
	cmd.SetVersionTemplate("{{.Version}}\n")
	o.flags(cmd.Flags())
	return cmd
}

// flags are the same for broker and coordinator.
func (o *serverOptions) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.file, "config", "", "the properties `file`")
	flags.StringArrayVar(&o.overrides, "override", nil, "set `key=value` over what the file says; may be given often")
	flags.BoolVar(&o.daemon, "daemon", false, "run in the background, as the script's -daemon does")
	flags.BoolVar(&o.check, "check", false, "only check the configuration, and list the keys that kgo accepts without use")
	flags.BoolVar(&o.logJSON, "log-json", false, "log in JSON")
	flags.StringVar(&o.logLevel, "log-level", "INFO", "TRACE, DEBUG, INFO, WARN, ERROR or FATAL")
	flags.StringVar(&o.addrFile, "address-file", "", "write the bound host:port to this `file` when the node serves: for scripts that let it choose the port")
	flags.StringVar(&o.adminAddr, "metrics", "", "serve /metrics, /healthz and /readyz on this `host:port`")
}

func (o *serverOptions) run(cmd *cobra.Command, args []string, runF func(context.Context, *serverOptions) error) error {
	if len(args) == 1 {
		if o.file != "" {
			return &exitError{code: 2, err: fmt.Errorf("kgo %s: give the file once, by --config or as the argument", cmd.Name())}
		}
		o.file = args[0]
	}
	if o.file == "" && len(o.overrides) == 0 && !o.check && strings.HasSuffix(cmd.CalledAs(), "server-start") {
		return o.scriptUsage(cmd.CalledAs())
	}
	if runF != nil {
		return runF(cmd.Context(), o)
	}
	if o.daemon {
		return o.detach(cmd.Name())
	}
	return runServer(cmd.Context(), o)
}

// scriptUsage is what the scripts print without a file: under their names a server never starts by accident.
func (o *serverOptions) scriptUsage(script string) error {
	program := "kgo " + script
	if name := os.Args[0]; strings.Contains(filepath.Base(name), script) {
		program = name
	}
	if o.coordinator {
		fmt.Fprintf(o.io.Out, "USAGE: %s [-daemon] zookeeper.properties\n", program)
	} else {
		fmt.Fprintf(o.io.Out, "USAGE: %s [-daemon] server.properties [--override property=value]*\n", program)
	}
	return ErrSilent
}

// defaultDataDir is where a server without a file keeps its data.
func defaultDataDir(home string) string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" && home != "~" {
		return filepath.Join(dir, "kgo")
	}
	return filepath.Join(home, ".local", "share", "kgo")
}

// environmentClusterID is CLUSTER_ID, by which Apache's image formats the directories of a new node, "" where it is not set.
func environmentClusterID(environ []string) (string, error) {
	for _, kv := range environ {
		if id, ok := strings.CutPrefix(kv, "CLUSTER_ID="); ok && id != "" {
			if _, err := ident.ParseUUID(id); err != nil {
				return "", fmt.Errorf("CLUSTER_ID=%s of the environment is no cluster id: unset it, or make one with kgo storage random-uuid", id)
			}
			return id, nil
		}
	}
	return "", nil
}

func runServer(ctx context.Context, o *serverOptions) error {
	layers, cfg, warnings, err := o.load()
	if err != nil {
		return err
	}
	if o.check {
		return o.report(layers, warnings)
	}
	loggers, err := o.loggers()
	if err != nil {
		return err
	}
	log := loggers.Logger(server.RootLogger)
	for _, w := range warnings {
		log.Warn("configuration", "warning", w.String())
	}
	began := time.Now()
	var network netx.Network // nil: the system's
	if file := os.Getenv(labCutsVariable); file != "" {
		network = netx.NewCuts(netx.TCP(), file)
	}
	clusterID, err := environmentClusterID(o.environ)
	if err != nil {
		return err
	}
	s, err := server.Start(ctx, server.Options{Network: network, ClusterID: clusterID, Layers: layers, Config: cfg, Loggers: loggers, AdminAddr: o.adminAddr, Version: version, FourLetter: fourLetterWords(cfg)})
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it was starting, as it was told
		}
		return err
	}
	forget := rememberProcess(cfg)
	defer forget()
	for _, line := range startedLines(cfg, s.NodeID()) {
		log.Info(line) //nolint:sloglint // as Kafka words it
	}
	log.Info(fmt.Sprintf("[KafkaServer id=%d] started", s.NodeID()), //nolint:sloglint // as above, with ZooKeeper
		"took", time.Since(began).Round(time.Millisecond), "version", version, "cluster_id", s.ClusterID())
	if o.addrFile != "" {
		if err := writeAddress(o.addrFile, s, cfg); err != nil {
			return errors.Join(err, s.Shutdown(context.WithoutCancel(ctx)))
		}
	}
	if o.file == "" && o.io.OutTTY && !o.coordinator {
		o.welcome(s, cfg)
	}
	select {
	case <-ctx.Done():
		log.Info("shutting down")
	case <-s.Failed():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	err = s.Shutdown(stop)
	log.Info("stopped")
	return err
}

// startedLines are the lines by which scripts and test harnesses see in the log that an Apache Kafka with process.roles serves.
func startedLines(cfg *config.Broker, id ident.BrokerID) []string {
	var lines []string
	if cfg.ZooKeeperStyle {
		return lines
	}
	if cfg.IsBroker {
		lines = append(lines, fmt.Sprintf("[BrokerLifecycleManager id=%d] The broker has been unfenced. Transitioning from RECOVERY to RUNNING.", id))
	}
	return append(lines, fmt.Sprintf("[KafkaRaftServer nodeId=%d] Kafka Server started", id))
}

// writeAddress tells a script where the broker listens. The file appears whole.
func writeAddress(path string, s *server.Server, cfg *config.Broker) error {
	var addr net.Addr
	for _, l := range slices.Concat(cfg.Network.Advertised, cfg.Network.Listeners) {
		if addr = s.Addr(l.Name); addr != nil {
			break
		}
	}
	if addr == nil {
		return errors.New("kgo server: --address-file: the node has no listener")
	}
	if err := os.WriteFile(path+".tmp", []byte(addr.String()+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// shutdownPatience is how long a shutdown may take before connections and waiting requests are cut.
const shutdownPatience = 30 * time.Second

// load reads the configuration; without a file the data's folder is the user's own.
func (o *serverOptions) load() (*config.Layers, *config.Broker, []config.Warning, error) {
	if o.coordinator {
		return o.loadCoordinator()
	}
	opts := config.LoadOptions{File: o.file, Environ: o.environ, Overrides: o.overrides}
	if o.file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			home = "."
		}
		opts.Defaults = []config.Setting{{Key: "log.dirs", Value: defaultDataDir(home)}}
	}
	if o.file != "" {
		settings, err := config.ReadSettings(opts)
		if err == nil && config.IsZooKeeperStyle(settings) && !slices.ContainsFunc(settings, func(s config.Setting) bool { return brokerKeys[s.Key] }) {
			return nil, nil, nil, fmt.Errorf("kgo server: %s is a ZooKeeper file: start it with kgo coordinator %s, and give this command a broker's server.properties", o.file, o.file)
		}
	}
	return config.Load(opts)
}

// brokerKeys are those of which a broker's file has at least one.
var brokerKeys = map[string]bool{"broker.id": true, "node.id": true, "process.roles": true, "zookeeper.connect": true, "controller.quorum.voters": true, "controller.quorum.bootstrap.servers": true, "listeners": true}

// report is --check's answer.
func (o *serverOptions) report(layers *config.Layers, warnings []config.Warning) error {
	for _, w := range warnings {
		say(o.io.ErrOut, "warning: %s\n", w)
	}
	for _, s := range layers.Unused() {
		if s.Origin.File != "" {
			fmt.Fprintf(o.io.Out, "accepted without use: %s (%s:%d)\n", s.Key, s.Origin.File, s.Origin.Line)
		} else {
			fmt.Fprintf(o.io.Out, "accepted without use: %s\n", s.Key)
		}
	}
	_, err := fmt.Fprintln(o.io.Out, "the configuration is good")
	return err
}

// loggers make the log: lines for people on a terminal, key=value or JSON elsewhere, always on stderr.
func (o *serverOptions) loggers() (*server.Loggers, error) {
	level, ok := server.ParseLevel(o.logLevel)
	if !ok {
		return nil, &exitError{code: 2, err: fmt.Errorf("kgo server: --log-level %s: give TRACE, DEBUG, INFO, WARN, ERROR or FATAL", o.logLevel)}
	}
	return server.NewLoggers(logHandler(o.io.ErrOut, o.logJSON), level), nil
}

func logHandler(w io.Writer, asJSON bool) slog.Handler {
	all := slog.Level(-1 << 10) // package server decides what is logged
	if asJSON {
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: all})
	}
	return tint.NewTextHandler(w, &tint.Options{Level: all, TimeFormat: "2006-01-02 15:04:05.000", NoColor: !showsColor(w)})
}

// welcome says on one screen what can be typed next.
func (o *serverOptions) welcome(s *server.Server, cfg *config.Broker) {
	address, option := DefaultBootstrap, ""
	for _, l := range cfg.Network.Advertised {
		if bound, ok := s.Addr(l.Name).(*net.TCPAddr); ok {
			address = net.JoinHostPort(first(l.Host, "localhost"), strconv.Itoa(bound.Port))
			break
		}
	}
	if address != DefaultBootstrap {
		option = " --bootstrap-server " + address
	}
	fmt.Fprintf(o.io.Out, `
  A Kafka cluster of one runs on %[1]s; its data is in %[2]s.
  In another terminal:

    kgo topics --create --topic greetings%[3]s
    echo hello | kgo console-producer --topic greetings%[3]s
    kgo console-consumer --topic greetings --from-beginning%[3]s
    kgo topics --describe%[3]s

  Any Kafka client works too: bootstrap.servers=%[1]s. Ctrl-C stops the broker; the data stays.

`, address, cfg.LogDirs[0], option)
	_ = o.io.Flush()
}
