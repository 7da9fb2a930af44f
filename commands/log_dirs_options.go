package commands

import "github.com/kgo-project/kgo/commands/opt"

var logDirsSpec = &opt.Spec{
	Name:  "log-dirs",
	Intro: "This tool helps to query log directory usage on the specified brokers.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "The server(s) to use for bootstrapping", Desc: "REQUIRED: the server(s) to use for bootstrapping"},
		{Name: "broker-list", Arg: opt.Required, Type: "String", Meta: "Broker list", Desc: "The list of brokers to be queried in the form \"0,1,2\". All brokers in the cluster will be queried if no broker list is specified (default: )"},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "Admin client property file", Desc: "Property file containing configs to be passed to Admin Client."},
		{Name: "describe", Desc: "Describe the specified log directories on the specified brokers."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "topic-list", Arg: opt.Required, Type: "String", Meta: "Topic list", Desc: "The list of topics to be queried in the form \"topic1,topic2,topic3\". All topics will be queried if no topic list is specified (default: )"},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
