package commands

import "github.com/kgo-project/kgo/commands/opt"

// consumerPerfSpec lacks the default of --group, which is another one in each run.
var consumerPerfSpec = &opt.Spec{
	Name:  "consumer-perf-test",
	Intro: "This tool is used to verify the consumer performance.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Desc: "REQUIRED: The server(s) to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "Config properties file."},
		{Name: "command-property", Arg: opt.Required, Type: "String", Meta: "prop1=val1", Repeat: true, Desc: "Kafka consumer related configuration properties like client.id. These configs take precedence over those passed via --command-config or --consumer.config."},
		{Name: "consumer.config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "(DEPRECATED) Consumer config properties file. This option will be removed in a future version. Use --command-config instead."},
		{Name: "date-format", Arg: opt.Required, Type: "String", Meta: "date format", Default: "yyyy-MM-dd HH:mm:ss:SSS", Desc: "The date format to use for formatting the time field. See java.text.SimpleDateFormat for options."},
		{Name: "fetch-size", Arg: opt.Required, Type: "Integer", Meta: "size", Default: "1048576", Desc: "The maximum amount of data to fetch from a single partition per request."},
		{Name: "from-latest", Desc: "If the consumer does not already have an established offset to consume from, start with the latest record present in the log rather than the earliest record."},
		{Name: "group", Complete: "group", Arg: opt.Required, Type: "String", Meta: "gid", Default: "", Desc: "The group id to consume on."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "hide-header", Desc: "If set, skips printing the header for the stats."},
		{Name: "include", Arg: opt.Required, Type: "String", Meta: "Java regex (String)", Desc: "Regular expression specifying list of topics to include for consumption."},
		{Name: "messages", Arg: opt.Required, Type: "Long", Meta: "count", Desc: "(DEPRECATED) The number of records to consume. This option will be removed in a future version. Use --num-records instead."},
		{Name: "num-records", Arg: opt.Required, Type: "Long", Meta: "count", Desc: "REQUIRED: The number of records to consume."},
		{Name: "print-metrics", Desc: "Print out the metrics."},
		{Name: "reporting-interval", Arg: opt.Required, Type: "Long", Meta: "interval_ms", Default: "5000", Desc: "Interval in milliseconds at which to print progress info."},
		{Name: "show-detailed-stats", Desc: "If set, stats are reported for each reporting interval as configured by reporting-interval."},
		{Name: "socket-buffer-size", Arg: opt.Required, Type: "Integer", Meta: "size", Default: "2097152", Desc: "The size of the tcp RECV size."},
		{Name: "timeout", Arg: opt.Optional, Type: "Long", Meta: "milliseconds", Default: "10000", Desc: "The maximum allowed time in milliseconds between returned records."},
		{Name: "topic", Complete: "topic", Arg: opt.Required, Type: "String", Meta: "topic", Desc: "The topic to consume from."},
		{Name: "version", Desc: "Display Kafka version."},
		{Name: "broker-list", Arg: opt.Required, Means: "bootstrap-server"},
		{Name: "new-consumer", Ignored: true},
		{Name: "num-fetch-threads", Arg: opt.Required, Ignored: true},
		{Name: "zookeeper", Arg: opt.Required, Gone: "use --bootstrap-server HOST:PORT"},
		{Name: "threads", Arg: opt.Required, Gone: "run several processes with the same --group"},
		{Name: "batch-size", Arg: opt.Required, Gone: "use --command-property max.poll.records=COUNT"},
		{Name: "compression-codec", Arg: opt.Required, Gone: "a consumer reads every codec"},
		{Name: "message-size", Arg: opt.Required, Gone: "a consumer reads records of every size"},
	},
}
