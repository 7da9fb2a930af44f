package commands

import "github.com/kgo-project/kgo/commands/opt"

var e2eLatencySpec = &opt.Spec{
	Name:  "e2e-latency",
	Intro: "This tool measures end-to-end latency in Kafka by sending messages and timing their reception.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "bootstrap-server", Desc: "REQUIRED: The Kafka broker list string in the form HOST1:PORT1,HOST2:PORT2."},
		{Name: "command-config", Arg: opt.Optional, Type: "String", Meta: "config-file", Desc: "Optional: A property file for Kafka producer/consumer/admin client configuration."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "num-headers", Arg: opt.Optional, Type: "Integer", Meta: "count", Default: "0", Desc: "Optional: The number of headers to include in each message."},
		{Name: "num-records", Arg: opt.Required, Type: "Integer", Meta: "count", Desc: "REQUIRED: The number of messages to send."},
		{Name: "producer-acks", Arg: opt.Required, Type: "String", Meta: "producer-acks", Desc: "REQUIRED: Producer acknowledgements. Must be '1' or 'all'."},
		{Name: "record-header-key-size", Arg: opt.Optional, Type: "Integer", Meta: "bytes", Default: "0", Desc: "Optional: The size of the message header key in bytes. Used together with record-header-size."},
		{Name: "record-header-size", Arg: opt.Optional, Type: "Integer", Meta: "bytes", Default: "0", Desc: "Optional: The size of message header value in bytes. Use -1 for null header value."},
		{Name: "record-key-size", Arg: opt.Optional, Type: "Integer", Meta: "bytes", Default: "0", Desc: "Optional: The size of the message key in bytes. If not set, messages are sent without a key."},
		{Name: "record-size", Arg: opt.Required, Type: "Integer", Meta: "bytes", Desc: "REQUIRED: The size of each message payload in bytes."},
		{Name: "topic", Complete: "topic", Arg: opt.Required, Type: "String", Meta: "topic-name", Desc: "REQUIRED: The topic to use for the test."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
