package commands

import "github.com/kgo-project/kgo/commands/opt"

var getOffsetsSpec = &opt.Spec{
	Name:  "get-offsets",
	Intro: "An interactive shell for getting topic-partition offsets.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "HOST1:PORT1,...,HOST3:PORT3", Desc: "REQUIRED. The server(s) to connect to in the form HOST1:PORT1,HOST2:PORT2."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "Property file containing configs to be passed to Admin Client."},
		{Name: "exclude-internal-topics", Desc: "By default, internal topics are included. If specified, internal topics are excluded."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "partitions", Arg: opt.Required, Type: "String", Meta: "partition ids", Desc: "Comma separated list of partition ids to get the offsets for. If not present, all partitions of the authorized topics are queried. Cannot be used if --topic-partitions is present."},
		{Name: "time", Arg: opt.Required, Type: "String", Meta: "<timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload", Default: "latest", Desc: "timestamp of the offsets before that. [Note: No offset is returned, if the timestamp greater than recently committed record timestamp is given.]"},
		{Name: "topic", Arg: opt.Required, Type: "String", Meta: "topic", Desc: "The topic to get the offsets for. It also accepts a regular expression. If not present, all authorized topics are queried. Cannot be used if --topic-partitions is present."},
		{Name: "topic-partitions", Arg: opt.Required, Type: "String", Meta: "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3", Desc: "Comma separated list of topic-partition patterns to get the offsets for, with the format of '([^:,]*)(?::(?:([0-9]*)|(?:([0-9]*)-([0-9]*))))?'. The first group is an optional regex for the topic name, if omitted, it matches any topic name. The section after ':' describes a 'partition' pattern, which can be: a number, a range in the format of 'NUMBER-NUMBER' (lower inclusive, upper exclusive), an inclusive lower bound in the format of 'NUMBER-', an exclusive upper bound in the format of '-NUMBER' or may be omitted to accept all partitions."},
		{Name: "version", Desc: "Display Kafka version."},
		{Name: "broker-list", Arg: opt.Required, Means: "bootstrap-server"},
		{Name: "max-wait-ms", Arg: opt.Required, Gone: "it has no replacement"},
		{Name: "offsets", Arg: opt.Required, Gone: "it has no replacement"},
	},
}
