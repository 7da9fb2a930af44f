package commands

import "github.com/kgo-project/kgo/commands/opt"

var verifiableShareConsumerSpec = &opt.Spec{
	Name:         "verifiable-share-consumer",
	Prog:         "verifiable-share-consumer",
	Intro:        "This tool creates a share group and consumes messages from a specific topic and emits share consumer events (e.g. share consumer startup, received messages, and offsets acknowledged) as JSON objects to STDOUT.",
	ShowDefaults: true,
	Options: []opt.Option{
		{Name: "topic", Arg: opt.Required, Meta: "TOPIC", Must: true, Desc: "Consumes messages from this topic.", Complete: "topic"},
		{Name: "group-id", Arg: opt.Required, Meta: "GROUP-ID", Must: true, Desc: "The group id of the share group", Complete: "group"},
		{Name: "max-messages", Arg: opt.Required, Type: "Integer", Meta: "MAX-MESSAGES", Default: "-1", Desc: "Consume this many messages. If -1 (the default), the share consumers will consume until the process is killed externally"},
		{Name: "verbose", Desc: "Enable to log individual consumed records"},
		{Name: "acknowledgement-mode", Arg: opt.Required, Meta: "ACKNOWLEDGEMENT-MODE", Default: "auto", Desc: "Acknowledgement mode for the share consumers (must be either 'auto', 'sync' or 'async')"},
		{Name: "offset-reset-strategy", Arg: opt.Required, Meta: "OFFSET-RESET-STRATEGY", Default: "", Desc: "Share group offset reset strategy (must be either 'earliest' or 'latest') (default: )"},
		{Name: "command-config", Arg: opt.Required, Meta: "CONFIG-FILE", Desc: "Config properties file (config options shared with command line parameters will be overridden).", Complete: "file"},
		{Name: "bootstrap-server", Arg: opt.Required, Meta: "HOST1:PORT1[,HOST2:PORT2[...]]", Desc: "The server(s) to connect to. Comma-separated list of Kafka brokers in the form HOST1:PORT1,HOST2:PORT2,..."},
	},
	Groups:   []opt.Alternatives{{Names: []string{"bootstrap-server"}, Must: true}},
	Sections: []opt.Section{{Title: "Connection Group", Desc: "Group of arguments for connection to brokers", Names: []string{"bootstrap-server"}}},
}
