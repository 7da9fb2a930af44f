package quota

import (
	"math"
	"time"
)

// Kafka's defaults: quota.window.num and quota.window.size.seconds.
const (
	samples = 11
	window  = time.Second
)

// meter measures one client: a rate over the last windows, or a bucket of tokens.
type meter struct {
	last time.Time // when it was last used

	sums    [samples]float64
	starts  [samples]time.Time
	current int

	tokens   float64
	filledAt time.Time // zero: the bucket is new, and full
}

func (m *meter) record(value float64, now time.Time) {
	if m.starts[m.current].IsZero() {
		m.starts[m.current] = now
	}
	if now.Sub(m.starts[m.current]) >= window {
		m.current = (m.current + 1) % samples
		m.sums[m.current], m.starts[m.current] = 0, now
	}
	m.sums[m.current] += value
}

// rate is the sum over the windows that are not too old, and over how long that is: at least ten windows, so that a short burst is no violation.
func (m *meter) rate(now time.Time) (perSecond float64, over time.Duration) {
	oldest := now
	sum := 0.0
	for i, start := range m.starts {
		if start.IsZero() || now.Sub(start) >= samples*window {
			continue
		}
		sum += m.sums[i]
		if start.Before(oldest) {
			oldest = start
		}
	}
	over = now.Sub(oldest)
	if full := int(over.Seconds() / window.Seconds()); full < samples-1 {
		over += time.Duration(samples-1-full) * window
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
	burst := rate * samples * window.Seconds()
	if m.filledAt.IsZero() {
		m.tokens = burst
	} else {
		m.tokens = min(burst, m.tokens+rate*now.Sub(m.filledAt).Seconds())
	}
	m.filledAt = now
}
