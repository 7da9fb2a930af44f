package commands

import "github.com/kgo-project/kgo/commands/opt"

var delegationTokensSpec = &opt.Spec{
	Name:  "delegation-tokens",
	Intro: "This tool helps to create, renew, expire, or describe delegation tokens.",
	Options: []opt.Option{
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Desc: "REQUIRED: server(s) to use for bootstrapping."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Desc: "REQUIRED: A property file containing configs to be passed to Admin Client. Token management operations are allowed in secure mode only. This config file is used to pass security related configs."},
		{Name: "create", Desc: "Create a new delegation token. Use --renewer-principal option to pass renewer principals."},
		{Name: "describe", Desc: "Describe delegation tokens for the given principals. Use --owner-principal to pass owner/renewer principals. If --owner-principal option is not supplied, all the user-owned tokens and tokens where the user has Describe permissions will be returned."},
		{Name: "expire", Desc: "Expire delegation token. Use --expiry-time-period option to expire the token."},
		{Name: "expiry-time-period", Arg: opt.Optional, Type: "Long", Desc: "Expiry time period in milliseconds. If the value is -1, then the token will get invalidated immediately."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "hmac", Arg: opt.Optional, Type: "String", Desc: "HMAC of the delegation token"},
		{Name: "max-life-time-period", Arg: opt.Optional, Type: "Long", Desc: "Max life period for the token in milliseconds. If the value is -1, then token max life time will default to the server side config value of (delegation.token.max.lifetime.ms)."},
		{Name: "owner-principal", Arg: opt.Optional, Type: "String", Repeat: true, Desc: "owner is a Kafka principal. They should be in principalType:name format."},
		{Name: "renew", Desc: "Renew delegation token. Use --renew-time-period option to set renew time period."},
		{Name: "renew-time-period", Arg: opt.Optional, Type: "Long", Desc: "Renew time period in milliseconds. If the value is -1, then the renew time period will default to the server side config value of (delegation.token.expiry.time.ms)."},
		{Name: "renewer-principal", Arg: opt.Optional, Type: "String", Repeat: true, Desc: "renewer is a Kafka principal. They should be in principalType:name format."},
		{Name: "version", Desc: "Display Kafka version."},
	},
}
