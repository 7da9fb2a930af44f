package netx

import (
	"net"
	"testing"
	"time"
)

func TestRefuses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if Refuses(t.Context(), TCP(), ln.Addr().String(), time.Second) {
		t.Error("a listener is said to refuse")
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if !Refuses(t.Context(), TCP(), ln.Addr().String(), time.Second) {
		t.Error("nobody listens, and it is not said to refuse")
	}
}
