package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/broker/config"
)

// labOptions are what `kgo lab` was asked to do. The lab is its folder: a properties file, a data folder, a log and a process id for each node.
type labOptions struct {
	io           *IOStreams
	dir          string
	brokers      int
	coordinators int
	basePort     int
}

const (
	labPatience = 30 * time.Second // for a node to serve, and to stop
)

func newLabCmd(f *Factory) *cobra.Command {
	o := &labOptions{io: f.IO}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	cmd := &cobra.Command{
		Use: "lab COMMAND", Short: "Run a cluster of several processes on this machine, and break it", GroupID: groupCluster,
		Long: `Runs the textbook's cluster on this machine: coordinators and brokers as processes of their own, each with a
properties file to read and edit. A node is named by its file: broker-1, coordinator-1; a number alone is a broker.`,
		Example: `  kgo lab start --brokers 3 --coordinators 3
  kgo lab status
  kgo lab kill 2
  kgo lab start 2
  kgo lab cut 1 coordinator-1
  kgo lab mend 1 coordinator-1
  kgo lab wipe`,
	}
	cmd.PersistentFlags().StringVar(&o.dir, "dir", filepath.Join(defaultDataDir(home), "lab"), "the lab's `folder`")
	start := &cobra.Command{
		Use: "start [NODE...]", Short: "Start the lab, or some of its nodes; the first time, write its files",
		RunE: func(cmd *cobra.Command, args []string) error { return o.start(cmd.Context(), args) },
	}
	start.Flags().IntVar(&o.brokers, "brokers", 3, "how many brokers a new lab has")
	start.Flags().IntVar(&o.coordinators, "coordinators", 1, "how many coordinators a new lab has: 1, 3 or 5")
	start.Flags().IntVar(&o.basePort, "base-port", 9092, "the first broker's `port` in a new lab; the others follow")
	cmd.AddCommand(start,
		o.each("kill", "End nodes as kill -9 does", func(n *labNode) error { return n.signal(func(p int) error { return killProcess(p) }) }),
		o.each("pause", "Stop nodes in their tracks (SIGSTOP)", func(n *labNode) error { return n.signal(func(p int) error { return suspendProcess(p, true) }) }),
		o.each("resume", "Let paused nodes go on (SIGCONT)", func(n *labNode) error { return n.signal(func(p int) error { return suspendProcess(p, false) }) }),
		&cobra.Command{Use: "cut NODE NODE", Short: "Cut the link between two nodes: what they send each other is lost", Args: cobra.ExactArgs(2), RunE: func(_ *cobra.Command, args []string) error { return o.cut(args, true) }},
		&cobra.Command{Use: "mend NODE NODE", Short: "Mend the link between two nodes", Args: cobra.ExactArgs(2), RunE: func(_ *cobra.Command, args []string) error { return o.cut(args, false) }},
		newLabStatusCmd(o),
		&cobra.Command{Use: "stop [NODE...]", Short: "Stop the lab, or some of its nodes, cleanly", RunE: func(_ *cobra.Command, args []string) error { return o.stop(args) }},
		&cobra.Command{Use: "wipe", Short: "Kill all nodes and remove the lab's folder", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return o.wipe() }},
	)
	return cmd
}

func (o *labOptions) each(verb, short string, do func(*labNode) error) *cobra.Command {
	return &cobra.Command{Use: verb + " NODE...", Short: short, Args: cobra.MinimumNArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		nodes, err := o.nodes(args)
		for _, n := range nodes {
			err = errors.Join(err, do(n))
		}
		return err
	}}
}

// labNode is a node of the lab, as its file says.
type labNode struct {
	dir, name   string
	coordinator bool
	id, port    int32
}

func (n *labNode) path(suffix string) string { return filepath.Join(n.dir, n.name+suffix) }

// pid is the node's process, 0 where it has none.
func (n *labNode) pid() int {
	text, err := os.ReadFile(n.path(".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 || !isKgo(pid) || processState(pid) == 'Z' {
		return 0
	}
	return pid
}

func (n *labNode) signal(send func(pid int) error) error {
	pid := n.pid()
	if pid == 0 {
		return fmt.Errorf("kgo lab: %s does not run", n.name)
	}
	if err := send(pid); err != nil {
		return fmt.Errorf("kgo lab: %s: %w", n.name, err)
	}
	return nil
}

// nodes are those named, all where none is: coordinators first, as brokers need them.
func (o *labOptions) nodes(names []string) ([]*labNode, error) {
	files, err := filepath.Glob(filepath.Join(o.dir, "*.properties"))
	if err != nil {
		return nil, err
	}
	var out []*labNode
	found := make(map[string]bool)
	for _, file := range files {
		n := &labNode{dir: o.dir, name: strings.TrimSuffix(filepath.Base(file), ".properties")}
		if len(names) > 0 && !slices.Contains(names, n.name) && !slices.Contains(names, strings.TrimPrefix(n.name, "broker-")) {
			continue
		}
		if n.coordinator = strings.HasPrefix(n.name, "coordinator"); n.coordinator {
			zoo, _, err := config.LoadCoordinator(config.LoadOptions{File: file})
			if err != nil {
				return nil, err
			}
			n.id, n.port = zoo.MyID, zoo.ClientListener.Port
		} else {
			_, cfg, _, err := config.Load(config.LoadOptions{File: file})
			if err != nil {
				return nil, err
			}
			n.id, n.port = cfg.NodeID, cfg.Network.Listeners[0].Port
		}
		found[n.name], found[strings.TrimPrefix(n.name, "broker-")] = true, true
		out = append(out, n)
	}
	for _, name := range names {
		if !found[name] {
			return nil, fmt.Errorf("kgo lab: there is no node %s in %s", name, o.dir)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("kgo lab: there is no lab in %s: make one with kgo lab start", o.dir)
	}
	slices.SortFunc(out, func(a, b *labNode) int {
		if a.coordinator != b.coordinator {
			return cmp.Compare(b2i(b.coordinator), b2i(a.coordinator))
		}
		return cmp.Compare(a.id, b.id)
	})
	return out, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// start starts what doesn't run, all at once, and waits until it serves.
func (o *labOptions) start(ctx context.Context, names []string) error {
	if existing, err := filepath.Glob(filepath.Join(o.dir, "*.properties")); err != nil || len(existing) == 0 && len(names) == 0 {
		if err := errors.Join(err, o.write()); err != nil {
			return err
		}
	}
	nodes, err := o.nodes(names)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, labPatience)
	defer cancel()
	var waiting []func() error
	for _, n := range nodes {
		if n.pid() != 0 {
			continue
		}
		wait, err := n.launch(ctx)
		if err != nil {
			return err
		}
		waiting = append(waiting, wait)
	}
	for _, wait := range waiting {
		err = errors.Join(err, wait())
	}
	if err == nil && len(names) == 0 {
		fmt.Fprintf(o.io.Out, "The lab runs in %s: KAFKA_BOOTSTRAP_SERVERS=%s\n", o.dir, bootstrapOf(nodes))
	}
	return err
}

func bootstrapOf(nodes []*labNode) string {
	var all []string
	for _, n := range nodes {
		if !n.coordinator {
			all = append(all, fmt.Sprintf("localhost:%d", n.port))
		}
	}
	return strings.Join(all, ",")
}

// launch starts the node's process, which outlives this one; the function that it returns waits until the node serves.
func (n *labNode) launch(ctx context.Context) (wait func() error, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(n.path(".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // the child writes to a copy of its own
	_ = os.Remove(n.path(".address"))
	verb := "server"
	if n.coordinator {
		verb = "coordinator"
	}
	cmd := exec.Command(exe, verb, "--address-file", n.path(".address"), n.path(".properties")) //nolint:noctx // ourselves, to outlive us
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, detached()
	cmd.Env = append(os.Environ(), labCutsVariable+"="+n.path(labCutsSuffix))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(n.path(".pid"), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644); err != nil {
		return nil, errors.Join(err, cmd.Process.Kill())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return func() error {
		for {
			if _, err := os.Stat(n.path(".address")); err == nil {
				return nil
			}
			select {
			case err := <-ended:
				return fmt.Errorf("kgo lab: %s did not start (%w); the end of %s says why:\n%s", n.name, err, n.path(".log"), tailOf(n.path(".log")))
			case <-ctx.Done():
				return fmt.Errorf("kgo lab: %s does not serve yet: %w; see %s", n.name, ctx.Err(), n.path(".log"))
			case <-time.After(5 * time.Millisecond):
			}
		}
	}, nil
}

func tailOf(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-1000):])
}

// stop asks nodes to stop: brokers first, as they say goodbye to the coordinators.
func (o *labOptions) stop(names []string) error {
	nodes, err := o.nodes(names)
	if err != nil {
		return err
	}
	for _, coordinators := range []bool{false, true} {
		for _, n := range nodes {
			if pid := n.pid(); pid != 0 && n.coordinator == coordinators {
				_ = suspendProcess(pid, false) // a paused one could not hear
				err = errors.Join(err, terminate(pid))
			}
		}
		for _, n := range nodes {
			if n.coordinator == coordinators {
				err = errors.Join(err, n.awaitEnd())
			}
		}
	}
	return err
}

func (n *labNode) awaitEnd() error {
	for deadline := time.Now().Add(labPatience); n.pid() != 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("kgo lab: %s does not stop; kgo lab kill %s ends it", n.name, n.name)
		}
	}
	return nil
}

func (o *labOptions) wipe() error {
	nodes, err := o.nodes(nil)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if pid := n.pid(); pid != 0 {
			err = errors.Join(err, killProcess(pid), n.awaitEnd())
		}
	}
	if err != nil {
		return err
	}
	for _, n := range nodes { // only what the lab made: the folder may hold more
		for _, suffix := range []string{".properties", ".log", ".pid", ".address", labCutsSuffix, ""} {
			err = errors.Join(err, os.RemoveAll(n.path(suffix)))
		}
	}
	_ = os.Remove(o.dir) // stays where something else is in it
	return err
}
