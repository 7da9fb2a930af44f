package metrics

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func exposition(t *testing.T, r *Registry) string {
	t.Helper()
	var b strings.Builder
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExposition(t *testing.T) {
	r := NewRegistry()
	r.Counter("b_total", "Bs.\nAnd more.", "topic", `x"y\z`).Add(3)
	r.Counter("b_total", "", "topic", "a").Inc()
	r.Counter("b_total", "", "topic", "a").Inc()
	r.Gauge("a", "As.").Set(-5)
	r.GaugeFunc("c", "Cs.", func() float64 { return 0.25 })
	r.Collect("d", "Ds.", KindGauge, func(emit Emit) { emit(2, "p", "1"); emit(1, "p", "0") })
	r.Collect("e", "nothing", KindGauge, func(Emit) {})
	want := `# HELP a As.
# TYPE a gauge
a -5
# HELP b_total Bs.\nAnd more.
# TYPE b_total counter
b_total{topic="a"} 2
b_total{topic="x\"y\\z"} 3
# HELP c Cs.
# TYPE c gauge
c 0.25
# HELP d Ds.
# TYPE d gauge
d{p="0"} 1
d{p="1"} 2
`
	if got := exposition(t, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	r.Remove("b_total", "topic", "a")
	if strings.Contains(exposition(t, r), `topic="a"`) {
		t.Error("the removed series is still there")
	}
}

func TestBucketsCoverEveryValue(t *testing.T) {
	for i := range buckets {
		if got := bucketOf(upperBound(i)); got != i {
			t.Fatalf("the bound %d of bucket %d falls into bucket %d", upperBound(i), i, got)
		}
		if i+1 < buckets && bucketOf(upperBound(i)+1) != i+1 {
			t.Fatalf("bucket %d does not follow on %d", i+1, i)
		}
	}
	if bucketOf(1<<63) != buckets-1 {
		t.Error("huge values must fall into the last bucket")
	}
}

// The quantiles agree with those of the sorted values, within a bucket's width.
func TestSummaryQuantiles(t *testing.T) {
	s := newSummary()
	random := rand.New(rand.NewPCG(1, 2))
	var all []float64
	for range 10000 {
		d := time.Duration(random.ExpFloat64()*5e6) + time.Microsecond
		s.Observe(d)
		all = append(all, float64(d.Microseconds())/1000)
	}
	slices.Sort(all)
	text := string(s.write(nil, "x", `request="Produce"`))
	for _, q := range quantiles {
		exact := all[int(q.q*float64(len(all)))-1]
		var got float64
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, `x{request="Produce",quantile="`+q.label+`"} `); ok {
				got = parse(t, rest)
			}
		}
		if got < exact*0.98 || got > exact*1.15 {
			t.Errorf("quantile %s is %v, want %v", q.label, got, exact)
		}
	}
	if !strings.Contains(text, `x_count{request="Produce"} 10000`) {
		t.Error(text)
	}
}

func parse(t *testing.T, s string) float64 {
	t.Helper()
	var f float64
	if _, err := fmt.Sscan(s, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSummaryForgets(t *testing.T) {
	s := newSummary()
	start := time.Now()
	s.Observe(time.Second)
	s.recent(start)
	s.recent(start.Add(window))
	s.Observe(time.Millisecond)
	total, recent := s.recent(start.Add(2 * window))
	n := int64(0)
	for _, c := range recent {
		n += c
	}
	if total != 2 || n != 1 {
		t.Errorf("%d in all, %d recent", total, n)
	}
}

func TestRequestsAndTopics(t *testing.T) {
	r := NewRegistry()
	m := NewRequests(r)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				m.Request(0, 11, 200, 50, time.Millisecond, 2*time.Millisecond, 0)
			}
		})
	}
	wg.Wait()
	m.Request(-1, 0, 0, 0, 0, 0, 0)
	m.Error(0, "NONE")
	m.ConnectionOpened("PLAINTEXT")
	topics := NewTopics(r)
	topics.Topic("t").MessagesIn.Add(7)
	topics.All.MessagesIn.Add(7)
	RegisterProcess(r, "1")
	text := exposition(t, r)
	for _, want := range []string{
		`kafka_network_requestmetrics_requests_total{request="Produce",version="11"} 400`,
		`kafka_network_requestmetrics_totaltimems_count{request="Produce"} 400`,
		`kafka_network_requestmetrics_totaltimems{request="Produce",quantile="0.99"} 2.047`,
		`kafka_network_requestmetrics_requestbytes_sum{request="Produce"} 80000`,
		`kafka_server_socket_server_metrics_connection_count{listener="PLAINTEXT"} 1`,
		`kafka_server_brokertopicmetrics_messagesin_total{topic="t"} 7`,
		"kafka_server_brokertopicmetrics_messagesin_total 7",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	topics.Remove("t")
	if strings.Contains(exposition(t, r), `topic="t"`) {
		t.Error("the deleted topic is still shown")
	}
}

func TestHandler(t *testing.T) {
	r := NewRegistry()
	r.Gauge("a", "A.").Set(1)
	h := Handler(r, nil, func() error { return errors.New("waiting for the quorum at localhost:2181") })
	for path, want := range map[string]string{"/metrics": "200 # HELP a A.", "/healthz": "200 ok", "/readyz": "503 waiting for the quorum at localhost:2181"} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		first, _, _ := strings.Cut(rec.Body.String(), "\n")
		if got := rec.Result().Status[:3] + " " + first; got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	m := NewRequests(NewRegistry())
	for b.Loop() {
		m.Request(0, 11, 200, 50, time.Millisecond, 2*time.Millisecond, 0)
	}
}
