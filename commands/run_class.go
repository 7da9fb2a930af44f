package commands

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/commands/opt"
)

// classCommands are the commands that do what a Java class of Kafka's does, by the class's name without its package: tools have moved
// from kafka.tools and kafka.admin to org.apache.kafka.tools, and runbooks name either.
var classCommands = map[string]string{
	"AclCommand": "acls", "BrokerApiVersionsCommand": "broker-api-versions", "ClientMetricsCommand": "client-metrics", "ClusterTool": "cluster",
	"ConfigCommand": "configs", "ConnectDistributed": "connect-distributed", "ConnectPluginPath": "connect-plugin-path",
	"ConnectStandalone": "connect-standalone", "ConsoleConsumer": "console-consumer", "ConsoleProducer": "console-producer",
	"ConsoleShareConsumer": "console-share-consumer", "ConsumerGroupCommand": "consumer-groups", "ConsumerPerformance": "consumer-perf-test",
	"DelegationTokenCommand": "delegation-tokens", "DeleteRecordsCommand": "delete-records", "DumpLogSegments": "dump-log",
	"EndToEndLatency": "e2e-latency", "FeatureCommand": "features", "GetOffsetShell": "get-offsets", "GroupsCommand": "groups", "JmxTool": "jmx",
	"Kafka": "server", "LeaderElectionCommand": "leader-election", "LogDirsCommand": "log-dirs", "MetadataQuorumCommand": "metadata-quorum",
	"MetadataShell": "metadata-shell", "ProducerPerformance": "producer-perf-test", "ReassignPartitionsCommand": "reassign-partitions",
	"ReplicaVerificationTool": "replica-verification", "ShareConsumerPerformance": "share-consumer-perf-test", "ShareGroupCommand": "share-groups",
	"StorageTool": "storage", "StreamsGroupCommand": "streams-groups", "StreamsResetter": "streams-application-reset", "TopicCommand": "topics",
	"TransactionsCommand": "transactions", "VerifiableConsumer": "verifiable-consumer", "VerifiableProducer": "verifiable-producer",
	"VerifiableShareConsumer": "verifiable-share-consumer", "ZooKeeperMainWithTlsSupportForKafka": "zookeeper-shell",
	"PreferredReplicaLeaderElectionCommand": "preferred-replica-election", "ConsumerOffsetChecker": "consumer-offset-checker",
	"ReplayLogProducer": "replay-log-producer", "SimpleConsumerShell": "simple-consumer-shell", "ZkSecurityMigrator": "zookeeper-security-migration",
	"Trogdor": "trogdor",
}

// newRunClassCmd stands for kafka-run-class.sh, by which runbooks start tools that have no script, or had none once.
func newRunClassCmd(f *Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "run-class CLASS [OPTION...]",
		Short: "Run the tool that a Java class of Kafka's is",
		Long: "kafka-run-class.sh kafka.tools.GetOffsetShell ... runs kgo get-offsets: the class of every tool is known, in its older\n" +
			"packages too. Other classes need a JVM and Kafka's own script.",
		Example:            "  kgo run-class kafka.tools.GetOffsetShell --broker-list localhost:9092 --topic orders --time -1",
		GroupID:            groupCluster,
		DisableFlagParsing: true,
		Args:               cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			words, err := classWords(args)
			switch {
			case errors.Is(err, errHelp):
				return cmd.Help()
			case err != nil:
				return err
			}
			root := newRootCmd(f)
			root.SetArgs(words)
			return root.ExecuteContext(cmd.Context())
		},
	}
}

var errHelp = errors.New("help")

// classWords are the words of the command that a class stands for; what the script took before the class goes to it where it has
// a meaning.
func classWords(args []string) ([]string, error) {
	daemon := false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-daemon":
			daemon = true
		case "-loggc":
		case "-name":
			args = args[min(1, len(args)-1):]
		case "-h", "-help", "--help":
			return nil, errHelp
		default:
			return nil, opt.Usagef("kgo run-class: name the class before its options")
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return nil, opt.Usagef("kgo run-class: name the class of a tool, such as kafka.tools.GetOffsetShell")
	}
	base := args[0][strings.LastIndexByte(args[0], '.')+1:]
	name, ok := classCommands[base]
	switch {
	case base == "MirrorMaker" && strings.HasPrefix(args[0], "kafka.tools."):
		name, ok = "mirror-maker", true
	case base == "MirrorMaker":
		name, ok = "connect-mirror-maker", true
	}
	if !ok || !strings.HasPrefix(args[0], "kafka.") && !strings.HasPrefix(args[0], "org.apache.kafka.") && !strings.HasPrefix(args[0], "org.apache.zookeeper.") {
		return nil, &exitError{code: 1, err: fmt.Errorf("kgo run-class: %s is not the class of one of Kafka's tools: kgo runs no Java, use Apache Kafka's kafka-run-class.sh for it", args[0])}
	}
	words := []string{name}
	if daemon {
		words = append(words, "-daemon")
	}
	return scriptSpelling(append(words, args[1:]...)), nil
}
