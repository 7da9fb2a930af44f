package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/brokertest"
	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/standalone"
)

// TestCounterGoesOnAfterARestart runs the example twice, with a sink beside it: no number is missing and none comes twice.
func TestCounterGoesOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out := filepath.Join(dir, "out.txt")
	files := []string{
		write("worker.properties", "bootstrap.servers="+brokertest.Start(t).Addr+"\nkey.converter=org.apache.kafka.connect.storage.StringConverter\nvalue.converter=org.apache.kafka.connect.converters.LongConverter\noffset.storage.file.filename="+filepath.ToSlash(filepath.Join(dir, "offsets"))+"\noffset.flush.interval.ms=50\nlisteners=http://127.0.0.1:0\n"),
		write("counter.properties", "name=counter\nconnector.class=CounterSource\ntopic=numbers\ninterval.ms=5\n"),
		write("sink.properties", "name=sink\nconnector.class=FileStreamSink\ntopics=numbers\nfile="+filepath.ToSlash(out)+"\n"),
	}
	size := 0
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- standalone.Run(ctx, standalone.Options{WorkerFile: files[0], Connectors: files[1:], Plugins: []*connect.Plugin{counter}, Log: slog.New(slog.DiscardHandler)})
		}()
		tick := time.NewTicker(10 * time.Millisecond)
		deadline := time.Now().Add(time.Minute)
		for before := size; size < before+20; <-tick.C {
			b, _ := os.ReadFile(out)
			if size = len(b); time.Now().After(deadline) {
				t.Fatal("no numbers come")
			}
		}
		tick.Stop()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for n := 1; len(want) < len(b); n++ {
		want = fmt.Appendln(want, n)
	}
	if string(b) != string(want) {
		t.Errorf("got %q", b)
	}
}
