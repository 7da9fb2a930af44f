package standalone_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kgo-project/kgo/connect/standalone"
)

// patience is for machines that are slow: nothing is measured by it.
const patience = 2 * time.Minute

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
	return startLogged(t, io.Discard, files...)
}

func startLogged(t *testing.T, log io.Writer, files ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- standalone.Run(ctx, standalone.Options{WorkerFile: files[0], Connectors: files[1:], Log: slog.New(slog.NewTextHandler(log, nil))})
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// runningWorker is a worker with its log and its REST API.
type runningWorker struct {
	t    *testing.T
	url  string
	log  *safeBuffer
	stop func()
}

// run runs a worker until the test's end, or until it is stopped, and waits until it has made its connectors.
func (f folder) run(files ...string) *runningWorker {
	f.t.Helper()
	w := &runningWorker{t: f.t, url: "http://127.0.0.1:" + freePort(f.t), log: &safeBuffer{}}
	f.write(filepath.Base(files[0]), f.read(filepath.Base(files[0]))+"listeners="+w.url+"\n")
	w.stop = sync.OnceFunc(startLogged(f.t, w.log, files...))
	f.t.Cleanup(w.stop)
	f.t.Cleanup(func() {
		if f.t.Failed() {
			f.t.Log(w.log)
		}
	})
	waitFor(f.t, func() bool {
		code, _ := w.try(http.MethodGet, "/health", "")
		return code == http.StatusOK
	})
	return w
}

func (w *runningWorker) try(method, path, body string) (code int, answer string) {
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// request makes a request that has to be answered.
func (w *runningWorker) request(method, path, body string) (code int, answer string) {
	w.t.Helper()
	code, answer = w.try(method, path, body)
	if code == 0 {
		w.t.Fatal(answer)
	}
	return code, answer
}

func (w *runningWorker) get(path string) string {
	w.t.Helper()
	_, body := w.request(http.MethodGet, path, "")
	return body
}

// waitForState waits until a connector's first task is in a state, and returns the task's status.
func (w *runningWorker) waitForState(connector, state string) (status string) {
	w.t.Helper()
	waitFor(w.t, func() bool {
		status = w.get("/connectors/" + connector + "/tasks/0/status")
		return strings.Contains(status, `"state":"`+state+`"`)
	})
	return status
}

// safeBuffer is a buffer that is read while it is written.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
