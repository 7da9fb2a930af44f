package standalone_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kgo-project/kgo/connect/standalone"
)

// patience is for machines that are slow: nothing is measured by it.
const patience = 60 * time.Second

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time")
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// folder is where a test's files are.
type folder struct {
	t   *testing.T
	dir string
}

func newFolder(t *testing.T) folder { return folder{t, t.TempDir()} }

func (f folder) path(name string) string { return filepath.ToSlash(filepath.Join(f.dir, name)) }

func (f folder) write(name, text string) string {
	f.t.Helper()
	path := f.path(name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f folder) read(name string) string {
	b, _ := os.ReadFile(f.path(name))
	return string(b)
}

// worker writes a worker's properties with strings for keys and values.
func (f folder) worker(bootstrap, more string) string {
	const converter = "org.apache.kafka.connect.storage.StringConverter"
	return f.write("worker.properties", "bootstrap.servers="+bootstrap+"\nkey.converter="+converter+"\nvalue.converter="+converter+
		"\noffset.storage.file.filename="+f.path("offsets")+"\noffset.flush.interval.ms=50\nlisteners=http://127.0.0.1:0\n"+more)
}

// start runs a worker in this process until the returned function is called.
func start(t *testing.T, files ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- standalone.Run(ctx, standalone.Options{WorkerFile: files[0], Connectors: files[1:], Log: slog.New(slog.DiscardHandler)})
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
