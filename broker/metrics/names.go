package metrics

// The names of values that the broker's parts register as gauges (GaugeFunc, Collect) or counters. Each is what the JMX exporter's rules make of
// Kafka's own.
const (
	LeaderCount               = "kafka_server_replicamanager_leadercount"
	PartitionCount            = "kafka_server_replicamanager_partitioncount"
	OfflineReplicaCount       = "kafka_server_replicamanager_offlinereplicacount"
	UnderReplicatedPartitions = "kafka_server_replicamanager_underreplicatedpartitions"
	UnderMinISRPartitionCount = "kafka_server_replicamanager_underminisrpartitioncount"
	AtMinISRPartitionCount    = "kafka_server_replicamanager_atminisrpartitioncount"
	ReassigningPartitions     = "kafka_server_replicamanager_reassigningpartitions"
	ISRShrinks                = "kafka_server_replicamanager_isrshrinks_total"
	ISRExpands                = "kafka_server_replicamanager_isrexpands_total"
	FailedISRUpdates          = "kafka_server_replicamanager_failedisrupdates_total"

	FetcherMaxLag       = "kafka_server_replicafetchermanager_maxlag"
	FetcherFailed       = "kafka_server_replicafetchermanager_failedpartitionscount"
	FetchSessions       = "kafka_server_fetchsessioncache_numincrementalfetchsessions"
	FetchSessionsParts  = "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached"
	FetchSessionsEvicts = "kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total"
	DelayedOperations   = "kafka_server_delayedoperationpurgatory_purgatorysize" // label delayedOperation: Produce, Fetch, ...

	PartitionUnderMinISR = "kafka_cluster_partition_underminisr" // labels topic, partition; as all of this block
	PartitionAtMinISR    = "kafka_cluster_partition_atminisr"
	PartitionISRCount    = "kafka_cluster_partition_insyncreplicascount"
	PartitionReplicas    = "kafka_cluster_partition_replicascount"
	LogSize              = "kafka_log_log_size"
	LogEndOffset         = "kafka_log_log_logendoffset"
	LogStartOffset       = "kafka_log_log_logstartoffset"
	LogSegments          = "kafka_log_log_numlogsegments"

	OfflineLogDirectories = "kafka_log_logmanager_offlinelogdirectorycount"
	LogDirectoryOffline   = "kafka_log_logmanager_logdirectoryoffline" // label logDirectory
	LogFlushTime          = "kafka_log_logflushstats_logflushrateandtimems"

	ActiveControllerCount   = "kafka_controller_kafkacontroller_activecontrollercount"
	ActiveBrokerCount       = "kafka_controller_kafkacontroller_activebrokercount"
	FencedBrokerCount       = "kafka_controller_kafkacontroller_fencedbrokercount"
	GlobalTopicCount        = "kafka_controller_kafkacontroller_globaltopiccount"
	GlobalPartitionCount    = "kafka_controller_kafkacontroller_globalpartitioncount"
	OfflinePartitionsCount  = "kafka_controller_kafkacontroller_offlinepartitionscount"
	PreferredImbalance      = "kafka_controller_kafkacontroller_preferredreplicaimbalancecount"
	UncleanLeaderElections  = "kafka_controller_controllerstats_uncleanleaderelections_total"
	RaftCurrentLeader       = "kafka_server_raftmetrics_current_leader"
	RaftCurrentEpoch        = "kafka_server_raftmetrics_current_epoch"
	RaftCurrentVote         = "kafka_server_raftmetrics_current_vote"
	RaftCurrentState        = "kafka_server_raftmetrics_current_state" // label state, value 1
	RaftHighWatermark       = "kafka_server_raftmetrics_high_watermark"
	RaftLogEndOffset        = "kafka_server_raftmetrics_log_end_offset"
	RaftAppendRate          = "kafka_server_raftmetrics_append_records_rate"
	RaftCommitLatencyAvg    = "kafka_server_raftmetrics_commit_latency_avg"
	MetadataLastAppliedOffs = "kafka_server_brokermetadatametrics_last_applied_record_offset"

	GroupCount        = "kafka_coordinator_group_groupmetadatamanager_numgroups"
	GroupOffsets      = "kafka_coordinator_group_groupmetadatamanager_numoffsets"
	BrokerState       = "kafka_server_kafkaserver_brokerstate" // 1 starting, 2 recovery, 3 running, 6 pending controlled shutdown, 7 shutting down
	RequestQueueSize  = "kafka_network_requestchannel_requestqueuesize"
	HandlerIdle       = "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent"
	NetworkIdle       = "kafka_network_socketserver_networkprocessoravgidle_percent"
	RequestMemoryUsed = "kgo_network_request_memory_bytes" // of kgo alone
	CleanerMaxDirty   = "kafka_log_logcleanermanager_max_dirty_percent"
	CleanerRuns       = "kgo_log_cleaner_runs_total" // of kgo alone
)
