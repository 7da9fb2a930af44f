package client

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"testing"
	"time"
)

// closedPort is an address that refuses connections.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func (d *dialer) refusedOnce() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.began.IsZero()
}

// TestServersThatStartAreWaitedFor: "server & topics --create" is a common script, and the server needs a moment.
func TestServersThatStartAreWaitedFor(t *testing.T) {
	address := closedPort(t)
	d := newDialer([]string{address}, nil, time.Minute)
	d.patience = time.Minute
	dialed := make(chan error, 1)
	go func() {
		conn, err := d.dial(context.Background(), "tcp", address)
		if err == nil {
			err = conn.Close()
		}
		dialed <- err
	}()
	for deadline := time.Now().Add(30 * time.Second); !d.refusedOnce(); time.Sleep(time.Millisecond) { // the kernel's refusal tells nobody but the dialer
		if time.Now().After(deadline) {
			t.Fatal("it does not wait")
		}
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip("another process has taken the port: ", err)
	}
	defer ln.Close()
	if err := <-dialed; err != nil {
		t.Error(err)
	}
}

// TestOneDeadServerCostsNoTime: several addresses are given because one may be down.
func TestOneDeadServerCostsNoTime(t *testing.T) {
	dead, other := closedPort(t), closedPort(t)
	d := newDialer([]string{dead, other}, nil, time.Minute)
	d.patience = time.Hour
	if _, err := d.dial(context.Background(), "tcp", dead); err == nil {
		t.Error("a port that nobody listens on takes a connection")
	}
	if d.refusedOnce() {
		t.Error("it waits for a server though another may be there")
	}
	d.patience = 0
	if _, err := d.dial(context.Background(), "tcp", other); err == nil || d.fatal == nil {
		t.Errorf("all servers refuse: %v, given up: %v", err, d.fatal)
	}
}

func TestMissingFilesAreNamedFirst(t *testing.T) {
	_, missing := os.Open("/nope/x")
	for err, want := range map[error]string{
		missing: "/nope/x: no such file",
		fmt.Errorf("reading the list: %w", missing):                      "reading the list: /nope/x: no such file",
		&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}:      "x: permission denied",
		&ConfigError{Text: "/nope/x: no such file", Hint: "is it there"}: "/nope/x: no such file (is it there)",
	} {
		if got := Explain(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}
