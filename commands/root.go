package commands

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kgo-project/kgo/commands/opt"
)

// newRootCmd lists every command. A new one is added here and nowhere else.
func newRootCmd(f *Factory) *cobra.Command {
	root := &cobra.Command{
		Use:           "kgo COMMAND [OPTION...]",
		Short:         "Apache Kafka's shell scripts and a Kafka cluster in one binary",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetVersionTemplate("kgo {{.Version}}\n")
	root.SetIn(f.IO.In)
	root.SetOut(f.IO.Out)
	root.SetErr(f.IO.ErrOut)
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: groupCluster, Title: "The cluster:"},
		&cobra.Group{ID: groupTools, Title: "The tools (kafka-NAME.sh is kgo NAME):"},
	)
	root.AddCommand(
		newServerCmd(f, nil),
		newInstallLinksCmd(f, nil),
		newManPagesCmd(f),
		newVersionCmd(f),
		newServerStopCmd(f),
		newCoordinatorCmd(f, nil),
		newCoordinatorStopCmd(f),
		newZooKeeperShellCmd(f),
		newLabCmd(f),
		newConnectStandaloneCmd(f, nil),
		newConnectCmd(f),
		newTopicsCmd(f, nil),
		newConsoleProducerCmd(f, nil),
		newConsoleConsumerCmd(f, nil),
		newConsoleShareConsumerCmd(f, nil),
		newConfigsCmd(f, nil),
		newConsumerGroupsCmd(f, nil),
		newShareGroupsCmd(f, nil),
		newStreamsGroupsCmd(f, nil),
		newStreamsResetCmd(f, nil),
		newGetOffsetsCmd(f, nil),
		newDeleteRecordsCmd(f, nil),
		newLogDirsCmd(f, nil),
		newBrokerAPIVersionsCmd(f, nil),
		newClusterCmd(f, nil),
		newGroupsCmd(f, nil),
		newFeaturesCmd(f, nil),
		newMetadataQuorumCmd(f, nil),
		newStorageCmd(f, nil),
		newMetadataShellCmd(f, nil),
		newLeaderElectionCmd(f, nil),
		newClientMetricsCmd(f, nil),
		newDumpLogCmd(f, nil),
		newAclsCmd(f, nil),
		newTransactionsCmd(f, nil),
		newDelegationTokensCmd(f, nil),
		newReassignPartitionsCmd(f, nil),
		newVerifiableProducerCmd(f, nil),
		newVerifiableConsumerCmd(f, nil),
		newVerifiableShareConsumerCmd(f, nil),
		newProducerPerfCmd(f, nil),
		newConsumerPerfCmd(f, nil),
		newShareConsumerPerfCmd(f, nil),
		newE2ELatencyCmd(f, nil),
		newJmxCmd(f, nil),
		newRunClassCmd(f),
		newReplicaVerificationCmd(f, nil),
	)
	root.AddCommand(newGoneCmds()...)
	root.SetHelpCommandGroupID(groupCluster)
	root.SetCompletionCommandGroupID(groupCluster)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch {
		case c.Name() == "help":
			c.Run, c.RunE = nil, func(_ *cobra.Command, args []string) error { return f.helpAbout(root, args) }
		case c.HasSubCommands():
			c.Run, c.RunE, c.Args = nil, verbWanted, cobra.ArbitraryArgs
		}
	}
	completeScripts(root)
	return root
}

// helpAbout answers kgo help NAME: what the command is for, examples, and for a mirrored tool its options.
func (f *Factory) helpAbout(root *cobra.Command, args []string) error {
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root && len(args) > 0 {
		return unknownCommand(root, args[0])
	}
	if len(rest) > 0 && cmd.HasSubCommands() {
		return unknownCommand(cmd, rest[0])
	}
	if err := cmd.Help(); err != nil || f.specs[cmd.Name()] == nil {
		return err
	}
	fmt.Fprintln(f.IO.Out)
	if spec := f.specs[cmd.Name()]; spec.Prog == "" {
		return f.help(spec)
	}
	return f.argsHelp([]*opt.Spec{f.specs[cmd.Name()]})
}

// verbWanted is what a command does that only has verbs: without one it shows them.
func verbWanted(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	return cmd.Help()
}

const (
	groupCluster = "cluster"
	groupTools   = "tools"
)

const rootLong = `kgo is every kafka-*.sh script and a Kafka cluster in one binary without a JVM.

Each tool takes the options of the script whose name it bears and prints what the script prints:
kafka-topics.sh --list is kgo topics --list. A link named kafka-topics.sh, kafka-topics or
kafka-topics.bat that points to kgo works too (kgo install-links DIR makes them).

Tools find the cluster by --bootstrap-server, then KAFKA_BOOTSTRAP_SERVERS, then localhost:9092.

On a terminal, errors, warnings and what is behind are coloured, unless NO_COLOR is set or TERM is dumb.`

func newVersionCmd(f *Factory) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print kgo's version, and the Kafka release that it follows", GroupID: groupCluster, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(f.IO.Out, "kgo %s (Kafka %s, %s, %s/%s)\n", version, kafkaVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// flagError words a refused option of one of kgo's own commands, and says what may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	text := "kgo: " + err.Error()
	if name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --"); unknown {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name, _, _ = strings.Cut(name, "=")
		if meant := opt.Closest(name, names); meant != "" {
			text += "; did you mean --" + meant + "?"
		}
	}
	return &opt.UsageError{Text: text}
}

func unknownCommand(parent *cobra.Command, name string) error {
	var names []string
	for _, c := range parent.Commands() {
		names = append(names, c.Name())
	}
	text := parent.CommandPath() + ": there is no command " + name
	if meant := opt.Closest(strings.TrimPrefix(name, "kafka-"), names); meant != "" {
		text += "; did you mean " + meant + "?"
	} else {
		text += "; " + parent.CommandPath() + " --help lists the commands"
	}
	return &exitError{code: 2, err: errors.New(text)}
}

// dispatch turns a process's arguments into those of the root command: a program called kafka-topics.sh, kafka-topics or
// kafka-topics.bat is kgo topics.
func dispatch(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	name := filepath.Base(strings.ReplaceAll(argv[0], `\`, "/"))
	for _, suffix := range []string{".exe", ".sh", ".bat", ".cmd"} {
		name = strings.TrimSuffix(name, suffix)
	}
	args := argv[1:]
	if tool, ok := scriptCommand(name); ok {
		args = append([]string{tool}, args...)
	}
	return scriptSpelling(args)
}

// scriptSpelling lets the servers take the options of their scripts: -daemon with one dash, and what was meant for the JVM,
// -loggc and -name NAME, without effect.
func scriptSpelling(args []string) []string {
	if len(args) == 0 || !strings.Contains(args[0], "server") && args[0] != "coordinator" {
		return args
	}
	out := args[:1:1]
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "-daemon":
			out = append(out, "--daemon")
		case "-loggc":
		case "-name":
			i++
		default:
			out = append(out, args[i])
		}
	}
	return out
}

// scriptCommand maps a script's name without its extension to the command that replaces it.
func scriptCommand(script string) (string, bool) {
	switch script {
	case "kgo":
		return "", false
	case "kafka-delegation-tokens", "kafka-delegation-token":
		return "delegation-tokens", true
	case "zookeeper-server-start", "zookeeper-server-stop", "zookeeper-shell",
		"connect-standalone", "connect-distributed", "connect-plugin-path", "connect-mirror-maker", "trogdor":
		return script, true
	}
	tool, ok := strings.CutPrefix(script, "kafka-")
	return tool, ok && tool != ""
}
