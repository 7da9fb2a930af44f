package commands

import "github.com/kgo-project/kgo/commands/opt"

var aclsSpec = &opt.Spec{
	Name:  "acls",
	Intro: "This tool helps to manage acls on kafka.",
	Options: []opt.Option{
		{Name: "add", Desc: "Indicates you are trying to add ACLs."},
		{Name: "allow-host", Arg: opt.Required, Type: "String", Meta: "allow-host", Repeat: true, Desc: "Host from which principals listed in --allow-principal will have access. If you have specified --allow-principal then the default for this option will be set to '*' which allows access from all hosts."},
		{Name: "allow-principal", Arg: opt.Required, Type: "String", Meta: "allow-principal", Repeat: true, Desc: "principal is in principalType:name format. Note that principalType must be supported by the Authorizer being used. For example, User:'*' is the wild card indicating all users."},
		{Name: "bootstrap-controller", Arg: opt.Required, Type: "String", Meta: "controller to connect to", Desc: "A list of host/port pairs to use for establishing the connection to the Kafka cluster. This list should be in the form host1:port1,host2:port2,... This config is required for acl management using admin client API."},
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Desc: "A list of host/port pairs to use for establishing the connection to the Kafka cluster. This list should be in the form host1:port1,host2:port2,... This config is required for acl management using admin client API."},
		{Name: "cluster", Desc: "Add/Remove cluster ACLs."},
		{Name: "command-config", Arg: opt.Optional, Type: "String", Meta: "command-config", Desc: "A property file containing configs to be passed to Admin Client."},
		{Name: "consumer", Desc: "Convenience option to add/remove ACLs for consumer role. This will generate ACLs that allows READ,DESCRIBE on topic and READ on group."},
		{Name: "delegation-token", Arg: opt.Required, Type: "String", Meta: "delegation-token", Repeat: true, Desc: "Delegation token to which ACLs should be added or removed. A value of '*' indicates ACL should apply to all tokens."},
		{Name: "deny-host", Arg: opt.Required, Type: "String", Meta: "deny-host", Repeat: true, Desc: "Host from which principals listed in --deny-principal will be denied access. If you have specified --deny-principal then the default for this option will be set to '*' which denies access from all hosts."},
		{Name: "deny-principal", Arg: opt.Required, Type: "String", Meta: "deny-principal", Repeat: true, Desc: "principal is in principalType:name format. By default anyone not added through --allow-principal is denied access. You only need to use this option as negation to already allowed set. Note that principalType must be supported by the Authorizer being used. For example if you wanted to allow access to all users in the system but not test-user you can define an ACL that allows access to User:'*' and specify --deny-principal=User:test@EXAMPLE.COM. AND PLEASE REMEMBER DENY RULES TAKES PRECEDENCE OVER ALLOW RULES."},
		{Name: "force", Desc: "Assume Yes to all queries and do not prompt."},
		{Name: "group", Arg: opt.Required, Type: "String", Meta: "group", Repeat: true, Desc: "Consumer Group to which the ACLs should be added or removed. A value of '*' indicates the ACLs should apply to all groups."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "idempotent", Desc: "Enable idempotence for the producer. This should be used in combination with the --producer option. Note that idempotence is enabled automatically if the producer is authorized to a particular transactional-id."},
		{Name: "list", Desc: "List ACLs for the specified resource, use --topic <topic> or --group <group> or --cluster to specify a resource."},
		{Name: "operation", Arg: opt.Required, Type: "String", Default: "All", Repeat: true, Desc: "Operation that is being allowed or denied. Valid operation names are: \n\tAll\n\tAlter\n\tIdempotentWrite\n\tCreate\n\tDescribeTokens\n\tClusterAction\n\tCreateTokens\n\tDelete\n\tDescribe\n\tTwoPhaseCommit\n\tAlterConfigs\n\tDescribeConfigs\n\tWrite\n\tRead\n"},
		{Name: "principal", Arg: opt.Optional, Type: "String", Meta: "principal", Repeat: true, Desc: "List ACLs for the specified principal. principal is in principalType:name format. Note that principalType must be supported by the Authorizer being used. Multiple --principal option can be passed."},
		{Name: "producer", Desc: "Convenience option to add/remove ACLs for producer role. This will generate ACLs that allows WRITE,DESCRIBE and CREATE on topic."},
		{Name: "remove", Desc: "Indicates you are trying to remove ACLs."},
		{Name: "resource-pattern-type", Arg: opt.Required, Type: "ANY|MATCH|LITERAL|PREFIXED", Default: "LITERAL", Desc: "The type of the resource pattern or pattern filter. When adding acls, this should be a specific pattern type, e.g. 'literal' or 'prefixed'. When listing or removing acls, a specific pattern type can be used to list or remove acls from specific resource patterns, or use the filter values of 'any' or 'match', where 'any' will match any pattern type, but will match the resource name exactly, where as 'match' will perform pattern matching to list or remove all acls that affect the supplied resource(s). WARNING: 'match', when used in combination with the '--remove' switch, should be used with care."},
		{Name: "topic", Arg: opt.Required, Type: "String", Meta: "topic", Repeat: true, Desc: "topic to which ACLs should be added or removed. A value of '*' indicates ACL should apply to all topics."},
		{Name: "transactional-id", Arg: opt.Required, Type: "String", Meta: "transactional-id", Repeat: true, Desc: "The transactionalId to which ACLs should be added or removed. A value of '*' indicates the ACLs should apply to all transactionalIds."},
		{Name: "user-principal", Arg: opt.Required, Type: "String", Meta: "user-principal", Repeat: true, Desc: "Specifies a user principal as a resource in relation with the operation. For instance one could grant CreateTokens or DescribeTokens permission on a given user principal."},
		{Name: "version", Desc: "Display Kafka version."},
		{Name: "authorizer", Arg: opt.Required, Gone: "use --bootstrap-server, with --command-config for credentials"},
		{Name: "authorizer-properties", Arg: opt.Required, Gone: "use --bootstrap-server, with --command-config for credentials"},
		{Name: "zk-tls-config-file", Arg: opt.Required, Gone: "use --bootstrap-server with --command-config"},
	},
}
