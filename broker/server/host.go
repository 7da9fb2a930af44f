package server

import (
	"net"
	"os"
)

// canonicalHost is a name of this machine that resolves on it, localhost if there is none.
func canonicalHost() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	if _, err := net.LookupHost(name); err != nil { //nolint:noctx // local, at start-up
		return "localhost"
	}
	return name
}
