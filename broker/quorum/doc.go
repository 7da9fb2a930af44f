// Package quorum is the metadata quorum: a replicated log of metadata records, kept by one, three or five voters.
//
// Consensus is etcd's raft core (go.etcd.io/raft), a state machine without I/O. This package is the shell around it. Read Node first, then
// Replica, which Node drives from one goroutine and which a simulator can drive without any.
//
//	Propose ──► Node's loop ──► raft core ──► Ready: entries, messages, committed entries
//	                ▲                           │
//	   Transport ───┘              entries ──► log: one write, one fsync for all that waited ──► messages out
//	                             committed ──► StateMachine.Apply, high watermark, proposals answered
//
// Everything on disk is Apache Kafka's format, so that kafka-dump-log and kafka-metadata-shell read it:
//
//	<metadata.log.dir>/__cluster_metadata-0/
//	  00000000000000000000.log ...                     the log, by package storage
//	  00000000000000004711-0000000003.checkpoint       a snapshot: state up to offset 4711 (exclusive), last leader epoch 3
//	  quorum-state                                     the newest leader epoch seen and the vote in it
//
// One raft entry is one record batch. The raft term is the batch's partitionLeaderEpoch; what each kind of entry looks like:
//
//	raft entry                    record batch
//	proposal                      one batch with the proposal's records
//	a new leader's empty entry    control batch with a LeaderChangeMessage
//	change of voters              control batch with a VotersRecord: the whole set of voters after the change
//
// Raft counts entries, Kafka counts records. The map from one to the other (entryIndex) is rebuilt from the batches at open. Where the log's
// beginning is gone, the newest snapshot says how many entries came before: its header carries that number as a tagged field that
// other readers skip.
//
// An observer (a broker that isn't a voter) follows with Fetch and FetchSnapshot, as in KRaft; Node.Fetch serves it.
//
// What the package does not do: what the records mean (metadata, controller); the Kafka requests Vote, BeginQuorumEpoch and their kin, for
// voters talk raft to each other over a transport of their own; encryption of that transport.
package quorum
