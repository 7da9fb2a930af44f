package commands

import "github.com/kgo-project/kgo/commands/opt"

var jmxSpec = &opt.Spec{
	Name:  "jmx",
	Intro: "Dump JMX values to standard output.",
	Options: []opt.Option{
		{Name: "attributes", Arg: opt.Required, Type: "String", Meta: "name", Desc: "The list of attributes to include in the query. This is a comma-separated list. If no attributes are specified all objects will be queried."},
		{Name: "date-format", Arg: opt.Required, Type: "String", Meta: "format", Desc: "The date format to use for formatting the time field. See java.text.SimpleDateFormat for options."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "jmx-auth-prop", Arg: opt.Required, Type: "String", Meta: "jmx-auth-prop", Desc: "A mechanism to pass property in the form 'username=password' when enabling remote JMX with password authentication."},
		{Name: "jmx-ssl-enable", Arg: opt.Required, Type: "Boolean", Meta: "ssl-enable", Default: "false", Desc: "Flag to enable remote JMX with SSL."},
		{Name: "jmx-url", Arg: opt.Required, Type: "String", Meta: "service-url", Default: "service:jmx:rmi:///jndi/rmi://:9999/jmxrmi", Desc: "The url to connect to poll JMX data. See Oracle javadoc for JMXServiceURL for details."},
		{Name: "object-name", Arg: opt.Required, Type: "String", Meta: "name", Repeat: true, Desc: "A JMX object name to use as a query. This can contain wild cards, and this option can be given multiple times to specify more than one query. If no objects are specified all objects will be queried."},
		{Name: "one-time", Arg: opt.Optional, Type: "Boolean", Meta: "one-time", Default: "false", Desc: "Flag to indicate run once only."},
		{Name: "report-format", Arg: opt.Required, Type: "String", Meta: "report-format", Default: "original", Desc: "output format name: either 'original', 'properties', 'csv', 'tsv' "},
		{Name: "reporting-interval", Arg: opt.Required, Type: "Integer", Meta: "ms", Default: "2000", Desc: "Interval in MS with which to poll jmx stats; default value is 2 seconds. Value of -1 equivalent to setting one-time to true"},
		{Name: "version", Desc: "Display Kafka version."},
		{Name: "wait", Desc: "Wait for requested JMX objects to become available before starting output. Only supported when the list of objects is non-empty and contains no object name patterns."},
	},
}
