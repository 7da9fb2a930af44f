package commands

import (
	"fmt"

	"github.com/spf13/cobra"
)

// goneTools are scripts that Apache Kafka has, or once had, and kgo has not: each with what to use in its place.
var goneTools = []struct{ name, script, instead string }{
	{"connect-distributed", "connect-distributed.sh", "is not part of kgo, which has no distributed Connect worker: run kgo connect-standalone with the connectors' files on each machine; kgo connect drives the REST API of any worker, distributed ones included"},
	{"connect-mirror-maker", "connect-mirror-maker.sh", "is not part of kgo: Apache Kafka's works with kgo's clusters at either end"},
	{"connect-plugin-path", "connect-plugin-path.sh", "is not part of kgo, whose connectors are compiled in: kgo connect plugins lists the connectors of a running worker, docs/connect.md tells how to add one"},
	{"consumer-offset-checker", "kafka-consumer-offset-checker.sh", "was removed in Kafka 1.0: kgo consumer-groups --describe --group GROUP shows offsets and lag"},
	{"mirror-maker", "kafka-mirror-maker.sh", "was removed in Kafka 4.0: MirrorMaker 2 (connect-mirror-maker) copies topics between clusters"},
	{"preferred-replica-election", "kafka-preferred-replica-election.sh", "was removed in Kafka 3.0: kgo leader-election --election-type preferred --all-topic-partitions does the same"},
	{"replay-log-producer", "kafka-replay-log-producer.sh", "was removed in Kafka 1.0: kgo console-consumer --from-beginning piped into kgo console-producer copies a topic"},
	{"simple-consumer-shell", "kafka-simple-consumer-shell.sh", "was removed in Kafka 1.0: kgo console-consumer --partition N --offset N reads one partition"},
	{"trogdor", "trogdor.sh", "is the framework of Kafka's own system tests and needs a JVM: use Apache Kafka's"},
	{"zookeeper-security-migration", "zookeeper-security-migration.sh", "was removed in Kafka 4.0: there is no ZooKeeper whose nodes could be secured; kgo acls has the access rules"},
}

// newGoneCmds are commands that only say what replaced them. They stand in no list.
func newGoneCmds() []*cobra.Command {
	var all []*cobra.Command
	for _, g := range goneTools {
		all = append(all, &cobra.Command{
			Use: g.name, Short: g.script + " " + g.instead, Hidden: true, DisableFlagParsing: true, Args: cobra.ArbitraryArgs,
			RunE: func(*cobra.Command, []string) error {
				return fmt.Errorf("%s %s", g.script, g.instead)
			},
		})
	}
	return all
}
