package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// commandRoundTrips times whole commands, from starting the process to its exit.
func commandRoundTrips(_ context.Context, b *bench) error {
	for _, c := range []struct {
		metric string
		tool   string
		args   []string
	}{
		{"topics --list", "topics", []string{"--list"}},
		{"topics --describe", "topics", []string{"--describe"}},
		{"consumer-groups --list", "consumer-groups", []string{"--list"}},
	} {
		best := time.Duration(0)
		for range 5 {
			took, err := timed(b.sys.tool(c.tool, append([]string{"--bootstrap-server", b.srv.addr}, c.args...)...))
			if err != nil {
				return err
			}
			if best == 0 || took < best {
				best = took
			}
		}
		b.add(c.metric+", whole command (best of 5)", "ms", float64(best.Microseconds())/1e3)
	}
	return nil
}

// consoleLines pipes a file of 1,000,000 lines of 100 bytes through the console producer and reads it back with the console consumer.
func consoleLines(ctx context.Context, b *bench) error {
	lines := b.scaled(1_000_000)
	const topic = "console"
	if err := createTopic(ctx, b.srv.addr, topic, 1); err != nil {
		return err
	}
	path := filepath.Join(b.o.dataDir, "lines.txt")
	if err := writeLines(path, lines); err != nil {
		return err
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	cmd := b.sys.tool("console-producer", "--bootstrap-server", b.srv.addr, "--topic", topic)
	cmd.Stdin = in
	took, err := timed(cmd)
	if err != nil {
		return err
	}
	b.add("console-producer, 1,000,000 lines of 100 B", "lines/s", float64(lines)/took.Seconds())

	cmd = b.sys.tool("console-consumer", "--bootstrap-server", b.srv.addr, "--topic", topic, "--from-beginning", "--max-messages", strconv.Itoa(lines))
	out, err := os.Create(filepath.Join(b.o.dataDir, "read.txt"))
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // sameFile reads what was written
	cmd.Stdout = out
	if took, err = timed(cmd); err != nil {
		return err
	}
	b.add("console-consumer, 1,000,000 lines of 100 B", "lines/s", float64(lines)/took.Seconds())
	return sameFile(path, out.Name())
}

func timed(cmd *exec.Cmd) (time.Duration, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began := time.Now()
	err := cmd.Run()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", cmd, err, stderr.String())
	}
	return time.Since(began), nil
}

func writeLines(path string, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		if _, err := fmt.Fprintf(w, "%099d\n", i); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func sameFile(a, b string) error {
	x, err := os.ReadFile(a)
	if err != nil {
		return err
	}
	y, err := os.ReadFile(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(x, y) {
		return fmt.Errorf("what was read back (%d bytes) is not what was written (%d bytes)", len(y), len(x))
	}
	return nil
}
