package commands

import (
	"context"
	"errors"
	"io"
	"testing"
)

// TestAReadEndsWithItsContext: Ctrl-C ends a producer that waits for a line.
func TestAReadEndsWithItsContext(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	ctx, cancel := context.WithCancel(context.Background())
	r := &interruptible{ctx: ctx, src: in}
	go func() { _, _ = io.WriteString(out, "a\n") }()
	got := make([]byte, 8)
	if n, err := r.Read(got); n != 2 || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	cancel()
	if _, err := r.Read(got); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
