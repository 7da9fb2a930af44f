package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/client"
	"github.com/kgo-project/kgo/commands/opt"
)

// zkShell is a session of zookeeper-shell.
type zkShell struct {
	io      *IOStreams
	tree    *zkTree
	address string // as it was typed, without the chroot
	count   int    // of commands, for the prompt
}

const zkUsage = "USAGE: kgo zookeeper-shell zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]"

func newZooKeeperShellCmd(f *Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "zookeeper-shell HOST:PORT[/PATH] [COMMAND...]",
		Short:   "Look at the cluster's metadata under ZooKeeper's paths",
		GroupID: groupCluster,
		Long: `Shows the cluster's metadata as the tree that Kafka kept in ZooKeeper: /brokers/ids, /brokers/topics/T, /config/topics/T,
/controller, /cluster/id, /consumers/G/offsets and the rest, with JSON as Kafka 3 wrote it. HOST:PORT is a
coordinator's; a broker's does as well, Apache Kafka's included. Without a command it asks for commands.

  ls [-s] [-R] PATH    the nodes below PATH; -R with all below them, -s with the node's numbers
  get [-s] PATH        the node's data
  stat PATH            the node's numbers
  getAllChildrenNumber PATH, getEphemerals [PATH], getAcl PATH, history, help, quit

The tree is for reading. A command that would write says which kgo command does it. There are no transactions
behind the nodes: their zxids are 0, and their times unknown.`,
		Example: `  kgo zookeeper-shell localhost:2181 ls /brokers/ids
  kgo zookeeper-shell localhost:2181 get /brokers/topics/topic2
  kgo zookeeper-shell localhost:2181`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
				return cmd.Help()
			}
			for i, a := range args {
				if a == "-zk-tls-config-file" && i+1 < len(args) {
					args = append(args[:i:i], args[i+2:]...)
					break
				}
			}
			if len(args) == 0 || strings.HasPrefix(args[0], "-") {
				fmt.Fprintln(f.IO.ErrOut, zkUsage)
				return ErrSilent
			}
			return zooKeeperShellRun(cmd.Context(), f, args[0], args[1:])
		},
	}
}

func zooKeeperShellRun(ctx context.Context, f *Factory, address string, command []string) error {
	address, _, _ = strings.Cut(strings.TrimPrefix(address, opt.ZooKeeperScheme), "/")
	reach, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	fmt.Fprintf(f.IO.Out, "Connecting to %s\n", address)
	cl, err := f.Open(reach, Connection{Bootstrap: opt.ZooKeeperScheme + address, ClientID: "zookeeper-shell"})
	if err == nil {
		defer f.closeClients()
		err = cl.Cause(cl.Ping(reach))
	}
	if err != nil {
		return err
	}
	s := &zkShell{io: f.IO, address: address, tree: &zkTree{client: cl, now: f.Now}}
	if len(command) == 0 {
		fmt.Fprintln(f.IO.Out, "Welcome to ZooKeeper!")
	}
	fmt.Fprint(f.IO.Out, "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n")
	if len(command) == 0 {
		return s.converse(ctx)
	}
	return s.do(ctx, command)
}

// converse reads commands until quit or the end of the input. A command that fails is no failure of the shell.
func (s *zkShell) converse(ctx context.Context) error {
	lines := bufio.NewScanner(&interruptible{ctx: ctx, src: s.io.In})
	var history []string
	for s.prompt(); lines.Scan(); s.prompt() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		history = append(history, lines.Text())
		s.count++
		switch words[0] {
		case "quit", "close":
			return s.io.Flush()
		case "history":
			for i, line := range history {
				fmt.Fprintf(s.io.Out, "%d - %s\n", i, line)
			}
			continue
		}
		if err := s.do(ctx, words); err != nil && !errors.Is(err, ErrSilent) {
			fmt.Fprintln(s.io.ErrOut, client.Explain(s.tree.client.Cause(err)))
		}
		_ = s.io.Flush()
	}
	if ctx.Err() != nil {
		return &exitError{code: interruptedCode}
	}
	if s.io.Interactive() {
		fmt.Fprintln(s.io.Out)
	}
	return lines.Err()
}

func (s *zkShell) prompt() {
	if s.io.Interactive() {
		fmt.Fprintf(s.io.Out, "[zk: %s(CONNECTED) %d] ", s.address, s.count)
		_ = s.io.Flush()
	}
}

// do runs one command.
func (s *zkShell) do(ctx context.Context, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	verb, flags, where := words[0], make(map[string]bool), ""
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "-") {
			flags[w] = true
		} else if where == "" {
			where = w
		}
	}
	if instead, writes := zkWrites(verb, where); writes {
		return s.refuse("the tree is for reading: %s", instead)
	}
	switch verb {
	case "help":
		_, err := fmt.Fprintln(s.io.Out, "ls [-s] [-R] PATH\nget [-s] PATH\nstat PATH\ngetAcl PATH\ngetAllChildrenNumber PATH\ngetEphemerals [PATH]\nhistory\nquit")
		return err
	case "ls", "ls2", "get", "stat", "getAcl", "getAllChildrenNumber", "getEphemerals":
	default:
		return s.refuse("Command not found: Command not found %s", verb)
	}
	if where == "" && verb == "getEphemerals" {
		where = "/"
	}
	if !strings.HasPrefix(where, "/") {
		return s.refuse("%s: give a path that begins with /, for example %s /brokers", verb, verb)
	}
	where = path.Clean(where)
	n, err := s.tree.look(ctx, where)
	if err != nil {
		return err
	}
	if n == nil {
		return s.refuse("Node does not exist: %s", where)
	}
	return s.show(ctx, verb, where, n, flags)
}

func (s *zkShell) refuse(format string, args ...any) error {
	fmt.Fprintf(s.io.ErrOut, format+"\n", args...)
	return ErrSilent
}

func (s *zkShell) show(ctx context.Context, verb, where string, n *znode, flags map[string]bool) error {
	switch {
	case verb == "ls" && flags["-R"]:
		return s.walk(ctx, where, n, func(at string, _ *znode) { fmt.Fprintln(s.io.Out, at) })
	case verb == "ls" || verb == "ls2":
		fmt.Fprintf(s.io.Out, "[%s]\n", strings.Join(n.children, ", "))
	case verb == "get" && n.data == nil:
		fmt.Fprintln(s.io.Out, "null")
	case verb == "get":
		fmt.Fprintln(s.io.Out, *n.data)
	case verb == "getAcl":
		fmt.Fprintln(s.io.Out, "'world,'anyone\n: r")
	case verb == "getAllChildrenNumber":
		below := -1 // the node itself is none of its children
		if err := s.walk(ctx, where, n, func(string, *znode) { below++ }); err != nil {
			return err
		}
		fmt.Fprintln(s.io.Out, below)
	case verb == "getEphemerals":
		var found []string
		err := s.walk(ctx, where, n, func(at string, n *znode) {
			if n.ephemeral {
				found = append(found, at)
			}
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.io.Out, "[%s]\n", strings.Join(found, ", "))
	}
	if verb == "stat" || verb == "ls2" || flags["-s"] {
		s.stat(n)
	}
	return nil
}

// walk visits a node and all below it.
func (s *zkShell) walk(ctx context.Context, where string, n *znode, visit func(at string, n *znode)) error {
	visit(where, n)
	for _, child := range n.children {
		at := strings.TrimSuffix(where, "/") + "/" + child
		below, err := s.tree.at(ctx, splitZPath(at))
		if err != nil {
			return err
		}
		if below == nil {
			continue // it went meanwhile
		}
		if err := s.walk(ctx, at, below, visit); err != nil {
			return err
		}
	}
	return nil
}

// stat prints a node's numbers as ZooKeeper's shell does, as far as there are any.
func (s *zkShell) stat(n *znode) {
	size, owner, never := 0, 0, time.UnixMilli(0).UTC().Format("Mon Jan 02 15:04:05 MST 2006")
	if n.data != nil {
		size = len(*n.data)
	}
	if n.ephemeral {
		owner = 1
	}
	fmt.Fprintf(s.io.Out, "cZxid = 0x0\nctime = %s\nmZxid = 0x0\nmtime = %s\npZxid = 0x0\ncversion = 0\ndataVersion = 0\naclVersion = 0\nephemeralOwner = %#x\ndataLength = %d\nnumChildren = %d\n",
		never, never, owner, size, len(n.children))
}

// zkWrites tells whether a command writes, and which command of kgo does what it would do.
func zkWrites(verb, where string) (instead string, writes bool) {
	removes := verb == "delete" || verb == "deleteall" || verb == "rmr"
	switch verb {
	case "create", "set", "delete", "deleteall", "rmr", "setAcl", "setquota", "delquota", "addauth", "reconfig", "sync", "removewatches", "redo":
	default:
		return "", false
	}
	parts := append(splitZPath(where), "", "", "", "")
	name := first(parts[2], "NAME")
	switch {
	case parts[0] == "brokers" && parts[1] == "topics" && removes, parts[0] == "admin" && parts[1] == "delete_topics":
		return "kgo topics --delete --topic " + name, true
	case parts[0] == "brokers" && parts[1] == "topics" && verb == "create":
		return "kgo topics --create --topic " + name, true
	case parts[0] == "brokers" && parts[1] == "topics":
		return "kgo topics --alter --topic " + name + " --partitions N, or kgo reassign-partitions", true
	case parts[0] == "brokers" && parts[1] == "ids":
		return "kgo server-stop --node-id " + name + ", and kgo cluster unregister for one that never comes back", true
	case parts[0] == "config":
		return "kgo configs --alter --entity-type " + first(parts[1], "TYPE") + " --entity-name " + name + " --add-config KEY=VALUE, or --delete-config KEY", true
	case parts[0] == "consumers" && removes && parts[2] == "":
		return "kgo consumer-groups --delete --group " + first(parts[1], "NAME"), true
	case parts[0] == "consumers":
		return "kgo consumer-groups --reset-offsets --group " + first(parts[1], "NAME") + " --topic TOPIC --to-offset N --execute", true
	case parts[0] == "admin" && parts[1] == "reassign_partitions":
		return "kgo reassign-partitions --execute, and --cancel", true
	case parts[0] == "admin" && parts[1] == "preferred_replica_election":
		return "kgo leader-election --election-type preferred --all-topic-partitions", true
	case parts[0] == "controller":
		return "a new controller is elected when the coordinator that leads stops: kgo metadata-quorum describe --status names it", true
	}
	return "kgo topics, kgo configs and kgo acls change what is in it", true
}
