// Package server puts a broker together: logs, metadata, quorum, coordinators and sockets, and starts and stops them in order.
//
// Read [Server] first. What it starts, in this order, and stops in the reverse one:
//
//	log directories   locked, recovered                                     storage
//	quorum            embedded (this node is a voter) or followed from afar  quorum, observer.go
//	controller        where the quorum is embedded                          controller
//	metadata store    fed by the quorum; everything below acts on its deltas metadata
//	replica manager   leads and follows partitions                          replica
//	coordinators      of the partitions of internal topics                  coordinator/group
//	listeners         bound early (a port in use is an early error), served late
//	registration      the broker becomes known, catches up and is unfenced  lifecycle.go
//
// A process is a broker, a controller or both (process.roles).
package server
