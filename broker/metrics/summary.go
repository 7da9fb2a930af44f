package metrics

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// A value falls into one of the buckets of its power of two: eight, so a quantile is at most 12.5 % too high. The unit is a microsecond for
// times, and 2^40 of them, twelve days, end the scale.
const (
	subBits  = 3
	buckets  = (40-subBits)<<subBits + 1<<subBits
	quantum  = time.Microsecond
	window   = time.Minute
	perMilli = 1000 // quanta in a millisecond
)

// Summary shows the distribution of a time, in milliseconds, over the last one to two minutes, as the percentiles that Kafka's own metrics
// have. The count and the sum are those since the start.
type Summary struct {
	bytes  atomic.Bool // the values are sizes, not times
	sum    atomic.Int64
	counts [buckets]atomic.Int64

	mu       sync.Mutex
	old, mid snapshot // the counts one and two windows ago, taken by scrapes
}

type snapshot struct {
	at     time.Time
	counts *[buckets]int64
}

func newSummary() *Summary { return &Summary{} }

// Observe adds one time.
func (s *Summary) Observe(d time.Duration) { s.observe(int64(d / quantum)) }

func (s *Summary) observe(n int64) {
	v := uint64(max(n, 0))
	s.counts[bucketOf(v)].Add(1)
	s.sum.Add(int64(v))
}

func bucketOf(v uint64) int {
	n := bits.Len64(v)
	if n <= subBits {
		return int(v)
	}
	shift := n - subBits - 1
	return min((shift+1)<<subBits+int(v>>shift)&(1<<subBits-1), buckets-1)
}

// upperBound is the largest value of a bucket.
func upperBound(i int) uint64 {
	if i < 1<<subBits {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return uint64(1<<subBits+i&(1<<subBits-1)+1)<<shift - 1
}

var quantiles = []struct {
	q     float64
	label string
}{{0.5, "0.50"}, {0.75, "0.75"}, {0.95, "0.95"}, {0.98, "0.98"}, {0.99, "0.99"}, {0.999, "0.999"}}

func (s *Summary) write(b []byte, name, labels string) []byte {
	total, recent := s.recent(time.Now())
	n := int64(0)
	for _, c := range recent {
		n += c
	}
	scale := float64(perMilli)
	if s.bytes.Load() {
		scale = 1
	}
	prefix := labels
	if prefix != "" {
		prefix += ","
	}
	at, seen := 0, recent[0]
	for _, q := range quantiles {
		rank := int64(q.q*float64(n) + 0.999999)
		for seen < rank && at < buckets-1 {
			at++
			seen += recent[at]
		}
		value := 0.0
		if n > 0 {
			value = float64(upperBound(at)) / scale
		}
		b = appendSample(b, name, prefix+`quantile="`+q.label+`"`, value)
	}
	b = appendSample(b, name+"_sum", labels, float64(s.sum.Load())/scale)
	return appendSample(b, name+"_count", labels, float64(total))
}

// recent gives the count of all time and the counts of the last one to two windows.
func (s *Summary) recent(now time.Time) (total int64, recent *[buckets]int64) {
	cur := new([buckets]int64)
	for i := range s.counts {
		cur[i] = s.counts[i].Load()
		total += cur[i]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.mid.at) >= window {
		s.old, s.mid = s.mid, snapshot{now, cur}
		if now.Sub(s.old.at) >= 3*window {
			s.old = snapshot{} // nobody scraped for long: better everything than a moment
		}
	}
	base := s.old.counts
	if base == nil {
		return total, cur
	}
	recent = new([buckets]int64)
	for i := range recent {
		recent[i] = cur[i] - base[i]
	}
	return total, recent
}
