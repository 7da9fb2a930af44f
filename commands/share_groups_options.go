package commands

import "github.com/kgo-project/kgo/commands/opt"

var shareGroupsSpec = &opt.Spec{
	Name:  "share-groups",
	Intro: "This tool helps to list, describe, reset and delete share groups.",
	Options: []opt.Option{
		{Name: "all-groups", Desc: "Apply to all share groups."},
		{Name: "all-topics", Desc: "Consider all topics assigned to a share group in the 'reset-offsets' process."},
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Desc: "REQUIRED: The server(s) to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "command config property file", Desc: "Property file containing configs to be passed to Admin Client.", Complete: "file"},
		{Name: "delete", Desc: "Delete share group."},
		{Name: "delete-offsets", Desc: "Delete offsets of share group. Supports one share group at the time, and multiple topics."},
		{Name: "describe", Desc: "Describe share group, members and offset information."},
		{Name: "dry-run", Desc: "Only show results without executing changes on share groups. Supported operations: reset-offsets."},
		{Name: "execute", Desc: "Execute operation. Supported operations: reset-offsets."},
		{Name: "group", Arg: opt.Required, Type: "String", Meta: "share group", Repeat: true, Desc: "The share group we wish to act on.", Complete: "group"},
		{Name: "help", Desc: "Print usage information."},
		{Name: "list", Desc: "List all share groups."},
		{Name: "members", Desc: "Describe members of the group. This option may be used with the '--describe' option only."},
		{Name: "offsets", Desc: "Describe the group and list all topic partitions in the group along with their offset information. This is the default sub-action and may be used with the '--describe' option only."},
		{Name: "reset-offsets", Desc: "Reset offsets of share group. Supports one share group at the time, and instances must be inactive.\nHas 2 execution options: --dry-run to plan which offsets to reset, and --execute to reset the offsets. \nYou must choose one of the following reset specifications: --to-datetime, --to-earliest, --to-latest.\nTo define the scope use --all-topics or --topic.\nFails if neither '--dry-run' nor '--execute' is specified."},
		{Name: "state", Arg: opt.Optional, Type: "String", Desc: "When specified with '--describe', includes the state of the group.\nWhen specified with '--list', it displays the state of all groups. It can also be used to list groups with specific states. Valid values are Empty, Stable and Dead."},
		{Name: "timeout", Arg: opt.Required, Type: "Long", Meta: "timeout (ms)", Default: "30000", Desc: "The timeout that can be set for some use cases. For example, it can be used when describing the group to specify the maximum amount of time in milliseconds to wait before the group stabilizes."},
		{Name: "to-datetime", Arg: opt.Required, Type: "String", Meta: "datetime", Repeat: true, Desc: "Reset offsets to offset from datetime. Format: 'YYYY-MM-DDThh:mm:ss.sss'"},
		{Name: "to-earliest", Desc: "Reset offsets to earliest offset."},
		{Name: "to-latest", Desc: "Reset offsets to latest offset."},
		{Name: "topic", Arg: opt.Required, Type: "String", Meta: "topic", Repeat: true, Desc: "The topic whose offset information should be deleted or included in the reset offset process. When resetting offsets, partitions can be specified using this format: 'topic1:0,1,2', where 0,1,2 are the partitions to be included.", Complete: "topic"},
		{Name: "verbose", Desc: "Provide additional information, if any, when describing the group. This option may be used with the '--describe' option only."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
