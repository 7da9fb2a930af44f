package metrics

import (
	"cmp"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind is a family's type in the exposition format.
type Kind string

// The kinds of families.
const (
	KindCounter Kind = "counter"
	KindGauge   Kind = "gauge"
	KindSummary Kind = "summary"
)

// Registry holds the families of one process.
type Registry struct {
	mu       sync.Mutex
	families map[string]*family
}

// family is all series of one name.
type family struct {
	name, help string
	kind       Kind
	series     map[string]writer // by label text
	collect    []func(emit Emit)
}

// writer is a series that writes itself.
type writer interface {
	write(b []byte, name, labels string) []byte
}

// Emit takes one sample of a collected family; labels are pairs of name and value.
type Emit func(value float64, labels ...string)

// NewRegistry makes an empty registry.
func NewRegistry() *Registry { return &Registry{families: make(map[string]*family)} }

// Counter returns the counter with this name and these labels (pairs of name and value), made on first use.
func (r *Registry) Counter(name, help string, labels ...string) *Counter {
	return series(r, name, help, KindCounter, labels, func() *Counter { return &Counter{} })
}

// Gauge returns the gauge with this name and these labels, made on first use.
func (r *Registry) Gauge(name, help string, labels ...string) *Gauge {
	return series(r, name, help, KindGauge, labels, func() *Gauge { return &Gauge{} })
}

// Summary returns the summary with this name and these labels, made on first use.
func (r *Registry) Summary(name, help string, labels ...string) *Summary {
	return series(r, name, help, KindSummary, labels, newSummary)
}

// GaugeFunc adds a gauge whose value f is asked at each scrape.
func (r *Registry) GaugeFunc(name, help string, f func() float64, labels ...string) {
	series(r, name, help, KindGauge, labels, func() gaugeFunc { return f })
}

// Collect adds a function that emits any number of samples at each scrape: series that follow the broker's state, such as one for each partition.
func (r *Registry) Collect(name, help string, kind Kind, f func(emit Emit)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fam := r.family(name, help, kind)
	fam.collect = append(fam.collect, f)
}

// Remove ends the series with these labels: of a topic that is gone.
func (r *Registry) Remove(name string, labels ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if fam := r.families[name]; fam != nil {
		delete(fam.series, labelText(labels))
	}
}

func series[T writer](r *Registry, name, help string, kind Kind, labels []string, make func() T) T {
	r.mu.Lock()
	defer r.mu.Unlock()
	fam := r.family(name, help, kind)
	key := labelText(labels)
	if w, ok := fam.series[key].(T); ok {
		return w
	}
	w := make()
	fam.series[key] = w
	return w
}

func (r *Registry) family(name, help string, kind Kind) *family {
	fam := r.families[name]
	if fam == nil {
		fam = &family{name: name, help: help, kind: kind, series: make(map[string]writer)}
		r.families[name] = fam
	}
	return fam
}

// WriteTo writes all samples in the Prometheus text format, sorted by name and labels.
func (r *Registry) WriteTo(w io.Writer) (int64, error) {
	var b []byte
	for _, fam := range r.snapshot() {
		b = fam.write(b)
	}
	n, err := w.Write(b)
	return int64(n), err
}

// snapshot copies the families, so that slow collectors run without the lock.
func (r *Registry) snapshot() []family {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]family, 0, len(r.families))
	for _, fam := range r.families {
		c := *fam
		c.series = make(map[string]writer, len(fam.series))
		maps.Copy(c.series, fam.series)
		c.collect = slices.Clone(fam.collect)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b family) int { return cmp.Compare(a.name, b.name) })
	return out
}

func (fam *family) write(b []byte) []byte {
	type sample struct {
		labels string
		w      writer
	}
	samples := make([]sample, 0, len(fam.series))
	for labels, w := range fam.series {
		samples = append(samples, sample{labels, w})
	}
	for _, f := range fam.collect {
		f(func(value float64, labels ...string) {
			samples = append(samples, sample{labelText(labels), fixed(value)})
		})
	}
	if len(samples) == 0 {
		return b
	}
	slices.SortFunc(samples, func(x, y sample) int { return cmp.Compare(x.labels, y.labels) })
	b = append(b, "# HELP "+fam.name+" "+helpEscaper.Replace(fam.help)+"\n# TYPE "+fam.name+" "+string(fam.kind)+"\n"...)
	for _, s := range samples {
		b = s.w.write(b, fam.name, s.labels)
	}
	return b
}

var (
	helpEscaper  = strings.NewReplacer("\\", `\\`, "\n", `\n`)
	labelEscaper = strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`)
)

// labelText writes pairs of names and values as they stand between braces.
func labelText(pairs []string) string {
	if len(pairs) == 0 {
		return ""
	}
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(pairs[i] + `="` + labelEscaper.Replace(strings.ToValidUTF8(pairs[i+1], "\ufffd")) + `"`)
	}
	return b.String()
}

func appendSample(b []byte, name, labels string, value float64) []byte {
	b = append(b, name...)
	if labels != "" {
		b = append(append(append(b, '{'), labels...), '}')
	}
	b = append(b, ' ')
	switch {
	case math.IsNaN(value):
		b = append(b, "NaN"...)
	case math.IsInf(value, 1):
		b = append(b, "+Inf"...)
	case math.IsInf(value, -1):
		b = append(b, "-Inf"...)
	case value == math.Trunc(value) && math.Abs(value) < 1e15:
		b = strconv.AppendInt(b, int64(value), 10)
	default:
		b = strconv.AppendFloat(b, value, 'g', -1, 64)
	}
	return append(b, '\n')
}

// Counter only grows.
type Counter struct{ n atomic.Int64 }

// Add adds n, which is not negative.
func (c *Counter) Add(n int64) { c.n.Add(n) }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Value is the count so far.
func (c *Counter) Value() int64 { return c.n.Load() }

func (c *Counter) write(b []byte, name, labels string) []byte {
	return appendSample(b, name, labels, float64(c.n.Load()))
}

// Gauge goes up and down.
type Gauge struct{ n atomic.Int64 }

// Set sets the value.
func (g *Gauge) Set(n int64) { g.n.Store(n) }

// Add changes the value by n.
func (g *Gauge) Add(n int64) { g.n.Add(n) }

// Value is the current value.
func (g *Gauge) Value() int64 { return g.n.Load() }

func (g *Gauge) write(b []byte, name, labels string) []byte {
	return appendSample(b, name, labels, float64(g.n.Load()))
}

type gaugeFunc func() float64

func (f gaugeFunc) write(b []byte, name, labels string) []byte {
	return appendSample(b, name, labels, f())
}

type fixed float64

func (f fixed) write(b []byte, name, labels string) []byte {
	return appendSample(b, name, labels, float64(f))
}
