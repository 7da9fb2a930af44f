package commands

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLabStatusLives: on a terminal the table is drawn again over itself until the command is interrupted, which is no error; with --once, and for JSON, it is not.
func TestLabStatusLives(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"broker-1.properties":      "broker.id=1\nlisteners=PLAINTEXT://127.0.0.1:1\nlog.dirs=" + filepath.Join(dir, "broker-1") + "\nzookeeper.connect=127.0.0.1:2\n",
		"coordinator-1.properties": "dataDir=" + filepath.Join(dir, "coordinator-1") + "\nclientPort=2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	run := func(args ...string) (string, int) {
		streams, _, errOut := TestIO("")
		out := &countingWriter{want: 2, done: cancel}
		streams.Out, streams.OutTTY = out, true
		code := Run(ctx, NewFactory(streams), append([]string{"kgo", "lab", "--dir", dir, "status"}, args...))
		return out.buf.String() + errOut.String(), code
	}
	table := "NODE           PID  PORT  ROLE         STATE    LEADERS  LAG\n" +
		"coordinator-1  -    2     coordinator  stopped  -        -\n" +
		"broker-1       -    1     broker       stopped  -        -\n"
	if got, code := run("--once"); got != table || code != 0 {
		t.Errorf("once: exit code %d\n%s", code, got)
	}
	if got, code := run("--output", "json"); code != 0 || strings.Count(got, `"pid": null`) != 2 {
		t.Errorf("JSON: exit code %d\n%s", code, got)
	}
	if got, code := run("--output", "xml"); code == 0 || !strings.Contains(got, "choose text, json or yaml") {
		t.Errorf("--output xml: exit code %d\n%s", code, got)
	}
	if got, code := run(); got != table+"\x1b[3A\x1b[J"+table || code != 0 {
		t.Errorf("live: exit code %d\n%q", code, got)
	}
}

// countingWriter calls done when so many tables have been drawn.
type countingWriter struct {
	buf  bytes.Buffer
	want int
	done func()
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.buf.Write(p)
	if bytes.Count(w.buf.Bytes(), []byte("NODE ")) == w.want {
		w.done()
	}
	return n, err
}
