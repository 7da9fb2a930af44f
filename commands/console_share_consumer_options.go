package commands

import "github.com/kgo-project/kgo/commands/opt"

var consoleShareConsumerSpec = &opt.Spec{
	Name:  "console-share-consumer",
	Intro: "This tool helps to read data from Kafka topics using share groups and outputs it to standard output.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Desc: "REQUIRED: The server(s) to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "Consumer config properties file. Note that [command-property] takes precedence over this config.", Complete: "file"},
		{Name: "command-property", Arg: opt.Required, Type: "String", Meta: "consumer_prop", Repeat: true, Desc: "Consumer config properties in the form key=value."},
		{Name: "consumer-config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "(DEPRECATED) Consumer config properties file. Note that [command-property] takes precedence over this config. This option will be removed in a future version. Use --command-config instead.", Complete: "file"},
		{Name: "consumer-property", Arg: opt.Required, Type: "String", Meta: "consumer_prop", Repeat: true, Desc: "(DEPRECATED) Consumer config properties in the form key=value. This option will be removed in a future version. Use --command-property instead."},
		{Name: "enable-systest-events", Desc: "Log lifecycle events of the share consumer in addition to logging consumed messages. (This is specific for system tests.)"},
		{Name: "formatter", Arg: opt.Required, Type: "String", Meta: "class", Default: "org.apache.kafka.tools.consumer.DefaultMessageFormatter", Desc: "The name of a class to use for formatting Kafka messages for display."},
		{Name: "formatter-config", Arg: opt.Required, Type: "String", Meta: "config file", Desc: "Config properties file to initialize the message formatter. Note that [formatter-property] takes precedence over this config.", Complete: "file"},
		{Name: "formatter-property", Arg: opt.Required, Type: "String", Meta: "prop", Repeat: true, Desc: "The properties to initialize the message formatter. Default properties include: \n print.timestamp=true|false\n print.key=true|false\n print.offset=true|false\n print.delivery=true|false\n print.epoch=true|false\n print.partition=true|false\n print.headers=true|false\n print.value=true|false\n key.separator=<key.separator>\n line.separator=<line.separator>\n headers.separator=<headers.separator>\n null.literal=<null.literal>\n key.deserializer=<key.deserializer>\n value.deserializer=<value.deserializer>\n header.deserializer=<header.deserializer>\n\nUsers can also pass in customized properties for their formatter; more specifically, users can pass in properties keyed with 'key.deserializer.', 'value.deserializer.' and 'headers.deserializer.' prefixes to configure their deserializers."},
		{Name: "group", Arg: opt.Required, Type: "String", Meta: "share group id", Desc: "The share group id of the consumer.", Complete: "group"},
		{Name: "help", Desc: "Print usage information."},
		{Name: "key-deserializer", Arg: opt.Required, Type: "String", Meta: "deserializer for keys", Desc: "The name of the class to use for deserializing keys."},
		{Name: "max-messages", Arg: opt.Required, Type: "Integer", Meta: "num_messages", Desc: "The maximum number of messages to consume before exiting. If not set, consumption is continual."},
		{Name: "property", Arg: opt.Required, Type: "String", Meta: "prop", Repeat: true, Desc: "(DEPRECATED) The properties to initialize the message formatter. Default properties include: \n print.timestamp=true|false\n print.key=true|false\n print.offset=true|false\n print.delivery=true|false\n print.epoch=true|false\n print.partition=true|false\n print.headers=true|false\n print.value=true|false\n key.separator=<key.separator>\n line.separator=<line.separator>\n headers.separator=<headers.separator>\n null.literal=<null.literal>\n key.deserializer=<key.deserializer>\n value.deserializer=<value.deserializer>\n header.deserializer=<header.deserializer>\n\nUsers can also pass in customized properties for their formatter; more specifically, users can pass in properties keyed with 'key.deserializer.', 'value.deserializer.' and 'headers.deserializer.' prefixes to configure their deserializers. \nThis option will be removed in a future version. Use --formatter-property instead."},
		{Name: "reject", Desc: "If specified, messages are rejected as they are consumed."},
		{Name: "reject-message-on-error", Desc: "If there is an error when processing a message, reject it instead of halting."},
		{Name: "release", Desc: "If specified, messages are released as they are consumed."},
		{Name: "timeout-ms", Arg: opt.Required, Type: "Integer", Meta: "timeout_ms", Desc: "If specified, exit if no message is available for consumption for the specified interval."},
		{Name: "topic", Arg: opt.Required, Type: "String", Meta: "topic", Desc: "The topic to consume from.", Complete: "topic"},
		{Name: "value-deserializer", Arg: opt.Required, Type: "String", Meta: "deserializer for values", Desc: "The name of the class to use for deserializing values."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
