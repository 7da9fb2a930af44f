//go:build interop

package brokertest_test

// What a seed's requests share.
const (
	sweepProduce   = `Produce v9 {Acks: -1, TimeoutMillis: 5000, Topics: [{Topic: a, Partitions: [{Partition: 0, Records: [{n: 5, at: 1700000000000, step: 1000}]}]}]}`
	sweepJoin      = `JoinGroup v3 {Group: g%n, SessionTimeoutMillis: 30000, RebalanceTimeoutMillis: 30000, ProtocolType: consumer, Protocols: [{Name: range, Metadata: meta}]}`
	sweepSync      = `SyncGroup v5 {Group: g%n, Generation: 1, MemberID: $M, ProtocolType: consumer, Protocol: range, GroupAssignment: [{MemberID: $M, MemberAssignment: all}]}`
	sweepConsumer  = `ConsumerGroupHeartbeat v1 {Group: g%n, MemberID: m, RebalanceTimeoutMillis: 30000, SubscribedTopicNames: [a], Topics: []}`
	sweepCommit    = `OffsetCommit v8 {Group: g%n, Generation: -1, Topics: [{Topic: a, Partitions: [{Partition: 0, Offset: 3, LeaderEpoch: 0, Metadata: note}]}]}`
	sweepFetchBack = `OffsetFetch v9 {Groups: [{Group: g%n, Topics: null}], RequireStable: true}`
	sweepDescribe  = `DescribeGroups v6 {Groups: [g%n]}`
)

// sweepSeeds are well-formed requests of every kind that kgo and Apache Kafka serve; see TestInteropSweep.
var sweepSeeds = []sweepSeed{
	{name: "ListGroups", topics: "a:2", once: []string{sweepJoin, sweepConsumer, sweepCommit}, fields: `{StatesFilter: [Stable], TypesFilter: [classic]}`},
	{name: "ListGroups", topics: "a:2", once: []string{sweepConsumer}, fields: `{StatesFilter: [], TypesFilter: [Consumer]}`},
	{
		name: "Produce", topics: "a:2",
		fields: `{Acks: -1, TimeoutMillis: 5000, Topics: [{Topic: a, TopicID: a, Partitions: [{Partition: 0, Records: [{n: 3}]}]}]}`,
		fixed:  "Acks", unique: true,
	},
	{
		name: "Produce", topics: "a:2", once: []string{"InitProducerID v5 {TransactionTimeoutMillis: 1000}"},
		fields: `{Acks: 1, TimeoutMillis: 5000, Topics: [{Topic: a, TopicID: a, Partitions: [{Partition: 0, Records: [{n: 3, pid: 1, epoch: 0, seq: 0}]}]}]}`,
		fixed:  "Acks", unique: true,
	},
	{
		name: "Fetch", topics: "a:2", once: []string{sweepProduce},
		fields: `{MaxBytes: 1000000, MaxWaitMillis: 10, MinBytes: 1, SessionEpoch: -1, Topics: [{Topic: a, TopicID: a, Partitions: [{Partition: 0, FetchOffset: 0, PartitionMaxBytes: 1000000}]}]}`,
		fixed:  "ReplicaID ReplicaState",
	},
	{
		name: "Fetch", topics: "a:2", once: []string{sweepProduce},
		fields: `{MaxBytes: 1000000, MaxWaitMillis: 10, MinBytes: 1, SessionEpoch: 0, Topics: [{Topic: a, TopicID: a, Partitions: [{Partition: 0, FetchOffset: 2, PartitionMaxBytes: 1000000}]}], ForgottenTopics: [{Topic: a, TopicID: a, Partitions: [1]}]}`,
		fixed:  "ReplicaID ReplicaState",
	},
	{
		name: "ListOffsets", topics: "a:2", once: []string{sweepProduce},
		fields: `{ReplicaID: -1, TimeoutMillis: 1000, Topics: [{Topic: a, Partitions: [{Partition: 0, CurrentLeaderEpoch: -1, Timestamp: 1700000002000, MaxNumOffsets: 5}]}]}`,
	},
	{
		name: "ListOffsets", topics: "a:2", once: []string{sweepProduce},
		fields: `{ReplicaID: -1, TimeoutMillis: 1000, Topics: [{Topic: a, Partitions: [{Partition: 0, CurrentLeaderEpoch: -1, Timestamp: -1}, {Partition: 1, CurrentLeaderEpoch: 0, Timestamp: -3}, {Partition: 9, CurrentLeaderEpoch: -1, Timestamp: -2}]}, {Topic: a, Partitions: [{Partition: 0, CurrentLeaderEpoch: -1, Timestamp: -4}]}]}`,
		fixed:  "Timestamp",
	},
	{name: "Metadata", topics: "a:2 b:1", fields: `{Topics: [{Topic: a}], AllowAutoTopicCreation: false, IncludeTopicAuthorizedOperations: true}`},
	{name: "Metadata", topics: "a:2 b:1", fields: `{Topics: null, AllowAutoTopicCreation: false}`},
	{name: "Metadata", topics: "a:2 b:1", fields: `{Topics: [{Topic: new-%n}, {Topic: a}, {Topic: "bad name"}], AllowAutoTopicCreation: true}`, fixed: "TopicID"},
	{
		name: "OffsetCommit", topics: "a:2", after: []string{sweepFetchBack},
		fields: `{Group: g%n, Generation: -1, Topics: [{Topic: a, TopicID: a, Partitions: [{Partition: 0, Offset: 7, LeaderEpoch: 3, Metadata: note}]}]}`,
	},
	{
		name: "OffsetCommit", topics: "a:2", before: []string{sweepJoin, sweepSync}, after: []string{sweepFetchBack},
		fields: `{Group: g%n, Generation: 1, MemberID: $M, Topics: [{Topic: a, TopicID: a, Partitions: [{Partition: 0, Offset: 7, LeaderEpoch: 3, Metadata: note}]}]}`,
	},
	{
		name: "OffsetCommit", topics: "a:2", before: []string{sweepConsumer}, after: []string{sweepFetchBack},
		fields: `{Group: g%n, Generation: 1, MemberID: m, Topics: [{Topic: a, TopicID: a, Partitions: [{Partition: 0, Offset: 7, LeaderEpoch: 3, Metadata: note}]}]}`,
	},
	{
		name: "OffsetFetch", topics: "a:2", before: []string{sweepCommit},
		fields: `{Group: g%n, Topics: [{Topic: a, Partitions: [0, 1]}], Groups: [{Group: g%n, MemberEpoch: -1, Topics: [{Topic: a, TopicID: a, Partitions: [0, 1]}]}], RequireStable: true}`,
	},
	{
		name: "OffsetFetch", topics: "a:2", before: []string{sweepConsumer},
		fields: `{Group: g%n, Topics: [{Topic: a, Partitions: [0, 1]}], Groups: [{Group: g%n, MemberID: m, MemberEpoch: 1, Topics: [{Topic: a, TopicID: a, Partitions: [0, 1]}]}], RequireStable: true}`,
	},
	{name: "FindCoordinator", fields: `{CoordinatorKey: g, CoordinatorType: 0, CoordinatorKeys: [g, h]}`, fixed: "CoordinatorType"},
	{
		name:   "JoinGroup",
		fields: `{Group: g%n, SessionTimeoutMillis: 30000, RebalanceTimeoutMillis: 30000, ProtocolType: consumer, Protocols: [{Name: range, Metadata: meta}], Reason: why}`,
		fixed:  "Group MemberID InstanceID", unique: true,
	},
	{
		name: "JoinGroup", after: []string{sweepDescribe},
		fields: `{Group: g%n, SessionTimeoutMillis: 30000, RebalanceTimeoutMillis: 30000, MemberID: "", InstanceID: static, ProtocolType: consumer, Protocols: [{Name: range, Metadata: meta}, {Name: sticky, Metadata: meta}]}`,
		fixed:  "Group", unique: true,
	},
	{
		name: "JoinGroup", before: []string{sweepJoin, sweepSync}, after: []string{sweepDescribe},
		fields: `{Group: g%n, SessionTimeoutMillis: 30000, RebalanceTimeoutMillis: 30000, MemberID: $M, ProtocolType: consumer, Protocols: [{Name: range, Metadata: meta}]}`,
		unique: true,
	},
	{name: "Heartbeat", before: []string{sweepJoin, sweepSync}, fields: `{Group: g%n, Generation: 1, MemberID: $M}`},
	{name: "Heartbeat", topics: "a:2", before: []string{sweepConsumer}, fields: `{Group: g%n, Generation: 1, MemberID: m}`},
	{name: "LeaveGroup", before: []string{sweepJoin, sweepSync}, after: []string{sweepDescribe}, fields: `{Group: g%n, MemberID: $M, Members: [{MemberID: $M, Reason: why}]}`},
	{name: "LeaveGroup", topics: "a:2", before: []string{sweepConsumer}, fields: `{Group: g%n, MemberID: m, Members: [{MemberID: m}]}`},
	{
		name: "SyncGroup", before: []string{sweepJoin}, after: []string{sweepDescribe},
		fields: `{Group: g%n, Generation: 1, MemberID: $M, ProtocolType: consumer, Protocol: range, GroupAssignment: [{MemberID: $M, MemberAssignment: all}]}`,
	},
	{name: "DescribeGroups", before: []string{sweepJoin, sweepSync}, fields: `{Groups: [g%n], IncludeAuthorizedOperations: true}`},
	{name: "DescribeGroups", topics: "a:2", before: []string{sweepConsumer}, fields: `{Groups: [g%n], IncludeAuthorizedOperations: true}`},
	{name: "SASLHandshake", fields: `{Mechanism: PLAIN}`},
	{name: "SASLAuthenticate", fields: `{SASLAuthBytes: abc}`},
	{
		name: "CreateTopics", fields: `{TimeoutMillis: 5000, Topics: [{Topic: t%n, NumPartitions: 2, ReplicationFactor: 1, ReplicaAssignment: [], Configs: [{Name: retention.ms, Value: "1000"}]}]}`,
	},
	{
		name: "CreateTopics", fields: `{TimeoutMillis: 5000, ValidateOnly: true, Topics: [{Topic: t%n, NumPartitions: -1, ReplicationFactor: -1, ReplicaAssignment: [{Partition: 0, Replicas: [1]}, {Partition: 1, Replicas: [1]}], Configs: [{Name: cleanup.policy, Value: "compact"}]}]}`,
	},
	{name: "DeleteTopics", topics: "a:2 b:1", fields: `{TopicNames: [nope], Topics: [{Topic: nope}], TimeoutMillis: 5000}`},
	{
		name: "DeleteTopics", before: []string{`CreateTopics v5 {TimeoutMillis: 5000, Topics: [{Topic: d%n, NumPartitions: 1, ReplicationFactor: 1}]}`},
		fields: `{TopicNames: [d%n], Topics: [{Topic: d%n}], TimeoutMillis: 5000}`,
	},
	{name: "DeleteRecords", topics: "a:2", once: []string{sweepProduce}, fields: `{TimeoutMillis: 5000, Topics: [{Topic: a, Partitions: [{Partition: 0, Offset: 1}]}]}`},
	{name: "InitProducerID", fields: `{TransactionTimeoutMillis: 60000, ProducerID: -1, ProducerEpoch: -1}`, fixed: "TransactionalID"},
	{
		name: "OffsetForLeaderEpoch", topics: "a:2", once: []string{sweepProduce},
		fields: `{ReplicaID: -1, Topics: [{Topic: a, Partitions: [{Partition: 0, CurrentLeaderEpoch: -1, LeaderEpoch: 0}]}]}`,
	},
	{name: "DescribeACLs", fields: `{ResourceType: 2, ResourceName: a, ResourcePatternType: 3, Principal: "User:x", Host: "*", Operation: 2, PermissionType: 3}`},
	{name: "CreateACLs", fields: `{Creations: [{ResourceType: 2, ResourceName: a, ResourcePatternType: 3, Principal: "User:x", Host: "*", Operation: 2, PermissionType: 3}]}`},
	{name: "DeleteACLs", fields: `{Filters: [{ResourceType: 2, ResourceName: a, ResourcePatternType: 3, Principal: "User:x", Host: "*", Operation: 2, PermissionType: 3}]}`},
	{
		name: "DescribeConfigs", topics: "a:2", once: []string{`IncrementalAlterConfigs v1 {Resources: [{ResourceType: 2, ResourceName: a, Configs: [{Name: retention.ms, Op: 0, Value: "5000"}]}]}`},
		fields: `{Resources: [{ResourceType: 2, ResourceName: a, ConfigNames: [retention.ms, segment.bytes]}], IncludeSynonyms: true}`, fixed: "IncludeDocumentation",
	},
	{name: "DescribeConfigs", fields: `{Resources: [{ResourceType: 4, ResourceName: "1", ConfigNames: [log.retention.ms, log.retention.hours, num.io.threads]}], IncludeSynonyms: true}`, fixed: "IncludeDocumentation"},
	{name: "DescribeConfigs", fields: `{Resources: [{ResourceType: 4, ResourceName: "", ConfigNames: [log.retention.ms]}], IncludeSynonyms: true}`, fixed: "IncludeDocumentation"},
	{name: "DescribeConfigs", fields: `{Resources: [{ResourceType: 32, ResourceName: g, ConfigNames: [consumer.session.timeout.ms]}, {ResourceType: 16, ResourceName: cm}], IncludeSynonyms: true}`, fixed: "IncludeDocumentation"},
	{name: "AlterConfigs", topics: "a:2", fields: `{Resources: [{ResourceType: 2, ResourceName: a, Configs: [{Name: retention.ms, Value: "6000"}]}]}`},
	{name: "AlterConfigs", fields: `{Resources: [{ResourceType: 4, ResourceName: "1", Configs: [{Name: log.cleaner.threads, Value: "2"}]}]}`},
	{name: "AlterReplicaLogDirs", topics: "a:2", fields: `{Dirs: [{Dir: /nowhere, Topics: [{Topic: a, Partitions: [0, 1, 7]}]}]}`},
	{name: "DescribeLogDirs", topics: "a:2", once: []string{sweepProduce}, fields: `{Topics: [{Topic: a, Partitions: [0]}]}`},
	{name: "CreatePartitions", topics: "a:2 b:1", fields: `{TimeoutMillis: 5000, ValidateOnly: true, Topics: [{Topic: a, Count: 3, Assignment: [{Replicas: [1]}]}, {Topic: b, Count: 2, Assignment: null}]}`, fixed: "ValidateOnly"},
	{name: "CreateDelegationToken", fields: `{Renewers: [{PrincipalType: User, PrincipalName: x}], MaxLifetimeMillis: 1000}`},
	{name: "RenewDelegationToken", fields: `{HMAC: abc, RenewTimeMillis: 1000}`},
	{name: "ExpireDelegationToken", fields: `{HMAC: abc, ExpiryPeriodMillis: 1000}`},
	{name: "DescribeDelegationToken", fields: `{Owners: [{PrincipalType: User, PrincipalName: x}]}`},
	{name: "DeleteGroups", topics: "a:2", before: []string{sweepCommit}, fields: `{Groups: [g%n, nope]}`},
	{name: "DeleteGroups", before: []string{sweepJoin}, fields: `{Groups: [g%n]}`},
	{name: "DeleteGroups", topics: "a:2", before: []string{sweepConsumer}, fields: `{Groups: [g%n]}`},
	{name: "ElectLeaders", topics: "a:2", fields: `{ElectionType: 0, Topics: [{Topic: a, Partitions: [0, 1]}], TimeoutMillis: 5000}`},
	{name: "ElectLeaders", topics: "a:2", fields: `{ElectionType: 1, Topics: [{Topic: a, Partitions: [0, 7]}, {Topic: nope, Partitions: [0]}], TimeoutMillis: 5000}`},
	{name: "IncrementalAlterConfigs", topics: "a:2", fields: `{Resources: [{ResourceType: 2, ResourceName: a, Configs: [{Name: retention.ms, Op: 0, Value: "6000"}]}]}`},
	{name: "IncrementalAlterConfigs", topics: "a:2", fields: `{Resources: [{ResourceType: 2, ResourceName: a, Configs: [{Name: cleanup.policy, Op: 2, Value: "compact"}]}]}`},
	{name: "IncrementalAlterConfigs", fields: `{ValidateOnly: true, Resources: [{ResourceType: 4, ResourceName: "1", Configs: [{Name: log.cleaner.threads, Op: 0, Value: "2"}]}]}`},
	{name: "IncrementalAlterConfigs", fields: `{ValidateOnly: true, Resources: [{ResourceType: 8, ResourceName: "1", Configs: [{Name: root, Op: 0, Value: "INFO"}]}]}`},
	{name: "IncrementalAlterConfigs", fields: `{Resources: [{ResourceType: 32, ResourceName: g, Configs: [{Name: consumer.session.timeout.ms, Op: 0, Value: "50000"}]}]}`},
	{name: "IncrementalAlterConfigs", fields: `{ValidateOnly: true, Resources: [{ResourceType: 16, ResourceName: cm, Configs: [{Name: interval.ms, Op: 0, Value: "1000"}]}]}`},
	{name: "AlterPartitionAssignments", topics: "a:2", fields: `{TimeoutMillis: 5000, Topics: [{Topic: a, Partitions: [{Partition: 0, Replicas: [1]}]}]}`},
	{name: "ListPartitionReassignments", topics: "a:2", fields: `{TimeoutMillis: 5000, Topics: [{Topic: a, Partitions: [0]}]}`},
	{name: "OffsetDelete", topics: "a:2", before: []string{sweepCommit}, after: []string{sweepFetchBack}, fields: `{Group: g%n, Topics: [{Topic: a, Partitions: [{Partition: 0}, {Partition: 1}]}]}`},
	{name: "OffsetDelete", topics: "a:2", before: []string{sweepConsumer}, fields: `{Group: g%n, Topics: [{Topic: a, Partitions: [{Partition: 0}]}]}`},
	{name: "DescribeClientQuotas", fields: `{Components: [{EntityType: user, MatchType: 0, Match: x}], Strict: true}`},
	{name: "AlterClientQuotas", fields: `{Entries: [{Entity: [{Type: user, Name: x}], Ops: [{Key: producer_byte_rate, Value: 1e9}]}], ValidateOnly: true}`, fixed: "ValidateOnly"},
	{name: "DescribeUserSCRAMCredentials", fields: `{Users: [{Name: x}]}`},
	{name: "AlterUserSCRAMCredentials", fields: `{Deletions: [{Name: x, Mechanism: 1}], Upsertions: [{Name: y, Mechanism: 1, Iterations: 4096, Salt: salt, SaltedPassword: pass}]}`},
	{name: "DescribeQuorum", fields: `{Topics: [{Topic: __cluster_metadata, Partitions: [{Partition: 0}]}]}`},
	{name: "UpdateFeatures", fields: `{TimeoutMillis: 5000, ValidateOnly: true, FeatureUpdates: [{Feature: group.version, MaxVersionLevel: 1, UpgradeType: 1}]}`, fixed: "ValidateOnly"},
	{name: "DescribeCluster", fields: `{IncludeClusterAuthorizedOperations: true, EndpointType: 1}`},
	{name: "DescribeProducers", topics: "a:2", once: []string{sweepProduce}, fields: `{Topics: [{Topic: a, Partitions: [0, 1, 7]}]}`},
	{name: "UnregisterBroker", fields: `{BrokerID: 77}`, fixed: "BrokerID"},
	{
		name: "ConsumerGroupHeartbeat", topics: "a:2",
		fields: `{Group: g%n, MemberID: m, RebalanceTimeoutMillis: 30000, SubscribedTopicNames: [a], Topics: []}`,
	},
	{
		name: "ConsumerGroupHeartbeat", label: "(pattern)", topics: "a:2", fixed: "Group",
		fields: `{Group: g%n, MemberID: m, InstanceID: static, RackID: r, RebalanceTimeoutMillis: 30000, SubscribedTopicNames: [], SubscribedTopicRegex: "a.*", ServerAssignor: range, Topics: []}`,
	},
	{
		name: "ConsumerGroupHeartbeat", topics: "a:2", before: []string{sweepConsumer},
		fields: `{Group: g%n, MemberID: m, MemberEpoch: 1, RebalanceTimeoutMillis: -1, Topics: [{TopicID: a, Partitions: [0, 1]}]}`,
	},
	{name: "ConsumerGroupDescribe", topics: "a:2", before: []string{sweepConsumer}, fields: `{Groups: [g%n], IncludeAuthorizedOperations: true}`},
	{name: "ListConfigResources", fields: `{ResourceTypes: [2, 4]}`},
	{name: "DescribeTopicPartitions", topics: "a:2 b:3", fields: `{Topics: [{Topic: a}, {Topic: b}], ResponsePartitionLimit: 3, Cursor: {Topic: a, Partition: 1}}`},
	{name: "AddRaftVoter", fields: `{ClusterID: nope, TimeoutMillis: 1000, VoterID: 7, Listeners: [{Name: CONTROLLER, Host: localhost, Port: 1}]}`, fixed: "ClusterID"},
	{name: "RemoveRaftVoter", fields: `{ClusterID: nope, VoterID: 7}`, fixed: "ClusterID"},
}
