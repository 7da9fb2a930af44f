package netx

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCuts cuts a link, over which then nothing comes and which can't be made anew, and mends it.
func TestCuts(t *testing.T) {
	ln, err := TCP().Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go echo(ln)
	file := filepath.Join(t.TempDir(), "cuts")
	n := NewCuts(TCP(), file)
	dial := func(patience time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return n.DialContext(ctx, ln.Addr().String())
	}
	conn, err := dial(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := roundTrip(conn); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	if err := os.WriteFile(file, []byte("1\n"+port+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !conn.(*cutConn).cut.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection is not cut")
		}
	}
	if _, err := conn.Write([]byte("lost")); err != nil {
		t.Errorf("write: %v; the sender must not notice", err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 4)); err == nil {
		t.Errorf("%d bytes came over a link that is cut", n)
	}
	_ = conn.SetReadDeadline(time.Time{})
	if _, err := dial(20 * time.Millisecond); err == nil {
		t.Error("a connection was made over a link that is cut")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err == nil {
		t.Error("the old connection lives on")
	}
	again, err := dial(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := roundTrip(again); err != nil {
		t.Fatal(err)
	}
}
