// Package controller is the active controller: it alone decides what changes in the cluster, and writes each decision to the metadata log.
//
// Read [Controller] for the shell and Core for the machine in it.
//
//	request --> Core.Handle(request, now) --> records + response          pure: no clock, goroutine, file or socket
//	                                             |
//	                              replay(records) on the core's image     speculative: ahead of the log's committed end
//	                                             |
//	                              Quorum.Propose(records) --committed--> response goes out
//	                                             \--------lost leadership--> image thrown away, NOT_CONTROLLER
//
// The replicated state is a [metadata.Image]. Images are persistent, so keeping the committed and the speculative one costs
// little more than one, and giving up uncommitted changes is an assignment. Replaying records is the only way in which
// the image changes, at runtime as at start: what a handler wrote is what everyone reads.
//
// State that isn't replicated (when a broker was last heard of, which events wait) lives in the core too, and a new leader builds it anew.
package controller
