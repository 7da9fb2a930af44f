package commands

import "github.com/kgo-project/kgo/commands/opt"

var dumpLogSpec = &opt.Spec{
	Name:  "dump-log",
	Intro: "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment.",
	Options: []opt.Option{
		{Name: "cluster-metadata-decoder", Desc: "If set, log data will be parsed as cluster metadata records."},
		{Name: "deep-iteration", Desc: "If set, uses deep instead of shallow iteration. Automatically set if print-data-log is enabled."},
		{Name: "files", Arg: opt.Required, Type: "String", Meta: "file1, file2, ...", Desc: "REQUIRED: The comma separated list of data and index log files to be dumped.", Complete: "file"},
		{Name: "help", Desc: "Print usage information."},
		{Name: "index-sanity-check", Desc: "If set, just checks the index sanity without printing its content. This is the same check that is executed on broker startup to determine if an index needs rebuilding or not."},
		{Name: "key-decoder-class", Arg: opt.Optional, Type: "String", Default: "org.apache.kafka.tools.api.StringDecoder", Desc: "If set, used to deserialize the keys. This class should implement org.apache.kafka.tools.api.Decoder trait. Custom jar should be available in kafka/libs directory."},
		{Name: "max-bytes", Arg: opt.Required, Type: "Integer", Meta: "size", Default: "2147483647", Desc: "Limit the amount of total batches read in bytes avoiding reading the whole .log file(s)."},
		{Name: "max-message-size", Arg: opt.Required, Type: "Integer", Meta: "size", Default: "5242880", Desc: "Size of largest message."},
		{Name: "offsets-decoder", Desc: "If set, log data will be parsed as offset data from the __consumer_offsets topic."},
		{Name: "print-data-log", Desc: "If set, printing the messages content when dumping data logs. Automatically set if any decoder option is specified."},
		{Name: "remote-log-metadata-decoder", Desc: "If set, log data will be parsed as TopicBasedRemoteLogMetadataManager (RLMM) metadata records. Instead, the value-decoder-class option can be used if a custom RLMM implementation is configured."},
		{Name: "share-group-state-decoder", Desc: "If set, log data will be parsed as share group state data from the __share_group_state topic."},
		{Name: "skip-record-metadata", Desc: "Skip metadata when printing records. This flag also skips control records."},
		{Name: "transaction-log-decoder", Desc: "If set, log data will be parsed as transaction metadata from the __transaction_state topic."},
		{Name: "value-decoder-class", Arg: opt.Optional, Type: "String", Default: "org.apache.kafka.tools.api.StringDecoder", Desc: "If set, used to deserialize the messages. This class should implement org.apache.kafka.tools.api.Decoder trait. Custom jar should be available in kafka/libs directory."},
		{Name: "verify-index-only", Desc: "If set, just verify the index log without printing its content."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
