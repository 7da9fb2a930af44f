//go:build unix

package standalone_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/brokertest"
	"github.com/kgo-project/kgo/connect/standalone"
)

// TestMain lets the test's own program be the worker that is killed.
func TestMain(m *testing.M) {
	if files := os.Getenv("KGO_TEST_WORKER"); files != "" {
		list := strings.Split(files, string(os.PathListSeparator))
		if err := standalone.Run(context.Background(), standalone.Options{WorkerFile: list[0], Connectors: list[1:], Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return
	}
	m.Run()
}

// startProcess runs a worker in a process of its own.
func startProcess(t *testing.T, files ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "KGO_TEST_WORKER="+strings.Join(files, string(os.PathListSeparator)))
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		kill(cmd)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return cmd
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// numbers are lines to copy.
func numbers(count int) string {
	var lines strings.Builder
	for i := range count {
		fmt.Fprintln(&lines, i)
	}
	return lines.String()
}

// TestKilledSourceLosesNoLine kills the worker each time its offsets have advanced, and lets the last one finish: no line is missing, and
// lines come again only from where an offset had been stored.
func TestKilledSourceLosesNoLine(t *testing.T) {
	bootstrap := brokertest.Start(t).Addr
	f := newFolder(t)
	const count = 100000
	lines := numbers(count)
	worker := f.worker(bootstrap, "offset.flush.interval.ms=20\n")
	source := f.write("source.properties", "name=source\nconnector.class=FileStreamSource\nfile="+f.write("in.txt", lines)+"\ntopic=lines\n")
	sink := f.write("sink.properties", "name=sink\nconnector.class=FileStreamSink\nfile="+f.path("out.txt")+"\ntopics=lines\n")
	begins := []int{0} // the lines from which workers had to read: those behind the offset that was stored
	for range 3 {
		before := f.read("offsets")
		cmd := startProcess(t, worker, source)
		waitFor(t, func() bool {
			now := f.read("offsets")
			return now != before || strings.Contains(now, fmt.Sprintf(`"position":%d}`, len(lines)))
		})
		kill(cmd)
		_, after, _ := strings.Cut(f.read("offsets"), `"position":`)
		digits, _, _ := strings.Cut(after, "}")
		position, err := strconv.Atoi(digits)
		if err != nil {
			t.Fatal(err)
		}
		begins = append(begins, strings.Count(lines[:position], "\n"))
	}
	startProcess(t, worker, source, sink)
	waitFor(t, func() bool { return strings.HasSuffix(f.read("out.txt"), fmt.Sprintf("\n%d\n", count-1)) })
	next := 0
	for line := range strings.Lines(f.read("out.txt")) {
		n, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case n > next:
			t.Fatalf("lines %d to %d are lost", next, n-1)
		case n < next && !slices.Contains(begins, n):
			t.Fatalf("line %d comes again after %d, though workers began at %v", n, next-1, begins)
		}
		next = n + 1
	}
	if next != count {
		t.Errorf("the last line is %d", next-1)
	}
}

// TestKilledSinkWritesEachLineOnce kills workers whose sinks keep their offsets beside the data in mid-flight: in the end each line
// is there once, in order.
func TestKilledSinkWritesEachLineOnce(t *testing.T) {
	for _, c := range []struct{ name, options string }{
		{"file", "file.offsets=true\n"},
		{"gzip", "file.offsets=true\ncompression=gzip\n"},
		{"parts", "part.size.bytes=20000\npart.interval.ms=300\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bootstrap := brokertest.Start(t, "group.min.session.timeout.ms=100").Addr
			f := newFolder(t)
			lines := numbers(50000)
			const small = "consumer.max.poll.records=200\nconsumer.max.partition.fetch.bytes=4096\n"
			source := f.write("source.properties", "name=source\nconnector.class=FileStreamSource\nbatch.size=500\nfile="+f.write("in.txt", lines)+"\ntopic=lines\n")
			sink := f.write("sink.properties", "name=sink\nconnector.class=FileStreamSink\nfile="+f.path("out.txt")+"\ntopics=lines\n"+c.options)
			stop := start(t, f.worker(bootstrap, ""), source)
			waitFor(t, func() bool { return strings.Contains(f.read("offsets"), fmt.Sprintf(`"position":%d`, len(lines))) })
			stop()
			// The group forgets the killed soon; the last worker is let live on a machine that hardly lets it run.
			worker := f.worker(bootstrap, small+"consumer.session.timeout.ms=1500\nconsumer.heartbeat.interval.ms=100\n")
			for range 3 {
				before := len(f.written(t))
				cmd := startProcess(t, worker, sink)
				waitFor(t, func() bool { now := len(f.written(t)); return now > before || now == len(lines) })
				kill(cmd)
			}
			startProcess(t, f.worker(bootstrap, small), sink)
			waitFor(t, func() bool { return len(f.written(t)) >= len(lines) })
			if got := f.written(t); got != lines {
				t.Errorf("%d bytes came out of %d; they differ from byte %d", len(got), len(lines), same(got, lines))
			}
		})
	}
}

func same(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// written is what a sink has written to out.txt or its parts, in the order of the offsets.
func (f folder) written(t *testing.T) string {
	t.Helper()
	if text := f.read("out.txt"); text != "" {
		if !strings.HasPrefix(text, "\x1f\x8b") {
			return text
		}
		z, err := gzip.NewReader(strings.NewReader(text))
		if err != nil {
			return ""
		}
		b, _ := io.ReadAll(z) // what is being written has no end yet
		return string(b)
	}
	paths, err := filepath.Glob(f.path("out-lines-0-*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	first := func(path string) int {
		n, err := strconv.Atoi(strings.Split(filepath.Base(path), "-")[3])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	slices.SortFunc(paths, func(a, b string) int { return first(a) - first(b) })
	var text strings.Builder
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	return text.String()
}
