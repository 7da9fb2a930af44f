package metrics

import (
	"net/http"
)

// Handler serves /metrics in the Prometheus text format, /healthz (200 while the process can answer at all, unless healthy has an error) and
// /readyz (200 once the server is part of its cluster). A failing check answers 503 with its reason. Nil checks always pass.
func Handler(reg *Registry, healthy, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = reg.WriteTo(w) // the scraper has gone: nobody to tell
	})
	mux.HandleFunc("GET /healthz", check(healthy))
	mux.HandleFunc("GET /readyz", check(ready))
	return mux
}

func check(f func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if f != nil {
			if err := f(); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = w.Write([]byte(err.Error() + "\n"))
				return
			}
		}
		_, _ = w.Write([]byte("ok\n"))
	}
}
