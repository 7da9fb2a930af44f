// Package wire turns sockets into requests and responses into bytes: framing, headers, connections, limits. It knows no request's meaning.
//
// One goroutine reads a connection and runs the handlers of its requests one after the other. A handler that has to wait (for followers,
// for data to fetch) keeps the *Request and returns; it responds later from any goroutine. Responses always leave in the order of
// the requests. What several small requests ask in one read is answered by one write; a client that doesn't take its
// responses stops being read, and holds up nobody else.
//
// Memory for a request is reserved before it is read, and only as its bytes arrive when memory is scarce: a frame's size field is a claim, not a fact.
package wire
