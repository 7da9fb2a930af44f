package rest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kgo-project/kgo/commands/client/testcert"
	"github.com/kgo-project/kgo/connect"
)

// TestRequestsAreReadAsByApache has what clients get wrong or write differently, with the statuses of Apache Kafka's worker.
func TestRequestsAreReadAsByApache(t *testing.T) {
	const source = `"connector.class":"FileStreamSource","topic":"t","file":"missing"`
	for _, c := range []struct {
		name, method, path, body string
		headers                  map[string]string
		status                   int
		has                      string
	}{
		{name: "slash at the end", method: "GET", path: "/connectors/", status: 200, has: `["x"]`},
		{name: "slash behind a connector", method: "GET", path: "/connectors/x/status/", status: 200, has: `"RUNNING"`},
		{name: "number as a setting", method: "PUT", path: "/connectors/x/config", body: `{` + source + `,"batch.size":5,"tasks.max":1}`, status: 200, has: `"batch.size":"5"`},
		{name: "boolean as a setting", method: "PUT", path: "/connectors/x/config", body: `{` + source + `,"file.follow":true}`, status: 200, has: `"file.follow":"true"`},
		{name: "number with a point", method: "PUT", path: "/connectors/x/config", body: `{` + source + `,"batch.size":5.0}`, status: 400, has: "Invalid value 5.0 for configuration batch.size: Not a number of type INT"},
		{name: "number in a patch", method: "PATCH", path: "/connectors/x/config", body: `{"batch.size":7}`, status: 200, has: `"batch.size":"7"`},
		{name: "number as a name", method: "POST", path: "/connectors", body: `{"name":5,"config":{` + source + `}}`, status: 201, has: `"name":"5"`},
		{name: "null as a setting", method: "PUT", path: "/connectors/x/config", body: `{` + source + `,"batch.size":null}`, status: 500, has: "Non-string value found in original settings for key batch.size: null"},
		{name: "null as a class", method: "POST", path: "/connectors", body: `{"name":"y","config":{"connector.class":null}}`, status: 400, has: "contains no connector type"},
		{name: "object as a setting", method: "PUT", path: "/connectors/x/config", body: `{` + source + `,"a":{"b":1}}`, status: 500, has: `Cannot deserialize value of type`},
		{name: "list as a configuration", method: "PUT", path: "/connectors/x/config", body: `[]`, status: 500, has: `Cannot deserialize value of type`},
		{name: "null as a configuration", method: "PUT", path: "/connectors/x/config", body: `null`, status: 500},
		{name: "something behind the JSON", method: "PUT", path: "/connectors/x/config", body: `{` + source + `} and more`, status: 500},
		{name: "half a body", method: "POST", path: "/connectors", body: `{"name":`, status: 500},
		{name: "control characters", method: "POST", path: "/connectors", body: `{"name":"a\u0001\u0002b","config":{` + source + `}}`, status: 400, has: "following ASCII chars: 1, 2"},
		{name: "body of text", method: "POST", path: "/connectors", body: `{}`, headers: map[string]string{"Content-Type": "text/plain"}, status: 415, has: "HTTP 415 Unsupported Media Type"},
		{name: "body of a form", method: "PUT", path: "/connectors/x/pause", headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status: 415},
		{name: "body of no kind", method: "POST", path: "/connectors", body: `{}`, headers: map[string]string{"Content-Type": ""}, status: 415},
		{name: "JSON with a charset", method: "PUT", path: "/connectors/x/config", body: `{` + source + `}`, headers: map[string]string{"Content-Type": "application/json; charset=utf-8"}, status: 200},
		{name: "HTML is wanted", method: "GET", path: "/connectors", headers: map[string]string{"Accept": "text/html"}, status: 406, has: "HTTP 406 Not Acceptable"},
		{name: "JSON will do", method: "GET", path: "/connectors", headers: map[string]string{"Accept": "text/html, application/json;q=0.5"}, status: 200},
		{name: "large body", method: "PUT", path: "/connectors/x/config", body: `{"a":"` + strings.Repeat("a", maxBody) + `"}`, status: 413},
		{name: "options", method: "OPTIONS", path: "/connectors", status: 200, has: "GET, HEAD, POST, OPTIONS"},
		{name: "head", method: "HEAD", path: "/connectors", status: 200},
		{name: "restart by a word in capitals", method: "POST", path: "/connectors/x/restart?includeTasks=TRUE", status: 202, has: "RESTARTING"},
		{name: "level as a number", method: "PUT", path: "/admin/loggers/root", body: `{"level":5}`, status: 404, has: "invalid log level '5'."},
		{name: "level null", method: "PUT", path: "/admin/loggers/root", body: `{"level":null}`, status: 400, has: "Desired 'level' parameter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			created := do(s, "POST", "/connectors", `{"name":"x","config":{`+source+`}}`, nil)
			if created.Code != http.StatusCreated || created.Header().Get("Location") != "http://example.com/connectors/x" {
				t.Fatal(created.Code, created.Header(), created.Body)
			}
			w := do(s, c.method, c.path, c.body, c.headers)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.has) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func do(s *Server, method, path, body string, headers map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		r.Header.Set(name, value)
		if value == "" {
			r.Header.Del(name)
		}
	}
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}

func TestPagesOfOtherOrigins(t *testing.T) {
	s := newServer(t, "access.control.allow.origin", "http://ui.example,https://.*\\.site\\.example", "access.control.allow.methods", "GET,PUT",
		"response.http.headers.config", "add X-Frame-Options: DENY, set X-Thing: one two")
	for origin, allowed := range map[string]bool{"http://ui.example": true, "https://a.site.example": true, "http://evil.example": false, "http://ui.example.evil": false, "": false} {
		h := do(s, "GET", "/connectors", "", map[string]string{"Origin": origin}).Header()
		if got := h.Get("Access-Control-Allow-Origin"); (got == origin && got != "") != allowed {
			t.Errorf("origin %q: allowed %q", origin, got)
		}
		if h.Get("X-Frame-Options") != "DENY" || h.Get("X-Thing") != "one two" || h.Get("Vary") != "Origin" {
			t.Errorf("headers %v", h)
		}
	}
	w := do(s, "OPTIONS", "/connectors", "", map[string]string{"Origin": "http://ui.example", "Access-Control-Request-Method": "PUT"})
	if w.Code != 200 || w.Header().Get("Access-Control-Allow-Methods") != "GET,PUT" || w.Header().Get("Access-Control-Allow-Headers") != "Content-Type" {
		t.Error(w.Code, w.Header())
	}
	if _, err := newExtraHeaders(connect.Config{"response.http.headers.config": "throw X: y"}); err == nil {
		t.Error("a rule that there is not is taken")
	}
}

func TestAdminListenersServeTheLoggersAlone(t *testing.T) {
	s := newServer(t, "admin.listeners", "")
	if w := do(s, "GET", "/admin/loggers", "", nil); w.Code != http.StatusNotFound {
		t.Error("the regular listeners answer", w.Code)
	}
	for path, want := range map[string]int{"/admin/loggers": 200, "/connectors": 404, "/": 404} {
		w := httptest.NewRecorder()
		s.admins.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if w.Code != want {
			t.Error(path, w.Code)
		}
	}
}

func TestListeners(t *testing.T) {
	dir := t.TempDir()
	store, pool := keyStore(t, dir)
	l, err := Listen(connect.Config{
		"listeners": "http://127.0.0.1:0,https://127.0.0.1:0", "listeners.https.ssl.keystore.location": store, "listeners.https.ssl.keystore.type": "PEM",
		"admin.listeners": "http://127.0.0.1:0", "rest.advertised.listener": "https", "rest.advertised.host.name": "worker.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Regular[1].Addr().String())
	if l.Advertised != "worker.example:"+port {
		t.Errorf("advertised %s", l.Advertised)
	}
	s := newServer(t, "admin.listeners", "http://127.0.0.1:0")
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: time.Minute}
	for _, address := range []string{"http://" + l.Regular[0].Addr().String() + "/connectors", "https://" + l.Regular[1].Addr().String() + "/connectors", "http://" + l.Admin[0].Addr().String() + "/admin/loggers"} {
		resp, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Error(address, resp.Status)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestListenersThatCannotBeOpened(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, want := range map[string]string{
		"http://" + taken.Addr().String(): taken.Addr().String(),
		"ftp://127.0.0.1:0":               "give http://host:port",
		"127.0.0.1:8083":                  "give http://host:port",
		"https://127.0.0.1:0":             "ssl.keystore.location",
	} {
		l, err := Listen(connect.Config{"listeners": address})
		if err == nil {
			_ = l.Close()
			t.Errorf("%s is opened", address)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// keyStore writes a certificate for 127.0.0.1 with its key; pool trusts it.
func keyStore(t *testing.T, dir string) (path string, pool *x509.CertPool) {
	t.Helper()
	own := testcert.SelfSigned(t)
	path = filepath.Join(dir, "store.pem")
	if err := os.WriteFile(path, []byte(own.KeyPEM(t)+own.CertPEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, own.Pool()
}
