package commands

import "github.com/kgo-project/kgo/commands/opt"

var brokerAPIVersionsSpec = &opt.Spec{
	Name:  "broker-api-versions",
	Intro: "This tool helps to retrieve broker version information.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server(s) to use for bootstrapping", Desc: "REQUIRED: The server to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "command config property file", Desc: "A property file containing configs to be passed to Admin Client."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
