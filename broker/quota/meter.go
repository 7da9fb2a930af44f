package quota

import (
	"math"
	"time"
)

// Kafka's defaults: quota.window.num and quota.window.size.seconds.
const (
	samples = 11
	window  = time.Second

	maxWindows = 10_000 // what can be asked for is more memory than a rate is worth
)

// Windows is how many windows a rate is taken over, and how long each is. The zero value is Kafka's default, eleven of a second.
type Windows struct {
	Num  int
	Size time.Duration
}

// span is how long a window counts.
func (w Windows) span() time.Duration { return time.Duration(w.Num) * w.Size }

// meter measures one client: a rate over the last windows, or a bucket of tokens.
type meter struct {
	last time.Time // when it was last used

	windows Windows // the zero value until the first use
	sums    []float64
	starts  []time.Time
	current int

	tokens   float64
	filledAt time.Time // zero: the bucket is new, and full
}

func (m *meter) record(value float64, now time.Time) {
	m.shape()
	if m.starts[m.current].IsZero() {
		m.starts[m.current] = now
	}
	if now.Sub(m.starts[m.current]) >= m.windows.Size {
		m.current = (m.current + 1) % m.windows.Num
		m.sums[m.current], m.starts[m.current] = 0, now
	}
	m.sums[m.current] += value
}

// shape makes the windows.
func (m *meter) shape() {
	if m.windows.Num <= 0 || m.windows.Size <= 0 {
		m.windows = Windows{samples, window}
	}
	m.windows.Num = min(m.windows.Num, maxWindows)
	if m.sums == nil {
		m.sums, m.starts = make([]float64, m.windows.Num), make([]time.Time, m.windows.Num)
	}
}

// rate is the sum over the windows that are not too old, and over how long that is: at least all windows but one, so that a short burst is no violation.
func (m *meter) rate(now time.Time) (perSecond float64, over time.Duration) {
	m.shape()
	oldest := now
	sum := 0.0
	for i, start := range m.starts {
		if start.IsZero() || now.Sub(start) >= m.windows.span() {
			continue
		}
		sum += m.sums[i]
		if start.Before(oldest) {
			oldest = start
		}
	}
	over = now.Sub(oldest)
	if full := int(over / m.windows.Size); full < m.windows.Num-1 {
		over += time.Duration(m.windows.Num-1-full) * m.windows.Size
	}
	return sum / over.Seconds(), over
}

// wait is how long nothing may come for the rate to fall to the limit.
func (m *meter) wait(limit float64, now time.Time) time.Duration {
	rate, over := m.rate(now)
	if rate <= limit {
		return 0
	}
	if limit <= 0 {
		return over
	}
	ms := math.Round((rate - limit) / limit * float64(over.Milliseconds()))
	return time.Duration(min(ms, float64(time.Hour.Milliseconds()))) * time.Millisecond
}

// refill adds the tokens that have come due.
func (m *meter) refill(rate float64, now time.Time) {
	m.shape()
	burst := rate * m.windows.span().Seconds()
	if m.filledAt.IsZero() {
		m.tokens = burst
	} else {
		m.tokens = min(burst, m.tokens+rate*now.Sub(m.filledAt).Seconds())
	}
	m.filledAt = now
}
