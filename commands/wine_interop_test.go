//go:build interop

package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// windows runs the Windows build under Wine.
type windows struct {
	wine, dir string // dir is also drive C's folder \kgo
	env       []string
}

// newWindows makes a Wine prefix of its own, with kgo.exe in C:\kgo.
func newWindows(t *testing.T) *windows {
	t.Helper()
	w := &windows{}
	for _, name := range []string{"wine64", "/usr/lib/wine/wine64", "wine"} {
		if path, err := exec.LookPath(name); err == nil {
			w.wine = path
			break
		}
	}
	if w.wine == "" {
		t.Skip("wine is not installed: the Windows build is not tried (Debian's package wine64 is enough)")
	}
	prefix := t.TempDir()
	w.env = append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=")
	boot, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(boot, w.wine, "wineboot", "-i")
	cmd.Env = w.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("wine does not work here: %v\n%s", err, out)
	}
	t.Cleanup(func() { // nothing of Wine may outlive the prefix
		kill := exec.Command(w.wine, "wineboot", "-k")
		kill.Env = w.env
		if out, err := kill.CombinedOutput(); err != nil {
			t.Logf("wineboot -k: %v\n%s", err, out)
		}
	})
	library := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(library); err != nil {
		if err := os.WriteFile(library, forwardingDLL("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.dir = filepath.Join(prefix, "drive_c", "kgo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(w.dir, "kgo.exe"), "../cmd/kgo")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return w
}

func (w *windows) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.wine, append([]string{`C:\kgo\` + program}, args...)...)
	cmd.Env = w.env
	cmd.WaitDelay = 10 * time.Second // Wine's services hold on to the pipes of who started them
	return cmd
}

// run runs a program of C:\kgo and returns what it prints.
func (w *windows) run(t *testing.T, stdin, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := w.command(ctx, program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%s %v: %v\n%s%s", program, args, err, out.Bytes(), errOut.Bytes())
	}
	return strings.ReplaceAll(out.String(), "\r", "")
}

// serve starts kgo server and waits until it answers. The function it returns ends it as a crash would.
func (w *windows) serve(t *testing.T, properties, bootstrap string) (crash func()) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := w.command(context.WithoutCancel(t.Context()), "kgo.exe", "server", properties)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	crash = func() {
		if !ended {
			ended = true
			cmd.Process.Kill() //nolint:errcheck // it may have ended by itself
			cmd.Wait()         //nolint:errcheck // it was killed
		}
	}
	t.Cleanup(func() {
		crash()
		log.Close()
		if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("the server's log:\n%s", text)
		}
	})
	if !poll(time.Minute, 50*time.Millisecond, func() bool {
		_, _, code := runKgo([]string{"topics", "--bootstrap-server", bootstrap, "--list"})
		return code == 0
	}) {
		t.Fatal("the server did not answer")
	}
	return crash
}

// TestWindows runs the Windows build: a server that is killed and started again, topics, records, the removal of a topic's
// files while a consumer reads them, and the tools by the scripts' names.
func TestWindows(t *testing.T) {
	w := newWindows(t)
	port := freePort(t)
	bootstrap := fmt.Sprintf("127.0.0.1:%d", port)
	properties := fmt.Sprintf("process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:%d\nlisteners=PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d\n"+
		"controller.listener.names=CONTROLLER\nlog.dirs=C:/kgo/data\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=2\n"+
		"auto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\nlog.segment.delete.delay.ms=100\nlog.retention.check.interval.ms=1000\n", port+1000, bootstrap, port+1000)
	if err := os.WriteFile(filepath.Join(w.dir, "server.properties"), []byte(properties), 0o600); err != nil {
		t.Fatal(err)
	}
	crash := w.serve(t, `C:\kgo\server.properties`, bootstrap)

	w.run(t, "", "kgo.exe", "topics", "--bootstrap-server", bootstrap, "--create", "--topic", "kept", "--partitions", "2")
	w.run(t, "", "kgo.exe", "topics", "--bootstrap-server", bootstrap, "--create", "--topic", "gone")
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, "line %d\r\n", i)
	}
	w.run(t, lines.String(), "kgo.exe", "console-producer", "--bootstrap-server", bootstrap, "--topic", "gone")
	w.run(t, "one\r\ntwo\r\n", "kgo.exe", "console-producer", "--bootstrap-server", bootstrap, "--topic", "kept")
	if got := w.run(t, "", "kgo.exe", "console-consumer", "--bootstrap-server", bootstrap, "--topic", "gone", "--from-beginning", "--max-messages", "1000"); strings.Count(got, "\n") != 1000 {
		t.Errorf("%d lines of 1000 were read", strings.Count(got, "\n"))
	}
	if data, err := filepath.Glob(filepath.Join(w.dir, "data", "gone-0", "*.log")); len(data) != 1 {
		t.Fatal("the topic's files are not where they are looked for", data, err)
	}

	// A reader hangs on the topic while it is deleted.
	reading := w.command(t.Context(), "kgo.exe", "console-consumer", "--bootstrap-server", bootstrap, "--topic", "gone", "--from-beginning")
	first := make(chan struct{})
	reading.Stdout = &firstWrite{seen: first}
	if err := reading.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		reading.Process.Kill() //nolint:errcheck // it may have ended by itself
		reading.Wait()         //nolint:errcheck // it was killed
	}()
	select {
	case <-first:
	case <-time.After(time.Minute):
		t.Fatal("the reader has read nothing")
	}
	w.run(t, "", "kgo.exe", "topics", "--bootstrap-server", bootstrap, "--delete", "--topic", "gone")
	var left []string
	if !poll(90*time.Second, 50*time.Millisecond, func() bool {
		var err error
		if left, err = filepath.Glob(filepath.Join(w.dir, "data", "gone*")); err != nil {
			t.Fatal(err)
		}
		return len(left) == 0
	}) {
		t.Fatal("a deleted topic's files are still there: ", left)
	}

	crash()
	w.serve(t, `C:\kgo\server.properties`, bootstrap)
	if got := w.run(t, "", "kgo.exe", "console-consumer", "--bootstrap-server", bootstrap, "--topic", "kept", "--from-beginning", "--max-messages", "2"); !strings.Contains(got, "one") || !strings.Contains(got, "two") {
		t.Errorf("after the restart the records are %q", got)
	}

	w.run(t, "", "kgo.exe", "install-links", `C:\kgo\bin`)
	list := func(program string, args ...string) {
		t.Helper()
		if got := w.run(t, "", program, append(args, "--bootstrap-server", bootstrap, "--list")...); !strings.Contains(got, "kept\n") || strings.Contains(got, "gone") {
			t.Errorf("%s %v --list printed %q", program, args, got)
		}
	}
	list(`bin\kafka-topics.exe`)
	list(`..\windows\system32\cmd.exe`, "/c", `C:\kgo\bin\kafka-topics.bat`)
	w.run(t, "", "kgo.exe", "install-links", `C:\kgo\bin`) // a second time
}

// firstWrite tells of the first bytes that are written.
type firstWrite struct {
	seen chan struct{}
	told bool
}

func (f *firstWrite) Write(p []byte) (int, error) {
	if !f.told {
		f.told = true
		close(f.seen)
	}
	return len(p), nil
}
