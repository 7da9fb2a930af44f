package commands

import "github.com/kgo-project/kgo/commands/opt"

var verifiableConsumerSpec = &opt.Spec{
	Name:         "verifiable-consumer",
	Prog:         "verifiable-consumer",
	Intro:        "This tool consumes messages from a specific topic and emits consumer events (e.g. group rebalances, received messages, and offsets committed) as JSON objects to STDOUT.",
	ShowDefaults: true,
	Options: []opt.Option{
		{Name: "topic", Arg: opt.Required, Meta: "TOPIC", Must: true, Desc: "Consumes messages from this topic.", Complete: "topic"},
		{Name: "group-protocol", Arg: opt.Required, Meta: "GROUP-PROTOCOL", Default: "classic", Desc: "Group protocol (must be one of CLASSIC, CONSUMER)"},
		{Name: "group-remote-assignor", Arg: opt.Required, Meta: "GROUP-REMOTE-ASSIGNOR", Desc: "Group remote assignor; only used if the group protocol is CONSUMER"},
		{Name: "group-id", Arg: opt.Required, Meta: "GROUP-ID", Must: true, Desc: "The group id of the consumer group", Complete: "group"},
		{Name: "group-instance-id", Arg: opt.Required, Meta: "GROUP-INSTANCE-ID", Desc: "A unique identifier of the consumer instance"},
		{Name: "max-messages", Arg: opt.Required, Type: "Integer", Meta: "MAX-MESSAGES", Default: "-1", Desc: "Consume this many messages. If -1 (the default), the consumer will consume until the process is killed externally"},
		{Name: "session-timeout", Arg: opt.Required, Type: "Integer", Meta: "TIMEOUT-MS", Desc: "Set the consumer's session timeout, note that this configuration is not supported when group protocol is consumer"},
		{Name: "verbose", Desc: "Enable to log individual consumed records"},
		{Name: "enable-autocommit", Desc: "Enable offset auto-commit on consumer"},
		{Name: "reset-policy", Arg: opt.Required, Meta: "RESET-POLICY", Default: "earliest", Desc: "Set reset policy (must be either 'earliest', 'latest', or 'none')"},
		{Name: "assignment-strategy", Arg: opt.Required, Meta: "ASSIGNMENT-STRATEGY", Default: "org.apache.kafka.clients.consumer.RangeAssignor", Desc: "Set assignment strategy (e.g. org.apache.kafka.clients.consumer.RoundRobinAssignor); only used if the group protocol is CLASSIC"},
		{Name: "consumer.config", Arg: opt.Required, Meta: "CONFIG-FILE", Desc: "(DEPRECATED) Consumer config properties file. This option will be removed in a future version. Use --command-config instead", Complete: "file"},
		{Name: "command-config", Arg: opt.Required, Meta: "CONFIG-FILE", Desc: "Config properties file (config options shared with command line parameters will be overridden).", Complete: "file"},
		{Name: "bootstrap-server", Arg: opt.Required, Meta: "HOST1:PORT1[,HOST2:PORT2[...]]", Desc: "The server(s) to connect to. Comma-separated list of Kafka brokers in the form HOST1:PORT1,HOST2:PORT2,..."},
		{Name: "broker-list", Arg: opt.Required, Means: "bootstrap-server"},
	},
	Groups:   []opt.Alternatives{{Names: []string{"bootstrap-server"}, Must: true}},
	Sections: []opt.Section{{Title: "Connection Group", Desc: "Group of arguments for connection to brokers", Names: []string{"bootstrap-server"}}},
}
