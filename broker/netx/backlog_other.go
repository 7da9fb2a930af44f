//go:build !unix

package netx

import "net"

// SetBacklog does nothing here: the system's bound stays.
func SetBacklog(net.Listener, int) error { return nil }
