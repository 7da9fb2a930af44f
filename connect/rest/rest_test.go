package rest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/connect"
	"github.com/kgo-project/kgo/connect/connectors/file"
	"github.com/kgo-project/kgo/connect/herder"
	"github.com/kgo-project/kgo/connect/loggers"
	"github.com/kgo-project/kgo/connect/offsets"
	"github.com/kgo-project/kgo/connect/worker"
)

// newServer serves the API of a worker whose cluster does not answer, with more settings: name, value, and so on.
func newServer(t *testing.T, settings ...string) *Server {
	t.Helper()
	store, err := offsets.OpenFile(filepath.Join(t.TempDir(), "offsets"))
	if err != nil {
		t.Fatal(err)
	}
	w := &worker.Worker{
		Config: connect.Config{"bootstrap.servers": "127.0.0.1:1", "key.converter": "String", "value.converter": "String", "task.shutdown.graceful.timeout.ms": "50"}, Offsets: store, Loggers: loggers.New(slog.DiscardHandler, slog.LevelInfo),
	}
	for i := 0; i < len(settings); i += 2 {
		w.Config[settings[i]] = settings[i+1]
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := herder.New(ctx, w, file.Plugins(), "127.0.0.1:8083", nil)
	t.Cleanup(func() {
		h.Stop()
		cancel()
	})
	s, err := New(h, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnswersAreThoseOfApache(t *testing.T) {
	s := newServer(t)
	source := filepath.ToSlash(filepath.Join(t.TempDir(), "missing"))
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/connectors", "", 200, `[]`},
		{"GET", "/connectors/nope", "", 404, `{"error_code":404,"message":"Connector nope not found"}`},
		{"GET", "/connectors/nope/status", "", 404, `{"error_code":404,"message":"No status found for connector nope"}`},
		{"PUT", "/connectors/nope/pause", "", 404, `{"error_code":404,"message":"Unknown connector nope"}`},
		{"GET", "/nothing", "", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		{"PATCH", "/connectors", "", 405, `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`},
		{"GET", "/health", "", 503, `{"message":"Worker is still starting up.","status":"starting"}`},
		{"POST", "/connectors", `{"name":"x","config":{"connector.class":"FileStreamSource"}}`, 400, `{"error_code":400,"message":"Connector configuration is invalid and contains the following 1 error(s):\nMissing required configuration \"topic\" which has no default value.\nYou can also find the above list of errors at the endpoint ` + "`/connector-plugins/{connectorType}/config/validate`" + `"}`},
		{"POST", "/connectors", `{"name":"x","config":{"connector.class":"FileStreamSource","topic":"t","file":"` + source + `"}}`, 201, `{"name":"x","config":{"connector.class":"FileStreamSource","file":"` + source + `","name":"x","topic":"t"},"tasks":[{"connector":"x","task":0}],"type":"source"}`},
		{"POST", "/connectors", `{"name":"x","config":{"connector.class":"FileStreamSource","topic":"t"}}`, 409, `{"error_code":409,"message":"Connector x already exists"}`},
		{"PATCH", "/connectors/x/offsets", `{"offsets":[]}`, 400, `{"error_code":400,"message":"Partitions / offsets need to be provided for an alter offsets request"}`},
		{"DELETE", "/connectors/x/offsets", "", 400, `{"error_code":400,"message":"Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/x/stop' endpoint"}`},
		{"PUT", "/connectors/x/stop", "", 204, ""},
		{"PATCH", "/connectors/x/offsets", `{"offsets":[{"partition":{"filename":"f"},"offset":{"position":7}}]}`, 200, `{"message":"The offsets for this connector have been altered successfully"}`},
		{"GET", "/connectors/x/offsets", "", 200, `{"offsets":[{"partition":{"filename":"f"},"offset":{"position":7}}]}`},
		{"GET", "/connectors/x/status", "", 200, `{"name":"x","connector":{"state":"STOPPED","worker_id":"127.0.0.1:8083","version":"4.3.1"},"tasks":[],"type":"source"}`},
		{"DELETE", "/connectors/x", "", 204, ""},
		{"GET", "/connectors", "", 200, `[]`},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
		if c.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r)
		if w.Code != c.status || w.Body.String() != c.want {
			t.Errorf("%s %s: %d %s\nwant %d %s", c.method, c.path, w.Code, w.Body, c.status, c.want)
		}
	}
}
