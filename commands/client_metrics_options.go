package commands

import "github.com/kgo-project/kgo/commands/opt"

var clientMetricsSpec = &opt.Spec{
	Name:  "client-metrics",
	Intro: "This tool helps to manipulate and describe client metrics configurations.",
	Options: []opt.Option{
		{Name: "alter", Desc: "Alter the configuration for the client metrics resource."},
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Desc: "REQUIRED: The Kafka server to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "command config property file", Desc: "Property file containing configs to be passed to Admin Client."},
		{Name: "delete", Desc: "Delete the configuration for the client metrics resource."},
		{Name: "describe", Desc: "List configurations for the client metrics resource."},
		{Name: "generate-name", Desc: "Generate a UUID to use as the name."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "interval", Arg: opt.Required, Type: "String", Meta: "push interval", Desc: "The metrics push interval in milliseconds.\nLeave empty to reset the interval."},
		{Name: "list", Desc: "List the client metrics resources."},
		{Name: "match", Arg: opt.Required, Type: "String", Meta: "k1=v1,k2=v2", Repeat: true, Desc: "Matching selector 'k1=v1,k2=v2'. The following is a list of valid selector names: \n\tclient_id\n\tclient_instance_id\n\tclient_software_name\n\tclient_software_version\n\tclient_source_address\n\tclient_source_port"},
		{Name: "metrics", Arg: opt.Required, Type: "String", Meta: "m1,m2", Repeat: true, Desc: "Telemetry metric name prefixes 'm1,m2'."},
		{Name: "name", Arg: opt.Required, Type: "String", Meta: "name", Desc: "Name of client metrics configuration resource."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
