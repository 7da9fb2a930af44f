package commands

import "github.com/kgo-project/kgo/commands/opt"

var reassignSpec = &opt.Spec{
	Name:  "reassign-partitions",
	Intro: "This tool helps to move topic partitions between replicas.",
	Options: []opt.Option{
		{Name: "additional", Desc: "Execute this reassignment in addition to any other ongoing ones. This option can also be used to change the throttle of an ongoing reassignment."},
		{Name: "bootstrap-controller", Arg: opt.Optional, Type: "String", Meta: "bootstrap controller to connect to", Desc: "The controller to use for reassignment. By default, the tool will get the quorum controller. This option supports the actions --cancel and --list."},
		{Name: "bootstrap-server", Arg: opt.Optional, Type: "String", Meta: "Server(s) to use for bootstrapping", Desc: "the server(s) to use for bootstrapping."},
		{Name: "broker-list", Arg: opt.Required, Type: "String", Meta: "brokerlist", Desc: "The list of brokers to which the partitions need to be reassigned in the form \"0,1,2\". This is required if --topics-to-move-json-file is used to generate reassignment configuration"},
		{Name: "cancel", Desc: "Cancel an active reassignment."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "Admin client property file", Desc: "Property file containing configs to be passed to Admin Client."},
		{Name: "disable-rack-aware", Desc: "Disable rack aware replica assignment"},
		{Name: "disallow-replication-factor-change", Desc: "Denies the ability to change a partition's replication factor as part of this reassignment through adding validation against it."},
		{Name: "execute", Desc: "Kick off the reassignment as specified by the --reassignment-json-file option."},
		{Name: "generate", Desc: "Generate a candidate partition reassignment configuration. Note that this only generates a candidate assignment, it does not execute it."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "list", Desc: "List all active partition reassignments."},
		{Name: "preserve-throttles", Desc: "Do not modify broker or topic throttles."},
		{Name: "reassignment-json-file", Arg: opt.Required, Type: "String", Meta: "manual assignment json file path", Desc: "The JSON file with the partition reassignment configurationThe format to use is - \n{\"partitions\":\n\t[{\"topic\": \"foo\",\n\t  \"partition\": 1,\n\t  \"replicas\": [1,2,3],\n\t  \"log_dirs\": [\"dir1\",\"dir2\",\"dir3\"] }],\n\"version\":1\n}\nNote that \"log_dirs\" is optional. When it is specified, its length must equal the length of the replicas list. The value in this list can be either \"any\" or the absolution path of the log directory on the broker. If absolute log directory path is specified, the replica will be moved to the specified log directory on the broker."},
		{Name: "replica-alter-log-dirs-throttle", Arg: opt.Required, Type: "Long", Meta: "replicaAlterLogDirsThrottle", Default: "-1", Desc: "The movement of replicas between log directories on the same broker will be throttled to this value (bytes/sec). This option can be included with --execute when a reassignment is started, and it can be altered by resubmitting the current reassignment along with the --additional flag. The throttle rate should be at least 1 KB/s."},
		{Name: "throttle", Arg: opt.Required, Type: "Long", Meta: "throttle", Default: "-1", Desc: "The movement of partitions between brokers will be throttled to this value (bytes/sec). This option can be included with --execute when a reassignment is started, and it can be altered by resubmitting the current reassignment along with the --additional flag. The throttle rate should be at least 1 KB/s."},
		{Name: "timeout", Arg: opt.Required, Type: "Long", Meta: "timeout", Default: "10000", Desc: "The maximum time in ms to wait for log directory replica assignment to begin."},
		{Name: "topics-to-move-json-file", Arg: opt.Required, Type: "String", Meta: "topics to reassign json file path", Desc: "Generate a reassignment configuration to move the partitions of the specified topics to the list of brokers specified by the --broker-list option. The format to use is - \n{\"topics\":\n\t[{\"topic\": \"foo\"},{\"topic\": \"foo1\"}],\n\"version\":1\n}"},
		{Name: "verify", Desc: "Verify if the reassignment completed as specified by the --reassignment-json-file option. If there is a throttle engaged for the replicas specified, and the rebalance has completed, the throttle will be removed"},
		{Name: "version", Desc: "Display Kafka version."},
		{Name: "zookeeper", Arg: opt.Required, Means: "bootstrap-server"},
	},
}
