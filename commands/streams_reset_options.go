package commands

import "github.com/kgo-project/kgo/commands/opt"

var streamsResetSpec = &opt.Spec{
	Name:  "streams-application-reset",
	Bare:  "Missing required option(s) [application-id]",
	Intro: "This tool helps to quickly reset an application in order to reprocess its data from scratch.\n* This tool resets offsets of input topics to the earliest available offset (by default), or to a specific defined position* This tool deletes the internal topics that were created by Kafka Streams (topics starting with \"<application.id>-\").\nThe tool finds these internal topics automatically. If the topics flagged automatically for deletion by the dry-run are unsuitable, you can specify a subset with the \"--internal-topics\" option.\n* This tool will not delete output topics (if you want to delete them, you need to do it yourself with the bin/kafka-topics.sh command).\n* This tool will not clean up the local state on the stream application instances (the persisted stores used to cache aggregation results).\nYou need to call KafkaStreams#cleanUp() in your application or manually delete them from the directory specified by \"state.dir\" configuration (${java.io.tmpdir}/kafka-streams/<application.id> by default).\n* When long session timeout has been configured, active members could take longer to get expired on the broker thus blocking the reset job to complete. Use the \"--force\" option could remove those left-over members immediately. Make sure to stop all stream applications when this option is specified to avoid unexpected disruptions.\n\n*** Important! You will get wrong output if you don't clean up the local stores after running the reset tool!\n\n*** Warning! This tool makes irreversible changes to your application. It is strongly recommended that you run this once with \"--dry-run\" to preview your changes before making them.\n\n",
	Options: []opt.Option{
		{Name: "application-id", Arg: opt.Required, Type: "String", Meta: "id", Must: true, Desc: "REQUIRED: The Kafka Streams application ID (application.id).", Complete: "group"},
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Desc: "The server(s) to connect to. The broker list string in the form HOST1:PORT1,HOST2:PORT2. (default: localhost:9092)"},
		{Name: "by-duration", Arg: opt.Required, Type: "String", Desc: "Reset offsets to offset by duration from current timestamp. Format: 'PnDTnHnMnS'"},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "file name", Desc: "Config properties file to be passed to admin clients and embedded consumer.", Complete: "file"},
		{Name: "config-file", Arg: opt.Required, Type: "String", Meta: "file name", Desc: "(DEPRECATED) Property file containing configs to be passed to admin clients and embedded consumer. This option will be removed in a future version. Use --command-config instead.", Complete: "file"},
		{Name: "dry-run", Desc: "Display the actions that would be performed without executing the reset commands."},
		{Name: "force", Desc: "Force the removal of members of the consumer group (intended to remove stopped members if a long session timeout was used). Make sure to shut down all stream applications when this option is specified to avoid unexpected rebalances."},
		{Name: "from-file", Arg: opt.Required, Type: "String", Desc: "Reset offsets to values defined in CSV file.", Complete: "file"},
		{Name: "help", Desc: "Print usage information."},
		{Name: "input-topics", Arg: opt.Required, Type: "String", Meta: "list", Repeat: true, Desc: "Comma-separated list of user input topics. For these topics, the tool by default will reset the offset to the earliest available offset. Reset to other offset position by appending other reset offset option, ex: --input-topics foo --shift-by 5", Complete: "topic"},
		{Name: "intermediate-topics", Arg: opt.Required, Type: "String", Meta: "list", Repeat: true, Desc: "[deprecated] Comma-separated list of intermediate user topics (topics that are input and output topics). For these topics, the tool will skip to the end."},
		{Name: "internal-topics", Arg: opt.Required, Type: "String", Meta: "list", Repeat: true, Desc: "Comma-separated list of internal topics to delete. Must be a subset of the internal topics marked for deletion by the default behaviour (do a dry-run without this option to view these topics)."},
		{Name: "shift-by", Arg: opt.Required, Type: "Long", Meta: "number-of-offsets", Desc: "Reset offsets shifting current offset by 'n', where 'n' can be positive or negative"},
		{Name: "to-datetime", Arg: opt.Required, Type: "String", Desc: "Reset offsets to offset from datetime. Format: 'YYYY-MM-DDThh:mm:ss.sss'"},
		{Name: "to-earliest", Desc: "Reset offsets to earliest offset."},
		{Name: "to-latest", Desc: "Reset offsets to latest offset."},
		{Name: "to-offset", Arg: opt.Required, Type: "Long", Desc: "Reset offsets to a specific offset."},
		{Name: "version", Desc: "Display Kafka version."},
		{Name: "bootstrap-servers", Arg: opt.Required, Means: "bootstrap-server"},
		{Name: "zookeeper", Ignored: true},
		{Name: "execute", Ignored: true},
	},
}
