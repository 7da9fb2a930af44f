package commands

import "github.com/kgo-project/kgo/commands/opt"

var groupsSpec = &opt.Spec{
	Name:  "groups",
	Intro: "This tool helps to list groups of all types.",
	Bare:  "Missing required option(s) [bootstrap-server]",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Must: true, Desc: "REQUIRED: The Kafka server to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "command config property file", Desc: "Property file containing configs to be passed to Admin Client."},
		{Name: "consumer", Desc: "Filter the groups to show all kinds of consumer groups, including classic and simple consumer groups. This matches group type 'consumer', and group type 'classic' where the protocol type is 'consumer' or empty."},
		{Name: "group-type", Arg: opt.Required, Type: "String", Meta: "type", Desc: "Filter the groups based on group type. Valid types are: 'classic', 'consumer', 'share' and 'streams'."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "list", Desc: "List the groups."},
		{Name: "protocol", Arg: opt.Required, Type: "String", Meta: "protocol", Desc: "Filter the groups based on protocol type."},
		{Name: "share", Desc: "Filter the groups to show share groups."},
		{Name: "streams", Desc: "Filter the groups to show streams groups."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
