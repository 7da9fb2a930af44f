//go:build interop && unix

package commands

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/brokertest"
	"github.com/kgo-project/kgo/connect/standalone"
)

// TestConnectVerbsOnBothWorkers has kgo connect look after connectors on Apache Kafka's worker and on kgo's: it prints the same.
func TestConnectVerbsOnBothWorkers(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Apache Kafka whose Connect worker to drive")
	}
	printed := make(map[string][]string)
	for _, who := range []string{"kgo", "apache"} {
		dir, address := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", freePort(t))
		write := func(name, text string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		const converter = "converter=org.apache.kafka.connect.storage.StringConverter\n"
		worker := write("worker.properties", "bootstrap.servers="+brokertest.Start(t).Addr+"\nkey."+converter+"value."+converter+
			"offset.storage.file.filename="+filepath.Join(dir, "offsets")+"\noffset.flush.interval.ms=100\nlisteners=http://"+address+"\n")
		source := write("source.json", fmt.Sprintf(`{"name":"source","config":{"connector.class":"FileStreamSource","topic":"lines","file":%q,"batch.size":5}}`, write("in.txt", "one\ntwo\n")))
		sink := write("sink.properties", "name=sink\nconnector.class=FileStreamSink\ntopics=lines\nfile="+filepath.Join(dir, "out.txt")+"\n")
		bad := write("bad.properties", "name=bad\nconnector.class=FileStreamSink\ntasks.max=0\n")
		if who == "apache" {
			runApacheWorker(t, lab, worker)
		} else {
			runKgoWorker(t, worker)
		}
		mask := strings.NewReplacer(dir, "DIR", address, "WORKER")
		run := func(words ...string) string {
			out, errOut, code := runKgo(append([]string{"connect", "--url", "http://" + address}, words...))
			return mask.Replace(fmt.Sprintf("%s: exit %d\n%s%s", strings.Join(words, " "), code, out, errOut))
		}
		until := func(text string, words ...string) string {
			var got string
			if !poll(2*time.Minute, 100*time.Millisecond, func() bool { got = run(words...); return strings.Contains(got, text) }) {
				t.Fatalf("%s never says %s:\n%s", who, text, got)
			}
			return got
		}
		until("exit 0", "list")
		printed[who] = []string{
			run("create", source), run("create", sink), until("source  RUNNING  1", "list"), until("sink    RUNNING  1", "list"),
			until(`"kafka_offset": 2`, "offsets", "sink"), until(`"position": 8`, "offsets", "source"), run("describe", "source"), run("describe", "nobody"),
			run("pause", "sink"), until("sink    PAUSED", "list"), run("resume", "sink"), until("sink    RUNNING", "list"), run("offsets", "sink", "--reset"),
			run("restart", "sink", "--only-failed"), run("stop", "sink"), until("sink    STOPPED", "list"), run("offsets", "sink", "--reset"), run("offsets", "sink"),
			run("validate", bad), run("create", bad), run("validate", sink), run("delete", "source"), run("delete", "source"), run("list"),
		}
	}
	for i, got := range printed["kgo"] {
		if want := printed["apache"][i]; got != want {
			t.Errorf("on kgo's worker:\n%s\non Apache's:\n%s", got, want)
		}
	}
}

func runKgoWorker(t *testing.T, file string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- standalone.Run(ctx, standalone.Options{WorkerFile: file, Log: slog.New(slog.DiscardHandler)})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func runApacheWorker(t *testing.T, lab, file string) {
	t.Helper()
	cmd := exec.Command(lab, "connect-standalone", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
}
