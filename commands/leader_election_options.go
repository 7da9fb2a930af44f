package commands

import "github.com/kgo-project/kgo/commands/opt"

var leaderElectionSpec = &opt.Spec{
	Name:  "leader-election",
	Intro: "This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are preferred replicas and unclean replicas.",
	Options: []opt.Option{
		{Name: "admin.config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "(DEPRECATED) Configuration properties files to pass to the admin client. This option will be removed in a future version. Use --command-config instead."},
		{Name: "all-topic-partitions", Desc: "Perform election on all of the eligible topic partitions based on the type of election (see the --election-type flag). Not allowed if --topic or --path-to-json-file is specified."},
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "host:port", Desc: "A hostname and port for the broker to connect to, in the form host:port. Multiple comma separated URLs can be given. REQUIRED."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "Config file", Desc: "Config properties file to pass to the admin client."},
		{Name: "election-type", Arg: opt.Required, Type: "[PREFERRED,UNCLEAN]", Meta: "election type", Desc: "Type of election to attempt. Possible values are \"preferred\" for preferred leader election or \"unclean\" for unclean leader election. If preferred election is selection, the election is only performed if the current leader is not the preferred leader for the topic partition. If unclean election is selected, the election is only performed if there are no leader for the topic partition. REQUIRED."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "partition", Arg: opt.Required, Type: "Integer", Meta: "partition id", Desc: "Partition id for which to perform an election. REQUIRED if --topic is specified."},
		{Name: "path-to-json-file", Arg: opt.Required, Type: "String", Meta: "Path to JSON file", Desc: "The JSON file with the list  of partition for which leader elections should be performed. This is an example format. \n{\"partitions\":\n\t[{\"topic\": \"foo\", \"partition\": 1},\n\t {\"topic\": \"foobar\", \"partition\": 2}]\n}\nNot allowed if --all-topic-partitions or --topic flags are specified."},
		{Name: "topic", Arg: opt.Required, Type: "String", Meta: "topic name", Desc: "Name of topic for which to perform an election. Not allowed if --path-to-json-file or --all-topic-partitions is specified."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
