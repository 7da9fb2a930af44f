package commands

import "github.com/kgo-project/kgo/commands/opt"

var verifiableProducerSpec = &opt.Spec{
	Name:         "verifiable-producer",
	Prog:         "verifiable-producer",
	Intro:        "This tool produces increasing integers to the specified topic and prints JSON metadata to stdout on each \"send\" request, making externally visible which messages have been acked and which have not.",
	ShowDefaults: true,
	Options: []opt.Option{
		{Name: "topic", Arg: opt.Required, Meta: "TOPIC", Must: true, Desc: "Produce messages to this topic.", Complete: "topic"},
		{Name: "max-messages", Arg: opt.Required, Type: "Integer", Meta: "MAX-MESSAGES", Default: "-1", Desc: "Produce this many messages. If -1, produce messages until the process is killed externally."},
		{Name: "throughput", Arg: opt.Required, Type: "Integer", Meta: "THROUGHPUT", Default: "-1", Desc: "If set >= 0, throttle maximum message throughput to *approximately* THROUGHPUT messages/sec."},
		{Name: "acks", Arg: opt.Required, Type: "Integer", Meta: "ACKS", Default: "-1", Choices: []string{"0", "1", "-1"}, Desc: "Acks required on each produced message. See Kafka docs on acks for details."},
		{Name: "producer.config", Arg: opt.Required, Meta: "CONFIG-FILE", Desc: "(DEPRECATED) Producer config properties file. This option will be removed in a future version. Use --command-config instead.", Complete: "file"},
		{Name: "message-create-time", Arg: opt.Required, Type: "Long", Meta: "CREATE-TIME", Default: "-1", Desc: "Send messages with creation time starting at the arguments value, in milliseconds since epoch"},
		{Name: "value-prefix", Arg: opt.Required, Type: "Integer", Meta: "VALUE-PREFIX", Desc: "If specified, each produced value will have this prefix with a dot separator"},
		{Name: "repeating-keys", Arg: opt.Required, Type: "Integer", Meta: "REPEATING-KEYS", Desc: "If specified, each produced record will have a key starting at 0 increment by 1 up to the number specified (exclusive), then the key is set to 0 again"},
		{Name: "command-config", Arg: opt.Required, Meta: "CONFIG-FILE", Desc: "Config properties file (config options shared with command line parameters will be overridden).", Complete: "file"},
		{Name: "bootstrap-server", Arg: opt.Required, Meta: "HOST1:PORT1[,HOST2:PORT2[...]]", Desc: "REQUIRED: The server(s) to connect to. Comma-separated list of Kafka brokers in the form HOST1:PORT1,HOST2:PORT2,..."},
		{Name: "broker-list", Arg: opt.Required, Means: "bootstrap-server"},
	},
	Groups:   []opt.Alternatives{{Names: []string{"bootstrap-server"}, Must: true}},
	Sections: []opt.Section{{Title: "Connection Group", Desc: "Group of arguments for connection to brokers", Names: []string{"bootstrap-server"}}},
}
