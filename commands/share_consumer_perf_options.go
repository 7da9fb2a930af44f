package commands

import "github.com/kgo-project/kgo/commands/opt"

var shareConsumerPerfSpec = &opt.Spec{
	Name:  "share-consumer-perf-test",
	Intro: "This tool is used to verify the share consumer performance.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Desc: "REQUIRED. The server(s) to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "Config properties file.", Complete: "file"},
		{Name: "command-property", Arg: opt.Required, Type: "String", Meta: "prop1=val1", Repeat: true, Desc: "Kafka share consumer related configuration properties like client.id. These configs take precedence over those passed via --command-config or --consumer.config."},
		{Name: "consumer.config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "(DEPRECATED) Share consumer config properties file. This option will be removed in a future version. Use --command-config instead.", Complete: "file"},
		{Name: "date-format", Arg: opt.Required, Type: "String", Meta: "date format", Default: "yyyy-MM-dd HH:mm:ss:SSS", Desc: "The date format to use for formatting the time field. See java.text.SimpleDateFormat for options."},
		{Name: "fetch-size", Arg: opt.Required, Type: "Integer", Meta: "size", Default: "1048576", Desc: "The amount of data to fetch in a single request."},
		{Name: "group", Arg: opt.Required, Type: "String", Meta: "gid", Default: "perf-share-consumer", Desc: "The group id to consume on.", Complete: "group"},
		{Name: "help", Desc: "Print usage information."},
		{Name: "hide-header", Desc: "If set, skips printing the header for the stats."},
		{Name: "messages", Arg: opt.Required, Type: "Long", Meta: "count", Desc: "(DEPRECATED) The number of records to consume. This option will be removed in a future version. Use --num-records instead."},
		{Name: "num-records", Arg: opt.Required, Type: "Long", Meta: "count", Desc: "REQUIRED: The number of records to consume."},
		{Name: "print-metrics", Desc: "Print out the metrics."},
		{Name: "reporting-interval", Arg: opt.Required, Type: "Long", Meta: "interval_ms", Default: "5000", Desc: "Interval in milliseconds at which to print progress info."},
		{Name: "show-consumer-stats", Desc: "If set, stats are reported for each share consumer depending on the no. of threads."},
		{Name: "show-detailed-stats", Desc: "If set, stats are reported for each reporting interval as configured by reporting-interval."},
		{Name: "socket-buffer-size", Arg: opt.Required, Type: "Integer", Meta: "size", Default: "2097152", Desc: "The size of the tcp RECV size."},
		{Name: "threads", Arg: opt.Required, Type: "Integer", Meta: "count", Default: "1", Desc: "The number of share consumers to use for sharing the load."},
		{Name: "timeout", Arg: opt.Optional, Type: "Long", Meta: "milliseconds", Default: "10000", Desc: "The maximum allowed time in milliseconds between returned records."},
		{Name: "topic", Arg: opt.Required, Type: "String", Meta: "topic", Desc: "REQUIRED: The topic to consume from.", Complete: "topic"},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
