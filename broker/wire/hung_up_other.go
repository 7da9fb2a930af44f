//go:build !unix

package wire

// peerGone can't be known here before the reader knows it.
func (c *Conn) peerGone() bool { return false }
