// Package storage is the log on disk: Apache Kafka's own format, byte for byte.
//
// Read Log first: one partition's records, in segments. A Manager holds all logs of a broker, spread over its log directories.
//
//	<log dir>/
//	  meta.properties                     cluster.id, node.id, directory.id
//	  .lock                               one process at a time; names its pid
//	  .kafka_cleanshutdown                written last by a clean stop: no recovery needed
//	  recovery-point-offset-checkpoint    per log: everything before it was fsynced
//	  log-start-offset-checkpoint         per log, where DeleteRecords moved it
//	  replication-offset-checkpoint       per log, the high watermark (written by package replica)
//	  <topic>-<partition>/
//	    partition.metadata                the topic id
//	    leader-epoch-checkpoint           which leader epoch began at which offset
//	    00000000000000000000.log          record batches; the name is the first offset
//	    00000000000000000000.index        sparse: offset -> position           ┐ caches of the .log: rebuilt from
//	    00000000000000000000.timeindex    sparse: timestamp -> offset          │ it after a crash, never trusted
//	    00000000000000000000.txnindex     aborted transactions                 ┘
//	    00000000000000004711.snapshot     producer state before that offset
//	  <topic>-<partition>.<uuid>-delete   a deleted log, gone after file.delete.delay.ms
//	  <topic>-<partition>.<uuid>-future   a log on its way from another log dir
//
// Writing: AppendAsLeader checks the batches, sets offsets and leader epoch in place and writes them with one call; nothing is
// decoded into objects or copied. Reading: Read takes no lock that an append holds; it hands out a range of a file, counted so that
// the file stays open until Release. Durability is Kafka's: appended means written to the page cache; flush.messages, flush.ms and
// Flush call fsync, once for all who wait.
//
// An I/O error on a log dir takes that directory offline, with an error to everyone who uses its logs; other directories go on.
// Nothing is retried: after a failed fsync the system may have dropped what it should have written.
//
// Crash safety is described operation by operation in docs/format/log.md. What the package doesn't do: compaction
// (storage/clean), replication and high watermark decisions (replica), the dump tool (storage/check).
package storage
