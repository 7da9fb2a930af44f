package commands

import "github.com/kgo-project/kgo/commands/opt"

var topicsSpec = &opt.Spec{
	Name:  "topics",
	Intro: "This tool helps to create, delete, describe, or change a topic.",
	Bare:  "Create, delete, describe, or change a topic.",
	Options: []opt.Option{
		{Name: "alter", Desc: "Alter the number of partitions and replica assignment. (To alter topic configurations, the kafka-configs tool can be used.)"},
		{Name: "at-min-isr-partitions", Desc: "If set when describing topics, only show partitions whose isr count is equal to the configured minimum."},
		{Name: "bootstrap-server", Arg: opt.Required, Type: "String", Meta: "server to connect to", Desc: "REQUIRED: The Kafka server to connect to."},
		{Name: "command-config", Arg: opt.Required, Type: "String", Meta: "command config property file", Desc: "Property file containing configs to be passed to Admin Client."},
		{Name: "config", Arg: opt.Required, Type: "String", Meta: "name=value", Repeat: true, Desc: "A topic configuration override for the topic being created. The following is a list of valid configurations: \n\tcleanup.policy\n\tcompression.gzip.level\n\tcompression.lz4.level\n\tcompression.type\n\tcompression.zstd.level\n\tdelete.retention.ms\n\tfile.delete.delay.ms\n\tflush.messages\n\tflush.ms\n\tfollower.replication.throttled.replicas\n\tindex.interval.bytes\n\tleader.replication.throttled.replicas\n\tlocal.retention.bytes\n\tlocal.retention.ms\n\tmax.compaction.lag.ms\n\tmax.message.bytes\n\tmessage.timestamp.after.max.ms\n\tmessage.timestamp.before.max.ms\n\tmessage.timestamp.type\n\tmin.cleanable.dirty.ratio\n\tmin.compaction.lag.ms\n\tmin.insync.replicas\n\tpreallocate\n\tremote.log.copy.disable\n\tremote.log.delete.on.disable\n\tremote.storage.enable\n\tretention.bytes\n\tretention.ms\n\tsegment.bytes\n\tsegment.index.bytes\n\tsegment.jitter.ms\n\tsegment.ms\n\tunclean.leader.election.enable\nSee the Kafka documentation for full details on the topic configs. It is supported only in combination with --create. (To alter topic configurations, the kafka-configs tool can be used.)"},
		{Name: "create", Desc: "Create a new topic."},
		{Name: "delete", Desc: "Delete a topic."},
		{Name: "delete-config", Arg: opt.Required, Type: "String", Meta: "name", Desc: "This option is no longer supported and has been deprecated since 4.0"},
		{Name: "describe", Desc: "List details for the given topics."},
		{Name: "exclude-internal", Desc: "Exclude internal topics when listing or describing topics. By default, the internal topics are included."},
		{Name: "help", Desc: "Print usage information."},
		{Name: "if-exists", Desc: "If set when altering or deleting or describing topics, the action will only execute if the topic exists."},
		{Name: "if-not-exists", Desc: "If set when creating topics, the create request will not fail if the topic already exists, but the request will still be sent."},
		{Name: "list", Desc: "List all available topics."},
		{Name: "partition-size-limit-per-response", Arg: opt.Required, Type: "Integer", Meta: "maximum number of partitions per response", Desc: "The maximum partition size to be included in one DescribeTopicPartitions response."},
		{Name: "partitions", Arg: opt.Required, Type: "Integer", Meta: "# of partitions", Desc: "The number of partitions for the topic being created or altered. If not supplied with --create, the topic uses the cluster default. (WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected)."},
		{Name: "replica-assignment", Arg: opt.Required, Type: "String", Meta: "broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , broker_id_for_part2_replica1 : broker_id_for_part2_replica2 , ...", Desc: "A list of manual partition-to-broker assignments for the topic being created or altered."},
		{Name: "replication-factor", Arg: opt.Required, Type: "Integer", Meta: "replication factor", Desc: "The replication factor for each partition in the topic being created. If not supplied, the topic uses the cluster default."},
		{Name: "topic", Arg: opt.Required, Type: "String", Meta: "topic", Desc: "The topic to create, alter, describe or delete. It also accepts a regular expression, except for --create option."},
		{Name: "topic-id", Arg: opt.Required, Type: "String", Meta: "topic-id", Desc: "The topic-id to describe."},
		{Name: "topics-with-overrides", Desc: "If set when describing topics, only show topics that have overridden configs."},
		{Name: "unavailable-partitions", Desc: "If set when describing topics, only show partitions whose leader is not available."},
		{Name: "under-min-isr-partitions", Desc: "If set when describing topics, only show partitions whose isr count is less than the configured minimum."},
		{Name: "under-replicated-partitions", Desc: "If set when describing topics, only show under-replicated partitions."},
		{Name: "version", Desc: "Display Kafka version."},
		{Name: "disable-rack-aware", Ignored: true},
		{Name: "force", Ignored: true},
		{Name: "zookeeper", Arg: opt.Required, Means: "bootstrap-server"},
	},
}
