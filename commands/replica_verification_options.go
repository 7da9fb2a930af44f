package commands

import "github.com/kgo-project/kgo/commands/opt"

var replicaVerificationSpec = &opt.Spec{
	Name:  "replica-verification",
	Intro: "Validate that all replicas for a set of topics have the same data.",
	Options: []opt.Option{
		{Name: "broker-list", Arg: opt.Required, Type: "String", Meta: "hostname:port,...,hostname:port", Desc: "REQUIRED: The list of hostname and port of the server to connect to."},
		{Name: "fetch-size", Arg: opt.Required, Type: "Integer", Meta: "bytes", Default: "1048576", Desc: "The fetch size of each request."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "max-wait-ms", Arg: opt.Required, Type: "Integer", Meta: "ms", Default: "1000", Desc: "The max amount of time each fetch request waits."},
		{Name: "report-interval-ms", Arg: opt.Required, Type: "Long", Meta: "ms", Default: "30000", Desc: "The reporting interval."},
		{Name: "time", Arg: opt.Required, Type: "Long", Meta: "timestamp/-1(latest)/-2(earliest)", Default: "-1", Desc: "Timestamp for getting the initial offsets."},
		{Name: "topics-include", Arg: opt.Required, Type: "String", Meta: "Java regex (String)", Default: ".*", Desc: "List of topics to verify replica consistency."},
		{Name: "version", Desc: "Display Kafka version."},
		{Name: "topic-white-list", Arg: opt.Required, Gone: "use --topics-include"},
	},
}
