package http

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kgo-project/kgo/connect"
)

type sinkContext struct{ reported []string }

func (c *sinkContext) Report(r *connect.Record, _ error) error {
	c.reported = append(c.reported, connect.Text(r.Value.Data))
	return nil
}
func (*sinkContext) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// server records what it is sent and answers as a test says.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func serve(t *testing.T, answer func(n int, body string, w http.ResponseWriter)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(b))
		n := len(s.bodies)
		s.mu.Unlock()
		if answer != nil {
			answer(n, string(b), w)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func run(t *testing.T, config connect.Config, records ...*connect.Record) (*sinkContext, error) {
	t.Helper()
	for _, k := range plugin.Config.Keys {
		if errs := k.Errors(config); len(errs) > 0 {
			t.Fatal(errs)
		}
	}
	if err := validate(config); err != nil {
		t.Fatal(err)
	}
	s, sc := &sink{}, &sinkContext{}
	if err := s.Start(sc, config); err != nil {
		t.Fatal(err)
	}
	defer s.Stop() //nolint:errcheck // closes idle connections
	return sc, s.Put(t.Context(), records)
}

func record(offset int64, key, value any) *connect.Record {
	return &connect.Record{Topic: "t", Key: connect.Value{Data: key}, Value: connect.Value{Data: value}, KafkaOffset: offset, TimestampMs: 7}
}

func TestBatchesOfJSON(t *testing.T) {
	s := serve(t, nil)
	if _, err := run(t, connect.Config{
		"http.url": s.URL + "/in", "batch.size": "2", "http.header.X-Source": "kafka", "http.auth": "basic", "http.auth.user": "me", "http.auth.password": "secret",
	}, record(0, nil, "a"), record(1, nil, int64(2)), record(2, nil, nil), record(3, nil, []any{true})); err != nil {
		t.Fatal(err)
	}
	if want := []string{`["a",2]`, `[[true]]`}; !slices.Equal(s.bodies, want) {
		t.Errorf("bodies %q, want %q", s.bodies, want)
	}
	r := s.requests[0]
	user, password, _ := r.BasicAuth()
	if r.Method != http.MethodPost || r.URL.Path != "/in" || r.Header.Get("X-Source") != "kafka" || r.Header.Get("Content-Type") != "application/json" || user != "me" || password != "secret" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
}

func TestTemplatesAndAddresses(t *testing.T) {
	s := serve(t, nil)
	if _, err := run(t, connect.Config{
		"http.url": s.URL + "/${topic}/${key}", "http.method": "PUT", "body.format": "raw", "body.template": "${offset}=${value};", "body.separator": "", "http.auth": "bearer", "http.auth.token": "tok",
		"null.values": "delete",
	}, record(0, "k/1", "a"), record(1, "k/1", []byte("b")), record(2, "k2", "c"), record(3, "k2", nil)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, r := range s.requests {
		got = append(got, r.Method+" "+r.URL.EscapedPath()+" "+s.bodies[i])
	}
	if want := []string{"PUT /t/k%2F1 0=a;1=b;", "PUT /t/k2 2=c;", "DELETE /t/k2 "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s.requests[0].Header.Get("Authorization") != "Bearer tok" {
		t.Error("no token")
	}
}

func TestBusyServerIsTriedAgain(t *testing.T) {
	s := serve(t, func(n int, _ string, w http.ResponseWriter) {
		switch n {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	if sc, err := run(t, connect.Config{"http.url": s.URL, "retry.backoff.ms": "1"}, record(0, nil, "a")); err != nil || len(sc.reported) > 0 || len(s.bodies) != 3 {
		t.Errorf("%v, reported %q, %d requests", err, sc.reported, len(s.bodies))
	}
	down := serve(t, func(_ int, _ string, w http.ResponseWriter) {
		http.Error(w, "out of order", http.StatusInternalServerError)
	})
	_, err := run(t, connect.Config{"http.url": down.URL, "retry.backoff.ms": "1", "max.retries": "2"}, record(0, nil, "a"))
	if err == nil || !strings.Contains(err.Error(), "failed 3 times: the server answered 500 Internal Server Error: out of order") || len(down.bodies) != 3 {
		t.Errorf("%v after %d requests", err, len(down.bodies))
	}
}

func TestUnwantedRecordsAreFoundInTheirBatch(t *testing.T) {
	var accepted []string
	s := serve(t, func(_ int, body string, w http.ResponseWriter) {
		var list []string
		if json.Unmarshal([]byte(body), &list) != nil || slices.Contains(list, "bad") {
			http.Error(w, "no", http.StatusUnprocessableEntity)
			return
		}
		accepted = append(accepted, list...)
	})
	var records []*connect.Record
	for i, v := range []string{"1", "2", "bad", "4", "5", "6", "bad"} {
		records = append(records, record(int64(i), nil, v))
	}
	sc, err := run(t, connect.Config{"http.url": s.URL}, records...)
	if err != nil || !slices.Equal(sc.reported, []string{"bad", "bad"}) || !slices.Equal(accepted, []string{"1", "2", "4", "5", "6"}) {
		t.Errorf("%v, reported %q, accepted %q", err, sc.reported, accepted)
	}
	denied := serve(t, func(_ int, _ string, w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) })
	if sc, err := run(t, connect.Config{"http.url": denied.URL}, records...); err == nil || len(sc.reported) > 0 || len(denied.bodies) != 1 {
		t.Errorf("without permission: %v, reported %q, %d requests", err, sc.reported, len(denied.bodies))
	}
}

func TestSlowAnswersTimeOutAndStopsAreHeard(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(int, string, http.ResponseWriter) { <-release })
	t.Cleanup(func() { close(release) })
	_, err := run(t, connect.Config{"http.url": s.URL, "http.timeout.ms": "20", "max.retries": "1", "retry.backoff.ms": "1"}, record(0, nil, "a"))
	if err == nil || !strings.Contains(err.Error(), "failed 2 times") {
		t.Errorf("a server that does not answer: %v", err)
	}
	one := &sink{}
	if err := one.Start(&sinkContext{}, connect.Config{"http.url": "http://127.0.0.1:1", "retry.backoff.ms": "60000", "retry.backoff.max.ms": "60000"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := one.Put(ctx, []*connect.Record{record(0, nil, "a")}); err == nil {
		t.Error("a stop during the wait for a retry is a success")
	}
}

func TestTLSWithAnAuthorityOfOnesOwn(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, connect.Config{"http.url": s.URL, "http.tls.ca.file": path}, record(0, nil, "a")); err != nil {
		t.Error(err)
	}
	if _, err := run(t, connect.Config{"http.url": s.URL, "max.retries": "0"}, record(0, nil, "a")); err == nil {
		t.Error("a server that nobody vouches for is trusted")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": -1, "x": -1, "-1": -1, "3": 3 * time.Second, "999999": maxRetryAfter, "Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestBadSettings(t *testing.T) {
	for _, c := range []connect.Config{
		{"http.auth": "basic"}, {"http.auth": "bearer"}, {"http.header.a b": "x"}, {"http.tls.ca.file": "/no/such/file"},
	} {
		if validate(c) == nil {
			t.Errorf("%v is accepted", c)
		}
	}
	if checkURL("ftp://x") == nil || checkURL("x") == nil || checkURL("https://host/${topic}") != nil {
		t.Error("addresses are judged wrongly")
	}
}
