//go:build interop && unix

package standalone_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/brokertest"
	"github.com/kgo-project/kgo/connect/standalone"
)

// TestMain lets the test's own program be the worker that is killed.
func TestMain(m *testing.M) {
	if files := os.Getenv("KGO_TEST_WORKER"); files != "" {
		list := strings.Split(files, string(os.PathListSeparator))
		if err := standalone.Run(context.Background(), standalone.Options{WorkerFile: list[0], Connectors: list[1:], Log: slog.New(slog.DiscardHandler)}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestKilledSourceLosesNoLine kills the worker each time its offsets have advanced, and lets the last one finish.
func TestKilledSourceLosesNoLine(t *testing.T) {
	bootstrap := brokertest.Start(t).Addr
	dir, topic := t.TempDir(), fmt.Sprintf("killed-%d", time.Now().UnixNano())
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const count = 200000
	var lines strings.Builder
	for i := range count {
		fmt.Fprintln(&lines, i)
	}
	in, out, offsets := write("in.txt", lines.String()), filepath.Join(dir, "out.txt"), filepath.Join(dir, "offsets")
	const converter = "org.apache.kafka.connect.storage.StringConverter"
	worker := write("worker.properties", "bootstrap.servers="+bootstrap+"\nkey.converter="+converter+"\nvalue.converter="+converter+"\noffset.storage.file.filename="+offsets+"\noffset.flush.interval.ms=20\nlisteners=http://127.0.0.1:0\n")
	source := write("source.properties", "name="+topic+"\nconnector.class=FileStreamSource\nfile="+in+"\ntopic="+topic+"\n")
	sink := write("sink.properties", "name=k"+topic+"\nconnector.class=FileStreamSink\nfile="+out+"\ntopics="+topic+"\n")
	start := func(files ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "KGO_TEST_WORKER="+strings.Join(files, string(os.PathListSeparator)))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	kill := func(cmd *exec.Cmd) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for range 3 {
		before, _ := os.ReadFile(offsets)
		cmd := start(worker, source)
		waitFor(t, func() bool {
			now, _ := os.ReadFile(offsets)
			return !bytes.Equal(now, before) || bytes.Contains(now, fmt.Appendf(nil, `"position":%d}`, lines.Len()))
		})
		kill(cmd)
	}
	cmd := start(worker, source, sink)
	defer kill(cmd)
	seen := make(map[string]bool, count)
	waitFor(t, func() bool {
		got, _ := os.ReadFile(out)
		return bytes.HasSuffix(got, fmt.Appendf(nil, "\n%d\n", count-1))
	})
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(got)) {
		seen[line] = true
	}
	for line := range strings.Lines(lines.String()) {
		if !seen[line] {
			t.Fatalf("line %q is lost", line)
		}
	}
}
