// Package group is the group coordinator: consumer groups and their committed offsets, kept in __consumer_offsets.
//
// Each partition of __consumer_offsets is the log of one [shard], run by broker/coordinator; a group lives in the partition that
// [PartitionFor] names. [Service] is the outside: it takes kmsg requests, finds the shard, and answers through a callback. Everything
// behind it is pure: (request, now) in, records and replies out.
//
//	key                                         value
//	OffsetCommit    {group, topic, partition}   {offset, leader epoch, metadata, commit time, topic id}
//	GroupMetadata   {group}                     {generation, protocol, leader, members and their assignments}
//
// A classic group (the protocol of JoinGroup and SyncGroup) is mostly not in the log: who has joined a rebalance so far, who waits
// for what, whose session ends when. Only the result of a rebalance is written. So the handlers of the classic protocol change the group in
// memory themselves and mark their record as applied; replay builds a group from it when the log is loaded, and then a
// group with members is Stable, and every member has a full session timeout to be heard from.
//
//	                   +------------------- all left ------------------+
//	                   v                                               |
//	(first join) --> Empty --join--> PreparingRebalance --all joined--> CompletingRebalance --leader's SyncGroup--> Stable
//	                                       ^                                   |                                       |
//	                                       +------ join, leave, expiry --------+---------------------------------------+
//
// Offsets change only in replay.
//
// A consumer group ([consumerGroup], KIP-848) is in the log with all that it has, and may have members of both protocols; how a group with members
// goes from one protocol to the other is in migrate.go.
package group
