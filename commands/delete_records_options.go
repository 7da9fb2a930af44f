package commands

import "github.com/kgo-project/kgo/commands/opt"

var deleteRecordsSpec = &opt.Spec{
	Name:  "delete-records",
	Intro: "This tool helps to delete records of the given partitions down to the specified offset.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server(s) to use for bootstrapping", Desc: "REQUIRED: The server to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "command config property file path", Desc: "A property file containing configs to be passed to Admin Client."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "offset-json-file", Arg: opt.Required, Type: "String", Meta: "Offset json file path", Desc: "REQUIRED: The JSON file with offset per partition. The format to use is:\n{\"partitions\":\n  [{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}],\n \"version\":1\n}"},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
