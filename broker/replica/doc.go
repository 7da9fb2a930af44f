// Package replica is the data plane of one broker: every partition this broker has a replica of, and what may be done with it.
//
// Read [Partition] first, then [Manager]. A partition is a log (package storage) and a machine: leader epoch, ISR, high watermark,
// what each follower has. The machine is pure; it says what must happen (effects), and Partition does that after unlocking.
//
//	metadata.Delta --> Manager.OnMetadata --> Partition.lead / follow / delete
//
//	Produce --> Partition.append --> storage.Log --> machine.appended --> high watermark --+--> produce waiters (acks=all)
//	                                                                                       +--> fetch waiters (max.wait, min.bytes)
//	Fetch (replica) --> machine.fetched --> high watermark, ISR proposals                  +--> DeleteRecords waiters (low watermark)
//
// Waiting costs a small record that hangs on the partitions it waits for, and one runtime timer for the request; no goroutine.
// Whoever moves an offset wakes those whose condition came true, after unlocking and after answering its own client.
//
// Records are never copied here: Produce passes slices of the request's frame to the log, and Fetch returns ranges of segment files
// that the network layer hands to sendfile.
//
// Locks: see docs/locks.md. What is not here: what a request looks like (api), what is in a file (storage), who decides about ISRs
// (controller).
package replica
